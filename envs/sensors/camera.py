"""The colour camera: a lens over an imager, with an exposure loop, rolling shutter and labels.

Labels (depth, masks, normals, flow) come from the same rays at the same instant as the picture, so
they are aligned with it pixel by pixel, and are privileged: recorded, never observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State
from fleetloop.envs.sensors.imager import ImagerConfig, expose, fixed_pattern
from fleetloop.envs.trace.raygrid import RayGrid
from fleetloop.envs.trace.view import View

LABELS: dict[str, tuple[str, int, str, str, float, float]] = {
    "depth_m": ("float32", 0, "m", "sensor", 0.0, 1e4),
    "instance": ("int32", 0, "id", "", 0.0, 2**31 - 1),
    "semantic": ("uint8", 0, "id", "", 0.0, 255.0),
    "normal": ("float32", 3, "1", "world", -1.0, 1.0),
    "hit": ("bool", 0, "1", "", 0.0, 1.0),
}
"""Labels that a camera can carry: dtype, channels, unit, frame, bounds."""

_TRACED = {"depth_m": "depth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig(SensorConfig):
    """A camera.

    Attributes:
        lens: Projection and size.
        imager: Noise and digits.
        auto_exposure: Whether the gain follows the light; else it stays at `gain`.
        gain: Exposure times gain at the start, and for good without the loop.
        target_level: Mean linear level that the exposure loop aims at, 0 to 1.
        adaptation: Part of the way to the target that the loop goes in each frame, 0 to 1.
        readout_s: From the first to the last row of a rolling shutter; 0 is a global shutter.
        antialias: Smooth edges.
        labels: Which of `LABELS` to record beside the picture.
        near_m, far_m: What is nearer or further is not seen.
    """

    KIND: ClassVar[str] = "camera"
    FAULTS: ClassVar[tuple[str, ...]] = ("blocked_lens", "dirty_lens", "dead_pixels")

    lens: Lens = field(default_factory=lambda: Lens.of_fov(320, 240, 1.2))
    imager: ImagerConfig = field(default_factory=ImagerConfig)
    auto_exposure: bool = True
    gain: float = 1.0
    target_level: float = 0.20
    adaptation: float = 0.35
    readout_s: float = 0.0
    antialias: bool = False
    labels: tuple[str, ...] = ()
    near_m: float = 0.02
    far_m: float = 1000.0
    rate_hz: float = 10.0

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        unknown = [name for name in self.labels if name not in LABELS]
        if unknown:
            raise ConfigError(
                f"The camera {self.name!r} knows no label {unknown[0]!r}. Known: "
                f"{', '.join(LABELS)}."
            )
        if not 0.0 < self.near_m < self.far_m:
            raise ConfigError(
                f"near_m {self.near_m} and far_m {self.far_m} of camera {self.name!r}: use "
                "0 < near_m < far_m."
            )
        for name in ("gain", "target_level"):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"{name} of camera {self.name!r} must be positive.")
        if not 0.0 < self.adaptation <= 1.0:
            raise ConfigError(f"adaptation of camera {self.name!r}: use above 0 to 1.")
        if not 0.0 <= self.readout_s < 1.0 / self.rate_hz:
            raise ConfigError(
                f"readout_s of camera {self.name!r} is {self.readout_s}: use 0 to below the period "
                f"of {1.0 / self.rate_hz:.4g} s."
            )


class Camera:
    """See the module."""

    CONFIG: ClassVar[type[SensorConfig]] = CameraConfig
    MODALITY: ClassVar[Modality] = "camera"

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        self._shape = (config.lens.height_px, config.lens.width_px)
        self._rays = _rays(config)
        self.schema = _schema(config)
        self.scan_s = config.readout_s
        # A rolling shutter reads the last row at the reference instant.
        slots = self._rays.n_slots
        self._row_offset_s = -config.readout_s * (1.0 - (np.arange(slots) + 0.5) / slots)

    def initial_state(self, rng: np.random.Generator) -> State:
        """Fixed pattern and dead pixels of this piece of silicon, and the start of the gain."""
        sensitivity, offset = fixed_pattern(self.config.imager, self._shape, rng)
        return {
            "sensitivity": sensitivity,
            "offset_e": offset,
            "weak": rng.random(self._shape, dtype=np.float32),
            "dirt": _dirt(self._shape, rng),
            "gain": np.array([self.config.gain]),
            "started": np.zeros(1, dtype=bool),
        }

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """One view; with a rolling shutter each row of tiles has its own pose and time."""
        pose = capture.world_T_sensor
        rolling = self.config.readout_s > 0.0
        position, rotation = pose.position_m[None], pose.rotation[None]
        if rolling:
            position, rotation = capture.path.at(self._row_offset_s)
        wanted = {"hdr", *(_TRACED.get(name, name) for name in self.config.labels)}
        return [
            View(
                rays=self._rays,
                position_m=position,
                rotation=rotation,
                outputs=frozenset(wanted),
                time_offset_s=self._row_offset_s if rolling else None,
                t_min_m=self.config.near_m,
                t_max_m=self.config.far_m,
                antialias=self.config.antialias,
                seed=capture.seq,
            )
        ]

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Exposes the picture and adds the labels."""
        images = traced[0]
        light = _through_dirt(images["hdr"], capture, state)
        gain, following = self._gains(light, state)
        pattern = (state["sensitivity"], state["offset_e"])
        rgb = expose(self.config.imager, light, gain, pattern, rng)
        if "dead_pixels" in capture.faults:
            # At severity 1 one pixel in fifty is dead; which ones follows from the seed.
            dead = state["weak"] < 0.02 * capture.faults["dead_pixels"].severity
            rgb = np.where(dead[..., None], np.uint8(0), rgb)
        data: dict[str, npt.NDArray[Any]] = {"rgb": rgb}
        for name in self.config.labels:
            data[name] = images[_TRACED.get(name, name)]
        changed = {"gain": np.array([following]), "started": np.ones(1, dtype=bool)}
        return data, {**state, **changed}

    def _gains(self, light: npt.NDArray[np.float32], state: State) -> tuple[float, float]:
        """Gain of this frame and of the next: a proportional loop on the logarithm of the level."""
        gain = float(state["gain"][0])
        if not self.config.auto_exposure:
            return gain, gain
        level = max(float(light[::4, ::4].mean(dtype=np.float64)), 1e-6)
        wanted = self.config.target_level / level
        if not state["started"][0]:
            # Real cameras have adapted long before a recording begins.
            return wanted, wanted
        following = gain * (wanted / gain) ** self.config.adaptation
        return gain, float(np.clip(following, 1e-3, 1e4))


def _rays(config: CameraConfig) -> RayGrid:
    directions = config.lens.directions()
    if config.readout_s == 0.0:
        return RayGrid(directions, tile=(8, 16))
    rows = -(-config.lens.height_px // 1)
    columns = -(-config.lens.width_px // 128)
    slots = np.repeat(np.arange(rows)[:, None], columns, axis=1)
    return RayGrid(directions, tile=(1, 128), slot_of_tile=slots, n_slots=rows)


def _schema(config: CameraConfig) -> Schema:
    height, width = config.lens.height_px, config.lens.width_px
    fields = {
        "rgb": Field(
            shape=(height, width, 3), dtype="uint8", unit="sRGB" if config.imager.gamma else "1",
            frame="sensor", doc="The picture, top row first.",
        )
    }  # fmt: skip
    for name in config.labels:
        dtype, channels, unit, frame, low, high = LABELS[name]
        fields[name] = Field(
            shape=(height, width, channels) if channels else (height, width), dtype=dtype,
            unit=unit, frame=frame, low=low, high=high, privileged=True,
        )  # fmt: skip
    return Schema(fields)


def _dirt(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Blurred splashes on the front glass: 0 clean, 1 opaque, (height, width)."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    size = float(max(shape))
    dirt = np.zeros(shape, dtype=np.float32)
    for _ in range(24):
        row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        radius = rng.uniform(0.01, 0.06) * size
        square = ((rows - row) ** 2 + (columns - column) ** 2) / radius**2
        dirt = np.maximum(dirt, np.exp(-(square**1.5)).astype(np.float32))
    return dirt


def _through_dirt(
    light: npt.NDArray[np.float32], capture: Capture, state: State
) -> npt.NDArray[np.float32]:
    """What passes a dirty or blocked front glass; splashes glow with the light around them."""
    if "dirty_lens" in capture.faults:
        cover = capture.faults["dirty_lens"].severity * state["dirt"][..., None]
        veil = np.float32(0.35) * light.mean(axis=(0, 1), dtype=np.float32)
        light = light + cover.astype(np.float32) * (veil - light)
    if "blocked_lens" in capture.faults:
        # Whatever passed at severity 1, the exposure loop would bring back to a clean picture.
        light = light * np.float32(1.0 - capture.faults["blocked_lens"].severity)
    return light
