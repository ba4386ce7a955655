"""Satellite positioning: a fix that wanders slowly, jumps under reflections and goes away at times.

The error of a real receiver is no white noise: against a fused trajectory a u-blox stays 1 to 2 m
off for minutes and moves by centimetres from fix to fix (comma2k19). So the error is a
Gauss-Markov process of long time constant, with a little white noise on top. Two telegraph
processes, exact in any step, switch outages and reflections (multipath) on and off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import (
    Buffers,
    Capture,
    Modality,
    SensorConfig,
    State,
    Surroundings,
)
from fleetloop.envs.sensors.geodesy import TangentPlane
from fleetloop.envs.sensors.kinematics import lever_arm, velocity_at
from fleetloop.envs.sensors.noise import (
    advance_gauss_markov,
    captured_at,
    elapsed_s,
    no_capture_yet,
    quantise,
)

if TYPE_CHECKING:
    from fleetloop.envs.trace.tracer import View


@dataclass(frozen=True, slots=True, kw_only=True)
class GnssErrors:
    """Errors of one class of receivers; east and north have the horizontal figures each.

    Attributes:
        wander_horizontal_m: Standard deviation of the slow offset, per axis.
        wander_vertical_m: The same for altitude.
        wander_s: Time constant of the slow offset.
        white_horizontal_m: Standard deviation from fix to fix, per axis.
        white_vertical_m: The same for altitude.
        velocity_horizontal_m_s: Standard deviation of velocity, per axis.
        velocity_vertical_m_s: The same for the vertical.
        multipath_m: Standard deviation, per axis, of the extra offset under reflections; twice
            that for altitude.
        multipath_s: Time constant of the extra offset.
    """

    wander_horizontal_m: float = 0.0
    wander_vertical_m: float = 0.0
    wander_s: float = 600.0
    white_horizontal_m: float = 0.0
    white_vertical_m: float = 0.0
    velocity_horizontal_m_s: float = 0.0
    velocity_vertical_m_s: float = 0.0
    multipath_m: float = 0.0
    multipath_s: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            least = "positive" if name in ("wander_s", "multipath_s") else "0 or more"
            if not (math.isfinite(value) and value >= 0.0) or (least == "positive" and value == 0):
                raise ConfigError(f"The GNSS error {name} is {value!r}: use {least}.")


IDEAL = GnssErrors()
"""Truth."""

SINGLE_POINT = GnssErrors(
    # Wander and white noise fitted to a u-blox M8 against the fused pose of the comma2k19 log
    # (offsets of 0.4, 1.5 and 1.4 m, steps between fixes of 0.013 to 0.028 m, sd over 30 s of
    # 0.09 to 0.2 m). Velocity: u-blox NEO-M8, UBX-13003366, 0.05 m/s. Multipath: tens of metres
    # in street canyons, Groves, "Principles of GNSS", 2nd ed., 9.4.
    wander_horizontal_m=1.2,
    wander_vertical_m=1.6,
    wander_s=1000.0,
    white_horizontal_m=0.005,
    white_vertical_m=0.01,
    velocity_horizontal_m_s=0.05,
    velocity_vertical_m_s=0.1,
    multipath_m=8.0,
    multipath_s=10.0,
)
"""An ordinary receiver of cars and phones: the default."""

RTK = GnssErrors(
    # u-blox ZED-F9P, UBX-17051259: 0.01 m + 1 ppm CEP with a fixed ambiguity, velocity 0.05 m/s.
    # CEP of 0.01 m is 0.0085 m per axis (division by 1.177); vertical twice that.
    wander_horizontal_m=0.007,
    wander_vertical_m=0.014,
    wander_s=60.0,
    white_horizontal_m=0.005,
    white_vertical_m=0.01,
    velocity_horizontal_m_s=0.05,
    velocity_vertical_m_s=0.05,
    multipath_m=0.5,
    multipath_s=10.0,
)
"""A receiver with corrections from a near base station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GnssConfig(SensorConfig):
    """A satellite receiver; its mount is the antenna.

    Attributes:
        errors: Class of the receiver, such as `SINGLE_POINT`, `RTK` or `IDEAL`.
        outage_every_s: Mean time with a fix between two outages; None for no outages.
        outage_s: Mean length of an outage.
        multipath_every_s: Mean time without reflections; None for none.
        multipath_lasts_s: Mean length of a stretch with reflections.
        angle_step_deg: Resolution of latitude and longitude, degrees (1e-7 in UBX-NAV-PVT).
        altitude_step_m: Resolution of altitude.

    Faults: `outage` takes the fix away; `multipath` adds reflections, scaled by its severity.
    """

    KIND: ClassVar[str] = "gnss"
    FAULTS: ClassVar[tuple[str, ...]] = ("outage", "multipath")

    errors: GnssErrors = SINGLE_POINT
    outage_every_s: float | None = None
    outage_s: float = 10.0
    multipath_every_s: float | None = None
    multipath_lasts_s: float = 15.0
    angle_step_deg: float = 1e-7
    altitude_step_m: float = 1e-3

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        for name in ("outage_every_s", "outage_s", "multipath_every_s", "multipath_lasts_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise ConfigError(
                    f"The {name} of sensor {self.name!r} is {value!r}: use a positive time."
                )
        for name in ("angle_step_deg", "altitude_step_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ConfigError(
                    f"The {name} of sensor {self.name!r} is {value!r}: use 0 or more."
                )


class Gnss:
    """See the module. While `valid` is false, the last fix is repeated."""

    CONFIG: ClassVar[type[SensorConfig]] = GnssConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: GnssConfig) -> None:
        self.config = config
        self.schema = _schema()
        errors = config.errors
        self._wander = _east_north_up(errors.wander_horizontal_m, errors.wander_vertical_m)
        self._white = _east_north_up(errors.white_horizontal_m, errors.white_vertical_m)
        self._multipath = _east_north_up(errors.multipath_m, 2.0 * errors.multipath_m)
        self._velocity = _east_north_up(
            errors.velocity_horizontal_m_s, errors.velocity_vertical_m_s
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the slow offset, and whether the episode begins in an outage or reflections."""
        config = self.config
        return {
            **no_capture_yet(),
            "wander_m": self._wander * rng.standard_normal(3),
            "multipath_m": self._multipath * rng.standard_normal(3),
            "outage": _start_telegraph(config.outage_every_s, config.outage_s, rng),
            "reflections": _start_telegraph(
                config.multipath_every_s, config.multipath_lasts_s, rng
            ),
            "fix": np.zeros(6),
            "has_fix": np.zeros(1, bool),
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
        """Makes a fix, or repeats the last one during an outage."""
        plane = _plane(capture.surroundings)
        state = self._advance(state, capture.t_ns, rng)
        share = 1.0 if state["reflections"][0] else 0.0
        if "multipath" in capture.faults:
            share = max(share, capture.faults["multipath"].severity)
        offset_m = state["wander_m"] + share * state["multipath_m"]
        offset_m = offset_m + self._white * rng.standard_normal(3)
        fix = self._fix(plane, capture, offset_m, rng)
        valid = not (state["outage"][0] or "outage" in capture.faults)
        if valid or not state["has_fix"][0]:
            # Before any fix a receiver shows a place that it remembers: the world's origin.
            state["fix"] = fix if valid else _origin_fix(capture.surroundings)
            state["has_fix"] = np.array([valid])
        return self._report(plane, state["fix"], share, valid=valid), state

    def _advance(self, state: State, t_ns: int, rng: np.random.Generator) -> State:
        config, errors = self.config, self.config.errors
        dt_s = elapsed_s(t_ns, state)
        wander, multipath = state["wander_m"], state["multipath_m"]
        outage, reflections = state["outage"], state["reflections"]
        return {
            **state,
            **captured_at(t_ns),
            "wander_m": advance_gauss_markov(wander, self._wander, errors.wander_s, dt_s, rng),
            "multipath_m": advance_gauss_markov(
                multipath, self._multipath, errors.multipath_s, dt_s, rng
            ),
            "outage": _telegraph(outage, config.outage_every_s, config.outage_s, dt_s, rng),
            "reflections": _telegraph(
                reflections, config.multipath_every_s, config.multipath_lasts_s, dt_s, rng
            ),
        }

    def _fix(
        self,
        plane: TangentPlane,
        capture: Capture,
        offset_m: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Latitude, longitude, altitude, and velocity east, north, up, as one array (6,)."""
        antenna_m = capture.world_T_sensor.position_m
        # Errors are east, north, up at the receiver, which stands turned against the world's
        # origin by its distance over the Earth's radius: 1e-4 rad at 1 km, of no effect on them.
        latitude, longitude, altitude = plane.geodetic(antenna_m + offset_m)
        turn = plane.local_R_world(latitude, longitude)
        velocity = turn @ velocity_at(capture.link, lever_arm(capture))
        velocity = velocity + self._velocity * rng.standard_normal(3)
        angles = quantise(np.array([latitude, longitude]), math.radians(self.config.angle_step_deg))
        height = quantise(np.array([altitude]), self.config.altitude_step_m)
        return np.concatenate([angles, height, velocity])

    def _report(
        self, plane: TangentPlane, fix: FloatArray, share: float, *, valid: bool
    ) -> dict[str, npt.NDArray[Any]]:
        spread = np.sqrt(self._wander**2 + self._white**2 + (share * self._multipath) ** 2)
        accuracy = np.array([math.hypot(spread[0], spread[1]), spread[2]])
        return {
            "latitude_rad": np.array(fix[0]),
            "longitude_rad": np.array(fix[1]),
            "altitude_m": np.array(fix[2]),
            "position_world_m": plane.world(*fix[:3].tolist()),
            "velocity_enu_m_s": fix[3:].astype(np.float32),
            "accuracy_m": accuracy.astype(np.float32),
            "valid": np.array(valid),
        }


def _schema() -> Schema:
    half_turn = math.pi
    return Schema(
        {
            "latitude_rad": Field(
                shape=(), dtype="float64", unit="rad", low=-half_turn / 2, high=half_turn / 2,
                doc="WGS 84.",
            ),
            "longitude_rad": Field(
                shape=(), dtype="float64", unit="rad", low=-half_turn, high=half_turn,
                doc="WGS 84.",
            ),
            "altitude_m": Field(
                shape=(), dtype="float64", unit="m", doc="Above the WGS 84 ellipsoid."
            ),
            "position_world_m": Field(
                shape=(3,), dtype="float64", unit="m", frame="world",
                doc="The same fix in the tangent plane at the world's origin.",
            ),
            "velocity_enu_m_s": Field(
                shape=(3,), dtype="float32", unit="m/s", frame="east-north-up",
                doc="Of the antenna over ground.",
            ),
            "accuracy_m": Field(
                shape=(2,), dtype="float32", unit="m", low=0.0,
                doc="Standard deviation that the receiver claims: horizontal (2D), vertical.",
            ),
            "valid": Field(
                shape=(), dtype="bool", unit="1", doc="A fix of now; false in an outage."
            ),
        }
    )  # fmt: skip


def _plane(surroundings: Surroundings) -> TangentPlane:
    return TangentPlane(
        surroundings.latitude_rad, surroundings.longitude_rad, surroundings.altitude_m
    )


def _origin_fix(surroundings: Surroundings) -> FloatArray:
    place = (surroundings.latitude_rad, surroundings.longitude_rad, surroundings.altitude_m)
    return np.array([*place, 0.0, 0.0, 0.0])


def _east_north_up(horizontal: float, vertical: float) -> FloatArray:
    return np.array([horizontal, horizontal, vertical])


def _start_telegraph(
    every_s: float | None, lasts_s: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Draws a telegraph process in its stationary state: on for `lasts_s` in the mean."""
    chance = 0.0 if every_s is None else lasts_s / (lasts_s + every_s)
    return np.array([rng.random() < chance])


def _telegraph(
    on: npt.NDArray[np.bool_],
    every_s: float | None,
    lasts_s: float,
    dt_s: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Steps it exactly: P(on) relaxes to its stationary value at the sum of both rates."""
    draw = rng.random()
    if every_s is None:
        return on
    stationary = lasts_s / (lasts_s + every_s)
    keep = math.exp(-dt_s * (1.0 / lasts_s + 1.0 / every_s))
    return np.array([draw < stationary + (float(on[0]) - stationary) * keep])
