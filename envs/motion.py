"""Rotations of single bodies for kernels, which write their results."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from fleetloop.envs.trace.jit import inline


@inline
def turned(q, v, out):
    """Vector `v` (3,) turned by a unit quaternion xyzw: v + 2 w (u x v) + 2 u x (u x v)."""
    tx = 2.0 * (q[1] * v[2] - q[2] * v[1])
    ty = 2.0 * (q[2] * v[0] - q[0] * v[2])
    tz = 2.0 * (q[0] * v[1] - q[1] * v[0])
    out[0] = v[0] + q[3] * tx + q[1] * tz - q[2] * ty
    out[1] = v[1] + q[3] * ty + q[2] * tx - q[0] * tz
    out[2] = v[2] + q[3] * tz + q[0] * ty - q[1] * tx


@inline
def multiplied(a, b, out):
    """Product of quaternions xyzw: first turns by `b`, then by `a`."""
    out[0] = a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1]
    out[1] = a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0]
    out[2] = a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3]
    out[3] = a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]
