"""Words of a road network: kinds of lanes, marks, turns, controls, signals, signs, ground, props.

The numbers stand in cached files: new members are appended, old ones never renumbered.
"""

from __future__ import annotations

import enum


class LaneKind(enum.IntEnum):
    """Who a strip of ground is for."""

    DRIVE = 0
    BIKE = 1
    PARKING = 2
    SIDEWALK = 3
    SHOULDER = 4
    CROSSING = 5
    MEDIAN = 6


class RoadClass(enum.IntEnum):
    """Rank of a road, as in OpenStreetMap's `highway` and the town's hierarchy."""

    MOTORWAY = 0
    ARTERIAL = 1
    COLLECTOR = 2
    RESIDENTIAL = 3
    SERVICE = 4
    PATH = 5


class MarkKind(enum.IntEnum):
    """Line at a border of a lane. Of a double line, the half that is named first is nearer."""

    NONE = 0
    SOLID = 1
    BROKEN = 2
    SOLID_SOLID = 3
    SOLID_BROKEN = 4
    BROKEN_SOLID = 5
    BROKEN_BROKEN = 6
    DOTS = 7
    KERB = 8


class MarkColor(enum.IntEnum):
    """Paint of a line."""

    WHITE = 0
    YELLOW = 1


class Turn(enum.IntEnum):
    """Where a link leads, seen from its begin."""

    STRAIGHT = 0
    LEFT = 1
    RIGHT = 2
    U_TURN = 3


class Control(enum.IntEnum):
    """What rules the entry of a link."""

    FREE = 0
    YIELD = 1
    STOP = 2
    ALL_WAY_STOP = 3
    SIGNAL = 4


class ConflictKind(enum.IntEnum):
    """How two links meet."""

    CROSS = 0
    MERGE = 1
    DIVERGE = 2


class SignalState(enum.IntEnum):
    """What a signal shows to a link or a crossing.

    GREEN is protected; GREEN_YIELD lets go those who first yield to others that have green.
    For people on foot GREEN is walk, AMBER the clearance (do not start any more), RED do not walk.
    """

    OFF = 0
    RED = 1
    RED_AMBER = 2
    GREEN = 3
    GREEN_YIELD = 4
    AMBER = 5
    FLASHING_AMBER = 6


class HeadKind(enum.IntEnum):
    """Form of a signal head."""

    ROUND = 0
    ARROW_LEFT = 1
    ARROW_STRAIGHT = 2
    ARROW_RIGHT = 3
    PEDESTRIAN = 4
    BICYCLE = 5


class CrossingKind(enum.IntEnum):
    """How a crossing is made."""

    SIGNAL = 0
    ZEBRA = 1
    UNMARKED = 2


class JunctionKind(enum.IntEnum):
    """How a junction is ruled, for looks and statistics."""

    PLAIN = 0
    SIGNAL = 1
    STOP = 2
    ALL_WAY_STOP = 3
    YIELD = 4
    ROUNDABOUT = 5
    DEAD_END = 6


class SignCode(enum.IntEnum):
    """Traffic signs that are told apart; the source's own code stands beside as text."""

    OTHER = 0
    STOP = 1
    YIELD = 2
    SPEED_LIMIT = 3
    PRIORITY_ROAD = 4
    CROSSING = 5
    ROUNDABOUT = 6
    NO_ENTRY = 7
    ONE_WAY = 8
    PARKING = 9
    DEAD_END = 10
    BUS_STOP = 11
    STREET_NAME = 12
    ALL_WAY = 13


class SurfaceKind(enum.IntEnum):
    """Ground that was made by people."""

    ROAD = 0
    JUNCTION = 1
    KERB = 2
    SIDEWALK = 3
    PARKING = 4
    BIKE = 5
    ISLAND = 6
    DRIVEWAY = 7


class AreaKind(enum.IntEnum):
    """Use of land; what no area covers is grass."""

    GRASS = 0
    PARK = 1
    PAVED = 2
    GARDEN = 3
    INDUSTRIAL = 4
    WATER = 5
    FOREST = 6
    FARMLAND = 7


class BuildingKind(enum.IntEnum):
    """Looks of a building."""

    HOUSE = 0
    ROW_HOUSE = 1
    APARTMENTS = 2
    SHOPS = 3
    OFFICE = 4
    INDUSTRIAL = 5
    PUBLIC = 6
    SHED = 7


class RoofKind(enum.IntEnum):
    """Form of a roof."""

    FLAT = 0
    GABLED = 1
    HIPPED = 2


class PropKind(enum.IntEnum):
    """What stands beside the road."""

    TREE = 0
    CONIFER = 1
    LAMP = 2
    BUSH = 3
    BIN = 4
    BENCH = 5
    BUS_STOP = 6
    HYDRANT = 7
    BOLLARD = 8
    CABINET = 9
    POLE = 10
    HEDGE = 11
    FENCE = 12
    WALL = 13
