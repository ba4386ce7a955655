"""The colour camera: a lens and its glass over an imager, with shutter, exposure loop and labels.

    rays at their own times -> mean over the exposure -> glass and lens -> imager -> picture

Labels (depth, masks, normals, flow) come from the same rays at the same instants as the picture, so
they are aligned with it pixel by pixel. Options that are off cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.camera_faults import (
    GLASS_FAULTS,
    PIXEL_FAULTS,
    draw_glass,
    pixel_defects,
    through_glass,
)
from fleetloop.envs.sensors.camera_labels import (
    FARTHEST_M,
    LABELS,
    check_labels,
    label_field,
)
from fleetloop.envs.sensors.exposure import (
    ExposureConfig,
    Setting,
    adapted_setting,
    next_setting,
)
from fleetloop.envs.sensors.imager import ImagerConfig, develop, level_of
from fleetloop.envs.sensors.optics import Optics, falloff, through_optics
from fleetloop.envs.sensors.pixel_noise import new_key
from fleetloop.envs.sensors.shutter import (
    ROWS_PER_POSE,
    exposure_offsets_s,
    row_offsets_s,
    shutter_rays,
)
from fleetloop.envs.trace.rows import ScenePoses
from fleetloop.envs.trace.view import FLOW_OUTPUTS, View

Light = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig(SensorConfig):
    """A camera.

    Its own faults: see `camera_faults`.

    Attributes:
        lens: Projection and size.
        optics: Dark corners and coloured edges.
        imager: Noise, digits, mosaic, tone.
        exposure: Time and gain, and the loop that sets them.
        readout_s: From the first to the last row of a rolling shutter; 0 is a global shutter.
        rows_per_pose: How many rows of a rolling shutter share an instant: 1, 2, 4 or 8.
        blur_samples: Sub-frames over the exposure that make motion blur; an odd number, so that
            labels belong to its middle. 1 takes an instant, and costs rise with it.
        antialias: Smooth edges.
        labels: Which of `camera_labels.LABELS` to record beside the picture.
        report_exposure: Whether samples hold `exposure_s` and `gain`.
        near_m, far_m: What is nearer or further is not seen.
    """

    KIND: ClassVar[str] = "camera"
    FAULTS: ClassVar[tuple[str, ...]] = (*GLASS_FAULTS, *PIXEL_FAULTS)

    lens: Lens = field(default_factory=lambda: Lens.of_fov(320, 240, 1.2))
    optics: Optics = field(default_factory=Optics)
    imager: ImagerConfig = field(default_factory=ImagerConfig)
    exposure: ExposureConfig = field(default_factory=ExposureConfig)
    readout_s: float = 0.0
    rows_per_pose: int = 1
    blur_samples: int = 1
    antialias: bool = True
    labels: tuple[str, ...] = ()
    report_exposure: bool = False
    near_m: float = 0.02
    far_m: float = 1000.0
    rate_hz: float = 10.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_labels(self.labels, self.name)
        if not 0.0 < self.near_m < self.far_m <= FARTHEST_M:
            raise ConfigError(
                f"near_m {self.near_m} and far_m {self.far_m} of camera {self.name!r}: use "
                f"0 < near_m < far_m <= {FARTHEST_M:g}."
            )
        if not 0.0 <= self.readout_s < 1.0 / self.rate_hz:
            raise ConfigError(
                f"readout_s of camera {self.name!r} is {self.readout_s}: use 0 to below the period "
                f"of {1.0 / self.rate_hz:.4g} s."
            )
        if self.rows_per_pose not in ROWS_PER_POSE:
            raise ConfigError(
                f"rows_per_pose of camera {self.name!r} is {self.rows_per_pose}: use one of "
                f"{ROWS_PER_POSE}."
            )
        if not 1 <= self.blur_samples <= 65 or self.blur_samples % 2 == 0:
            raise ConfigError(
                f"blur_samples of camera {self.name!r} is {self.blur_samples}: use an odd number "
                "from 1 to 65."
            )
        start_s = self.exposure.exposure_s
        if not self.exposure.shortest_s <= self.exposure_room_s or start_s > self.exposure_room_s:
            raise ConfigError(
                f"The exposure of camera {self.name!r} takes {start_s} s, and its rate and readout "
                f"leave {self.exposure_room_s:.4g} s: use a shorter one."
            )

    @property
    def exposure_room_s(self) -> float:
        """The longest exposure for which rate and readout leave time."""
        return 1.0 / self.rate_hz - self.readout_s

    @property
    def longest_exposure_s(self) -> float:
        """What a capture takes for its exposure at most."""
        if not self.exposure.auto:
            return self.exposure.exposure_s
        longest_s = max(self.exposure.longest_s, self.exposure.exposure_s)
        return min(longest_s, self.exposure_room_s)


class Camera:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = CameraConfig
    MODALITY: ClassVar[Modality] = "camera"

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        lens = config.lens
        self._shape = (lens.height_px, lens.width_px)
        self._rays = shutter_rays(lens, config.readout_s, config.rows_per_pose)
        self._row_offset_s = row_offsets_s(lens, config.readout_s, config.rows_per_pose)
        self._falloff = None if config.optics.is_perfect else falloff(config.optics, lens)
        self._labels = {name: LABELS[name].output for name in config.labels}
        self.schema = _schema(config)
        # Without motion blur a picture is an instant, however long its light was gathered.
        blurs = config.blur_samples > 1
        self.scan_s = config.readout_s + (config.longest_exposure_s if blurs else 0.0)

    def initial_state(self, rng: np.random.Generator) -> State:
        """This piece of silicon, what is on the glass, and the start of the exposure."""
        start = self.config.exposure
        state: State = {
            "silicon": new_key(rng),
            "broken": new_key(rng),
            "setting": np.array([start.exposure_s, start.gain, 0.0]),
            "started": np.zeros(1, dtype=bool),
        }
        kinds = {fault.kind for fault in self.config.faults}
        return state | draw_glass(kinds, self._shape, rng)

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view per sub-frame; with a rolling shutter each row has its own pose and time."""
        offsets_s = exposure_offsets_s(float(state["setting"][0]), self.config.blur_samples)
        middle = len(offsets_s) // 2
        return [
            self._view(capture, state, offset_s, with_labels=number == middle)
            for number, offset_s in enumerate(offsets_s)
        ]

    def _view(self, capture: Capture, state: State, offset_s: float, *, with_labels: bool) -> View:
        row_offset_s = self._row_offset_s + offset_s
        position, rotation = _poses(capture, row_offset_s)
        labels = frozenset(self._labels.values() if with_labels else ())
        before: dict[str, Any] = {}
        if labels & FLOW_OUTPUTS:
            before = {"previous_position_m": position, "previous_rotation": rotation}
            if "last_position_m" in state:
                before["previous_position_m"] = state["last_position_m"]
                before["previous_rotation"] = state["last_rotation"]
                before["previous_poses"] = ScenePoses(
                    *(state[f"last_scene_{name}"] for name in ScenePoses._fields)
                )
            elif capture.scene is not None:
                before["previous_poses"] = capture.scene.poses()
        return View(
            rays=self._rays,
            position_m=position,
            rotation=rotation,
            outputs=labels | {"hdr"},
            time_offset_s=row_offset_s,
            t_min_m=self.config.near_m,
            t_max_m=self.config.far_m,
            antialias=self.config.antialias,
            seed=capture.seq,
            **before,
        )

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Exposes the picture and adds the labels."""
        config = self.config
        light = through_glass(_mean_light(traced), capture.faults, state)
        if self._falloff is not None:
            light = through_optics(config.optics, config.lens, self._falloff, light)
        now, following = self._settings(light, state)
        picture = develop(
            config.imager,
            light,
            now.exposure_s,
            now.gain,
            state["silicon"],
            new_key(rng),
            pixel_defects(capture.faults, state["broken"]),
        )
        data: dict[str, npt.NDArray[Any]] = {_picture_name(config): picture}
        if config.report_exposure:
            data["exposure_s"] = np.array([now.exposure_s], np.float32)
            data["gain"] = np.array([now.gain], np.float32)
        labelled = traced[len(traced) // 2]
        for name, output in self._labels.items():
            data[name] = labelled[output]
        setting = np.array([following.exposure_s, following.gain, following.is_settled], float)
        changed = {"setting": setting, "started": np.ones(1, dtype=bool)}
        return data, {**state, **changed, **self._moment(capture, now.exposure_s)}

    def _moment(self, capture: Capture, exposure_s: float) -> State:
        """Where camera and shapes are now, which the flow of the next picture starts from."""
        if FLOW_OUTPUTS.isdisjoint(self._labels.values()) or capture.scene is None:
            return {}
        offsets_s = exposure_offsets_s(exposure_s, self.config.blur_samples)
        offset_s = self._row_offset_s + offsets_s[len(offsets_s) // 2]
        position, rotation = _poses(capture, offset_s)
        poses = capture.scene.poses()._asdict()
        return {
            "last_position_m": position,
            "last_rotation": rotation,
            **{f"last_scene_{name}": array for name, array in poses.items()},
        }

    def _settings(self, light: Light, state: State) -> tuple[Setting, Setting]:
        """What this frame and the next one are taken with."""
        loop, room_s = self.config.exposure, self.config.exposure_room_s
        exposure_s, gain, settled = state["setting"].tolist()
        now = Setting(exposure_s=exposure_s, gain=gain, is_settled=bool(settled))
        if not loop.auto:
            return now, now
        imager = self.config.imager
        if not state["started"][0]:
            # Real cameras have adapted long before a recording begins. (The motion blur of this
            # one frame is that of the exposure at the start: the light is known after its rays.)
            adapted = adapted_setting(loop, lambda s: level_of(imager, light, s, 1.0), room_s)
            return adapted, adapted
        level = level_of(imager, light, now.exposure_s, now.gain)
        return now, next_setting(loop, now, level, room_s)


def _poses(capture: Capture, offset_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where the camera was at some times, (n, 3) and (n, 3, 3)."""
    if offset_s.any():
        return capture.path.at(offset_s)
    pose = capture.world_T_sensor
    return pose.position_m[None], pose.rotation[None]


def _mean_light(traced: Sequence[Buffers]) -> Light:
    """Mean of the sub-frames in linear light."""
    light: Light = traced[0]["hdr"]
    if len(traced) == 1:
        return light
    total = light.copy()
    for images in traced[1:]:
        total += images["hdr"]
    total *= np.float32(1.0 / len(traced))
    return total


def _picture_name(config: CameraConfig) -> str:
    return "raw" if config.imager.mosaic == "raw" else "rgb"


def _schema(config: CameraConfig) -> Schema:
    height, width = config.lens.height_px, config.lens.width_px
    imager = config.imager
    raw = imager.mosaic == "raw"
    fields = {
        _picture_name(config): Field(
            shape=(height, width) if raw else (height, width, 3),
            dtype=np.dtype(imager.dtype).name,
            unit="sRGB" if imager.tone == "srgb" and not raw else "1",
            frame="sensor", low=0.0, high=float(imager.top),
            doc="RGGB mosaic, top row first." if raw else "The picture, top row first.",
        )
    }  # fmt: skip
    if config.report_exposure:
        fields["exposure_s"] = Field(shape=(1,), dtype="float32", unit="s", low=0.0, high=10.0)
        fields["gain"] = Field(shape=(1,), dtype="float32", unit="1", low=0.0, high=1e4)
    fields |= {name: label_field(name, height, width) for name in config.labels}
    return Schema(fields)
