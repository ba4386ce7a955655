"""From actions and senses to what the joint drives are told, 250 times a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid import actions
from fleetloop.envs.robots.humanoid import walker_state as places
from fleetloop.envs.robots.humanoid.arms import ArmPlan, grips_at, move_arms, reach_limits
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.glide import glide
from fleetloop.envs.robots.humanoid.holding import SMOOTH_S
from fleetloop.envs.robots.humanoid.kinematics import Motion, Tree, base_rows, move
from fleetloop.envs.robots.humanoid.links import SIDES, LinkSpec
from fleetloop.envs.robots.humanoid.params import HumanoidParams
from fleetloop.envs.robots.humanoid.posture import nominal_posture
from fleetloop.envs.robots.humanoid.senses import NoiseTable
from fleetloop.envs.robots.humanoid.servo import drive_gains
from fleetloop.envs.robots.humanoid.sole import sole_pressure
from fleetloop.envs.robots.humanoid.walker import walk
from fleetloop.envs.robots.humanoid.walker_state import pack_body, pack_gains

GRAVITY_M_S2 = 9.80665
_WEIGH_S = 0.4  # time constant by which the weight in a hand is found
_WEIGH_FROM_KG = 0.1  # below it is noise
_CAUSES = ("", "tilt", "height", "balance")


class Control:
    """What moves one humanoid in one episode.

    Args:
        config: Of the robot.
        params, links, tree: Its body in this episode.
        key: Of the noise of its senses.
        dt_s: Length of a physics tick.

    Attributes:
        ease: Joints at ease, (n,).
        stand_height_m: Of the pelvis over the ground at ease.
        drive: What the drives are told, (5, n), see `servo`.
        effort, speed: Limits of the drives, (n,).
        walker: State of the walker, see `walker_state`.
    """

    EVERY: ClassVar[int] = 2

    def __init__(
        self,
        config: HumanoidConfig,
        params: HumanoidParams,
        links: tuple[LinkSpec, ...],
        tree: Tree,
        key: npt.NDArray[np.uint64],
        dt_s: float,
    ) -> None:
        self.config = config
        self._dt_s = self.EVERY * dt_s
        self._tree = tree
        self._motion = Motion.of(len(links))
        moving = [link for link in links if link.joint]
        self.effort = np.array([link.effort for link in moving])
        self.speed = np.array([link.speed for link in moving])
        self._limits = np.array([[link.lower for link in moving], [link.upper for link in moving]])
        self.ease = nominal_posture(tree)
        self._noise = NoiseTable(key, 16 + 2 * len(moving))
        self._bias = self._noise.at(0)[:6] * np.repeat(
            [config.noise.gyro_bias_rad_s, config.noise.accel_bias_m_s2], 3
        )
        feet = (tree.row("left_foot"), tree.row("right_foot"))
        legs = (tree.joints.index("left_hip_yaw"), tree.joints.index("right_hip_yaw"))
        self._feet = feet
        self._sole = np.array([params.foot_ahead_m, 0.0, -params.ankle_height_m])
        self._body = pack_body(params, feet, legs, float(tree.mass_kg.sum()))
        self._own_kg = float(tree.mass_kg.sum())
        self._palms = [tree.row(f"{side}_hand") for side in SIDES]
        self._hand_kg = tree.mass_kg[self._palms].copy()
        self._gains = pack_gains(config.gains)
        self._arms = ArmPlan(tree)
        self._reach = reach_limits(tree, self._limits)
        self.drive = np.zeros((5, len(moving)))
        self._hold = drive_gains(tree)
        self._start()

    @property
    def fall_cause(self) -> str:
        """Why it has fallen; empty while it has not."""
        return _CAUSES[int(self.walker[places.CAUSE])]

    @property
    def rest_m(self) -> FloatArray:
        """Where both grips are at ease, base frame, (2, 3)."""
        return self._rest

    @property
    def hands_m(self) -> FloatArray:
        """Where both grips are sent just now, base frame, (2, 3)."""
        return self._hands

    @property
    def posture(self) -> FloatArray:
        """References of all joints but the legs', which glide writes, (n,)."""
        return self._posture

    @property
    def openings_m(self) -> FloatArray:
        """How far the fingers of both hands are sent from the middle, (2,)."""
        return self._wanted[2:4]

    @property
    def own_kg(self) -> float:
        """Mass of the body without what it holds."""
        return self._own_kg

    @property
    def load_kg(self) -> FloatArray:
        """What it thinks both hands carry, (2,), from its wrists."""
        return np.maximum(self._load - _WEIGH_FROM_KG, 0.0) + np.where(
            self._load > _WEIGH_FROM_KG, _WEIGH_FROM_KG, 0.0
        )

    def command(self, action: FloatArray) -> None:
        """Takes an action of the configured mode."""
        mode = self.config.action_mode
        self._action[:] = action
        if mode == "task":
            self._goal[:] = self._rest + actions.hand_offsets_m(action)
            self._wanted[:2] = actions.press_n(action)
            self._wanted[2:4] = actions.finger_openings_m(action)
            self._wanted[4:] = actions.NECK_RAD * action[11:13]
        if mode == "residual":
            self._residual[:] = actions.LEG_RESIDUAL_RAD * action[3:15]
            nudge = actions.STEP_RESIDUAL_M * action[15:17]
            self.walker[places.NUDGE : places.NUDGE + 2] = nudge

    def tick(
        self,
        tick: int,
        joints: FloatArray,
        base: FloatArray,
        turning: FloatArray,
        wrenches: FloatArray,
        felt_n: FloatArray,
        load_n: FloatArray,
    ) -> None:
        """Does one control tick.

        Args:
            tick: Physics ticks since the start.
            joints: True positions, velocities, torques, (3, n).
            base: True motion of the base, (6, 3).
            turning: Its mean rate of turn since the last control tick, world axes: gyroscopes
                integrate, and what a step's shock does between two samples must not be lost.
            wrenches: True contact forces of the feet, in rows 0 and 4; moments about the origin.
            felt_n: True forces up on both hands of what they touch, (2,).
            load_n: True forces down on both wrists of all that hangs on them, (2,).
        """
        gyro, accel, q, dq, feet = self._sense(tick, joints, base, turning, wrenches)
        mode = self.config.action_mode
        self._weigh(load_n)
        if mode == "joint":
            self._drive_joints(base)
            return
        if mode == "task" and not self.walker[places.CAUSE]:
            self._move_upper_body(tick, felt_n)
        walk(
            self._tree.arrays, self._motion.arrays, self._body, self._gains, self.walker, q, dq,
            gyro, accel, feet, actions.speeds(self._action), self._residual, GRAVITY_M_S2,
            self._dt_s, self.drive,
        )  # fmt: skip

    def glide(
        self,
        base: FloatArray,
        lag_s: FloatArray,
        reached: FloatArray,
        support_m: FloatArray,
        drops_m: FloatArray,
        pressing: FloatArray,
        stiffness_n_m: float,
        start_s: float,
        ticks: int,
    ) -> None:
        """Does some control ticks without an engine, see `glide.glide`."""
        wanted = self._wanted
        glide(
            self._tree.arrays, self._arms.arrays, self._reach, self._goal, wanted, self._hands,
            self._hand_speeds, self._feel, self._posture, self._speeds, base, lag_s, reached,
            actions.speeds(self._action), support_m, drops_m, pressing, stiffness_n_m, SMOOTH_S,
            start_s, ticks, self._dt_s,
        )  # fmt: skip

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """All that changes."""
        return {name: getattr(self, name).copy() for name in self._CHANGING}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back."""
        for name in self._CHANGING:
            setattr(self, name, snapshot[name].copy())

    _CHANGING = (
        "walker", "drive", "_action", "_residual", "_goal", "_wanted", "_hands",
        "_hand_speeds", "_feel", "_posture", "_velocity", "_load",
    )  # fmt: skip

    def _start(self) -> None:
        """Stands at ease; what the senses tell is right at the start."""
        count = len(self.ease)
        still = base_rows(np.zeros(3), np.eye(3), np.zeros(3), np.zeros(3))
        move(self._tree.arrays, still, self.ease, np.zeros(count), self._motion.arrays)
        soles = self._motion.position_m[list(self._feet)] + self._sole
        self.stand_height_m = float(-soles[0, 2])
        lifted = np.array([0.0, 0.0, self.stand_height_m])
        self._gains[places.G_HEIGHT] = self._motion.branch_com_m[0, 2] + self.stand_height_m
        self.walker = np.zeros(places.STATE_SIZE)
        self.walker[places.ROTATION : places.ROTATION + 9] = np.eye(3).ravel()
        self.walker[places.PINS : places.PINS + 6] = (soles + lifted).ravel()
        self.walker[places.BASE : places.BASE + 3] = lifted
        self.walker[places.COM : places.COM + 3] = self._motion.branch_com_m[0] + lifted
        self.walker[places.MEAN_STEP] = self.config.gains.step_s
        self._posture = self.ease.copy()
        self.drive[:] = 0.0
        self.drive[0] = self.ease
        self.drive[2], self.drive[3] = self._hold
        self._speeds = np.zeros(count)
        self._rest = grips_at(self._motion.position_m, self._motion.rotation, self._arms)
        self._hands, self._goal = self._rest.copy(), self._rest.copy()
        self._hand_speeds = np.zeros((2, 3))
        self._feel = np.zeros(2)
        self._load = np.zeros(2)
        self._wanted = np.zeros(6)
        self._wanted[2:4] = actions.finger_openings_m(np.zeros(13))
        self._action = np.zeros(len(actions.action_spec(self.config.action_mode, self._tree).low))
        self._residual = np.zeros(12)
        self._velocity = np.zeros(3)

    def _sense(
        self,
        tick: int,
        joints: FloatArray,
        base: FloatArray,
        turning: FloatArray,
        wrenches: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        noise, config = self._noise.at(1 + tick // self.EVERY), self.config.noise
        count = len(self.ease)
        rotation = base[1:4]
        change = (base[4] - self._velocity) / self._dt_s if tick else np.zeros(3)
        self._velocity = base[4].copy()
        change[2] += GRAVITY_M_S2
        gyro = rotation.T @ turning + config.gyro_rad_s * noise[:3] + self._bias[:3]
        accel = rotation.T @ change + config.accel_m_s2 * noise[3:6] + self._bias[3:]
        q = joints[0] + config.encoder_rad * noise[16 : 16 + count]
        dq = joints[1] + config.speed_rad_s * noise[16 + count :]
        move(self._tree.arrays, base, joints[0], joints[1], self._motion.arrays)
        feet = np.zeros((2, 3))
        drift = np.arctan2(self.walker[places.ROTATION + 3], self.walker[places.ROTATION])
        drift -= np.arctan2(rotation[1, 0], rotation[0, 0])
        for f, row in enumerate(self._feet):
            position, turn = self._motion.position_m[row], self._motion.rotation[row]
            sole_pressure(wrenches[4 * f], position, turn, self._sole, drift, feet[f])
        feet[:, 0] += config.force_n * noise[6:8]
        feet[:, 1:] += config.pressure_m * noise[8:12].reshape(2, 2)
        return gyro, accel, q, dq, feet

    def _drive_joints(self, base: FloatArray) -> None:
        """Every joint to its reference; a fall is told from the true pose, as nobody balances."""
        wanted = actions.joint_references(self._action, self.ease, self._limits)
        most = self.speed * self._dt_s
        self._posture += np.clip(wanted - self._posture, -most, most)
        self.drive[0] = self._posture
        cause = 1.0 if base[3, 2] < 0.7 else 0.0
        lowest = min(self._motion.position_m[row][2] for row in self._feet)
        if base[0, 2] - lowest < 0.45:
            cause = 2.0
        if cause and not self.walker[places.CAUSE]:
            self.walker[places.CAUSE] = cause
        if self.walker[places.CAUSE]:
            self.drive[2], self.drive[3] = 0.0, 1.0

    def _weigh(self, load_n: FloatArray) -> None:
        """What the wrists carry joins the body's own mass, so that legs and arms bear it."""
        self._load += self._dt_s / _WEIGH_S * (load_n / GRAVITY_M_S2 - self._load)
        load = np.maximum(self._load - _WEIGH_FROM_KG, 0.0)
        self._tree.mass_kg[self._palms] = self._hand_kg + load
        self._body[places.B_MASS] = self._own_kg + load.sum()

    def _move_upper_body(self, tick: int, felt_n: FloatArray) -> None:
        """Hands, fingers and neck towards what was told, no faster than they may."""
        noise = self._noise.at(1 + tick // self.EVERY)
        felt = felt_n + self.config.noise.wrist_n * noise[12:14]
        wanted = self._wanted
        move_arms(
            self._tree.arrays, self._arms.arrays, self._reach, self._goal, wanted[:2], felt,
            wanted[2:4], wanted[4:], self._hands, self._hand_speeds, self._feel, self._posture,
            self._speeds, self._dt_s,
        )  # fmt: skip
        upper = self._arms.upper
        self.drive[0, upper] = self._posture[upper]
        self.drive[1, upper] = self._speeds[upper]
