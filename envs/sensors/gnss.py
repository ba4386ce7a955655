"""Satellite positioning: a fix that wanders slowly, jumps under reflections and goes away at times.

The error of a real receiver is no white noise: against a fused trajectory a u-blox stays 1 to 2 m
off for minutes and moves by centimetres from fix to fix (comma2k19). So the error is a
Gauss-Markov process of long time constant, with a little white noise on top. Two telegraph
processes, exact in any step, switch outages and reflections (multipath) on and off.

With `satellites` the offset follows from the range errors and the geometry of the satellites in
view instead, and houses, trees and tunnels of the scene take satellites away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
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
from fleetloop.envs.sensors.geodesy import TangentPlane, fix_of, place_of
from fleetloop.envs.sensors.gnss_errors import SINGLE_POINT, GnssErrors
from fleetloop.envs.sensors.kinematics import lever_arm, velocity_at
from fleetloop.envs.sensors.noise import captured_at, elapsed_s, no_capture_yet, quantise
from fleetloop.envs.sensors.satellites import (
    WORST_PDOP,
    SatelliteConfig,
    Satellites,
    Solution,
    sky_rays,
)

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View


OWN_BODY_M = 1.5
"""Shapes nearer to the antenna are taken for the robot itself and hide no satellites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GnssConfig(SensorConfig):
    """A satellite receiver; its mount is the antenna.

    Attributes:
        errors: Class of the receiver, from `fleetloop.envs.sensors.gnss_errors`.
        outage_every_s: Mean time with a fix between two outages; None for no outages.
        outage_s: Mean length of an outage.
        multipath_every_s: Mean time without reflections; None for none.
        multipath_lasts_s: Mean length of a stretch with reflections.
        angle_step_deg: Resolution of latitude and longitude, degrees (1e-7 in UBX-NAV-PVT).
        altitude_step_m: Resolution of altitude.
        satellites: Makes the slow offset from satellites in view, in place of the wander of
            `errors`, and adds the fields `satellites` and `pdop`. None for the plain offset.

    Faults: `outage` takes the fix away; `multipath` adds reflections, scaled by its severity.
    """

    KIND: ClassVar[str] = "gnss"
    FAULTS: ClassVar[tuple[str, ...]] = ("outage", "multipath")

    @property
    def looks(self) -> bool:
        """Only where shapes may hide satellites."""
        return self.satellites is not None and self.satellites.hidden_by_scene

    errors: GnssErrors = SINGLE_POINT
    outage_every_s: float | None = None
    outage_s: float = 10.0
    multipath_every_s: float | None = None
    multipath_lasts_s: float = 15.0
    angle_step_deg: float = 1e-7
    altitude_step_m: float = 1e-3
    satellites: SatelliteConfig | None = None

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        for name in ("outage_every_s", "outage_s", "multipath_every_s", "multipath_lasts_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise ConfigError(
                    f"The {name} of sensor {self.name!r} is {value!r}: use a positive time."
                )
        check_not_negative(self, f"sensor {self.name!r}", "angle_step_deg", "altitude_step_m")


class Gnss:
    """See the module. While `valid` is false, the last fix is repeated."""

    CONFIG: ClassVar[type[SensorConfig]] = GnssConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: GnssConfig) -> None:
        self.config = config
        self.schema = _schema(with_satellites=config.satellites is not None)
        self._satellites = Satellites(config.satellites) if config.satellites else None
        self._sky = sky_rays() if config.looks else None
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
        satellites = self._satellites.start(rng) if self._satellites else {}
        return {
            **no_capture_yet(),
            **satellites,
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
        """The sky over the antenna, if shapes may hide satellites; else no rays."""
        if self._sky is None:
            return ()
        from fleetloop.envs.trace.view import View

        return (
            View(
                rays=self._sky,
                position_m=capture.world_T_sensor.position_m,
                rotation=np.eye(3),
                outputs=frozenset({"hit"}),
                t_min_m=OWN_BODY_M,
            ),
        )

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
        slow = self._slow_offset(capture, traced, plane, state)
        # Where houses hide satellites, their walls reflect the others.
        share = max(slow.hidden, float(state["reflections"][0]))
        if "multipath" in capture.faults:
            share = max(share, capture.faults["multipath"].severity)
        offset_m = slow.offset_m + share * state["multipath_m"]
        offset_m += self._white * rng.standard_normal(3)
        fix = self._fix(plane, capture, offset_m, rng)
        valid = slow.ok and not (state["outage"][0] or "outage" in capture.faults)
        if valid or not state["has_fix"][0]:
            # Before any fix a receiver shows a place that it remembers: the world's origin.
            state["fix"] = fix if valid else _origin_fix(capture.surroundings)
            state["has_fix"] = np.array([valid])
        data = self._report(plane, state["fix"], slow.spread_m, share, valid=valid)
        if self._satellites is not None:
            data["satellites"] = np.array(slow.used if valid else 0, np.int32)
            data["pdop"] = np.array(slow.pdop if valid else WORST_PDOP, np.float32)
        return data, state

    def _slow_offset(
        self, capture: Capture, traced: Sequence[Buffers], plane: TangentPlane, state: State
    ) -> Solution:
        if self._satellites is None:
            return Solution(state["wander_m"], self._wander, 0, 0.0, 0.0, ok=True)
        antenna_m = capture.world_T_sensor.position_m
        sight = self._satellites.directions(state, capture.t_ns * 1e-9, plane, antenna_m)
        open_sky = ~traced[0]["hit"] if self._sky is not None else None
        return self._satellites.solve(state, sight, open_sky)

    def _advance(self, state: State, t_ns: int, rng: np.random.Generator) -> State:
        config = self.config
        dt_s = elapsed_s(t_ns, state)
        outage, reflections = state["outage"], state["reflections"]
        ranges = self._satellites.advance(state, dt_s, rng) if self._satellites else {}
        keep, kick, keep_reflected, kick_reflected = _drift(config.errors, dt_s)
        return {
            **state,
            **captured_at(t_ns),
            **ranges,
            "wander_m": state["wander_m"] * keep + kick * rng.standard_normal(3),
            "multipath_m": (
                state["multipath_m"] * keep_reflected + kick_reflected * rng.standard_normal(3)
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
        # Errors are east, north, up at the receiver, which stands turned against the world's
        # origin by its distance over the Earth's radius: 1e-4 rad at 1 km, of no effect on them.
        offset_m += capture.world_T_sensor.position_m
        velocity = velocity_at(capture.link, lever_arm(capture))
        fix = np.empty(6)
        fix_of(plane.origin_m, plane.ecef_R_world, offset_m, velocity, fix)
        fix[3:] += self._velocity * rng.standard_normal(3)
        fix[:2] = quantise(fix[:2], math.radians(self.config.angle_step_deg))
        fix[2:3] = quantise(fix[2:3], self.config.altitude_step_m)
        return fix

    def _report(
        self,
        plane: TangentPlane,
        fix: FloatArray,
        slow_m: FloatArray,
        share: float,
        *,
        valid: bool,
    ) -> dict[str, npt.NDArray[Any]]:
        east, north, up = (
            math.sqrt(slow * slow + white * white + (share * reflected) * (share * reflected))
            for slow, white, reflected in zip(
                slow_m.tolist(), self._white.tolist(), self._multipath.tolist(), strict=True
            )
        )
        position = np.empty(3)
        place_of(plane.origin_m, plane.ecef_R_world, fix, position)
        return {
            "latitude_rad": np.array(fix[0]),
            "longitude_rad": np.array(fix[1]),
            "altitude_m": np.array(fix[2]),
            "position_world_m": position,
            "velocity_enu_m_s": fix[3:].astype(np.float32),
            "accuracy_m": np.array([math.hypot(east, north), up], np.float32),
            "valid": np.array(valid),
        }


def _schema(*, with_satellites: bool) -> Schema:
    quarter, half = math.pi / 2, math.pi
    fields = {
        "latitude_rad": Field(
            shape=(), dtype="float64", unit="rad", low=-quarter, high=quarter, doc="WGS 84."
        ),
        "longitude_rad": Field(
            shape=(), dtype="float64", unit="rad", low=-half, high=half, doc="WGS 84."
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
    }  # fmt: skip
    if with_satellites:
        fields["satellites"] = Field(
            shape=(), dtype="int32", unit="1", low=0.0, doc="Used for the fix; 0 without one."
        )
        fields["pdop"] = Field(
            shape=(), dtype="float32", unit="1", low=0.0, high=100.0,
            doc="Dilution of precision in three dimensions; 99.99 without a fix.",
        )  # fmt: skip
    return Schema(fields)


@lru_cache(maxsize=64)
def _drift(
    errors: GnssErrors, dt_s: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """What is kept and what is drawn anew of wander and of multipath, each (3,), over a time.

    See `noise.advance_gauss_markov`.
    """
    found = []
    for sd, time_constant_s in (
        (_east_north_up(errors.wander_horizontal_m, errors.wander_vertical_m), errors.wander_s),
        (_east_north_up(errors.multipath_m, 2.0 * errors.multipath_m), errors.multipath_s),
    ):
        decay = np.exp(-dt_s / np.asarray(time_constant_s, np.float64))
        found += [np.full(3, decay), sd * np.sqrt(1.0 - decay * decay)]
    keep, kick, keep_reflected, kick_reflected = found
    return keep, kick, keep_reflected, kick_reflected


def _plane(surroundings: Surroundings) -> TangentPlane:
    return _plane_at(surroundings.latitude_rad, surroundings.longitude_rad, surroundings.altitude_m)


@lru_cache(maxsize=16)
def _plane_at(latitude_rad: float, longitude_rad: float, altitude_m: float) -> TangentPlane:
    return TangentPlane(latitude_rad, longitude_rad, altitude_m)


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
