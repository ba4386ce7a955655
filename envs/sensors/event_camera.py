"""The event camera: a list of the instants at which pixels became brighter or darker.

A sample holds the events of one period, in order, in arrays of fixed size with a mask, so that a
Gymnasium space and a log can hold them; what does not fit is counted as lost, as on a saturated
bus. Pixels: see `event_pixels`. Light in between is traced at `sub_frames` instants of the period,
from where the camera was; moving things are carried back by their velocities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import (
    Buffers,
    Capture,
    Fault,
    Modality,
    SensorConfig,
    State,
)
from fleetloop.envs.sensors.camera_faults import (
    LUMINANCE,
    MOST_DEAD,
    MOST_HOT,
    draw_glass,
    through_glass,
)
from fleetloop.envs.sensors.event_pixels import (
    DEAD,
    HOT,
    WORKS,
    Events,
    PixelModel,
    Pixels,
    empty_events,
    fire,
    in_order,
    start_pixels,
)
from fleetloop.envs.sensors.pixel_noise import Key, new_key, uniform_image
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCameraConfig(SensorConfig):
    """An event camera.

    Its own faults: `blocked_lens` and `dirty_lens` as of cameras, `dead_pixels` that never fire,
    `hot_pixels` that fire in every sub-frame.

    Attributes:
        lens: Projection and size.
        pixels: Thresholds and noise.
        sub_frames: Instants per period at which light is traced.
        capacity: Most events that a sample holds.
        histogram: Whether samples also hold the number of events of each pixel.
        noise: False leaves out leakage and shot noise, but keeps the thresholds' mismatch.
        antialias: Smooth edges, so that light changes gradually as they pass.
        log_light: Whether to record the logarithm of light at the end, as a label.
        near_m, far_m: What is nearer or further is not seen.
    """

    KIND: ClassVar[str] = "event_camera"
    FAULTS: ClassVar[tuple[str, ...]] = ("blocked_lens", "dirty_lens", "dead_pixels", "hot_pixels")

    # It looks ahead unless it is mounted otherwise.
    link_T_sensor: Pose = BASE_T_OPTICAL
    lens: Lens = field(default_factory=lambda: Lens.of_fov(320, 240, 1.2))
    pixels: PixelModel = field(default_factory=PixelModel)
    sub_frames: int = 10
    capacity: int = 100_000
    histogram: bool = False
    noise: bool = True
    antialias: bool = True
    log_light: bool = False
    near_m: float = 0.02
    far_m: float = 1000.0
    rate_hz: float = 20.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        where = f"event camera {self.name!r}"
        if not 1 <= self.sub_frames <= 1000:
            raise ConfigError(f"sub_frames of {where} is {self.sub_frames}: use 1 to 1000.")
        if not 1 <= self.capacity <= 50_000_000:
            raise ConfigError(f"capacity of {where} is {self.capacity}: use 1 to 50 million.")
        if not 0.0 < self.near_m < self.far_m:
            raise ConfigError(
                f"near_m {self.near_m} and far_m {self.far_m} of {where}: use 0 < near_m < far_m."
            )


class EventCamera:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = EventCameraConfig
    MODALITY: ClassVar[Modality] = "camera"

    def __init__(self, config: EventCameraConfig) -> None:
        self.config = config
        self._shape = (config.lens.height_px, config.lens.width_px)
        self._model = config.pixels
        if not config.noise:
            self._model = replace(config.pixels, leak_hz=0.0, shot_hz=0.0)
        self._rays = RayGrid(config.lens.directions())
        self.schema = _schema(config, self._shape)
        self.scan_s = 1.0 / config.rate_hz
        # Ends of the sub-intervals; the period before has taken care of its begin.
        self._ends_s = self.scan_s * ((np.arange(config.sub_frames) + 1.0) / config.sub_frames - 1)

    def initial_state(self, rng: np.random.Generator) -> State:
        """This piece of silicon, and what is on the glass."""
        state: State = {
            "silicon": new_key(rng),
            "broken": new_key(rng),
            "started": np.zeros(1, dtype=bool),
        }
        return state | draw_glass({fault.kind for fault in self.config.faults}, self._shape, rng)

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view per sub-frame; the first capture also looks at the begin of its period."""
        times_s = self._ends_s
        if not state["started"][0]:
            times_s = np.concatenate([[-self.scan_s], times_s])
        position, rotation = capture.path.at(times_s)
        return [
            View(
                rays=self._rays,
                position_m=position[k : k + 1],
                rotation=rotation[k : k + 1],
                outputs=frozenset({"hdr"}),
                time_offset_s=times_s[k : k + 1],
                t_min_m=self.config.near_m,
                t_max_m=self.config.far_m,
                antialias=self.config.antialias,
                seed=capture.seq,
            )
            for k in range(len(times_s))
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Lets all pixels follow the light through the period."""
        config = self.config
        lights = [
            through_glass(images["hdr"], capture.faults, state) @ LUMINANCE for images in traced
        ]
        key = new_key(rng)
        if state["started"][0]:
            kept = (state[f"pixel_{name}"].copy() for name in Pixels._fields)
            pixels = Pixels(*kept)
        else:
            stagger = key if config.noise else None
            pixels = start_pixels(config.pixels, lights.pop(0), state["silicon"], stagger)
        kinds = _kinds(self._shape, capture.faults, state["broken"])
        events = empty_events(config.capacity, self._shape)
        begin_s = -self.scan_s
        for number, (end_s, light) in enumerate(zip(self._ends_s, lights, strict=True)):
            own = np.array([key[0], key[1] ^ np.uint32(number + 1)], np.uint32)
            interval_s = (begin_s, float(end_s))
            fire(self._model, light, interval_s, pixels, kinds, state["silicon"], own, events)
            begin_s = float(end_s)
        data = self._report(in_order(events))
        if config.log_light:
            dark = np.float32(config.pixels.dark_light)
            data["log_light"] = np.log(lights[-1] + dark).astype(np.float32)
        # The next period counts its times from its own end.
        pixels.rested_s[...] -= np.float32(self.scan_s)
        changed = {f"pixel_{name}": array for name, array in pixels._asdict().items()}
        return data, {**state, **changed, "started": np.ones(1, dtype=bool)}

    def _report(self, events: Events) -> dict[str, npt.NDArray[Any]]:
        """The events in arrays of fixed size."""
        stored, lost = events.counts.tolist()
        data: dict[str, npt.NDArray[Any]] = {}
        # Rounding to microseconds, the clock of such cameras, must not leave the period.
        time_s = np.minimum(np.rint(events.time_s.astype(np.float64) * 1e6) * 1e-6, 0.0)
        columns = {
            "x": events.x,
            "y": events.y,
            "polarity": events.polarity,
            "time_offset_s": time_s.astype(np.float32),
            "valid": np.ones(stored, np.bool_),
        }
        for name, values in columns.items():
            data[name] = np.zeros(self.config.capacity, values.dtype)
            data[name][:stored] = values
        data["count"] = np.array([stored], np.int32)
        data["lost"] = np.array([lost], np.int32)
        if self.config.histogram:
            data["histogram"] = events.histogram
        return data


def _kinds(shape: tuple[int, int], faults: Mapping[str, Fault], key: Key) -> npt.NDArray[np.uint8]:
    """Which pixels work, (height, width)."""
    kinds = np.full(shape, WORKS, np.uint8)
    if "dead_pixels" in faults or "hot_pixels" in faults:
        drawn = uniform_image(key, shape)
        # The most likely to be dead are at one end, the most likely to be hot at the other.
        if "dead_pixels" in faults:
            kinds[drawn < MOST_DEAD * faults["dead_pixels"].severity] = DEAD
        if "hot_pixels" in faults:
            kinds[drawn > 1.0 - MOST_HOT * faults["hot_pixels"].severity] = HOT
    return kinds


def _schema(config: EventCameraConfig, shape: tuple[int, int]) -> Schema:
    n = (config.capacity,)
    fields = {
        "x": Field(shape=n, dtype="uint16", unit="px", frame="sensor", high=float(shape[1] - 1)),
        "y": Field(shape=n, dtype="uint16", unit="px", frame="sensor", high=float(shape[0] - 1)),
        "polarity": Field(shape=n, dtype="bool", unit="1", doc="True where it became brighter."),
        "time_offset_s": Field(
            shape=n, dtype="float32", unit="s", low=-1.0 / config.rate_hz - 1e-6, high=0.0,
            doc="Relative to the capture, in order, to the microsecond.",
        ),
        "valid": Field(shape=n, dtype="bool", unit="1", doc="The first `count` are events."),
        "count": Field(shape=(1,), dtype="int32", unit="1", low=0.0, high=float(config.capacity)),
        "lost": Field(
            shape=(1,), dtype="int32", unit="1", low=0.0, doc="Events for which there was no room."
        ),
    }  # fmt: skip
    if config.histogram:
        fields["histogram"] = Field(
            shape=(*shape, 2), dtype="uint16", unit="1",
            doc="Events of each pixel, lost ones too: darker, brighter.",
        )  # fmt: skip
    if config.log_light:
        fields["log_light"] = Field(
            shape=shape, dtype="float32", unit="1", low=-30.0, high=30.0,
            doc="Natural logarithm of light plus dark light at the end.", privileged=True,
        )  # fmt: skip
    return Schema(fields)
