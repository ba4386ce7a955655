"""Classes of things: one list for labels, masks, boxes and exports.

Street classes follow the Cityscapes label set where it has them [Cordts et al. 2016, "The
Cityscapes dataset for semantic urban scene understanding"], homes follow common indoor sets.
Numbers are part of the data format: new classes are appended, old ones never renumbered.
"""

from __future__ import annotations

import enum


class SemanticClass(enum.IntEnum):
    """Class numbers as they stand in semantic images; 0 is the sky and everything unlabelled."""

    NOTHING = 0
    ROAD = 1
    SIDEWALK = 2
    LANE_MARK = 3
    KERB = 4
    TERRAIN = 5
    BUILDING = 6
    WALL = 7
    FENCE = 8
    POLE = 9
    TRAFFIC_LIGHT = 10
    TRAFFIC_SIGN = 11
    VEGETATION = 12
    PERSON = 13
    RIDER = 14
    CAR = 15
    TRUCK = 16
    BUS = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    ROBOT = 20
    OBSTACLE = 21
    WATER = 22
    FLOOR = 30
    CEILING = 31
    DOOR = 32
    WINDOW = 33
    TABLE = 34
    CHAIR = 35
    COUNTER = 36
    CABINET = 37
    SOFA = 38
    BED = 39
    DISH = 40
    BAG = 41
    BOTTLE = 42
    BOX = 43
    APPLIANCE = 44
    LAMP = 45
    PLANT = 46


DYNAMIC_CLASSES = frozenset(
    {
        SemanticClass.PERSON,
        SemanticClass.RIDER,
        SemanticClass.CAR,
        SemanticClass.TRUCK,
        SemanticClass.BUS,
        SemanticClass.MOTORCYCLE,
        SemanticClass.BICYCLE,
        SemanticClass.ROBOT,
    }
)
"""Classes of things that move by themselves: they get 3-D boxes and tracks."""

SURFACE_CLASSES = frozenset(
    {
        SemanticClass.NOTHING,
        SemanticClass.ROAD,
        SemanticClass.SIDEWALK,
        SemanticClass.LANE_MARK,
        SemanticClass.KERB,
        SemanticClass.TERRAIN,
        SemanticClass.WATER,
        SemanticClass.FLOOR,
        SemanticClass.CEILING,
    }
)
"""Classes of what one stands on or under: stuff, not things; they get no boxes."""
