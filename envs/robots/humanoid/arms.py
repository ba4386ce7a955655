"""The upper body in `task` mode: both hands, grips and neck follow what they were told.

A hand goes to its place in the base frame, fingers down, no faster and no more suddenly than it
may: a jump of its speed would be a jolt of the drives. One that shall press goes down until its
wrist feels the wanted force, and then follows it:

    v_z = k (f_wanted - f),   |v_z| <= v_search,   and v_search where nothing is felt,

which is admittance control [Hogan 1985, "Impedance control", part I] of a spring, the arm's own
stiffness in series with what is pressed. With a stiffness of at most 2 kN/m the loop's pole is at
k times that, 12 1/s, far below the drives' own.
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid.arm_ik import ARM_JOINTS, arm_rows, reach_steps
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.robots.humanoid.links import GRIP_M, SIDES
from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

HAND_SPEED_M_S = 0.6
PRESSING_SPEED_M_S = 0.2
_HAND_ACCEL_M_S2 = 4.0
_CLOSE_S = 0.08  # time constant by which a hand closes in on its place
_JOINT_SPEED = 3.0  # rad/s (and a tenth of it in m/s) by which references of neck and grip move
_LEVEL_M = 0.06  # metres of misplacement that a radian of the hand's tilt is worth
_PRESS_GAIN = 0.006  # m/s per N
_SEARCH_M_S = 0.04
_SEARCH_M = 0.10  # how far below (and above) its place a pressing hand goes
_FEEL_S = 0.02  # time constant by which the wrist's force is smoothed
_ITERATIONS = 2
_REACH_RAD_S = 3.0  # joints of an arm turn no faster, whatever inverse kinematics asks for
_ELBOW_RAD = -0.12  # an arm that is stretched has no inverse kinematics


class ArmPlan:
    """What the kernel has to know of the upper body; the same for a whole episode.

    Args:
        tree: The body.

    Attributes:
        rows: Links of both arms, (2, 7).
        fingers, neck: Joints, (2, 2) and (2,).
        trunk_m: The torso's place in the base frame with a straight waist, (3,).
        upper: Joints of all but the legs.
    """

    def __init__(self, tree: Tree) -> None:
        self.rows = np.array([arm_rows(tree, side) for side in SIDES])
        self.fingers = np.array(
            [[tree.joints.index(f"{side}_{name}") for name in ("finger", "thumb")]
             for side in SIDES]
        )  # fmt: skip
        self.neck = np.array([tree.joints.index("neck_yaw"), tree.joints.index("neck_pitch")])
        origin = tree.origin_m
        self.trunk_m = origin[tree.row("waist")] + origin[tree.row("torso")]
        self.straight = np.eye(3)
        self.upper = np.array(
            [n for n, name in enumerate(tree.joints)
             if not any(part in name for part in ("_hip_", "_knee", "_ankle_"))]
        )  # fmt: skip

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """What the kernel takes, in order."""
        return (self.rows, self.fingers, self.neck, self.trunk_m, self.straight)


def reach_limits(tree: Tree, limits: FloatArray) -> FloatArray:
    """Limits (2, n) of all joints as inverse kinematics takes them."""
    inner = limits.copy()
    for side in SIDES:
        inner[1, tree.joints.index(f"{side}_elbow")] = _ELBOW_RAD
    return inner


def grips_at(position_m: FloatArray, rotation: FloatArray, plan: ArmPlan) -> FloatArray:
    """Points between the finger pads of both hands, (2, 3), from the motion of all links."""
    hands = plan.rows[:, ARM_JOINTS - 1]
    return np.asarray(position_m[hands] - GRIP_M * rotation[hands][:, :, 2])


@inline
def arms_tick(
    tree, plan, limits, goal, press, felt, openings, neck, hands, speeds, smooth, q, dq, dt
):
    """Does one control tick; writes `hands`, `smooth`, and the references `q` and `dq`.

    Args:
        tree: `Tree.arrays`.
        plan: `ArmPlan.arrays`.
        limits: Of all joints, (2, n).
        goal: Wanted places of both grips in the base frame, (2, 3).
        press: Wanted forces down, (2,), N; 0 where the place counts instead.
        felt: Forces up that the wrists feel of the outside, (2,), N.
        openings: Wanted of the fingers, (2,), m.
        neck: Wanted yaw and pitch, rad.
        hands, speeds: Where both grips are sent, (2, 3), and how fast that moves.
        smooth: Smoothed `felt`, (2,).
        q, dq: References of all joints and their speeds.
        dt: Length of the tick.
    """
    rows, fingers, neck_joints, trunk, straight = plan
    before = q.copy()
    for h in range(2):
        smooth[h] += dt / (dt + _FEEL_S) * (felt[h] - smooth[h])
        moved = _move_hand(goal[h], press[h], smooth[h], hands[h], speeds[h], dt)
        if moved:
            reach_steps(
                tree, rows[h], trunk, straight, hands[h], limits[0], limits[1], q, _ITERATIONS,
                _LEVEL_M,
            )  # fmt: skip
            for k in range(len(rows[h])):
                j = tree[1][rows[h, k]]
                turn = min(max(q[j] - before[j], -_REACH_RAD_S * dt), _REACH_RAD_S * dt)
                q[j] = before[j] + turn
        for k in range(2):
            _follow(q, fingers[h, k], openings[h], 0.1 * _JOINT_SPEED * dt)
    for k in range(2):
        _follow(q, neck_joints[k], neck[k], _JOINT_SPEED * dt)
    for j in range(len(q)):
        dq[j] = (q[j] - before[j]) / dt


@inline
def _move_hand(goal, press, force, hand, speed, dt):
    """Moves where a hand is sent; returns whether it did."""
    wanted = goal - hand
    if press > 0.0:
        wanted[2] = 0.0
    far = np.sqrt(wanted[0] ** 2 + wanted[1] ** 2 + wanted[2] ** 2)
    slow = np.sqrt(speed[0] ** 2 + speed[1] ** 2 + speed[2] ** 2)
    if far < 1e-6 and slow < 1e-5 and press <= 0.0:
        return False
    top = PRESSING_SPEED_M_S if press > 0.0 else HAND_SPEED_M_S
    part = min(1.0 / _CLOSE_S, top / max(far, 1e-9))
    change = 0.0
    for a in range(3):
        wanted[a] = part * wanted[a] - speed[a]
        change += wanted[a] ** 2
    part = min(1.0, _HAND_ACCEL_M_S2 * dt / max(np.sqrt(change), 1e-9))
    for a in range(3):
        speed[a] += part * wanted[a]
    if press > 0.0:
        speed[2] = min(max(_PRESS_GAIN * (force - press), -_SEARCH_M_S), _SEARCH_M_S)
        if force < 0.1 * press:
            speed[2] = -_SEARCH_M_S
    for a in range(3):
        hand[a] += dt * speed[a]
    if press > 0.0:
        hand[2] = min(max(hand[2], goal[2] - _SEARCH_M), goal[2] + _SEARCH_M)
    return True


@inline
def _follow(q, joint, goal, most):
    q[joint] += min(max(goal - q[joint], -most), most)
