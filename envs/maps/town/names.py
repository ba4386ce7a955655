"""Names of streets."""

from __future__ import annotations

import numpy as np

_FIRST = (
    "Ada", "Birch", "Canal", "Chestnut", "Church", "Dock", "Elm", "Euler", "Foundry", "Garden",
    "Gauss", "Harbour", "Hazel", "Hill", "Juniper", "Lake", "Linden", "Maple", "Market", "Mill",
    "Noether", "Oak", "Orchard", "Park", "Pine", "Poplar", "Quarry", "River", "School", "Spring",
    "Station", "Turing", "Willow", "Windmill",
)  # fmt: skip
_LAST = ("Street", "Road", "Lane", "Avenue", "Way", "Place")


def street_names(count: int, rng: np.random.Generator) -> list[str]:
    """Different names, as many as asked for."""
    pairs = [f"{first} {last}" for last in _LAST for first in _FIRST]
    order = rng.permutation(len(pairs))
    chosen = [pairs[int(k)] for k in order]
    while len(chosen) < count:
        chosen += [f"{name} {len(chosen) // len(pairs) + 1}" for name in pairs]
    return chosen[:count]
