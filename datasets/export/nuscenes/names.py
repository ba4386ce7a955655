"""nuScenes' names for our classes, and the rows of its tables that are the same in every set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fleetloop.core.semantics import SURFACE_CLASSES, SemanticClass

Row = dict[str, Any]

VERSION = "v1.0-fleetloop"
"""Folder of the tables; the devkit takes the splits of a version of its own from `splits.json`."""

MOVING_M_S = 0.2
"""Slower than this is parked or standing, as the annotators' guide has it by eye."""

CATEGORIES: Mapping[SemanticClass, str] = {
    SemanticClass.PERSON: "human.pedestrian.adult",
    SemanticClass.RIDER: "human.pedestrian.personal_mobility",
    SemanticClass.CAR: "vehicle.car",
    SemanticClass.TRUCK: "vehicle.truck",
    SemanticClass.BUS: "vehicle.bus.rigid",
    SemanticClass.MOTORCYCLE: "vehicle.motorcycle",
    SemanticClass.BICYCLE: "vehicle.bicycle",
    SemanticClass.OBSTACLE: "movable_object.barrier",
}

_BUILT = frozenset(
    {
        SemanticClass.BUILDING,
        SemanticClass.WALL,
        SemanticClass.FENCE,
        SemanticClass.POLE,
        SemanticClass.TRAFFIC_LIGHT,
        SemanticClass.TRAFFIC_SIGN,
        SemanticClass.VEGETATION,
        SemanticClass.DOOR,
        SemanticClass.WINDOW,
    }
)

ANNOTATED = frozenset(set(SemanticClass) - SURFACE_CLASSES - _BUILT)
"""What gets boxes: things that move or can be moved. What is built stays in the log."""

_VISIBILITY = ("v0-40", "v40-60", "v60-80", "v80-100")


def token(*parts: object) -> str:
    """A token of 32 hexadecimal digits that follows from what it names."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def category_name(semantic: int) -> str:
    """NuScenes' category where it has one, else `fleetloop.CLASS`."""
    known = SemanticClass(semantic)
    return CATEGORIES.get(known, f"fleetloop.{known.name.lower()}")


def category_rows() -> list[Row]:
    """The table of categories."""
    return [
        {
            "token": token("category", category_name(c)),
            "name": category_name(c),
            "description": f"Class {c.name.lower()} of the simulator.",
            "index": number,
        }
        for number, c in enumerate(sorted(ANNOTATED), start=1)
    ]


def attribute_rows() -> list[Row]:
    """The table of attributes."""
    names = (
        "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider",
        "cycle.without_rider", "pedestrian.moving", "pedestrian.standing",
    )  # fmt: skip
    return [{"token": token("attribute", n), "name": n, "description": ""} for n in names]


def visibility_rows() -> list[Row]:
    """The table of visibilities; their tokens are the numbers 1 to 4, as in nuScenes."""
    return [
        {
            "token": str(number),
            "level": level,
            "description": f"visibility of whole object is {level[1:].replace('-', ' to ')}%",
        }
        for number, level in enumerate(_VISIBILITY, start=1)
    ]


def visibility_token(fraction: float) -> str:
    """Of a visible part, 0 to 1, over all cameras."""
    return str(1 + sum(fraction >= bound for bound in (0.4, 0.6, 0.8)))


def attribute_tokens(category: str, speed_m_s: float) -> list[str]:
    """The attribute that a thing of a category has at a speed; none for things without."""
    moves = speed_m_s > MOVING_M_S
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        # Riders are things of their own here: whatever drives has one.
        return [token("attribute", "cycle.with_rider" if moves else "cycle.without_rider")]
    if category.startswith("vehicle."):
        return [token("attribute", "vehicle.moving" if moves else "vehicle.parked")]
    if category.startswith("human."):
        return [token("attribute", "pedestrian.moving" if moves else "pedestrian.standing")]
    return []
