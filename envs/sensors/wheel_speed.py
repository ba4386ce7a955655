"""Wheel speed as cars measure it: teeth of a ring pass a pick-up, and the times between are taken.

Counting teeth in a window of 12 ms is far too coarse (three teeth at 10 m/s), so speed is the way
between the last teeth of two captures over the time between them. Between teeth it is held, but
never above what the silence allows; after `standstill_s` of silence it is zero. Unequal teeth make
the small ripple of real signals, the worn tyre a scale error. Counts are kept for odometry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.joints import check_joints, joint_indices
from fleetloop.envs.sensors.noise import captured_at, elapsed_s, no_capture_yet, quantise

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View

IntArray = npt.NDArray[np.int64]

_TOOTH_LIMIT = 0.4
"""Largest error of a tooth in pitches: teeth must stay in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSpeedConfig(SensorConfig):
    """Tone rings on wheels.

    Attributes:
        joints: Names of the wheel joints, in the order of the arrays. Their angle grows forward
            and must not wrap.
        radius_m: Effective radius that turns angle into way; the same for all.
        radius_error: Standard deviation of the relative error of the radius (wear, pressure),
            drawn per wheel and episode; front and rear differ by 0.24 % in the comma2k19 log.
        teeth: Teeth on a ring.
        tooth_error: Standard deviation of a tooth's place, in pitches, drawn per episode: 0.6 %
            gives the ripple of the comma2k19 log (0.03 m/s at 18 m/s).
        method: `period` times the teeth; `count` only counts them from capture to capture.
        step_m_s: Resolution of the speed: 0.01 km/h in the log.
        standstill_s: Silence after which the speed is zero.

    The fault `dead_wheel` silences as many pick-ups as its severity times the number of wheels,
    rounded up; which ones is drawn per episode.
    """

    KIND: ClassVar[str] = "wheel_speed"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("dead_wheel",)

    rate_hz: float = 80.0
    joints: tuple[str, ...] = ("wheel_fl", "wheel_fr", "wheel_rl", "wheel_rr")
    radius_m: float = 0.33
    radius_error: float = 0.0015
    teeth: int = 48
    tooth_error: float = 0.006
    method: Literal["period", "count"] = "period"
    step_m_s: float = 0.01 / 3.6
    standstill_s: float = 0.5

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_joints(self.joints, self.name)
        check_positive(self, f"sensor {self.name!r}", "radius_m", "teeth", "standstill_s")
        check_not_negative(self, f"sensor {self.name!r}", "radius_error", "tooth_error", "step_m_s")
        if self.method not in ("period", "count"):
            raise ConfigError(
                f"The method of sensor {self.name!r} is {self.method!r}: use 'period' or 'count'."
            )

    @property
    def pulse_m(self) -> float:
        """Way of one pulse, metres, by the nominal radius."""
        return 2.0 * math.pi * self.radius_m / self.teeth


class WheelSpeed:
    """See the module; fields `speed_m_s` and `pulses`, one per wheel."""

    CONFIG: ClassVar[type[SensorConfig]] = WheelSpeedConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: WheelSpeedConfig) -> None:
        self.config = config
        count = len(config.joints)
        joints = ", ".join(config.joints)
        self.schema = Schema(
            {
                "speed_m_s": Field(
                    shape=(count,), dtype="float32", unit="m/s", doc=f"Of: {joints}."
                ),
                "pulses": Field(
                    shape=(count,),
                    dtype="int64",
                    unit="1",
                    doc=f"Teeth since the first capture, {config.pulse_m:.6f} m each.",
                ),
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the rings: where they stand, how uneven they are, and the tyres' wear."""
        config, count = self.config, len(self.config.joints)
        uneven = config.tooth_error * rng.standard_normal((count, config.teeth))
        return {
            **no_capture_yet(),
            "phase": rng.uniform(0.0, config.teeth, count),
            "tooth_error": np.clip(uneven, -_TOOTH_LIMIT, _TOOTH_LIMIT),
            "radius_m": config.radius_m * (1.0 + config.radius_error * rng.standard_normal(count)),
            "dies_as": rng.permutation(count),
            "missed": np.zeros(count),
            "ring": np.zeros(count),
            "passed": np.zeros(count, np.int64),
            "first_passed": np.zeros(count, np.int64),
            "tooth": np.zeros(count, np.int64),
            "tooth_s": np.zeros(count),
            "speed": np.zeros(count),
        }

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """No rays."""
        return ()

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Reads all rings.

        Raises:
            ConfigError: The robot lacks one of the joints.
        """
        config = self.config
        which = joint_indices(capture.robot, config.joints, config.name)
        per_rad = config.teeth / (2.0 * math.pi)
        # The ring's angle in pitches. A worn wheel turns faster for the same way; since it is the
        # angle that is given, that wear shows as an error of the angle.
        worn = state["radius_m"] / config.radius_m
        ring = capture.robot.joint_position_rad[which] * per_rad * worn + state["phase"]
        dt_s = elapsed_s(capture.t_ns, state)
        dead = state["dies_as"] < math.ceil(ring.size * capture.severity("dead_wheel"))
        # A dead pick-up sees its ring stand still, and goes on from there when it lives again.
        missed = np.where(dead & (dt_s > 0.0), ring - state["ring"], state["missed"])
        ring = ring - missed
        passed = _teeth_passed(ring, state["tooth_error"])
        if dt_s > 0.0:
            changed = self._go_on(state, ring, passed, capture.t_ns * 1e-9, dt_s)
        else:
            rate = capture.robot.joint_velocity_rad_s[which] * per_rad * worn * ~dead
            changed = _begin(ring, passed, rate, capture.t_ns * 1e-9, config.standstill_s)
        state = {**state, **captured_at(capture.t_ns), **changed, "missed": missed}
        speed = quantise(state["speed"] * config.pulse_m, config.step_m_s)
        data: dict[str, npt.NDArray[Any]] = {
            "speed_m_s": speed.astype(np.float32),
            "pulses": passed - state["first_passed"],
        }
        return data, state

    def _go_on(
        self, state: State, ring: FloatArray, passed: IntArray, now_s: float, dt_s: float
    ) -> State:
        """Speeds, in pitches per second, from the teeth since the last capture."""
        before, last = state["ring"], state["passed"]
        moved = passed != last
        # Forwards the last tooth to pass is `passed`; backwards it is the one above it.
        newest = np.where(passed > last, passed, passed + 1)
        tooth = np.where(moved, newest, state["tooth"])
        place = _tooth_place(tooth, state["tooth_error"])
        way = np.where(moved, ring - before, 1.0)
        when_s = now_s - dt_s + (place - before) / way * dt_s
        tooth_s = np.where(moved, when_s, state["tooth_s"])
        if self.config.method == "count":
            speed = (passed - last) / dt_s
        else:
            since = np.maximum(np.where(moved, tooth_s - state["tooth_s"], 1.0), 1e-9)
            silence = np.maximum(now_s - tooth_s, 1e-9)
            held = np.clip(state["speed"], -1.0 / silence, 1.0 / silence)
            held = np.where(silence > self.config.standstill_s, 0.0, held)
            speed = np.where(moved, (tooth - state["tooth"]) / since, held)
        return {
            "ring": ring,
            "passed": passed,
            "tooth": tooth,
            "tooth_s": tooth_s,
            "speed": np.asarray(speed),
        }


def _begin(
    ring: FloatArray, passed: IntArray, rate: FloatArray, now_s: float, standstill_s: float
) -> State:
    """The first capture, as of a sensor that has run before at the present speed."""
    tooth = np.where(rate < 0.0, passed + 1, passed)
    slowest = 1.0 / standstill_s
    moving = np.abs(rate) > slowest
    since = np.where(moving, (ring - tooth) / np.where(moving, rate, 1.0), standstill_s)
    return {
        "ring": ring,
        "passed": passed,
        "first_passed": passed,
        "tooth": tooth,
        "tooth_s": now_s - since,
        "speed": np.where(moving, rate, 0.0),
    }


def _tooth_place(tooth: IntArray, error: FloatArray) -> FloatArray:
    """Where on the ring the given teeth sit, in pitches, (n,)."""
    return np.asarray(tooth + error[np.arange(tooth.size), tooth % error.shape[1]])


def _teeth_passed(ring: FloatArray, error: FloatArray) -> IntArray:
    """Number of the highest tooth at or below the pick-up, (n,)."""
    near = np.floor(ring).astype(np.int64)
    below = ring < _tooth_place(near, error)
    above = ring >= _tooth_place(near + 1, error)
    return np.asarray(near - below + above, np.int64)
