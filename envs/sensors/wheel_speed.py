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
from fleetloop.envs.sensors.noise import captured_at, elapsed_s, no_capture_yet
from fleetloop.envs.trace.jit import inline, kernel

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

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
        dt_s = elapsed_s(capture.t_ns, state)
        dead = math.ceil(which.size * capture.severity("dead_wheel"))
        reals, whole = np.empty((5, which.size)), np.empty((4, which.size), np.int64)
        _read_rings(
            which, capture.robot.joint_position_rad, capture.robot.joint_velocity_rad_s,
            state["phase"], state["tooth_error"], state["radius_m"], state["dies_as"], dead,
            config.radius_m, config.teeth / (2.0 * math.pi), capture.t_ns * 1e-9, dt_s,
            config.standstill_s, config.method == "count",
            state["missed"], state["ring"], state["tooth_s"], state["speed"],
            state["passed"], state["first_passed"], state["tooth"], reals, whole,
            config.pulse_m, config.step_m_s,
        )  # fmt: skip
        missed, ring, tooth_s, rate, speed = reals
        passed, first_passed, tooth, pulses = whole
        state = {
            **state, **captured_at(capture.t_ns), "missed": missed, "ring": ring,
            "tooth_s": tooth_s, "speed": rate, "passed": passed, "first_passed": first_passed,
            "tooth": tooth,
        }  # fmt: skip
        return {"speed_m_s": speed.astype(np.float32), "pulses": pulses}, state


@kernel
def _read_rings(
    which: npt.NDArray[np.intp], position: FloatArray, velocity: FloatArray, phase: FloatArray,
    error: FloatArray, radius: FloatArray, dies_as: IntArray, dead: int, nominal_m: float,
    per_rad: float, now_s: float, dt_s: float, standstill_s: float, counts: bool,
    missed: FloatArray, ring_before: FloatArray, tooth_s_before: FloatArray,
    speed_before: FloatArray, passed_before: IntArray, first_before: IntArray,
    tooth_before: IntArray, reals: FloatArray, whole: IntArray, pulse_m: float, step_m_s: float,
) -> None:  # fmt: skip
    """Reads all rings.

    Args:
        which: (n,) joints of the wheels.
        position, velocity: Of the robot's joints, rad and rad/s.
        phase, error, radius, dies_as: As `initial_state` drew them.
        dead: How many pick-ups are silent.
        nominal_m, per_rad, pulse_m, step_m_s, standstill_s, counts: As configured.
        now_s: Time.
        dt_s: Since the last capture; 0 at the first one.
        missed, ring_before, tooth_s_before, speed_before, passed_before, first_before,
            tooth_before: The state.
        reals: (5, n) written: missed, ring, tooth_s, speed in pitches per second, speed read.
        whole: (4, n) written: passed, first_passed, tooth, pulses.
    """
    for i in range(len(which)):
        # The ring's angle in pitches. A worn wheel turns faster for the same way; since it is the
        # angle that is given, that wear shows as an error of the angle.
        worn = radius[i] / nominal_m
        ring = position[which[i]] * per_rad * worn + phase[i]
        silent = dies_as[i] < dead
        # A dead pick-up sees its ring stand still, and goes on from there when it lives again.
        lost = ring - ring_before[i] if silent and dt_s > 0.0 else missed[i]
        ring = ring - lost
        passed = _passed(ring, error[i])
        if dt_s > 0.0:
            first = first_before[i]
            tooth, tooth_s, speed = _go_on(
                ring, passed, error[i], now_s, dt_s, standstill_s, counts, ring_before[i],
                passed_before[i], tooth_before[i], tooth_s_before[i], speed_before[i],
            )  # fmt: skip
        else:
            # As of a sensor that has run before at the present speed.
            first = passed
            rate = 0.0 if silent else velocity[which[i]] * per_rad * worn
            moving = abs(rate) > 1.0 / standstill_s
            tooth = passed + 1 if rate < 0.0 else passed
            tooth_s = now_s - ((ring - tooth) / rate if moving else standstill_s)
            speed = rate if moving else 0.0
        reals[0, i], reals[1, i], reals[2, i], reals[3, i] = lost, ring, tooth_s, speed
        read = speed * pulse_m
        reals[4, i] = np.rint(read / step_m_s) * step_m_s if step_m_s > 0.0 else read
        whole[0, i], whole[1, i], whole[2, i], whole[3, i] = passed, first, tooth, passed - first


@inline
def _go_on(
    ring, passed, error, now_s, dt_s, standstill_s, counts, ring_before, last, tooth, tooth_s, speed
):
    """Newest tooth, its time, and speed in pitches per second, from the teeth since a capture."""
    rate = (passed - last) / dt_s
    if passed == last:
        silence = max(now_s - tooth_s, 1e-9)
        held = min(max(speed, -1.0 / silence), 1.0 / silence)
        return tooth, tooth_s, rate if counts else (0.0 if silence > standstill_s else held)
    # Forwards the last tooth to pass is `passed`; backwards it is the one above it.
    newest = passed if passed > last else passed + 1
    way = ring - ring_before
    when_s = now_s - dt_s + (_tooth_place(newest, error) - ring_before) / way * dt_s
    since = max(when_s - tooth_s, 1e-9)
    return newest, when_s, rate if counts else (newest - tooth) / since


@inline
def _tooth_place(tooth, error):
    """Where on the ring a tooth sits, in pitches."""
    return tooth + error[tooth % len(error)]


@inline
def _passed(ring, error):
    """Number of the highest tooth at or below the pick-up."""
    near = np.int64(np.floor(ring))
    if ring < _tooth_place(near, error):
        return near - 1
    return near + 1 if ring >= _tooth_place(near + 1, error) else near
