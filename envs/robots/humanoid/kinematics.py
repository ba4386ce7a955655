"""Where all links are and how they move: one pass over the tree, compiled.

Positions, rotations and velocities of all links follow from those of the base by the recursion of
[Featherstone 2008, "Rigid body dynamics algorithms", 4.1]; centres of mass of whole branches by the
same way back. All in world axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid.links import LinkSpec
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A tree of links as the kernels read it; row 0 is the base.

    Attributes:
        names, joints: Of the links and of the joints that carry them ("" for the base).
        parent: Row of each link's parent, (n,) int64; -1 for the base.
        joint: Number of the joint that carries a link, (n,) int64; -1 for the base.
        kind: 0, 1, 2 for turning about x, y, z; 3, 4, 5 for sliding along them, (n,) int64.
        sign: Of the axis, (n,).
        origin_m: Joint in the parent's frame, (n, 3).
        mass_kg: (n,).
        com_m: Centre of mass in the link's frame, (n, 3).
    """

    names: tuple[str, ...]
    joints: tuple[str, ...]
    parent: npt.NDArray[np.int64]
    joint: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    sign: FloatArray
    origin_m: FloatArray
    mass_kg: FloatArray
    com_m: FloatArray

    def row(self, link: str) -> int:
        """Number of a link."""
        return self.names.index(link)

    @property
    def arrays(self) -> tuple[npt.NDArray[np.int64] | FloatArray, ...]:
        """What the kernels take first, in order."""
        return (
            self.parent, self.joint, self.kind, self.sign, self.origin_m, self.mass_kg, self.com_m,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where all links are and how they move, world axes; written in place by `move`.

    Attributes:
        position_m, rotation: Of link frames, (n, 3) and (n, 3, 3).
        velocity_m_s, angular_rad_s: Of link frames, (n, 3).
        branch_kg: Mass of each link with all that hangs on it, (n,).
        branch_com_m: Its centre of mass, (n, 3).
        com_velocity_m_s: Of the whole body's centre of mass, (3,).
    """

    position_m: FloatArray
    rotation: FloatArray
    velocity_m_s: FloatArray
    angular_rad_s: FloatArray
    branch_kg: FloatArray
    branch_com_m: FloatArray
    com_velocity_m_s: FloatArray

    @classmethod
    def of(cls, count: int) -> Motion:
        """Room for a tree of `count` links."""
        return cls(
            np.zeros((count, 3)), np.zeros((count, 3, 3)), np.zeros((count, 3)),
            np.zeros((count, 3)), np.zeros(count), np.zeros((count, 3)), np.zeros(3),
        )  # fmt: skip

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """What the kernels write, in order."""
        return (
            self.position_m, self.rotation, self.velocity_m_s, self.angular_rad_s, self.branch_kg,
            self.branch_com_m, self.com_velocity_m_s,
        )  # fmt: skip


def tree_of(links: tuple[LinkSpec, ...]) -> Tree:
    """Arrays of a list of links, each after its parent."""
    names = tuple(link.name for link in links)
    axes = np.array([link.axis for link in links])
    axis = np.abs(axes).argmax(axis=1)
    count = np.cumsum([1 if link.joint else 0 for link in links]) - 1
    return Tree(
        names=names,
        joints=tuple(link.joint for link in links if link.joint),
        parent=np.array([names.index(link.parent) if link.parent else -1 for link in links]),
        joint=np.where([bool(link.joint) for link in links], count, -1).astype(np.int64),
        kind=axis + 3 * np.array([link.sliding for link in links]),
        sign=np.sign(axes[np.arange(len(links)), axis]),
        origin_m=np.array([link.origin_m for link in links], dtype=np.float64),
        mass_kg=np.array([link.mass_kg for link in links]),
        com_m=np.array([link.com_m for link in links], dtype=np.float64),
    )


@kernel
def move(tree, base, q, dq, motion) -> None:
    """Moves a tree to given joints.

    Args:
        tree: `Tree.arrays`.
        base: (6, 3): position, three rows of the rotation, velocity, angular velocity.
        q, dq: Joint positions and velocities.
        motion: `Motion.arrays`, written.
    """
    move_links(tree, base, q, dq, motion)


@inline
def move_links(tree, base, q, dq, motion):
    """As `move`, for other kernels."""
    parent, joint, kind, sign, origin, mass, com = tree
    pos, rot, vel, omega, branch, centre, com_vel = motion
    count = len(parent)
    pos[0], vel[0], omega[0] = base[0], base[4], base[5]
    rot[0] = base[1:4]
    for i in range(1, count):
        p = parent[i]
        k, angle, rate = kind[i], sign[i] * q[joint[i]], sign[i] * dq[joint[i]]
        _place(pos, rot, vel, omega, origin, i, p, k, angle, rate)
    com_vel[:] = 0.0
    total = 0.0
    for i in range(count):
        branch[i] = mass[i]
        arm0 = _row_dot(rot, i, 0, com)
        arm1 = _row_dot(rot, i, 1, com)
        arm2 = _row_dot(rot, i, 2, com)
        centre[i, 0] = mass[i] * (pos[i, 0] + arm0)
        centre[i, 1] = mass[i] * (pos[i, 1] + arm1)
        centre[i, 2] = mass[i] * (pos[i, 2] + arm2)
        com_vel[0] += mass[i] * (vel[i, 0] + omega[i, 1] * arm2 - omega[i, 2] * arm1)
        com_vel[1] += mass[i] * (vel[i, 1] + omega[i, 2] * arm0 - omega[i, 0] * arm2)
        com_vel[2] += mass[i] * (vel[i, 2] + omega[i, 0] * arm1 - omega[i, 1] * arm0)
        total += mass[i]
    for a in range(3):
        com_vel[a] /= total
    for i in range(count - 1, 0, -1):
        branch[parent[i]] += branch[i]
        for a in range(3):
            centre[parent[i], a] += centre[i, a]
    for i in range(count):
        for a in range(3):
            centre[i, a] /= branch[i]


@inline
def _row_dot(rot, i, a, com):
    return rot[i, a, 0] * com[i, 0] + rot[i, a, 1] * com[i, 1] + rot[i, a, 2] * com[i, 2]


@inline
def _place(pos, rot, vel, omega, origin, i, p, k, angle, rate):
    """Places link i on its parent p."""
    axis = k % 3
    slide = angle if k >= 3 else 0.0
    o = origin[i]
    for a in range(3):
        pos[i, a] = (
            pos[p, a] + rot[p, a, 0] * o[0] + rot[p, a, 1] * o[1] + rot[p, a, 2] * o[2]
            + rot[p, a, axis] * slide
        )  # fmt: skip
    dx, dy, dz = pos[i, 0] - pos[p, 0], pos[i, 1] - pos[p, 1], pos[i, 2] - pos[p, 2]
    wx, wy, wz = omega[p, 0], omega[p, 1], omega[p, 2]
    vel[i, 0] = vel[p, 0] + wy * dz - wz * dy
    vel[i, 1] = vel[p, 1] + wz * dx - wx * dz
    vel[i, 2] = vel[p, 2] + wx * dy - wy * dx
    if k >= 3:
        for a in range(3):
            rot[i, a] = rot[p, a]
            omega[i, a] = omega[p, a]
            vel[i, a] += rot[p, a, axis] * rate
        return
    c, s = np.cos(angle), np.sin(angle)
    b, d = (axis + 1) % 3, (axis + 2) % 3
    for a in range(3):
        rot[i, a, axis] = rot[p, a, axis]
        rot[i, a, b] = c * rot[p, a, b] + s * rot[p, a, d]
        rot[i, a, d] = c * rot[p, a, d] - s * rot[p, a, b]
        omega[i, a] = omega[p, a] + rot[p, a, axis] * rate


@inline
def gravity_torques(tree, motion, gravity, torques):
    """Torques that hold all branches up against gravity, world z up; written."""
    parent, joint, kind, sign, _, _, _ = tree
    pos, rot, _, _, branch, centre, _ = motion
    for i in range(1, len(parent)):
        axis = kind[i] % 3
        ax, ay, az = rot[i, 0, axis], rot[i, 1, axis], rot[i, 2, axis]
        weight = branch[i] * gravity * sign[i]
        if kind[i] >= 3:
            torques[joint[i]] = weight * az
        else:
            # axis . (arm x weight), weight along -z, and the motor holds against it.
            rx, ry = centre[i, 0] - pos[i, 0], centre[i, 1] - pos[i, 1]
            torques[joint[i]] = weight * (ax * ry - ay * rx)


@inline
def add_wrench_torques(tree, motion, link, force, point, moment, torques):
    """Adds the torques with which the joints above a link make it press on the outside.

    The outside answers with `force` at `point` and `moment`, world axes.
    """
    parent, joint, kind, sign, _, _, _ = tree
    pos, rot, _, _, _, _, _ = motion
    i = link
    while parent[i] >= 0:
        axis = kind[i] % 3
        ax, ay, az = rot[i, 0, axis], rot[i, 1, axis], rot[i, 2, axis]
        if kind[i] >= 3:
            work = ax * force[0] + ay * force[1] + az * force[2]
        else:
            rx, ry, rz = point[0] - pos[i, 0], point[1] - pos[i, 1], point[2] - pos[i, 2]
            mx = ry * force[2] - rz * force[1] + moment[0]
            my = rz * force[0] - rx * force[2] + moment[1]
            mz = rx * force[1] - ry * force[0] + moment[2]
            work = ax * mx + ay * my + az * mz
        torques[joint[i]] -= sign[i] * work
        i = parent[i]


@kernel
def note_base(reading, base) -> None:
    """Writes a base's motion as `move` takes it.

    Args:
        reading: Position, quaternion xyzw, velocity, angular velocity, (13,).
        base: (2, 6, 3), after the last tick and the one before; shifted and written.
    """
    base[1] = base[0]
    x, y, z, w = reading[3], reading[4], reading[5], reading[6]
    now = base[0]
    for a in range(3):
        now[0, a], now[4, a], now[5, a] = reading[a], reading[7 + a], reading[10 + a]
    now[1, 0], now[1, 1] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w)
    now[1, 2], now[2, 0] = 2.0 * (x * z + y * w), 2.0 * (x * y + z * w)
    now[2, 1], now[2, 2] = 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)
    now[3, 0], now[3, 1] = 2.0 * (x * z - y * w), 2.0 * (y * z + x * w)
    now[3, 2] = 1.0 - 2.0 * (x * x + y * y)


def base_rows(
    position_m: FloatArray,
    rotation: FloatArray,
    velocity_m_s: FloatArray,
    angular_rad_s: FloatArray,
) -> FloatArray:
    """A base's motion as `move` takes it, (6, 3)."""
    return np.concatenate([position_m[None], rotation, velocity_m_s[None], angular_rad_s[None]])
