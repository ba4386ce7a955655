"""The humanoid on a stage: spawning, control ticks, states, snapshots."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import StateError
from fleetloop.core.frames import FloatArray, Pose, Twist, quaternion_from_rotation
from fleetloop.core.frames import rotation_from_quaternion as rotation_of
from fleetloop.envs.articulation import Articulation
from fleetloop.envs.robots.base import ActionSpec, Rig
from fleetloop.envs.robots.humanoid.actions import CONTROL_HZ, action_spec
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.control import Control
from fleetloop.envs.robots.humanoid.holding import Held, Holding, Pressing
from fleetloop.envs.robots.humanoid.kinematics import Motion, base_rows, move, tree_of
from fleetloop.envs.robots.humanoid.links import SIDES, humanoid_links
from fleetloop.envs.robots.humanoid.looks import humanoid_looks
from fleetloop.envs.robots.humanoid.params import HumanoidParams, vary
from fleetloop.envs.robots.humanoid.rigs import humanoid_rigs
from fleetloop.envs.robots.humanoid.servo import drive_torques
from fleetloop.envs.robots.humanoid.states import LinkStates
from fleetloop.envs.robots.humanoid.urdf import urdf_text
from fleetloop.envs.sensors.base import RobotState
from fleetloop.envs.stage import Look, Stage, Thing

_SPINNING_FRICTION_M = 0.02
_TOUCHED = tuple(f"{side}_{part}" for side in SIDES for part in ("foot", "hand", "finger", "thumb"))
_HANDS = [_TOUCHED.index(f"{side}_hand") for side in SIDES]


@functools.lru_cache(maxsize=4)
def _looks(params: HumanoidParams) -> dict[str, list[Look]]:
    return humanoid_looks(params)


class Humanoid:
    """See the package. Its link `base` is the pelvis; it is put on the ground by its feet.

    Attributes:
        physics_hz: Ticks per second that its control is made for.
        control_hz: Actions per second of its mode.
    """

    CONFIG: ClassVar[type[HumanoidConfig]] = HumanoidConfig
    physics_hz: ClassVar[int] = 500

    def __init__(self, config: HumanoidConfig) -> None:
        self.config = config
        self.params = config.params
        self._tree = tree_of(humanoid_links(config.params))
        self._spec = action_spec(config.action_mode, self._tree)
        self._stage: Stage | None = None

    @property
    def control_hz(self) -> float:
        """See the class."""
        return CONTROL_HZ[self.config.action_mode]

    @property
    def action_spec(self) -> ActionSpec:
        """See `fleetloop.envs.robots.humanoid.actions`."""
        return self._spec

    @property
    def rigs(self) -> Mapping[str, Rig]:
        """See `humanoid_rigs`."""
        return humanoid_rigs(self.config.params, self._tree)

    @property
    def fall_cause(self) -> str:
        """Why it has fallen: `tilt`, `height`, `balance`; empty while it has not."""
        return self._control.fall_cause

    @property
    def control(self) -> Control:
        """What moves it, for tests and tasks."""
        return self._control

    @property
    def holding(self) -> Holding:
        """What its hands hold."""
        return self._holding

    @property
    def pressing(self) -> Pressing:
        """How both hands pressed on the outside since the last action."""
        return self._pressing

    @property
    def body(self) -> int:
        """Its number in the world."""
        return self._body.body

    @property
    def articulation(self) -> Articulation:
        """Its body in the world."""
        return self._body

    def spawn(self, stage: Stage, world_T_base: Pose, rng: np.random.Generator) -> None:
        """Puts it on its feet, at rest, standing at ease.

        Args:
            stage: Where.
            world_T_base: The place on the ground between its feet, and its heading.
            rng: For its body and for the noise of its senses.
        """
        self.params = vary(self.config.params, self.config.spread, rng)
        key = rng.integers(0, 2**63, 2, dtype=np.uint64)
        links = humanoid_links(self.params)
        self._tree = tree_of(links)
        self._control = Control(
            self.config, self.params, links, self._tree, key, stage.world.rate.dt_s
        )
        world_T_pelvis = world_T_base @ Pose.of(0.0, 0.0, self._control.stand_height_m)
        text = urdf_text("humanoid", links, damping_nm_s=self.params.joint_damping_nm_s)
        self._body = Articulation(stage.bullet, text, world_T_pelvis, self._tree.joints)
        self._body.reset_joints(self._control.ease)
        for link in links:
            spinning = _SPINNING_FRICTION_M if link.name.endswith("_foot") else 0.0
            self._body.set_friction(link.name, link.friction, spinning=spinning)
        self._stage = stage
        self._holding = Holding(stage, self._body)
        self._pressing = Pressing()
        self._rows = {self._body.links[name]: row for row, name in enumerate(_TOUCHED)}
        self._now, self._before = Motion.of(len(links)), Motion.of(len(links))
        self._joints = np.zeros((2, 3, len(self._tree.joints)))
        self._base = np.zeros((2, 6, 3))
        self._wrenches = np.zeros((len(_TOUCHED), 6))
        self._felt = np.zeros(2)
        self._wrench_tick = -1
        self._read(0)
        self._joints[1], self._base[1] = self._joints[0], self._base[0]
        self._torques = np.zeros(len(self._tree.joints))
        self._push = np.zeros(4)
        self._show(stage)

    def command(self, action: npt.NDArray[np.float32]) -> None:
        """Takes an action of the configured mode."""
        self._control.command(action.astype(np.float64))
        self._pressing.begin()
        self._holding.begin(self._control.openings_m)

    def before_tick(self) -> None:
        """Thinks at every second tick, and drives the joints at every one."""
        control, joints, base = self._control, self._joints[0], self._base[0]
        tick = self._on_stage().world.tick
        if tick % control.EVERY == 0:
            turning = 0.5 * (base[5] + self._base[1, 5])
            wrenches = self._contact_wrenches()
            felt = self._felt
            self._pressing.add(felt, control.EVERY * self._on_stage().world.rate.dt_s)
            control.tick(tick, joints, base, turning, wrenches, felt, -wrenches[_HANDS, 2])
        drive_torques(
            control.drive, joints[0], joints[1], control.effort, control.speed, self._torques
        )
        self._body.apply_torques(self._torques)
        if self._push[3] > 0.0:
            self._push[3] -= 1.0
            self._move(self._now, 0)
            row = self._tree.row("torso")
            place = self._now.position_m[row] + 0.2 * self._now.rotation[row, :, 2]
            self._body.push("torso", self._push[:3], place)

    def after_tick(self) -> None:
        """Reads what the tick did."""
        self._holding.after_tick()
        self._joints[1], self._base[1] = self._joints[0], self._base[0]
        self._read(0)

    def link_poses(self, links: tuple[str, ...]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """By kinematics of its own, from joints and base."""
        self._move(self._now, 0)
        poses = {}
        for link in links:
            row = self._tree.row(link)
            rotation = quaternion_from_rotation(self._now.rotation[row])
            poses[link] = (self._now.position_m[row].copy(), rotation)
        return poses

    def pose_looks(self) -> None:
        """Moves all its shells."""
        stage = self._on_stage()
        self._move(self._now, 0)
        quaternions = quaternion_from_rotation(self._now.rotation)
        for thing, row in self._shells:
            pose = Pose(self._now.position_m[row], quaternions[row])
            twist = Twist(self._now.velocity_m_s[row], self._now.angular_rad_s[row])
            stage.place_looks(thing, pose, twist)

    def state(self) -> RobotState:
        """True state; links are worked out when they are asked for."""
        self._move(self._now, 0)
        self._move(self._before, 1)
        wrenches = dict(zip(_TOUCHED, self._contact_wrenches(), strict=True))
        now = Motion(*(array.copy() for array in self._now.arrays))
        before = Motion(*(array.copy() for array in self._before.arrays))
        position, velocity, _ = self._joints[0]
        return RobotState(
            links=LinkStates(self._tree, now, before, self._on_stage().world.rate.dt_s, wrenches),
            joint_names=self._tree.joints,
            joint_position_rad=position.copy(),
            joint_velocity_rad_s=velocity.copy(),
            joint_torque_nm=self._torques.copy(),
        )

    def push(self, force_n: FloatArray, duration_s: float) -> None:
        """Pushes the middle of the torso from the next tick on.

        Args:
            force_n: World axes, (3,).
            duration_s: How long.
        """
        ticks = round(duration_s / self._on_stage().world.rate.dt_s)
        self._push = np.array([*force_n, float(ticks)])

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Walker, references, readings and forces."""
        return {
            **self._control.snapshot(),
            "joints": self._joints.copy(),
            "base": self._base.copy(),
            "wrenches": self._contact_wrenches().copy(),
            "wrench_tick": np.array(self._wrench_tick),
            "felt": self._felt.copy(),
            "pressing": self._pressing.row.copy(),
            "holding": self._holding.snapshot(),
            "torques": self._torques.copy(),
            "push": self._push.copy(),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot."""
        self._control.restore(snapshot)
        self._joints = snapshot["joints"].copy()
        self._base = snapshot["base"].copy()
        self._wrenches = snapshot["wrenches"].copy()
        self._wrench_tick = int(snapshot["wrench_tick"])
        self._felt = snapshot["felt"].copy()
        self._pressing.row = snapshot["pressing"].copy()
        self._holding.restore(snapshot["holding"])
        self._torques = snapshot["torques"].copy()
        self._push = snapshot["push"].copy()

    def _read(self, slot: int) -> None:
        reading = self._body.read_joints()
        self._joints[slot] = reading.position, reading.velocity, reading.torque
        world = self._on_stage().world
        position, quaternion = world.pose(self._body.body)
        linear, angular = world.com_velocity(self._body.body)
        self._base[slot] = base_rows(position, rotation_of(quaternion), linear, angular)

    def _move(self, motion: Motion, slot: int) -> None:
        joints = self._joints[slot]
        move(self._tree.arrays, self._base[slot], joints[0], joints[1], motion.arrays)

    def _contact_wrenches(self) -> FloatArray:
        """Of feet and hands after the last tick; read once a tick, since a restore forgets them."""
        tick = self._on_stage().world.tick
        if self._wrench_tick != tick:
            found = self._body.contact_wrenches(self._rows, len(_TOUCHED))
            for side, hand in enumerate(_HANDS):
                # A wrist feels all that is beyond it.
                found[hand] += found[hand + 1] + found[hand + 2]
                found[hand] += self._holding.contact_wrench(side)
                self._felt[side] = found[hand, 2]
                found[hand] += self._holding.load_wrench(side)
            self._wrenches, self._wrench_tick = found, tick
        return self._wrenches

    def hand_pose(self, side: int) -> Pose:
        """Where a hand is; 0 is the left one."""
        row = self._tree.row(f"{SIDES[side]}_hand")
        self._move(self._now, 0)
        return Pose(self._now.position_m[row].copy(),
                    quaternion_from_rotation(self._now.rotation[row]))  # fmt: skip

    def give(self, side: int, held: Held) -> None:
        """Puts a thing into a hand, wherever it was, and ties it there."""
        body = held.thing.body
        if body is not None:
            self._on_stage().world.set_pose(
                body, self._holding.grip_pose(self.hand_pose(side), held)
            )
        self._holding.take(side, held)

    def _show(self, stage: Stage) -> None:
        looks = _looks(self.params)
        self._move(self._now, 0)
        quaternions = quaternion_from_rotation(self._now.rotation)
        shells: list[tuple[Thing, int]] = []
        first: Thing | None = None
        for row, name in enumerate(self._tree.names):
            if name not in looks:
                continue
            pose = Pose(self._now.position_m[row], quaternions[row])
            title = "robot" if first is None else f"robot_{name}"
            body = self._body.body if first is None else None
            thing = stage.add(title, pose, looks=looks[name], of=first, body=body)
            first = first or thing
            shells.append((thing, row))
        self._shells = tuple(shells)

    def _on_stage(self) -> Stage:
        if self._stage is None:
            raise StateError("The humanoid stands on no stage yet: spawn it first.")
        return self._stage
