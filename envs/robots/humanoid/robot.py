"""The humanoid on a stage: spawning, control ticks, states, snapshots."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import FloatArray, Pose, cross
from fleetloop.envs.bodies import Physics, Touching
from fleetloop.envs.render import FollowCamera
from fleetloop.envs.robots.base import ActionSpec, Mechanics, Rig
from fleetloop.envs.robots.humanoid.actions import CONTROL_HZ, action_spec
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.control import Control
from fleetloop.envs.robots.humanoid.holding import Held, Holding, Pressing
from fleetloop.envs.robots.humanoid.kinematics import (
    Motion,
    base_rows,
    move,
    note_base,
    tree_of,
)
from fleetloop.envs.robots.humanoid.landmarks import landmarks_m
from fleetloop.envs.robots.humanoid.links import SIDES, LinkSpec, humanoid_links
from fleetloop.envs.robots.humanoid.looks import humanoid_looks
from fleetloop.envs.robots.humanoid.params import HumanoidParams, vary
from fleetloop.envs.robots.humanoid.puppet import TURN, Puppet
from fleetloop.envs.robots.humanoid.rigs import humanoid_rigs
from fleetloop.envs.robots.humanoid.servo import drive_torques
from fleetloop.envs.robots.humanoid.states import (
    LinkStates,
    feel_wrists,
    link_quaternions,
    quaternion_of,
)
from fleetloop.envs.robots.humanoid.urdf import urdf_text
from fleetloop.envs.sensors.base import RobotState
from fleetloop.envs.stage import Look, Stage, Thing
from fleetloop.envs.troupe import Troupe

if TYPE_CHECKING:
    from fleetloop.envs.articulation import Articulation

GRAVITY_M_S2 = 9.80665
_TOUCHED = tuple(f"{side}_{part}" for side in SIDES for part in ("foot", "hand", "finger", "thumb"))
_FEET = [_TOUCHED.index(f"{side}_foot") for side in SIDES]
_HANDS = [_TOUCHED.index(f"{side}_hand") for side in SIDES]


@functools.lru_cache(maxsize=4)
def _looks(params: HumanoidParams) -> dict[str, list[Look]]:
    return humanoid_looks(params)


class Humanoid:
    """A humanoid that walks, reaches, presses and holds.

    Its link `base` is the pelvis; it is put on the ground by its feet.

    Attributes:
        physics_hz: Ticks per second that its control is made for.
        control_hz: Actions per second of its mode.
        followed_by: The camera of pictures for people: from in front and the right, where its
            hands work, and near, since it lives in rooms.
    """

    CONFIG: ClassVar[type[HumanoidConfig]] = HumanoidConfig
    physics: ClassVar[tuple[Physics, ...]] = ("full", "fast")
    physics_hz: ClassVar[int] = 300
    fast_physics_hz: ClassVar[int] = 50
    followed_by: ClassVar[FollowCamera] = FollowCamera(
        distance_m=-1.7, aside_m=-1.5, elevation_m=0.75, look_ahead_m=0.2, clear_m=1.0
    )

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
        return self._number

    @property
    def articulation(self) -> Articulation:
        """Its body in the world, with joints.

        Raises:
            StateError: There is none, as in fast physics.
        """
        if self._articulation is None:
            raise StateError("The humanoid has no joints in fast physics: use physics='full'.")
        return self._articulation

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
        self._inertia_kg_m2 = np.array([link.inertia_kg_m2 for link in links])
        self._sole_friction = next(
            link.friction for link in links if link.name == f"{SIDES[0]}_foot"
        )
        fast = stage.physics == "fast"
        if fast and self.config.action_mode != "task":
            raise ConfigError(
                f"Fast physics has no {self.config.action_mode!r} mode, as it has no forces: use "
                "action_mode='task', or physics='full'."
            )
        dt_s = stage.world.rate.dt_s
        self._control = Control(self.config, self.params, links, self._tree, key, dt_s)
        world_T_pelvis = world_T_base @ Pose.of(0.0, 0.0, self._control.stand_height_m)
        self._stage = stage
        self._pressing = Pressing()
        self._articulation: Articulation | None = None
        self._puppet: Puppet | None = None
        if fast:
            self._puppet = Puppet(stage, self._control, self._tree, world_T_pelvis)
            self._number = self._puppet.body
        else:
            self._articulation = self._load(stage, links, world_T_pelvis)
            self._number = self._articulation.body
        self._holding = Holding(stage, self._number, self._articulation)
        self._motions = (Motion.of(len(links)), Motion.of(len(links)))
        self._moved = [False, False]
        self._joints = np.zeros((2, 2, len(self._tree.joints)))
        self._base = np.zeros((2, 6, 3))
        self._reading = np.zeros(13)
        self._state: RobotState | None = None
        self._wrenches = np.zeros((len(_TOUCHED), 6))
        self._burden = np.zeros((2, 2, 6))
        self._felt = np.zeros(2)
        self._wrench_tick = -1
        self._read()
        self._joints[1], self._base[1] = self._joints[0], self._base[0]
        self._torques = np.zeros(len(self._tree.joints))
        self._push = np.zeros(4)
        self._show(stage)

    def _load(
        self, stage: Stage, links: tuple[LinkSpec, ...], world_T_pelvis: Pose
    ) -> Articulation:
        """The body with its joints, at ease."""
        # Not before it is needed: fast physics works where PyBullet is not installed.
        from fleetloop.envs.articulation import Articulation

        text = urdf_text("humanoid", links, damping_nm_s=self.params.joint_damping_nm_s)
        body = Articulation(stage.bullet, text, world_T_pelvis, self._tree.joints)
        body.reset_joints(self._control.ease)
        for link in links:
            # Soles need no friction against spinning: they stand on four corners.
            body.set_friction(link.name, link.friction)
        self._rows = {body.links[name]: row for row, name in enumerate(_TOUCHED)}
        return body

    def command(self, action: npt.NDArray[np.float32]) -> None:
        """Takes an action of the configured mode."""
        self._control.command(action.astype(np.float64))
        self._pressing.begin()
        self._state = None
        self._holding.begin(self._control.openings_m)

    def advance(self, ticks: int) -> None:
        """Does some ticks, those of the world included."""
        stage, puppet = self._on_stage(), self._puppet
        if puppet is None:
            for _ in range(ticks):
                self.before_tick()
                stage.world.step()
                self.after_tick()
            return
        dt_s = stage.world.rate.dt_s
        puppet.advance(ticks, self._holding.drops_m(), self._holding.bodies, self._pressing)
        stage.kinematic.advance(ticks)
        self._read_puppet(puppet, ticks * dt_s)
        self._holding.follow([self.hand_pose(side) for side in range(2)], ticks, dt_s)

    def before_tick(self) -> None:
        """Thinks, and drives the joints."""
        control, joints = self._control, self._joints[0]
        tick = self._on_stage().world.tick
        wrenches = self._contact_wrenches()
        control.tick(
            tick, joints, self._base[0], self._base[1], wrenches, self._felt, self._pressing.row
        )
        drive_torques(
            control.drive, joints[0], joints[1], control.effort, control.speed, self._torques
        )
        self.articulation.apply_torques(self._torques)
        if self._push[3] > 0.0:
            self._push[3] -= 1.0
            row, now = self._tree.row("torso"), self._move(0)
            place = now.position_m[row] + 0.2 * now.rotation[row, :, 2]
            self.articulation.push("torso", self._push[:3], place)

    def after_tick(self) -> None:
        """Reads what the tick did."""
        self._holding.after_tick()
        self._joints[1] = self._joints[0]
        self._read()

    def link_poses(self, links: tuple[str, ...]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """By kinematics of its own, from joints and base."""
        poses, now = {}, self._move(0)
        for link in links:
            row = self._tree.row(link)
            poses[link] = (now.position_m[row].copy(), quaternion_of(now.rotation[row]))
        return poses

    def pose_looks(self) -> None:
        """Moves all its shells."""
        now, rows = self._move(0), self._shell_rows
        quaternions = np.empty((len(rows), 4))
        link_quaternions(now.rotation, rows, quaternions)
        self._shells.move_freely(
            now.position_m[rows], quaternions, now.velocity_m_s[rows], now.angular_rad_s[rows]
        )

    def state(self) -> RobotState:
        """True state; links are worked out when they are asked for."""
        if self._state is None:
            self._state = self._true_state()
        return self._state

    def _true_state(self) -> RobotState:
        wrenches = dict(zip(_TOUCHED, self._contact_wrenches().copy(), strict=True))
        now = Motion(*(array.copy() for array in self._move(0).arrays))
        before = Motion(*(array.copy() for array in self._move(1).arrays))
        position, velocity = self._joints[0]
        return RobotState(
            links=LinkStates(self._tree, now, before, self._on_stage().world.rate.dt_s, wrenches),
            joint_names=self._tree.joints,
            joint_position_rad=position.copy(),
            joint_velocity_rad_s=velocity.copy(),
            joint_torque_nm=self._torques.copy(),
        )

    def mechanics(self) -> Mechanics:
        """All links together; it has no model of a battery."""
        now, tree = self._move(0), self._tree
        arm = np.einsum("nij,nj->ni", now.rotation, tree.com_m)
        linear = now.velocity_m_s + cross(now.angular_rad_s, arm)
        turning = np.einsum("nij,ni->nj", now.rotation, now.angular_rad_s)
        twice_j = (tree.mass_kg[:, None] * linear**2 + self._inertia_kg_m2 * turning**2).sum()
        mass_kg = float(now.branch_kg[0])
        touching, parts = None, {}
        if self._puppet is None:
            parts = {number: name for name, number in self.articulation.links.items()}
        else:
            touching, parts = self._feet_touching(), dict(enumerate(_TOUCHED))
        return Mechanics(
            mass_kg=mass_kg,
            kinetic_j=0.5 * float(twice_j),
            potential_j=mass_kg * GRAVITY_M_S2 * float(now.branch_com_m[0, 2]),
            parts=parts,
            touching=touching,
        )

    def _feet_touching(self) -> Touching:
        """Where no engine finds contacts: both feet carry their share, without friction."""
        wrenches = self._contact_wrenches()[_FEET]
        feet = [self._tree.row(f"{side}_foot") for side in SIDES]
        place_m = self._move(0).position_m[feet]
        place_m[:, 2] = self._on_stage().ground.heights_m(place_m[:, :2])
        return Touching(
            body=np.array([[self._number, -1]] * 2, np.int64),
            link=np.array([[foot, -1] for foot in _FEET], np.int64),
            position_m=place_m,
            normal=np.tile([0.0, 0.0, 1.0], (2, 1)),
            normal_n=wrenches[:, 2].copy(),
            friction_n=np.zeros((2, 3)),
            friction=np.full(2, self._sole_friction),
            has_force=np.ones(2, np.bool_),
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
            "puppet": np.zeros(9) if self._puppet is None else self._puppet.base.copy(),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot."""
        self._control.restore(snapshot)
        self._state, self._moved = None, [False, False]
        self._joints = snapshot["joints"].copy()
        self._base = snapshot["base"].copy()
        self._wrenches = snapshot["wrenches"].copy()
        self._wrench_tick = int(snapshot["wrench_tick"])
        self._felt = snapshot["felt"].copy()
        self._pressing.row = snapshot["pressing"].copy()
        self._holding.restore(snapshot["holding"])
        self._torques = snapshot["torques"].copy()
        self._push = snapshot["push"].copy()
        if self._puppet is not None:
            self._puppet.base = snapshot["puppet"].copy()

    def _read_puppet(self, puppet: Puppet, span_s: float) -> None:
        """Joints and base after some ticks without an engine."""
        self._state, self._moved = None, [False, False]
        before, now = self._joints[0].copy(), np.zeros_like(self._joints[0])
        now[0] = self._control.posture
        now[1] = (now[0] - before[0]) / span_s
        base, last = puppet.base, self._base[0]
        pose = puppet.pose
        velocity = (pose.position_m - last[0]) / span_s
        turning = np.array([0.0, 0.0, float(base[TURN])])
        rows = base_rows(pose.position_m, pose.rotation, velocity, turning)
        # The state before is that of a tick ago, for accelerations.
        dt_s = self._on_stage().world.rate.dt_s
        part = dt_s / span_s
        self._joints[1] = now + part * (before - now)
        self._base[1] = rows
        self._base[1, 0] = rows[0] - dt_s * velocity
        self._base[1, 4:6] = rows[4:6] + part * (last[4:6] - rows[4:6])
        self._joints[0], self._base[0] = now, rows
        world = self._on_stage().kinematic
        world.place(self._number, pose.position_m, pose.quaternion_xyzw, velocity, turning)

    def _puppet_wrenches(self, puppet: Puppet) -> FloatArray:
        found = np.zeros((len(_TOUCHED), 6))
        feet = [self._tree.row(f"{side}_foot") for side in SIDES]
        mass_kg = self._control.own_kg + sum(
            h.mass_kg for h in map(self._holding.of, range(2)) if h is not None
        )
        found[_FEET] = puppet.foot_wrenches(self._move(0).position_m[feet], mass_kg)
        for side, hand in enumerate(_HANDS):
            force = np.array([0.0, 0.0, self._pressing.row[5 + side]])
            found[hand, :3] = force
            found[hand, 3:] = cross(self.hand_pose(side).position_m, force)
            found[hand] += self._holding.load_wrench(side)
        return found

    def _read(self) -> None:
        self._state, self._moved = None, [False, False]
        if self._puppet is not None:
            pose, still = self._puppet.pose, np.zeros(3)
            self._joints[0] = 0.0
            self._joints[0, 0] = self._control.ease
            self._base[0] = base_rows(pose.position_m, pose.rotation, still, still)
            return
        self.articulation.read_joints(self._joints[0])
        self.articulation.read_base(self._reading)
        note_base(self._reading, self._base)

    def _move(self, slot: int) -> Motion:
        """Motion of all links after the last tick (0) or the one before (1), worked out once."""
        motion = self._motions[slot]
        if not self._moved[slot]:
            joints = self._joints[slot]
            move(self._tree.arrays, self._base[slot], joints[0], joints[1], motion.arrays)
            self._moved[slot] = True
        return motion

    def _contact_wrenches(self) -> FloatArray:
        """Of feet and hands after the last tick; read once a tick, since a restore forgets them."""
        tick = self._on_stage().world.tick
        if self._wrench_tick != tick and self._puppet is not None:
            self._wrenches, self._wrench_tick = self._puppet_wrenches(self._puppet), tick
        if self._wrench_tick != tick:
            self.articulation.contact_wrenches(self._rows, self._wrenches)
            self._holding.wrenches(self._burden)
            feel_wrists(self._wrenches, self._burden, self._felt)
            self._wrench_tick = tick
        return self._wrenches

    def hand_pose(self, side: int) -> Pose:
        """Where a hand is; 0 is the left one."""
        row, now = self._tree.row(f"{SIDES[side]}_hand"), self._move(0)
        return Pose(now.position_m[row].copy(), quaternion_of(now.rotation[row]))

    def give(self, side: int, held: Held) -> None:
        """Puts a thing into a hand, wherever it was, and ties it there."""
        body = held.thing.body
        if body is not None:
            self._on_stage().world.set_pose(
                body, self._holding.grip_pose(self.hand_pose(side), held)
            )
        self._holding.take(side, held)
        self._state = None

    def opening_m(self, side: int) -> float:
        """How far the fingers of a hand are from its middle."""
        return float(self._joints[0, 0, self._tree.joints.index(f"{SIDES[side]}_finger")])

    def hold(self, side: int, held: Held) -> None:
        """Ties a thing to a hand where it is."""
        self._holding.take(side, held)
        self._state = None

    def _show(self, stage: Stage) -> None:
        looks, points, now = _looks(self.params), landmarks_m(self.params), self._move(0)
        shells: list[Thing] = []
        rows = [row for row, name in enumerate(self._tree.names) if name in looks]
        for row in rows:
            name = self._tree.names[row]
            first = shells[0] if shells else None
            shells.append(
                stage.add(
                    "robot" if first is None else f"robot_{name}",
                    Pose(now.position_m[row], quaternion_of(now.rotation[row])),
                    looks=looks[name],
                    of=first,
                    body=self._number if first is None else None,
                    key_points_m=points.get(name),
                )
            )
        self._shell_rows = np.array(rows)
        self._shells = Troupe(stage, shells)

    def _on_stage(self) -> Stage:
        if self._stage is None:
            raise StateError("The humanoid stands on no stage yet: spawn it first.")
        return self._stage
