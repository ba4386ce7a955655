"""True states of the humanoid's links, worked out for those that somebody asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray, Pose, Twist, cross
from fleetloop.envs.robots.humanoid.kinematics import Motion, Tree
from fleetloop.envs.sensors.base import LinkState
from fleetloop.envs.trace.jit import kernel


def quaternion_of(rotation: FloatArray) -> FloatArray:
    """Quaternion xyzw (4,) of one rotation matrix, w >= 0; quicker than the one for many.

    By the largest of the four, as [Shepperd 1978, "Quaternion from rotation matrix"].
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    four = (1.0 + a - e - i, 1.0 - a + e - i, 1.0 - a - e + i, 1.0 + a + e + i)
    most = max(range(4), key=four.__getitem__)
    if most == 3:
        row = (h - f, c - g, d - b, four[3])
    elif most == 0:
        row = (four[0], b + d, c + g, h - f)
    elif most == 1:
        row = (b + d, four[1], f + h, c - g)
    else:
        row = (c + g, f + h, four[2], d - b)
    scale = 0.5 / math.sqrt(four[most])
    if row[3] < 0.0:
        scale = -scale
    return np.array([scale * part for part in row])


@kernel
def link_quaternions(rotation: FloatArray, rows: npt.NDArray[np.int64], out: FloatArray) -> None:
    """As `quaternion_of`, of many links.

    Args:
        rotation: (links, 3, 3).
        rows: (n,) which.
        out: (n, 4), written.
    """
    four = np.empty(4)
    for k in range(len(rows)):
        r = rotation[rows[k]]
        a, e, i = r[0, 0], r[1, 1], r[2, 2]
        four[0], four[1] = 1.0 + a - e - i, 1.0 - a + e - i
        four[2], four[3] = 1.0 - a - e + i, 1.0 + a + e + i
        most = 0
        for n in range(1, 4):
            if four[n] > four[most]:
                most = n
        skew, pair = np.empty(3), np.empty((3, 3))
        for n in range(3):
            p, q = (n + 1) % 3, (n + 2) % 3
            skew[n] = r[q, p] - r[p, q]
            pair[p, q] = pair[q, p] = r[p, q] + r[q, p]
        for n in range(3):
            if most == 3:
                out[k, n] = skew[n]
            else:
                out[k, n] = four[most] if n == most else pair[n, most]
        out[k, 3] = four[3] if most == 3 else skew[most]
        scale = 0.5 / np.sqrt(four[most])
        if out[k, 3] < 0.0:
            scale = -scale
        for n in range(4):
            out[k, n] *= scale


@kernel
def feel_wrists(found: FloatArray, burden: FloatArray, felt: FloatArray) -> None:
    """A wrist feels all that is beyond it: fingers, and what the hand holds.

    Args:
        found: Wrenches of each side's foot, hand, finger, thumb, (8, 6); hands are written.
        burden: (2, 2, 6): contact wrenches on what both hands hold, and what its weight and
            inertia put on them.
        felt: (2,), written: forces up of what both hands touch.
    """
    for side in range(2):
        hand = 4 * side + 1
        for k in range(6):
            found[hand, k] += found[hand + 1, k] + found[hand + 2, k]
            found[hand, k] += burden[0, side, k]
        felt[side] = found[hand, 2]
        for k in range(6):
            found[hand, k] += burden[1, side, k]


class LinkStates(Mapping[str, LinkState]):
    """A mapping from link names to their states at one instant.

    Args:
        tree: The body.
        now, before: Motion after the last tick and after the one before.
        dt_s: Between the two.
        wrenches: Sum of contact forces and their moments about the world's origin by link, (6,).
    """

    def __init__(
        self, tree: Tree, now: Motion, before: Motion, dt_s: float, wrenches: dict[str, FloatArray]
    ) -> None:
        self._tree = tree
        self._now = now
        self._before = before
        self._dt_s = dt_s
        self._wrenches = wrenches
        self._known: dict[str, LinkState] = {}

    def __getitem__(self, link: str) -> LinkState:
        known = self._known.get(link)
        if known is None:
            known = self._known[link] = self._work_out(link)
        return known

    def _work_out(self, link: str) -> LinkState:
        if link not in self._tree.names:
            raise KeyError(link)
        row = self._tree.row(link)
        now, before = self._now, self._before
        wrench = self._wrenches.get(link)
        position = now.position_m[row].copy()
        if wrench is None:
            force, torque = np.zeros(3), np.zeros(3)
        else:
            force = wrench[:3].copy()
            torque = wrench[3:] - cross(position, force)
        return LinkState(
            world_T_link=Pose(position, quaternion_of(now.rotation[row])),
            twist=Twist(now.velocity_m_s[row].copy(), now.angular_rad_s[row].copy()),
            acceleration_m_s2=(now.velocity_m_s[row] - before.velocity_m_s[row]) / self._dt_s,
            angular_acceleration_rad_s2=(now.angular_rad_s[row] - before.angular_rad_s[row])
            / self._dt_s,
            force_n=force,
            torque_nm=torque,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree.names)

    def __len__(self) -> int:
        return len(self._tree.names)
