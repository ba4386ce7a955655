"""Writes a tree of links as URDF text, for PyBullet and for anyone who wants the body elsewhere.

The format: http://wiki.ros.org/urdf/XML. Capsules are PyBullet's extension of it. Looks are no part
of the text: the tracer draws its own (see `looks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.robots.humanoid.links import LinkSpec
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Shape, Sphere


def urdf_text(name: str, links: Sequence[LinkSpec], *, damping_nm_s: float) -> str:
    """The body as one XML document.

    Args:
        name: Of the robot.
        links: Each after its parent.
        damping_nm_s: Viscous friction of every joint.
    """
    lines = ['<?xml version="1.0"?>', f'<robot name="{name}">']
    for link in links:
        lines += _link(link)
        if link.joint:
            lines += _joint(link, damping_nm_s)
    return "\n".join([*lines, "</robot>", ""])


def _link(link: LinkSpec) -> list[str]:
    ixx, iyy, izz = link.inertia_kg_m2
    lines = [
        f'  <link name="{link.name}">',
        "    <inertial>",
        f'      <origin xyz="{_row(link.com_m)}" rpy="0 0 0"/>',
        f'      <mass value="{link.mass_kg!r}"/>',
        f'      <inertia ixx="{ixx!r}" iyy="{iyy!r}" izz="{izz!r}" ixy="0" ixz="0" iyz="0"/>',
        "    </inertial>",
    ]
    if link.shape is not None:
        lines += [
            "    <collision>",
            f"      {_origin(link.link_T_shape)}",
            f"      <geometry>{_geometry(link.shape)}</geometry>",
            "    </collision>",
        ]
    return [*lines, "  </link>"]


def _joint(link: LinkSpec, damping_nm_s: float) -> list[str]:
    kind = "prismatic" if link.sliding else "revolute"
    return [
        f'  <joint name="{link.joint}" type="{kind}">',
        f'    <parent link="{link.parent}"/>',
        f'    <child link="{link.name}"/>',
        f'    <origin xyz="{_row(link.origin_m)}" rpy="0 0 0"/>',
        f'    <axis xyz="{_row(link.axis)}"/>',
        f'    <limit lower="{link.lower!r}" upper="{link.upper!r}" effort="{link.effort!r}" '
        f'velocity="{link.speed!r}"/>',
        f'    <dynamics damping="{damping_nm_s!r}" friction="0"/>',
        "  </joint>",
    ]


def _geometry(shape: Shape) -> str:
    if isinstance(shape, Box):
        return f'<box size="{_row(tuple(2.0 * half for half in shape.half_extents_m))}"/>'
    if isinstance(shape, Sphere):
        return f'<sphere radius="{shape.radius_m!r}"/>'
    if isinstance(shape, Capsule | Cylinder):
        kind = "capsule" if isinstance(shape, Capsule) else "cylinder"
        return f'<{kind} radius="{shape.radius_m!r}" length="{2.0 * shape.half_length_m!r}"/>'
    raise ConfigError(f"A URDF takes no {type(shape).__name__} here: use boxes, balls, capsules.")


def _origin(pose: Pose) -> str:
    x, y, z, w = (float(v) for v in pose.quaternion_xyzw)
    roll = math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2.0 * (w * y - z * x))))
    yaw = math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return f'<origin xyz="{_row(pose.position_m)}" rpy="{_row((roll, pitch, yaw))}"/>'


def _row(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
