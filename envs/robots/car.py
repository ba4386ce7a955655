"""The car: one body on four wheels of our own, with looks, links and joints.

In full physics PyBullet integrates the body under the wrench of the wheels, tick by tick, so that
it can be hit. In fast physics all ticks up to the next capture are one call of `chassis.roll`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import (
    FloatArray,
    Pose,
    Twist,
    quaternion_conjugate,
    rotate,
)
from fleetloop.envs.bodies import Part, Physics, Substance, Touching
from fleetloop.envs.ground import FlatGround
from fleetloop.envs.props.vehicle import CarShape, Color, car_body_looks, wheel_looks, wheel_places
from fleetloop.envs.robots import waypoints
from fleetloop.envs.robots.base import ActionSpec, Mechanics, Rig
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.robots.car_rigs import car_rigs
from fleetloop.envs.robots.chassis import (
    ANGULAR,
    BASE_SIZE,
    COM,
    LINEAR,
    LINEAR_BEFORE,
    QUATERNION,
    at_rest,
    place_parts,
    read_base,
    roll,
)
from fleetloop.envs.robots.planar import pack_chassis
from fleetloop.envs.robots.wheels import (
    ENERGY,
    GRAVITY_M_S2,
    SPIN,
    STEER,
    TOUCH,
    TOUCH_SIZE,
    initial_state,
    pack,
)
from fleetloop.envs.sensors.base import LinkState, RobotState
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.trace.shapes import Box
from fleetloop.envs.troupe import Troupe

WHEELS = ("fl", "fr", "rl", "rr")
_NO_PULL = np.zeros(3)
_COMMAND = np.array([0.0, 0.0, 1.0])
JOINTS = (
    *(f"wheel_{name}" for name in WHEELS),
    "steer_fl",
    "steer_fr",
    *(f"strut_{name}" for name in WHEELS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarConfig:
    """A car.

    Attributes:
        params: Its dynamics.
        color: Of the paint, linear RGB.
        action: `pedals` takes steering and pedal, `gears` a gear besides, reverse below 0;
            `waypoints` takes where to be, see `waypoints`.
    """

    params: CarParams = field(default_factory=CarParams)
    color: Color = (0.55, 0.02, 0.03)
    action: Literal["pedals", "gears", "waypoints"] = "pedals"

    def __post_init__(self) -> None:
        if self.action not in ("pedals", "gears", "waypoints"):
            raise ConfigError(
                f"The action of a car is {self.action!r}: use pedals, gears or waypoints."
            )


class Car:
    """See the module. Its one link is `base`: on the ground in the middle between the axles."""

    CONFIG: ClassVar[type[CarConfig]] = CarConfig
    physics: ClassVar[tuple[Physics, ...]] = ("full", "fast")

    def __init__(self, config: CarConfig) -> None:
        self.config = config
        self._packed = pack(config.params)
        self._chassis = pack_chassis(config.params)
        self._shape = CarShape(
            wheelbase_m=config.params.wheelbase_m,
            track_m=config.params.track_m,
            wheel_radius_m=config.params.wheel_radius_m,
        )
        self._com_m = np.array([config.params.com_x_m, 0.0, config.params.com_z_m])
        self._stage: Stage | None = None
        self._body = -1  # its number in the world
        self._motion = at_rest(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
        self._troupe: Troupe | None = None
        self._hub_m = np.array([place.position_m for place in wheel_places(self._shape)])
        self._rest_m = np.array([self._rest_compression(wheel) for wheel in range(4)])
        self._state = initial_state()
        self._command = _COMMAND.copy()
        self._wrench = np.zeros(6)
        self._push_steer = 0.0
        self._integral, self._told_tick = 0.0, 0
        self._raster = FlatGround().raster
        self._base = np.zeros(BASE_SIZE)
        self._now: RobotState | None = None  # of the present motion, once it was asked for

    @property
    def action_spec(self) -> ActionSpec:
        """Steering, left positive, and the pedal: brake below zero, drive above; or way-points."""
        if self.config.action == "waypoints":
            return ActionSpec(names=waypoints.NAMES, low=waypoints.LOW, high=waypoints.HIGH)
        names = ("steer", "pedal") + (("gear",) if self.config.action == "gears" else ())
        return ActionSpec(
            names=names,
            low=np.full(len(names), -1.0, dtype=np.float32),
            high=np.full(len(names), 1.0, dtype=np.float32),
        )

    @property
    def rigs(self) -> Mapping[str, Rig]:
        """See `car_rigs`."""
        return car_rigs()

    @property
    def footprint_m(self) -> tuple[float, float, float]:
        """X of nose and tail in the base frame, and half the width."""
        return self._shape.nose_x_m, self._shape.tail_x_m, 0.5 * self._shape.width_m

    def disturb(self, steer: float) -> None:
        """Pushes the steering by a part of its range until told otherwise, for recoveries."""
        self._push_steer = float(steer)

    @property
    def energy_j(self) -> float:
        """Drawn from the battery since the start; regeneration gives back."""
        return float(self._state[ENERGY])

    def spawn(self, stage: Stage, world_T_base: Pose, rng: np.random.Generator) -> None:
        """Puts the car on its wheels, at rest."""
        params, shape = self.config.params, self._shape
        middle_x = 0.5 * (shape.nose_x_m + shape.tail_x_m)
        clearance = shape.clearance_m + 0.04
        hull = Box((0.5 * shape.length_m, 0.5 * shape.width_m, 0.5 * (shape.height_m - clearance)))
        place = Pose.of(middle_x, 0.0, 0.5 * (shape.height_m + clearance))
        thing = stage.add(
            "robot",
            world_T_base,
            looks=_body_looks(shape, self.config.color),
            parts=[Part(shape=hull, body_T_part=place)],
            substance=Substance(
                mass_kg=params.mass_kg,
                inertia_kg_m2=params.inertia_kg_m2,
                com_m=(params.com_x_m, 0.0, params.com_z_m),
                friction=0.4,
            ),
            follows=False,
        )
        assert thing.body is not None
        self._stage, self._body = stage, thing.body
        wheels = [
            stage.add(f"robot_wheel_{name}", world_T_base @ at, looks=wheel_looks(shape), of=thing)
            for name, at in zip(WHEELS, wheel_places(shape), strict=True)
        ]
        self._troupe = Troupe(stage, [thing, *wheels])
        self._state = initial_state()
        self._command = _COMMAND.copy()
        self._push_steer = 0.0
        self._integral, self._told_tick = 0.0, 0
        self._motion = at_rest(*stage.world.com_pose(self._body))
        self._now = None
        self._raster = stage.ground.raster

    def command(self, action: npt.NDArray[np.float32]) -> None:
        """Steering and pedal until the next command."""
        if self.config.action != "waypoints":
            self._command[: len(action)] = action
            return
        world = self._on_stage().world
        passed_s = (world.tick - self._told_tick) * world.rate.dt_s
        forward = rotate(self._motion[QUATERNION : QUATERNION + 4], np.array([1.0, 0.0, 0.0]))
        speed = float(forward @ self._motion[LINEAR : LINEAR + 3])
        steer, pedal, self._integral = waypoints.track(
            action, speed, self._integral, self.config.params, passed_s
        )
        self._command[:2], self._told_tick = (steer, pedal), world.tick

    def advance(self, ticks: int) -> None:
        """Does as many ticks at once as physics allows."""
        stage = self._on_stage()
        if stage.physics == "fast":
            self._roll(stage, ticks)
            world, m = stage.kinematic, self._motion
            world.place(
                self._body, m[COM : COM + 3], m[QUATERNION : QUATERNION + 4],
                m[LINEAR : LINEAR + 3], m[ANGULAR : ANGULAR + 3],
            )  # fmt: skip
            world.advance(ticks)
            return
        self._read(stage)
        for _ in range(ticks):
            self._push(stage)
            stage.world.step()
            self._read(stage)

    def before_tick(self) -> None:
        """Lets the wheels push the body."""
        stage = self._on_stage()
        self._read(stage)
        self._push(stage)

    def after_tick(self) -> None:
        """Reads the new motion."""
        self._read(self._on_stage())

    def link_poses(self, links: tuple[str, ...]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """The base is the only link."""
        pose = self._base_pose()
        return dict.fromkeys(links, pose)

    def pose_looks(self) -> None:
        """Moves body and wheels: they turn, steer, and follow the ground."""
        assert self._troupe is not None
        self.state()
        places, turns, linear, angular = (np.empty((5, n)) for n in (3, 4, 3, 3))
        place_parts(
            self._motion, self._base, self._hub_m, self._steer_angles(), self._state,
            self._rest_m, places, turns, linear, angular,
        )  # fmt: skip
        self._troupe.move_freely(places, turns, linear, angular)

    def state(self) -> RobotState:
        """True state; torques of wheels are motor minus brake."""
        if self._now is None:
            base, joints = np.empty(BASE_SIZE), np.empty((3, len(JOINTS)))
            self._base = base
            read_base(
                self._motion, self._wrench, self._com_m, self._on_stage().world.rate.dt_s,
                self._steer_angles(), self.config.params.rear_drive_share, self._state, base,
                joints,
            )  # fmt: skip
            self._now = RobotState(
                links={
                    "base": LinkState(
                        world_T_link=Pose.trusted(base[0:3], base[3:7]),
                        twist=Twist.trusted(base[7:10], base[10:13]),
                        acceleration_m_s2=base[13:16],
                        angular_acceleration_rad_s2=base[16:19],
                        force_n=base[19:22],
                        torque_nm=base[22:25],
                    )
                },
                joint_names=JOINTS,
                joint_position_rad=joints[0],
                joint_velocity_rad_s=joints[1],
                joint_torque_nm=joints[2],
            )
        return self._now

    def mechanics(self) -> Mechanics:
        """Body and spinning wheels; the wheels touch the ground."""
        p, m = self.config.params, self._motion
        linear, turning = m[LINEAR : LINEAR + 3], m[ANGULAR : ANGULAR + 3]
        turning = rotate(quaternion_conjugate(m[QUATERNION : QUATERNION + 4]), turning)
        spin = self._state[SPIN : SPIN + 4]
        twice_j = p.mass_kg * float(linear @ linear)
        twice_j += float(np.array(p.inertia_kg_m2) @ turning**2)
        twice_j += p.wheel_inertia_kg_m2 * float(spin @ spin)
        return Mechanics(
            mass_kg=p.mass_kg,
            kinetic_j=0.5 * twice_j,
            potential_j=p.mass_kg * GRAVITY_M_S2 * float(m[COM + 2]),
            drawn_j=self.energy_j,
            parts=dict(enumerate(f"wheel_{name}" for name in WHEELS)),
            touching=self._wheels_touching(),
        )

    def _wheels_touching(self) -> Touching:
        rows = self._state[TOUCH : TOUCH + 4 * TOUCH_SIZE].reshape(4, TOUCH_SIZE)
        down = np.flatnonzero(rows[:, 3] > 0.0)
        rows, count = rows[down], len(down)
        return Touching(
            body=np.tile(np.array([[self._body, -1]], np.int64), (count, 1)),
            link=np.stack([down, np.full(count, -1)], axis=1).astype(np.int64),
            position_m=rows[:, :3] + self._motion[COM : COM + 3],
            normal=np.tile([0.0, 0.0, 1.0], (count, 1)),
            normal_n=rows[:, 3].copy(),
            friction_n=np.concatenate([rows[:, 4:6], np.zeros((count, 1))], axis=1),
            friction=rows[:, 6].copy(),
            has_force=np.ones(count, np.bool_),
        )

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Wheels, command and last motion."""
        return {
            "wheels": self._state.copy(),
            "command": self._command.copy(),
            "wrench": self._wrench.copy(),
            "motion": self._motion.copy(),
            "push_steer": np.array(self._push_steer),
            "tracking": np.array([self._integral, float(self._told_tick)]),
        }

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot."""
        self._state = snapshot["wheels"].copy()
        self._command = snapshot["command"].copy()
        self._wrench = snapshot["wrench"].copy()
        self._motion = snapshot["motion"].copy()
        self._push_steer = float(snapshot["push_steer"])
        integral, tick = snapshot["tracking"]
        self._integral, self._told_tick = float(integral), int(tick)
        self._now = None

    def _on_stage(self) -> Stage:
        if self._stage is None:
            raise StateError("The car stands on no stage yet: spawn it first.")
        return self._stage

    def _base_pose(self) -> tuple[FloatArray, FloatArray]:
        quaternion = self._motion[QUATERNION : QUATERNION + 4].copy()
        return self._motion[COM : COM + 3] - rotate(quaternion, self._com_m), quaternion

    def _roll(self, stage: Stage, ticks: int) -> None:
        command, self._now = self._command, None
        if self._push_steer:
            steer = min(max(command[0] + self._push_steer, -1.0), 1.0)
            command = np.array([steer, command[1], command[2]])
        roll(
            self._packed, self._chassis, self._motion, self._raster, command, _NO_PULL,
            stage.world.rate.dt_s, ticks, self._state, self._wrench,
        )  # fmt: skip

    def _push(self, stage: Stage) -> None:
        self._roll(stage, 0)
        m = self._motion
        m[LINEAR_BEFORE : LINEAR_BEFORE + 6] = m[LINEAR : LINEAR + 6]
        stage.world.apply_wrench(self._body, self._wrench[:3], self._wrench[3:])

    def _read(self, stage: Stage) -> None:
        m, self._now = self._motion, None
        m[COM : COM + 3], m[QUATERNION : QUATERNION + 4] = stage.world.com_pose(self._body)
        m[LINEAR : LINEAR + 3], m[ANGULAR : ANGULAR + 3] = stage.world.com_velocity(self._body)

    def _steer_angles(self) -> FloatArray:
        """Angles of the four wheels by Ackermann's geometry, (4,)."""
        p, steer = self.config.params, float(self._state[STEER])
        if abs(steer) < 1e-6:
            return np.zeros(4)
        radius = p.wheelbase_m / np.tan(steer)
        left = np.arctan(p.wheelbase_m / (radius - 0.5 * p.track_m))
        right = np.arctan(p.wheelbase_m / (radius + 0.5 * p.track_m))
        return np.array([left, right, 0.0, 0.0])

    def _rest_compression(self, wheel: int) -> float:
        p = self.config.params
        sign = 1.0 if wheel < 2 else -1.0
        share = 0.5 + sign * p.com_x_m / p.wheelbase_m
        spring = p.spring_n_m[0] if wheel < 2 else p.spring_n_m[1]
        return 0.5 * share * p.mass_kg * 9.80665 / spring


@lru_cache(maxsize=16)
def _body_looks(shape: CarShape, color: Color) -> tuple[Look, ...]:
    """All episodes of a process share the meshes, and what the tracer has made of them."""
    return tuple(car_body_looks(shape, color))
