"""From actions and senses to what the joint drives are told, at each tick of physics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid import actions
from fleetloop.envs.robots.humanoid import walker_state as places
from fleetloop.envs.robots.humanoid.arms import ArmPlan, grips_at, reach_limits
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.glide import glide
from fleetloop.envs.robots.humanoid.holding import SMOOTH_S
from fleetloop.envs.robots.humanoid.kinematics import Motion, Tree, base_rows, move
from fleetloop.envs.robots.humanoid.links import SIDES, LinkSpec
from fleetloop.envs.robots.humanoid.params import HumanoidParams
from fleetloop.envs.robots.humanoid.posture import nominal_posture
from fleetloop.envs.robots.humanoid.senses import NoiseTable
from fleetloop.envs.robots.humanoid.sensing import ENCODERS
from fleetloop.envs.robots.humanoid.servo import drive_gains
from fleetloop.envs.robots.humanoid.thinking import JOINT, RESIDUAL, TASK, WEIGH_FROM_KG, think
from fleetloop.envs.robots.humanoid.walker_state import pack_body, pack_gains

GRAVITY_M_S2 = 9.80665
_CAUSES = ("", "tilt", "height", "balance")
_MODES = {"task": TASK, "residual": RESIDUAL, "joint": JOINT}


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
        self._dt_s = dt_s
        self._tree = tree
        self._motion = Motion.of(len(links))
        moving = [link for link in links if link.joint]
        self.effort = np.array([link.effort for link in moving])
        self.speed = np.array([link.speed for link in moving])
        self._limits = np.array([[link.lower for link in moving], [link.upper for link in moving]])
        self.ease = nominal_posture(tree)
        self._noise = NoiseTable(key, ENCODERS + 2 * len(moving))
        self._mode = _MODES[config.action_mode]
        noise = config.noise
        bias = self._noise.at(0)[:6] * np.repeat([noise.gyro_bias_rad_s, noise.accel_bias_m_s2], 3)
        spread = [noise.gyro_rad_s, noise.accel_m_s2, noise.encoder_rad, noise.speed_rad_s,
                  noise.force_n, noise.pressure_m, noise.wrist_n]  # fmt: skip
        feet = (tree.row("left_foot"), tree.row("right_foot"))
        legs = (tree.joints.index("left_hip_yaw"), tree.joints.index("right_hip_yaw"))
        self._feet = feet
        self._sole = np.array([params.foot_ahead_m, 0.0, -params.ankle_height_m])
        self._own_kg = float(tree.mass_kg.sum())
        palms = np.array([tree.row(f"{side}_hand") for side in SIDES])
        body = pack_body(params, feet, legs, self._own_kg)
        self._gains = pack_gains(config.gains)
        self._arms = ArmPlan(tree)
        self._reach = reach_limits(tree, self._limits)
        self._hold = drive_gains(tree)
        self._fixed = (self._gains, np.array(spread), bias, self._reach, self._sole, self.speed)
        self._own = (body, tree.mass_kg[palms].copy(), palms, np.array([self._own_kg]))
        self.drive = np.zeros((5, len(moving)))
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
        return np.where(self._load > WEIGH_FROM_KG, self._load, 0.0)

    def command(self, action: FloatArray) -> None:
        """Takes an action of the configured mode."""
        mode = self.config.action_mode
        self._speeds_told[:] = actions.speeds(action) if mode != "joint" else 0.0
        if mode == "joint":
            self._references[:] = actions.joint_references(action, self.ease, self._limits)
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
        before: FloatArray,
        wrenches: FloatArray,
        felt_n: FloatArray,
        pressing: FloatArray,
    ) -> None:
        """Does one control tick, see `thinking.think`.

        Args:
            tick: Physics ticks since the start.
            joints: True positions and speeds, (2, n).
            base, before: True motion of the base after the last two ticks, (6, 3).
            wrenches: True contact forces of feet and hands, (8, 6).
            felt_n: True forces up on both hands of what they touch, (2,).
            pressing: Row of `holding.Pressing`, written.
        """
        changing = (
            self.walker, self.drive, self._velocity, self._load, self._hands, self._hand_speeds,
            self._feel, self._posture, self._speeds, pressing,
        )  # fmt: skip
        told = (
            self._speeds_told, self._goal, self._wanted, self._residual, self._references,
            self._arms.upper,
        )  # fmt: skip
        think(
            self._tree.arrays, self._motion.arrays, self._arms.arrays, self._fixed, self._own,
            changing, told, self._noise.at(1 + tick), joints, base, before, wrenches,
            felt_n, self._mode, tick == 0, GRAVITY_M_S2, self._dt_s,
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
            self._speeds_told, support_m, drops_m, pressing, stiffness_n_m, SMOOTH_S,
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
        "walker", "drive", "_speeds_told", "_residual", "_references", "_goal", "_wanted", "_hands",
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
        self._speeds_told = np.zeros(3)
        self._references = self.ease.copy()
        self._residual = np.zeros(12)
        self._velocity = np.zeros(3)
