"""One table of materials, so that all sensors agree about the world.

A row says how a surface looks (linear colour, gloss, pattern), what a 905 nm LiDAR gets back from
it, how it answers radar and sound, and how it grips. Cameras, LiDAR, radar, ultrasonic and tyres
all read the same row.

Sources of the numbers: colours are linear-light albedos after published tables (fresh and worn
asphalt 0.04 and 0.12, concrete 0.55, grass 0.25, brick 0.3: Oke 1987, "Boundary layer climates",
table 1.1). LiDAR reflectivities near 905 nm follow the ECOSTRESS spectral library (vegetation is
bright there: 0.4 to 0.6, asphalt 0.1 to 0.2). Sound absorption at 40 to 58 kHz is small for hard
surfaces and large for cloth and leaves. Friction is that of a summer tyre on the dry surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative, check_positive, check_share
from fleetloop.core.errors import ConfigError
from fleetloop.envs.trace.texture import Texture, TexturePool

Color = tuple[float, float, float]
"""Linear red, green, blue, 0 to 1."""

PATTERNS = (
    "plain",
    "checker",
    "asphalt",
    "road_two_lanes",
    "paving",
    "kerb",
    "brick",
    "facade",
    "roof_tile",
    "grass",
    "foliage",
    "bark",
    "wood",
    "cloth",
    "tile",
    "plaster",
    "skin",
)
"""Procedural looks by name; a material's number is the place in this list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a surface is made of.

    Attributes:
        color: Diffuse albedo, linear RGB, 0 to 1.
        alpha: Opacity; below 1 what is behind shines through, below 0.5 depth looks through it.
        pattern: One of `PATTERNS`, tints `color`.
        pattern_scale_m: Size of the pattern's cell.
        texture: Picture that multiplies `color`, over the shape's uv, or None.
        texture_per_m: Repeats per metre on shapes without uv (planes, boxes).
        specular: Reflectance at normal incidence (Fresnel's F0): 0.04 for dielectrics.
        roughness: Width of highlights, 0 (mirror) to 1.
        emission: Light that it gives off by itself, in units of a white surface in full sun.
        lidar_reflectivity: Diffuse reflectivity near 905 nm, 0 to 1.
        retro: Part of the light that goes back to its source, beyond diffuse; signs 50 and more.
        radar: Radar reflectivity relative to metal, 0 to 1.
        sound_absorption: Part of an ultrasonic pulse's energy that is lost, 0 to 1.
        friction: Of a dry summer tyre on it.
    """

    color: Color = (0.5, 0.5, 0.5)
    alpha: float = 1.0
    pattern: str = "plain"
    pattern_scale_m: float = 1.0
    texture: Texture | None = None
    texture_per_m: float = 1.0
    specular: float = 0.04
    roughness: float = 0.8
    emission: Color = (0.0, 0.0, 0.0)
    lidar_reflectivity: float = 0.3
    retro: float = 0.0
    radar: float = 0.2
    sound_absorption: float = 0.05
    friction: float = 0.8

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise ConfigError(
                f"The pattern {self.pattern!r} of a material is none of: {', '.join(PATTERNS)}."
            )
        parts = ("alpha", "specular", "roughness", "lidar_reflectivity", "radar",
                 "sound_absorption")  # fmt: skip
        check_share(self, "a material", *parts)
        if len(self.color) != 3 or not all(0.0 <= c <= 1.0 for c in self.color):
            raise ConfigError(f"The color of a material is {self.color}: use three numbers 0 to 1.")
        if len(self.emission) != 3 or not all(c >= 0.0 for c in self.emission):
            raise ConfigError(f"The emission of a material is {self.emission}: use numbers >= 0.")
        check_positive(self, "a material", "pattern_scale_m", "texture_per_m", infinite=True)
        check_not_negative(self, "a material", "retro", "friction", infinite=True)


# Columns of MaterialTable.shading, float32.
COLOR = 0  # 3
ALPHA = 3
SPECULAR = 4
ROUGHNESS = 5
EMISSION = 6  # 3
PATTERN_SCALE = 9  # 1 / metres
TEXTURE_PER_M = 10
MATERIAL_COLUMNS = 12

# Columns of MaterialTable.looks, int32.
PATTERN = 0
TEXTURE = 1  # row of the texture pool, -1 without
LOOK_COLUMNS = 2


@dataclass(slots=True)
class MaterialTable:
    """The materials of a scene, as rows; row 0 is the default material.

    Attributes:
        textures: Pictures that the rows use.
    """

    textures: TexturePool = field(default_factory=TexturePool)
    _materials: list[Material] = field(default_factory=lambda: [Material()])
    _row_of: dict[Material, int] = field(default_factory=lambda: {Material(): 0})
    _arrays: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def copy(self) -> MaterialTable:
        """An independent table with the same rows."""
        return MaterialTable(
            self.textures.copy(), list(self._materials), dict(self._row_of), dict(self._arrays)
        )

    def add(self, material: Material) -> int:
        """Returns the row of a material, adding it if it is new."""
        row = self._row_of.get(material)
        if row is None:
            row = len(self._materials)
            self._row_of[material] = row
            self._materials.append(material)
            self._arrays.clear()
        return row

    def __len__(self) -> int:
        return len(self._materials)

    def __getitem__(self, row: int) -> Material:
        return self._materials[row]

    @property
    def shading(self) -> npt.NDArray[np.float32]:
        """(rows, MATERIAL_COLUMNS): what the shading kernels read."""
        return self._array("shading", self._shading_rows)

    @property
    def looks(self) -> npt.NDArray[np.int32]:
        """(rows, LOOK_COLUMNS): pattern and texture."""
        return self._array("looks", self._look_rows)

    @property
    def alpha(self) -> npt.NDArray[np.float32]:
        """(rows,) opacity."""
        return self.shading[:, ALPHA]

    def column(self, name: str) -> npt.NDArray[np.float32]:
        """One number of every material, (rows,): `lidar_reflectivity`, `retro`, `radar` ...

        Raises:
            ConfigError: Materials have no such number.
        """
        if name not in Material.__dataclass_fields__ or name in ("color", "texture", "pattern"):
            raise ConfigError(f"Materials have no number called {name!r}.")
        return self._array(
            name, lambda: np.array([getattr(m, name) for m in self._materials], np.float32)
        )

    def _array(self, name: str, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        found = self._arrays.get(name)
        if found is None:
            found = make()
            found.setflags(write=False)
            self._arrays[name] = found
        return found

    def _shading_rows(self) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(self._materials), MATERIAL_COLUMNS), dtype=np.float32)
        for row, m in zip(rows, self._materials, strict=True):
            row[COLOR : COLOR + 3] = m.color
            row[ALPHA], row[SPECULAR], row[ROUGHNESS] = m.alpha, m.specular, m.roughness
            row[EMISSION : EMISSION + 3] = m.emission
            row[PATTERN_SCALE] = 1.0 / m.pattern_scale_m
            row[TEXTURE_PER_M] = m.texture_per_m
        return rows

    def _look_rows(self) -> npt.NDArray[np.int32]:
        rows = np.full((len(self._materials), LOOK_COLUMNS), -1, dtype=np.int32)
        for row, m in zip(rows, self._materials, strict=True):
            row[PATTERN] = PATTERNS.index(m.pattern)
            row[TEXTURE] = -1 if m.texture is None else self.textures.add(m.texture)
        return rows
