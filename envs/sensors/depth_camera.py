"""The depth camera: how far everything in a picture is, by time of flight or by stereo.

It belongs to the range sensors (`MODALITY`), since what it reports are distances to the outside:
an agent that may use cameras alone must not get metric depth. Errors: see `depth_tof` and
`depth_stereo`. What is not known is 0 and not `valid`, never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.camera_faults import (
    LUMINANCE,
    draw_glass,
    glass_transmission,
    pixel_defects,
)
from fleetloop.envs.sensors.depth_stereo import StereoModel, has_texture, measure_stereo
from fleetloop.envs.sensors.depth_tof import TofModel, measure_tof, tof_amplitude
from fleetloop.envs.sensors.pixel_noise import Key, new_key
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LABELS = ("depth_true_m", "instance", "semantic")

_LEAST_LIGHT = 0.25
"""Stereo pictures through glass that passes less of the light have no contrast to match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCameraConfig(SensorConfig):
    """A depth camera; presets by `depth_presets.depth_preset("realsense_d435")`.

    Its own faults: `blocked_lens` (part of the light that is kept out), `dirty_lens` (opacity of
    the splashes), `dead_pixels` (see `camera_faults`): all of them take valid pixels away.

    Attributes:
        lens: Projection and size; stereo needs a pinhole without distortion, as after rectifying.
        method: `tof` or `stereo`.
        tof, stereo: Error model of each method; the other one is not looked at.
        range_min_m, range_max_m: What is nearer or further along the optical axis is not valid.
        resolution_m: Depth is a multiple of it; 0 leaves it as it is.
        noise: False leaves out random errors, but keeps systematic ones.
        labels: Which of `LABELS` to record: true depth, and what each pixel shows.
    """

    KIND: ClassVar[str] = "depth_camera"
    FAULTS: ClassVar[tuple[str, ...]] = ("blocked_lens", "dirty_lens", "dead_pixels")

    # It looks ahead unless it is mounted otherwise.
    link_T_sensor: Pose = BASE_T_OPTICAL
    lens: Lens = field(default_factory=lambda: Lens.of_fov(320, 240, 1.2))
    method: Literal["tof", "stereo"] = "stereo"
    tof: TofModel = field(default_factory=TofModel)
    stereo: StereoModel = field(default_factory=StereoModel)
    range_min_m: float = 0.2
    range_max_m: float = 10.0
    resolution_m: float = 0.001
    noise: bool = True
    labels: tuple[str, ...] = ()
    rate_hz: float = 10.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        where = f"depth camera {self.name!r}"
        if self.method not in ("tof", "stereo"):
            raise ConfigError(f"method of {where} is {self.method!r}: use tof or stereo.")
        if self.method == "stereo" and (self.lens.model != "pinhole" or any(self.lens.distortion)):
            raise ConfigError(
                f"The {where} matches along rows: give it a pinhole lens without distortion."
            )
        if not 0.0 < self.range_min_m < self.range_max_m <= 1000.0:
            raise ConfigError(
                f"range_min_m {self.range_min_m} and range_max_m {self.range_max_m} of {where}: "
                "use 0 < range_min_m < range_max_m <= 1000."
            )
        if not 0.0 <= self.resolution_m < self.range_max_m:
            raise ConfigError(f"resolution_m of {where} is {self.resolution_m}: use 0 or more.")
        unknown = [name for name in self.labels if name not in LABELS]
        if unknown:
            raise ConfigError(
                f"The {where} knows no label {unknown[0]!r}. Known: {', '.join(LABELS)}."
            )


class DepthCamera:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = DepthCameraConfig
    MODALITY: ClassVar[Modality] = "range"

    def __init__(self, config: DepthCameraConfig) -> None:
        self.config = config
        self._shape = (config.lens.height_px, config.lens.width_px)
        directions = config.lens.directions()
        self._rays = RayGrid(directions)
        # Depth is range times the cosine to the optical axis.
        self._cosine = directions[..., 2] / np.linalg.norm(directions, axis=-1)
        self.schema = _schema(config, self._shape)
        self.scan_s = 0.0

    def initial_state(self, rng: np.random.Generator) -> State:
        """Which pixels die first, and what is on the glass."""
        state: State = {"broken": new_key(rng)}
        return state | draw_glass({fault.kind for fault in self.config.faults}, self._shape, rng)

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view, and that of the right imager for stereo."""
        config, pose = self.config, capture.world_T_sensor
        wanted = {"depth", "range", "hit", *(set(config.labels) & {"instance", "semantic"})}
        if config.method == "tof":
            wanted |= {"incidence", "material"}
            wanted |= {"hdr"} if config.tof.ambient > 0.0 else set()
        elif config.stereo.texture_min > 0.0:
            wanted |= {"incidence", "material", "hdr"}
        # Things beyond the limit return light too: they wrap around, or have a small disparity.
        far_m = 4.0 * config.range_max_m
        left = View(
            rays=self._rays,
            position_m=pose.position_m[None],
            rotation=pose.rotation[None],
            outputs=frozenset(wanted),
            t_max_m=far_m,
            seed=capture.seq,
        )
        if config.method == "tof":
            return [left]
        shift = pose.rotation @ np.array([config.stereo.baseline_m, 0.0, 0.0])
        right = View(
            rays=self._rays,
            position_m=(pose.position_m + shift)[None],
            rotation=pose.rotation[None],
            outputs=frozenset({"depth"}),
            t_max_m=far_m,
        )
        return [left, right]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Turns what the rays hit into depth with its errors."""
        config, images = self.config, traced[0]
        key = new_key(rng) if config.noise else None
        passed = glass_transmission(self._shape, capture.faults, state)
        data: dict[str, npt.NDArray[Any]] = {}
        if config.method == "tof":
            depth_m, amplitude, valid = self._by_flight(capture, images, passed, key)
            data["amplitude"] = amplitude
        else:
            depth_m, valid = self._by_stereo(capture, traced, passed, key)
        if config.resolution_m > 0.0:
            step = np.float32(config.resolution_m)
            depth_m = np.rint(depth_m / step) * step
        valid = valid & (depth_m >= np.float32(config.range_min_m))
        valid &= depth_m <= np.float32(config.range_max_m)
        defects = pixel_defects(capture.faults, state["broken"])
        if defects is not None:
            valid = defects(valid.astype(np.uint8), 1) > 0
        data["depth_m"] = np.where(valid, depth_m, np.float32(0.0)).astype(np.float32)
        data["valid"] = valid
        for name in config.labels:
            data[name] = images["depth" if name == "depth_true_m" else name]
        return data, state

    def _by_flight(
        self, capture: Capture, images: Buffers, passed: Image | None, key: Key | None
    ) -> tuple[Image, Image, Mask]:
        model = self.config.tof
        amplitude = tof_amplitude(
            model,
            images["range"],
            images["incidence"],
            _reflectivity(capture, images),
            images["hit"],
        )
        if passed is not None:
            # Light passes the glass on its way there and back.
            amplitude = amplitude * passed * passed
        daylight = images["hdr"] @ LUMINANCE if "hdr" in images else None
        range_m, seen, valid = measure_tof(model, images["range"], amplitude, daylight, key)
        # In units of the data sheet's line, so that numbers are of the order of one.
        return range_m * self._cosine, seen / np.float32(model.data_sheet_e), valid

    def _by_stereo(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        passed: Image | None,
        key: Key | None,
    ) -> tuple[Image, Mask]:
        model, images = self.config.stereo, traced[0]
        depth_m, valid = measure_stereo(
            model, self.config.lens.fx_px, images["depth"], traced[1]["depth"], key
        )
        valid &= images["hit"]
        if model.texture_min > 0.0:
            valid &= has_texture(
                model,
                images["hdr"] @ LUMINANCE,
                images["depth"],
                _reflectivity(capture, images),
                images["incidence"],
            )
        if passed is not None:
            valid &= passed > np.float32(_LEAST_LIGHT)
        return depth_m, valid


def _reflectivity(capture: Capture, images: Buffers) -> Image:
    """Diffuse reflectivity near 850 to 905 nm of what each pixel shows."""
    assert capture.scene is not None
    return capture.scene.materials.column("lidar_reflectivity")[images["material"]]


def _schema(config: DepthCameraConfig, shape: tuple[int, int]) -> Schema:
    far = 2.0 * config.range_max_m
    fields = {
        "depth_m": Field(
            shape=shape, dtype="float32", unit="m", frame="sensor", low=0.0, high=far,
            doc="Along the optical axis; 0 where it is not valid.",
        ),
        "valid": Field(shape=shape, dtype="bool", unit="1", doc="Whether the depth is known."),
    }  # fmt: skip
    if config.method == "tof":
        fields["amplitude"] = Field(
            shape=shape, dtype="float32", unit="1", low=0.0,
            doc="Of the modulated light, in units of the data sheet's range and reflectivity.",
        )  # fmt: skip
    entries = {
        "depth_true_m": ("float32", "m", 4.0 * config.range_max_m),
        "instance": ("int32", "id", 2.0**31 - 1),
        "semantic": ("uint8", "id", 255.0),
    }
    for name in config.labels:
        dtype, unit, high = entries[name]
        fields[name] = Field(
            shape=shape, dtype=dtype, unit=unit, low=0.0, high=high, privileged=True
        )
    return Schema(fields)
