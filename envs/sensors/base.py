"""What every sensor is: a frozen config, a schema, a request for rays, and a measurement.

A sensor is immutable. Whatever changes from one capture to the next (a bias, an exposure) is a
`State` that is handed in and out, and randomness is a generator that is handed in. So a rig can be
saved and restored by copying, and the same sensor object can serve many worlds.

Rate, phase, latency, jitter, drops and history are in the config but are no work of the sensor:
`fleetloop.envs.rig` does them once for all. A capture has two halves, so that all cameras and range
sensors of all worlds are traced in one call: `views` says which rays are needed, `measure` turns
what they hit into what the sensor reports.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose, Twist
from fleetloop.core.spec import Schema

if TYPE_CHECKING:
    # Sensors of the robot's own body need no tracer, and loading it means compiling kernels.
    from fleetloop.envs.trace.scene import Scene
    from fleetloop.envs.trace.view import View

Modality = Literal["camera", "range", "state"]
"""`camera` for pictures, `range` for distances to the outside, `state` for the robot's own body."""

State = dict[str, npt.NDArray[Any]]
"""What a sensor remembers between captures: named arrays, copied by whoever keeps them."""

Buffers = Mapping[str, npt.NDArray[Any]]
"""What the tracer returned for one view, by output name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong with a sensor for a while, told in the label of every sample it touches.

    Attributes:
        kind: What is wrong. The rig does `frozen`, `dropped`, `misaligned` and `time_offset` for
            every sensor; others, such as `dirty_lens` or `dead_beams`, belong to the sensor that
            lists them in `FAULTS`.
        start_s: Begin, in seconds since the episode's reset.
        end_s: End, exclusive.
        severity: How bad, 0 to 1; what it means is documented with each kind.
    """

    kind: str
    start_s: float = 0.0
    end_s: float = math.inf
    severity: float = 1.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.start_s < self.end_s):
            raise ConfigError(
                f"The fault {self.kind!r} lasts from {self.start_s} to {self.end_s} s: it must "
                "start at 0 or later and end after its start."
            )
        if not 0.0 <= self.severity <= 1.0:
            raise ConfigError(f"The fault {self.kind!r} has severity {self.severity}: use 0 to 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """What all sensors share. Children add optics, beams or noise.

    Attributes:
        name: Unique in its rig; a plain identifier.
        link: Link of the robot that carries the sensor.
        link_T_sensor: Mount. A camera is mounted in its optical frame (z forward, x right, y down),
            see `fleetloop.core.frames.BASE_T_OPTICAL`; all others with x forward, z up.
        rate_hz: Captures per second of simulated time; must divide the physics rate.
        phase: Shift of the captures, as a part of the period, 0 to below 1.
        latency_s: From the end of a capture to its arrival.
        jitter_s: Largest extra delay; each sample draws it evenly from [0, jitter_s].
        drop_probability: Part of the samples that never arrive, 0 to below 1.
        history: How many of the newest samples an observation holds.
        faults: Labelled faults.
    """

    KIND: ClassVar[str] = ""
    # Whether it may ask for rays. If no sensor that is due does, the world's looks are left alone.
    LOOKS: ClassVar[bool] = True
    FAULTS: ClassVar[tuple[str, ...]] = ()

    name: str
    link: str = "base"
    link_T_sensor: Pose = field(default_factory=Pose.identity)
    rate_hz: float = 10.0
    phase: float = 0.0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    drop_probability: float = 0.0
    history: int = 1
    faults: tuple[Fault, ...] = ()

    RIG_FAULTS: ClassVar[tuple[str, ...]] = ("frozen", "dropped", "misaligned", "time_offset")

    @property
    def looks(self) -> bool:
        """Whether a sensor with this very config may ask for rays: its kind does, by `LOOKS`."""
        return self.LOOKS

    def __post_init__(self) -> None:
        where = f"sensor {self.name!r}"
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ConfigError(f"The {where} needs a plain identifier as its name.")
        for name in ("rate_hz", "phase", "latency_s", "jitter_s", "drop_probability"):
            value = getattr(self, name)
            _require(isinstance(value, Real), where, name, value, "a number")
        mount = self.link_T_sensor
        _require(
            isinstance(mount, Pose), where, "link_T_sensor", mount, "a Pose, as Pose.of(x, y, z)"
        )
        _require(math.isfinite(self.rate_hz) and self.rate_hz > 0, where, "rate_hz", self.rate_hz)
        _require(0.0 <= self.phase < 1.0, where, "phase", self.phase, "0 to below 1")
        for name in ("latency_s", "jitter_s"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, where, name, value, "0 or more seconds")
        _require(
            0.0 <= self.drop_probability < 1.0,
            where,
            "drop_probability",
            self.drop_probability,
            "0 to below 1",
        )
        whole = isinstance(self.history, int) and self.history >= 1
        _require(whole, where, "history", self.history, "1 or more samples")
        known = (*self.RIG_FAULTS, *self.FAULTS)
        for fault in self.faults:
            _require(isinstance(fault, Fault), where, "fault", fault, "a Fault(kind=...)")
            if fault.kind not in known:
                raise ConfigError(
                    f"The {where} knows no fault {fault.kind!r}. Known: {', '.join(known)}."
                )


def _require(
    holds: bool, where: str, name: str, value: object, wanted: str = "a positive number"
) -> None:
    if not holds:
        raise ConfigError(f"The {name} of {where} is {value!r}: use {wanted}.")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LinkState:
    """True motion of one link at one instant, in world axes.

    Attributes:
        world_T_link: Pose.
        twist: Velocity of the link's origin, and its turning.
        acceleration_m_s2: Acceleration of the link's origin without gravity's share (a link at
            rest has zero), (3,).
        angular_acceleration_rad_s2: (3,).
        force_n: Sum of the contact forces on the link, (3,).
        torque_nm: Sum of their moments about the link's origin, (3,).
    """

    world_T_link: Pose
    twist: Twist
    acceleration_m_s2: FloatArray
    angular_acceleration_rad_s2: FloatArray
    force_n: FloatArray
    torque_nm: FloatArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RobotState:
    """True state of a robot at one instant: all that body sensors may ask for.

    Attributes:
        links: By link name.
        joint_names: In the robot's own order; wheels are joints too.
        joint_position_rad: (n,), radians, or metres for sliding joints.
        joint_velocity_rad_s: (n,).
        joint_torque_nm: (n,), torque (force) that the motors give.
    """

    links: Mapping[str, LinkState]
    joint_names: tuple[str, ...]
    joint_position_rad: FloatArray
    joint_velocity_rad_s: FloatArray
    joint_torque_nm: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What sensors feel of the world besides its shapes.

    Attributes:
        gravity_m_s2: Along world z.
        latitude_rad, longitude_rad, altitude_m: Where the world's origin lies (WGS 84). World x
            points east, y north.
        magnetic_field_t: Earth's field in world axes, tesla.
        temperature_c, pressure_pa: Air at the world's origin.
        rain_mm_h, fog_visibility_m: Weather, as range sensors feel it. On a stage it is that of
            the scene's light.
    """

    gravity_m_s2: float = 9.80665
    latitude_rad: float = 0.6508
    longitude_rad: float = -2.1313
    altitude_m: float = 30.0
    magnetic_field_t: tuple[float, float, float] = (5.2e-6, 2.26e-5, -4.2e-5)
    temperature_c: float = 15.0
    pressure_pa: float = 101_325.0
    rain_mm_h: float = 0.0
    fog_visibility_m: float = math.inf


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Capture:
    """The world at the end of one capture, as one sensor sees it.

    Attributes:
        t_ns: Reference instant: the end of the capture.
        seq: Number of the capture.
        world_T_sensor: True pose now, misalignment faults included.
        path: Past poses of the sensor for scans that take time; see `Path`.
        link: True state of the link that carries the sensor.
        link_T_sensor: The mount, misalignment faults included.
        robot: True state of the whole robot.
        surroundings: Air, place, weather.
        scene: Shapes, materials and light, at `t_ns`. None where the world has no scene.
        faults: The sensor's own faults that are active, by kind.
    """

    t_ns: int
    seq: int
    world_T_sensor: Pose
    path: Path
    link: LinkState
    link_T_sensor: Pose
    robot: RobotState
    surroundings: Surroundings
    scene: Scene | None
    faults: Mapping[str, Fault]

    def severity(self, kind: str) -> float:
        """How bad the sensor's own fault of this kind is now, 0 to 1; 0 where it is not active."""
        fault = self.faults.get(kind)
        return 0.0 if fault is None else fault.severity


class Path(Protocol):
    """Where the sensor was in the last moments, for rolling shutters and sweeps."""

    def at(self, offset_s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) in metres and rotations (n, 3, 3) world_R_sensor.

        Args:
            offset_s: Times (n,) relative to the capture's reference instant, seconds, <= 0.
        """
        ...


class Sensor(Protocol):
    """One kind of sensor with one config. Immutable; made as `SensorClass(config)`.

    Attributes:
        CONFIG: The config class; `CONFIG(name="x")` must be a sensible sensor.
        MODALITY: Which observation modes include it.
        config: The config.
        schema: Fields of its samples.
        scan_s: Time that one capture takes; 0 for an instantaneous one.
    """

    CONFIG: ClassVar[type[SensorConfig]]
    MODALITY: ClassVar[Modality]

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - each kind takes its own config
        ...

    @property
    def config(self) -> SensorConfig:
        """What it was made from."""
        ...

    @property
    def schema(self) -> Schema:
        """Fields of its samples."""
        ...

    @property
    def scan_s(self) -> float:
        """Time that one capture takes."""
        ...

    def initial_state(self, rng: np.random.Generator) -> State:
        """What it remembers at the start of an episode; draws its fixed pattern and biases."""
        ...

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """Rays that it needs for this capture; empty for sensors of the robot's own body."""
        ...

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """What it reports: arrays as its schema says, and its next state.

        Args:
            capture: The world now.
            traced: What the tracer found for each of `views`, in order.
            state: What it remembered. It is not changed in place.
            rng: The sensor's own stream of random numbers.
        """
        ...
