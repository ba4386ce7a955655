"""What kind of town is made."""

from __future__ import annotations

from dataclasses import dataclass

from fleetloop.core.checks import check_share
from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import check_seed

LAYOUTS = ("any", "grid", "radial")
MAX_BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TownConfig:
    """A town.

    Attributes:
        seed: All that is random follows from it.
        blocks_x, blocks_y: Size in blocks; for a radial town their mean is the number of rings.
        block_m: Mean length of a block; 4 x 4 of 105 m are a town of about 0.5 x 0.5 km.
        layout: `grid` (bent and with streets missing), `radial` (rings and spokes around a park),
            or `any`, which the seed decides.
        left_hand: Whether traffic keeps to the left.
        bend: How much streets wind: 0 straight, 1 the most.
        missing: Part of the residential streets that is left out or cut to dead ends.
        roundabouts: Part of the junctions between collectors that become roundabouts.
        building_density: Part of the building sites that are built on.
    """

    seed: int = 0
    blocks_x: int = 3
    blocks_y: int = 3
    block_m: float = 105.0
    layout: str = "any"
    left_hand: bool = False
    bend: float = 0.6
    missing: float = 0.25
    roundabouts: float = 0.5
    building_density: float = 0.92

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name in ("blocks_x", "blocks_y"):
            value = getattr(self, name)
            if not 2 <= value <= MAX_BLOCKS:
                raise ConfigError(f"{name} of a town is {value}: use 2 to {MAX_BLOCKS}.")
        if not 90.0 <= self.block_m <= 250.0:
            raise ConfigError(f"block_m of a town is {self.block_m}: use 90 to 250 m.")
        if self.layout not in LAYOUTS:
            raise ConfigError(f"layout is {self.layout!r}: use one of {', '.join(LAYOUTS)}.")
        check_share(self, "a town", "bend", "missing", "roundabouts", "building_density")
