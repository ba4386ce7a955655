"""Inverse kinematics of an arm by damped least squares.

One iteration turns the seven joints by dq = J^T (J J^T + l^2 1)^-1 e [Wampler 1986; Nakamura and
Hanafusa 1986], with the error e of the grip's position and, as far as `level_m` says, of the
hand's attitude: fingers down, palm along x. Tracked at the control rate one iteration a tick is
enough; from far away some tens are.
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.robots.humanoid.links import GRIP_M
from fleetloop.envs.trace.jit import inline, kernel

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

_DAMPING_M = 0.02
_LEVEL_DAMPING_M = 0.008
_STEP_RAD = 0.15
ARM_JOINTS = 7


def arm_rows(tree: Tree, side: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows of the seven links of an arm, from the shoulder to the hand."""
    first = tree.row(f"{side}_shoulder")
    return np.arange(first, first + ARM_JOINTS)


@kernel
def reach(tree, rows, trunk, trunk_R, target, lower, upper, q, steps, level_m) -> float:
    """Moves an arm's joints until its grip is at a place; returns the distance that is left, m.

    Args:
        tree: `Tree.arrays`.
        rows: From `arm_rows`.
        trunk, trunk_R: Position and rotation of the link that carries the shoulder.
        target: Wanted place of the grip, (3,), in the same axes.
        lower, upper: Limits of all joints.
        q: All joints; those of the arm are changed.
        steps: Iterations at the most.
        level_m: Metres that a radian of the hand's tilt is worth; 0 leaves the attitude free.
    """
    return float(reach_steps(tree, rows, trunk, trunk_R, target, lower, upper, q, steps, level_m))


@inline
def reach_steps(tree, rows, trunk, trunk_R, target, lower, upper, q, steps, level_m):
    """As `reach`, for other kernels."""
    joint = tree[1]
    count = len(rows)
    wanted = 6 if level_m > 0.0 else 3
    place = np.empty((count, 3))
    axes = np.empty((count, 3))
    grip = np.empty(3)
    turned = np.empty((3, 3))
    error = np.empty(wanted)
    jac = np.empty((wanted, count))
    square = np.empty((wanted, wanted))
    weights, turns = np.empty(wanted), np.empty(count)
    far = 0.0
    for number in range(steps + 1):
        _chain(tree, rows, trunk, trunk_R, q, place, axes, grip, turned)
        far = 0.0
        for a in range(3):
            error[a] = target[a] - grip[a]
            far += error[a] * error[a]
        far = np.sqrt(far)
        if number == steps or (wanted == 3 and far < 1e-5):
            break
        if far > 0.08:
            for a in range(3):
                error[a] *= 0.08 / far
        for k in range(count):
            rx, ry, rz = grip[0] - place[k, 0], grip[1] - place[k, 1], grip[2] - place[k, 2]
            jac[0, k] = axes[k, 1] * rz - axes[k, 2] * ry
            jac[1, k] = axes[k, 2] * rx - axes[k, 0] * rz
            jac[2, k] = axes[k, 0] * ry - axes[k, 1] * rx
        if wanted == 6:
            # Hand's z x up, and about up the hand's x x forward.
            error[3] = level_m * min(max(turned[1, 2], -0.3), 0.3)
            error[4] = level_m * min(max(-turned[0, 2], -0.3), 0.3)
            error[5] = level_m * min(max(-turned[1, 0], -0.3), 0.3)
            for k in range(count):
                for a in range(3):
                    jac[3 + a, k] = level_m * axes[k, a]
        damping = min(_DAMPING_M, far) ** 2 if wanted == 3 else _LEVEL_DAMPING_M**2
        # Joints that are pressed against their limits are left out, or the others stop with them.
        for _ in range(3):
            _turns(jac, error, damping, square, weights, turns)
            if not _leave_out(joint, rows, q, lower, upper, turns, jac):
                break
        for k in range(count):
            j = joint[rows[k]]
            moved = q[j] + min(max(turns[k], -_STEP_RAD), _STEP_RAD)
            q[j] = min(max(moved, lower[j]), upper[j])
    return far


@inline
def _turns(jac, error, damping, square, weights, turns):
    """Turns of the joints by damped least squares; written."""
    wanted, count = jac.shape
    for a in range(wanted):
        weights[a] = error[a]
        for b in range(wanted):
            square[a, b] = 0.0
            for k in range(count):
                square[a, b] += jac[a, k] * jac[b, k]
        square[a, a] += damping
    _solve(square, weights)
    for k in range(count):
        turns[k] = 0.0
        for a in range(wanted):
            turns[k] += jac[a, k] * weights[a]


@inline
def _leave_out(joint, rows, q, lower, upper, turns, jac):
    """Empties the columns of joints at a limit that would turn on; returns whether there were."""
    found = False
    for k in range(len(rows)):
        j = joint[rows[k]]
        out = (q[j] <= lower[j] and turns[k] < 0.0) or (q[j] >= upper[j] and turns[k] > 0.0)
        if out:
            found = True
            jac[:, k] = 0.0
    return found


@inline
def _chain(tree, rows, trunk, trunk_R, q, place, axes, grip, rot):
    """Places and axes of the arm's joints, of its grip, and the hand's rotation."""
    _, joint, kind, sign, origin, _, _ = tree
    for a in range(3):
        for b in range(3):
            rot[a, b] = trunk_R[a, b]
    at = trunk.copy()
    for k in range(len(rows)):
        i = rows[k]
        moved = np.empty(3)
        for a in range(3):
            moved[a] = (
                at[a] + rot[a, 0] * origin[i, 0] + rot[a, 1] * origin[i, 1]
                + rot[a, 2] * origin[i, 2]
            )  # fmt: skip
        axis = kind[i]
        b, d = (axis + 1) % 3, (axis + 2) % 3
        angle = sign[i] * q[joint[i]]
        c, s = np.cos(angle), np.sin(angle)
        for a in range(3):
            at[a] = moved[a]
            place[k, a] = moved[a]
            axes[k, a] = sign[i] * rot[a, axis]
            x, y = rot[a, b], rot[a, d]
            rot[a, b] = c * x + s * y
            rot[a, d] = c * y - s * x
    for a in range(3):
        grip[a] = at[a] - rot[a, 2] * GRIP_M


@inline
def _solve(m, x):
    """Solves m x = x in place, m symmetric and positive."""
    count = len(x)
    for k in range(count):
        for i in range(k + 1, count):
            part = m[i, k] / m[k, k]
            for j in range(k, count):
                m[i, j] -= part * m[k, j]
            x[i] -= part * x[k]
    for k in range(count - 1, -1, -1):
        for j in range(k + 1, count):
            x[k] -= m[k, j] * x[j]
        x[k] /= m[k, k]
