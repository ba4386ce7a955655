"""True states of the humanoid's links, worked out for those that somebody asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from fleetloop.core.frames import FloatArray, Pose, Twist, cross, quaternion_from_rotation
from fleetloop.envs.robots.humanoid.kinematics import Motion, Tree
from fleetloop.envs.sensors.base import LinkState


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

    def __getitem__(self, link: str) -> LinkState:
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
            world_T_link=Pose(position, quaternion_from_rotation(now.rotation[row])),
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
