"""Materials of a town, by name."""

from __future__ import annotations

from dataclasses import replace

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.scenery.pile import Skin
from fleetloop.envs.trace.material import Color
from fleetloop.envs.trace.material_presets import MATERIALS

WALLS: tuple[Color, ...] = (
    (0.66, 0.58, 0.44), (0.50, 0.20, 0.13), (0.72, 0.70, 0.65), (0.40, 0.44, 0.48),
    (0.68, 0.50, 0.27), (0.50, 0.56, 0.44), (0.60, 0.39, 0.31), (0.74, 0.68, 0.52),
)  # fmt: skip
ROOFS: tuple[Color, ...] = ((0.26, 0.08, 0.045), (0.07, 0.07, 0.08), (0.17, 0.11, 0.07))
LEAVES: tuple[Color, ...] = ((0.050, 0.092, 0.020), (0.062, 0.100, 0.018), (0.036, 0.080, 0.026))
AWNINGS: tuple[Color, ...] = ((0.35, 0.03, 0.03), (0.03, 0.16, 0.08), (0.04, 0.08, 0.25),
                              (0.55, 0.40, 0.10))  # fmt: skip


def skin(
    preset: str,
    semantic: SemanticClass,
    *,
    color: Color | None = None,
    smooth: bool = False,
    variant: int = 0,
    name: str = "",
) -> Skin:
    """A skin of a preset material, in another colour if given."""
    material = MATERIALS.get(preset)
    if color is not None:
        material = replace(material, color=color)
        name = name or f"{preset} {color[0]:.3f} {color[1]:.3f} {color[2]:.3f}"
    return Skin(name=name or preset, material=material, semantic=semantic, smooth=smooth,
                variant=variant)  # fmt: skip


ASPHALT = skin("asphalt", SemanticClass.ROAD)
KERB = skin("kerb", SemanticClass.KERB)
PAVING = skin("paving", SemanticClass.SIDEWALK)
VERGE = skin("grass", SemanticClass.TERRAIN)
PLAZA = skin("concrete", SemanticClass.TERRAIN)
WHITE = skin("lane_paint_white", SemanticClass.LANE_MARK, color=(0.66, 0.66, 0.64))
YELLOW = skin("lane_paint_yellow", SemanticClass.LANE_MARK, color=(0.62, 0.42, 0.05))
BARK = skin("bark", SemanticClass.VEGETATION)
HEDGE = skin("foliage", SemanticClass.VEGETATION, color=(0.034, 0.066, 0.018), name="hedge")
POST = skin("metal_painted", SemanticClass.POLE)
METAL = skin("metal", SemanticClass.POLE)
LAMP_GLASS = skin("lamp", SemanticClass.POLE)
HOUSING = skin("plastic_black", SemanticClass.TRAFFIC_LIGHT)
FLAT_ROOF = skin("concrete", SemanticClass.BUILDING, color=(0.17, 0.17, 0.17), name="flat roof")
SHOP_GLASS = skin("glass_dark", SemanticClass.BUILDING)
FENCE = skin("wood", SemanticClass.FENCE)
