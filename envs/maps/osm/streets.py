"""What a street's tags say of its cross-section, with typed defaults where they are silent.

Widths and counts that tags lack are those of OpenStreetMap's own readers: two lanes for two-way
streets and one for one-way streets (wiki, `Key:lanes`), widths by rank as in Germany's RASt 06
(2.75 m in residential streets, 3.25 m on main streets) and RAA (3.5 to 3.75 m on motorways).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleetloop.envs.maps.kinds import LaneKind, RoadClass
from fleetloop.envs.maps.osm.parse import Tags
from fleetloop.envs.maps.osm.places import Country
from fleetloop.envs.maps.osm.values import WALK_KM_H, lanes_of, metres, speed_m_s, whole

NARROWEST_LANE_M, WIDEST_LANE_M = 2.5, 4.5
BIKE_M = 1.6
PARKING_M = {"parallel": 2.1, "diagonal": 4.4, "perpendicular": 5.0}
SIDEWALK_M = 2.0


@dataclass(frozen=True, slots=True)
class _Rank:
    """Defaults of a `highway` value."""

    road_class: RoadClass
    lane_m: float
    urban_km_h: float
    walks: bool
    priority: int


_RANKS: dict[str, _Rank] = {
    "motorway": _Rank(RoadClass.MOTORWAY, 3.6, 0.0, False, 7),
    "motorway_link": _Rank(RoadClass.MOTORWAY, 3.6, 80.0, False, 4),
    "trunk": _Rank(RoadClass.ARTERIAL, 3.5, 0.0, False, 6),
    "trunk_link": _Rank(RoadClass.ARTERIAL, 3.5, 60.0, False, 4),
    "primary": _Rank(RoadClass.ARTERIAL, 3.25, 0.0, True, 5),
    "primary_link": _Rank(RoadClass.ARTERIAL, 3.25, 50.0, False, 3),
    "secondary": _Rank(RoadClass.ARTERIAL, 3.25, 0.0, True, 4),
    "secondary_link": _Rank(RoadClass.ARTERIAL, 3.25, 50.0, False, 3),
    "tertiary": _Rank(RoadClass.COLLECTOR, 3.1, 0.0, True, 3),
    "tertiary_link": _Rank(RoadClass.COLLECTOR, 3.1, 50.0, False, 2),
    "unclassified": _Rank(RoadClass.COLLECTOR, 3.0, 0.0, True, 2),
    "road": _Rank(RoadClass.COLLECTOR, 3.0, 0.0, True, 2),
    "residential": _Rank(RoadClass.RESIDENTIAL, 2.9, 0.0, True, 2),
    "living_street": _Rank(RoadClass.RESIDENTIAL, 2.75, WALK_KM_H, False, 1),
    "service": _Rank(RoadClass.SERVICE, 2.75, 20.0, False, 0),
}
"""Streets that are read, by `highway`; 0 km/h stands for the country's urban limit."""

_NO = ("no", "private", "emergency", "agricultural", "forestry", "military")
_SIDE_SERVICES = ("driveway", "parking_aisle", "emergency_access", "drive-through")
_MOVED = {"forward": "backward", "backward": "forward", "left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip of a street's cross-section.

    Attributes:
        kind: Who it is for.
        width_m: Across.
        forward: Whether it runs in the direction of the way.
    """

    kind: LaneKind
    width_m: float
    forward: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A cross-section and its rules, seen along the way.

    Attributes:
        name: Of the street.
        highway: Its tag.
        strips: From left to right, between the kerbs.
        left_m: How far the left kerb lies to the left of the way's line.
        limit_m_s: Speed limit of both directions.
        turns: Words of each lane from the left, at the end of the forward and of the backward
            lanes; empty where nothing is said.
        walks_m: Widths of the sidewalks to the left and right; 0 without one.
        walks_known: Whether tags say so, on either side.
        one_way, ring: Whether it is a one-way street; whether it is part of a roundabout.
        layer: Of bridges and tunnels.
    """

    name: str
    highway: str
    strips: tuple[Strip, ...]
    left_m: float
    limit_m_s: float
    turns: tuple[tuple[frozenset[str], ...], tuple[frozenset[str], ...]]
    walks_m: tuple[float, float]
    walks_known: tuple[bool, bool]
    one_way: bool
    ring: bool
    layer: int

    @property
    def rank(self) -> int:
        """The higher one has right of way."""
        return _RANKS[self.highway].priority

    @property
    def road_class(self) -> RoadClass:
        """Its rank in the network's words."""
        return _RANKS[self.highway].road_class

    @property
    def width_m(self) -> float:
        """From kerb to kerb."""
        return sum(strip.width_m for strip in self.strips)

    def middle_m(self, index: int) -> float:
        """How far the middle of a strip lies to the left of the way's line."""
        before = sum(strip.width_m for strip in self.strips[:index])
        return self.left_m - before - 0.5 * self.strips[index].width_m

    def drives(self, *, forward: bool) -> list[int]:
        """Strips that are driven on in one direction, from the left as its drivers see it."""
        found = [k for k, strip in enumerate(self.strips)
                 if strip.kind == LaneKind.DRIVE and strip.forward == forward]  # fmt: skip
        return found if forward else found[::-1]

    def turned(self) -> Street:
        """The same street seen from its other end."""
        strips = tuple(Strip(s.kind, s.width_m, not s.forward) for s in reversed(self.strips))
        return replace(
            self, strips=strips, left_m=self.width_m - self.left_m, turns=self.turns[::-1],
            walks_m=self.walks_m[::-1], walks_known=self.walks_known[::-1],
        )  # fmt: skip

    def goes_on_as(self, other: Street) -> bool:
        """Whether another one continues it with the same cross-section and rules."""
        return (
            self.strips == other.strips
            and abs(self.left_m - other.left_m) < 0.05
            and self.highway == other.highway
            and self.ring == other.ring
            and self.walks_m == other.walks_m
            and abs(self.limit_m_s - other.limit_m_s) < 0.1
        )


def is_street(tags: Tags) -> bool:
    """Whether cars may use a way."""
    highway = tags.get("highway", "")
    if highway not in _RANKS or tags.get("area") == "yes" or "level" in tags.keys() & {"indoor"}:
        return False
    if highway == "service" and tags.get("service") in _SIDE_SERVICES:
        return False
    access = next((tags[key] for key in ("motorcar", "motor_vehicle", "vehicle", "access")
                   if key in tags), "yes")  # fmt: skip
    return access not in _NO


def with_the_way(tags: Tags) -> tuple[Tags, bool]:
    """Tags of a way seen in its direction of travel, and whether it has to be turned for that."""
    if tags.get("oneway") not in ("-1", "reverse"):
        return tags, False
    moved = {":".join(_MOVED.get(word, word) for word in key.split(":")): value
             for key, value in tags.items()}  # fmt: skip
    return moved | {"oneway": "yes"}, True


def street_of(tags: Tags, country: Country, *, left_hand: bool, guessed: set[str]) -> Street:
    """The cross-section of a way.

    Args:
        tags: Of the way, in its direction.
        country: For limits.
        left_hand: Whether traffic keeps to the left.
        guessed: Gets the keys that had to be guessed.
    """
    highway = tags["highway"]
    ring = tags.get("junction") in ("roundabout", "circular")
    one_way = is_one_way(tags)
    forward, backward, shared = _counts(tags, one_way=one_way, guessed=guessed)
    lane_m = _lane_width(tags, forward + backward + shared, guessed)
    lanes = [Strip(LaneKind.DRIVE, lane_m, True)] * forward
    back = [Strip(LaneKind.DRIVE, lane_m, False)] * backward
    middle = [Strip(LaneKind.SHOULDER, lane_m, True)] * shared
    inner = [*lanes, *middle, *back] if left_hand else [*back, *middle, *lanes]
    left, right = (_beside(tags, side, left_hand, one_way) for side in ("left", "right"))
    strips = (*left[::-1], *inner, *right)
    width = sum(strip.width_m for strip in strips)
    outside = sum(strip.width_m for strip in left)
    placed = _placement(tags, one_way=one_way)
    left_m = 0.5 * width if placed is None else outside + placed * lane_m
    if placed is not None and not one_way and not left_hand:
        left_m += lane_m * (backward + shared)
    walks, known = _walks(tags, highway, guessed)
    turn = lanes_of(tags.get("turn:lanes:forward") or (tags.get("turn:lanes") if one_way else ""))
    return Street(
        name=tags.get("name") or tags.get("ref") or highway,
        highway=highway,
        strips=strips,
        left_m=left_m,
        limit_m_s=_limit(tags, country, guessed),
        turns=(turn, lanes_of(tags.get("turn:lanes:backward"))),
        walks_m=walks,
        walks_known=known,
        one_way=one_way,
        ring=ring,
        layer=layer_of(tags),
    )


def is_one_way(tags: Tags) -> bool:
    """Whether a way is driven in one direction only."""
    stated = tags.get("oneway", "")
    if stated in ("yes", "true", "1"):
        return True
    ring = tags.get("junction") in ("roundabout", "circular")
    return stated != "no" and (ring or tags.get("highway") in ("motorway", "motorway_link"))


def _counts(tags: Tags, *, one_way: bool, guessed: set[str]) -> tuple[int, int, int]:
    """Lanes forward, backward, and in the middle for turns from both sides."""
    total = whole(tags.get("lanes"))
    ahead = whole(tags.get("lanes:forward")) or len(lanes_of(tags.get("turn:lanes:forward")))
    back = whole(tags.get("lanes:backward")) or len(lanes_of(tags.get("turn:lanes:backward")))
    shared = min(whole(tags.get("lanes:both_ways")), 1)
    if one_way:
        count = total or ahead or len(lanes_of(tags.get("turn:lanes")))
        if not count:
            guessed.add("lanes")
            count = 2 if tags["highway"] == "motorway" else 1
        return min(count, 8), 0, 0
    if not total and not (ahead and back):
        guessed.add("lanes")
    rest = max(total - shared, 0) or 2
    if ahead and not back:
        back = max(rest - ahead, 1)
    elif back and not ahead:
        ahead = max(rest - back, 1)
    elif not ahead:
        ahead, back = max((rest + 1) // 2, 1), max(rest // 2, 1)
    if total == 1:
        guessed.add("lanes of narrow two-way streets")
    return min(ahead, 8), min(back, 8), shared


def _lane_width(tags: Tags, count: int, guessed: set[str]) -> float:
    stated = metres(tags.get("lane_width") or tags.get("width:lanes", "").split("|")[0])
    if not stated:
        stated = _RANKS[tags["highway"]].lane_m
        guessed.add("lane widths")
        across = metres(tags.get("width:carriageway") or tags.get("width") or tags.get("est_width"))
        if across:
            stated = min(stated, across / max(count, 1))
    if tags.get("junction") in ("roundabout", "circular"):
        stated = max(stated, 4.0)
    return float(min(max(stated, NARROWEST_LANE_M), WIDEST_LANE_M))


def _beside(tags: Tags, side: str, left_hand: bool, one_way: bool) -> list[Strip]:
    """Bicycle and parking lanes of one side, from the middle outwards."""
    forward = one_way or (side == "left") == left_hand
    found = []
    cycle = (tags.get(f"cycleway:{side}") or tags.get("cycleway:both")
             or tags.get("cycleway", ""))  # fmt: skip
    kerb = side == ("left" if left_hand else "right")
    if cycle == "lane" and (not one_way or kerb or f"cycleway:{side}" in tags):
        found.append(Strip(LaneKind.BIKE, BIKE_M, forward))
    parking = _parking(tags, side)
    if parking > 0.0:
        found.append(Strip(LaneKind.PARKING, parking, forward))
    return found


def _parking(tags: Tags, side: str) -> float:
    """Width of the parking lane of a side, both by today's and by the older tags."""
    for where in (side, "both"):
        place = tags.get(f"parking:{where}", "")
        if place:
            if place not in ("lane", "street_side", "half_on_kerb", "yes"):
                return 0.0
            return PARKING_M.get(tags.get(f"parking:{where}:orientation", ""), 2.1)
        older = tags.get(f"parking:lane:{where}", "")
        if older:
            return PARKING_M.get(older, 0.0)
    return 0.0


def _placement(tags: Tags, *, one_way: bool) -> float | None:
    """Lanes to the left of the way's line, counted from the left border of the forward lanes."""
    word = tags.get("placement:forward") or tags.get("placement", "")
    kind, colon, number = word.partition(":")
    if not colon or not number.isdigit() or not (one_way or "placement:forward" in tags):
        return None
    place = {"left_of": -1.0, "middle_of": -0.5, "right_of": 0.0}.get(kind)
    return None if place is None else float(int(number)) + place


def _walks(
    tags: Tags, highway: str, guessed: set[str]
) -> tuple[tuple[float, float], tuple[bool, bool]]:
    """Widths of the sidewalks to the left and right, and whether tags say so."""
    whole_tag = tags.get("sidewalk", "")
    widths, known = [], []
    for side in ("left", "right"):
        word = tags.get(f"sidewalk:{side}") or tags.get("sidewalk:both", "")
        if not word and whole_tag:
            word = "yes" if whole_tag in ("both", "yes", side) else whole_tag
            word = "no" if word in ("left", "right") else word
        if not word:
            guessed.add("sidewalks")
        usual = _RANKS[highway].walks and "tunnel" not in tags and "junction" not in tags
        widths.append(SIDEWALK_M if word == "yes" or (not word and usual) else 0.0)
        known.append(bool(word))
    return (widths[0], widths[1]), (known[0], known[1])


def _limit(tags: Tags, country: Country, guessed: set[str]) -> float:
    """Speed limit in m/s."""
    highway = tags["highway"]
    for key in ("maxspeed", "maxspeed:forward", "maxspeed:type", "source:maxspeed", "zone:maxspeed",
                "maxspeed:advisory"):  # fmt: skip
        found = speed_m_s(tags.get(key), country)
        if found >= 1.0:
            return min(found, 55.0)
    guessed.add("speed limits")
    usual = _RANKS[highway].urban_km_h
    if highway == "motorway":
        usual = country.motorway_km_h
    elif not usual:
        lit = tags.get("lit") == "yes" or "sidewalk" in tags
        rural = highway in ("trunk",) and not lit
        usual = country.rural_km_h if rural else country.urban_km_h
    return min(usual, country.motorway_km_h) / 3.6


def layer_of(tags: Tags) -> int:
    """Level of a way: its layer, else one up for bridges and one down for tunnels."""
    try:
        return int(tags.get("layer", ""))
    except ValueError:
        return int(tags.get("bridge", "no") != "no") - int(tags.get("tunnel", "no") != "no")
