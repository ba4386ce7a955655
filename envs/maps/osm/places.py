"""Countries of a place: which side traffic keeps to, and the limits where no sign says otherwise.

Borders are coarse: boxes and polygons of a few corners, enough to tell Dover from Calais; towns
within some ten kilometres of a border where the side changes should state it (option `left_hand`).
Sides: the list of left-hand countries of the United Nations' road conventions as kept by
OpenStreetMap's wiki (`Key:driving_side`). Limits: the same wiki's `Default speed limits`, cars.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fleetloop.envs.maps.osm.parse import Document

Box = tuple[float, float, float, float]
Corners = tuple[tuple[float, float], ...]

_MPH = 1.609344


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What a country's rules are, as far as maps need them.

    Attributes:
        code: ISO 3166-1, or empty for the rest of the world.
        left_hand: Whether traffic keeps to the left.
        urban_km_h, rural_km_h, motorway_km_h: Limits without a sign.
        yellow: Whether lines between directions are yellow.
        mph: Whether bare numbers in zone names are miles per hour.
    """

    code: str
    left_hand: bool = False
    urban_km_h: float = 50.0
    rural_km_h: float = 90.0
    motorway_km_h: float = 120.0
    yellow: bool = False
    mph: bool = False


WORLD = Country(code="")

COUNTRIES: dict[str, Country] = {
    country.code: country
    for country in (
        Country(code="DE", rural_km_h=100.0, motorway_km_h=130.0),
        Country(code="AT", rural_km_h=100.0, motorway_km_h=130.0),
        Country(code="CH", rural_km_h=80.0),
        Country(code="FR", rural_km_h=80.0, motorway_km_h=130.0),
        Country(code="IT", motorway_km_h=130.0),
        Country(code="ES"),
        Country(code="NL", rural_km_h=80.0, motorway_km_h=100.0),
        Country(code="US", urban_km_h=25 * _MPH, rural_km_h=55 * _MPH, motorway_km_h=65 * _MPH,
                yellow=True, mph=True),
        Country(code="CA", rural_km_h=80.0, motorway_km_h=100.0, yellow=True),
        Country(code="GB", left_hand=True, urban_km_h=30 * _MPH, rural_km_h=60 * _MPH,
                motorway_km_h=70 * _MPH, mph=True),
        Country(code="IE", left_hand=True, rural_km_h=80.0),
        Country(code="AU", left_hand=True, rural_km_h=100.0, motorway_km_h=110.0),
        Country(code="NZ", left_hand=True, rural_km_h=100.0, motorway_km_h=100.0),
        Country(code="JP", left_hand=True, urban_km_h=40.0, rural_km_h=60.0, motorway_km_h=100.0),
        Country(code="TW", urban_km_h=50.0, rural_km_h=60.0, motorway_km_h=100.0, yellow=True),
    )
}  # fmt: skip

_LEFT = Country(code="left-hand", left_hand=True)

_BOXES: tuple[tuple[str, Box], ...] = (
    ("AU", (-44.0, 112.9, -9.9, 154.0)),
    ("NZ", (-47.5, 166.0, -34.0, 179.0)),
    ("JP", (33.0, 130.8, 41.6, 142.2)),
    ("JP", (30.9, 129.3, 34.3, 132.2)),
    ("JP", (41.3, 139.3, 45.6, 145.9)),
    ("JP", (24.0, 122.9, 30.9, 131.4)),
    ("TW", (21.8, 119.9, 25.4, 122.1)),
    ("IE", (51.3, -10.7, 55.5, -5.3)),
    ("left", (35.7, 14.1, 36.1, 14.6)),  # Malta
    ("left", (34.5, 32.2, 35.8, 34.7)),  # Cyprus
    ("left", (-35.0, 11.5, -17.5, 41.0)),  # southern Africa
    ("left", (-18.0, 24.0, -13.3, 41.0)),  # Zambia, Malawi, Mozambique
    ("left", (-13.3, 30.9, -4.5, 41.0)),  # Tanzania
    ("left", (-4.7, 30.9, 4.5, 41.9)),  # Kenya, Uganda
    ("left", (5.7, 97.9, 17.6, 102.4)),  # Thailand
    ("left", (14.5, 102.4, 17.3, 104.4)),
    ("left", (17.6, 98.3, 20.0, 101.0)),
    ("left", (1.1, 95.0, 6.9, 119.3)),  # Malaysia, Singapore, northern Indonesia
    ("left", (-11.1, 95.0, 1.5, 156.0)),  # Indonesia, Timor, Papua New Guinea
    ("left", (22.15, 113.83, 22.53, 114.45)),  # Hong Kong
    ("left", (22.1, 113.53, 22.21, 113.6)),  # Macau
    ("left", (5.8, 79.4, 9.9, 82.0)),  # Sri Lanka
    ("left", (17.7, -78.4, 18.6, -76.1)),  # Jamaica
    ("left", (20.9, -79.0, 27.3, -72.7)),  # Bahamas
    ("left", (13.0, -59.7, 13.4, -59.4)),  # Barbados
    ("left", (10.0, -61.9, 11.4, -60.4)),  # Trinidad
    ("left", (2.0, -58.8, 8.6, -54.2)),  # Guyana, Suriname
    ("left", (-20.6, 57.2, -19.9, 57.9)),  # Mauritius
    ("left", (-19.3, 176.8, -16.0, 180.0)),  # Fiji
    ("CH", (46.1, 6.8, 47.5, 9.5)),
    ("AT", (46.4, 10.5, 47.3, 17.0)),
    ("AT", (47.3, 13.0, 48.8, 17.0)),
    ("NL", (51.5, 3.4, 53.6, 6.8)),
    ("DE", (47.5, 7.7, 55.1, 14.9)),
    ("DE", (49.2, 6.3, 53.7, 7.7)),
    ("FR", (42.6, -5.2, 51.1, 6.8)),
    ("ES", (36.0, -9.0, 42.6, 3.4)),
    ("IT", (36.6, 7.6, 46.4, 13.7)),
    ("CA", (49.0, -141.0, 70.0, -52.0)),
    ("CA", (43.6, -79.8, 49.0, -74.8)),
    ("US", (24.5, -125.0, 49.0, -66.9)),
    ("US", (54.5, -168.0, 71.5, -141.0)),
    ("US", (18.9, -160.3, 22.3, -154.7)),
)

_POLYGONS: tuple[tuple[str, Corners], ...] = (
    ("GB", ((49.8, -6.6), (50.3, -1.0), (50.7, 0.8), (51.1, 1.45), (52.6, 1.9), (56.0, -1.0),
            (58.0, -1.0), (61.0, -0.5), (61.0, -3.0), (59.0, -8.0), (56.0, -8.0), (54.6, -5.3),
            (51.5, -5.6))),
    ("left", ((25.0, 61.8), (27.2, 63.3), (29.6, 66.4), (31.2, 66.9), (34.0, 71.0), (36.7, 72.0),
              (36.9, 75.0), (35.0, 79.0), (30.3, 81.0), (28.0, 86.5), (28.2, 92.0), (29.0, 96.0),
              (27.0, 97.0), (24.0, 94.1), (20.7, 92.3), (5.8, 82.5), (5.8, 79.0), (8.0, 76.4),
              (19.0, 72.5), (21.0, 68.8), (24.6, 67.0))),  # Pakistan, India, Nepal, Bangladesh
)  # fmt: skip


def country_of(document: Document, lat: float, lon: float) -> tuple[Country, str]:
    """The country of a map, and how it was told.

    Tags count first (`addr:country`, and country codes of `maxspeed:type` and the like), then the
    table of this module.
    """
    told = _told(document)
    if told in COUNTRIES:
        return COUNTRIES[told], f"by its tags ({told})"
    code = _at(lat, lon)
    found = _LEFT if code == "left" else COUNTRIES.get(code, WORLD)
    return found, f"by its place ({code or 'no country with rules of its own here'})"


def tagged_side(document: Document) -> bool | None:
    """Whether the roads' own `driving_side` says left (True) or right; None where none says."""
    sides = Counter(
        way.tags["driving_side"] for way in document.ways.values()
        if way.tags.get("driving_side") in ("left", "right")
    )  # fmt: skip
    if not sides:
        return None
    return sides["left"] > sides["right"]


def _told(document: Document) -> str:
    codes: Counter[str] = Counter()
    for tags in [*document.node_tags.values(), *(way.tags for way in document.ways.values())]:
        code = tags.get("addr:country", "").upper()
        if len(code) == 2:
            codes[code] += 1
        for key in ("maxspeed", "maxspeed:type", "source:maxspeed", "zone:traffic"):
            head, colon, _ = tags.get(key, "").partition(":")
            if colon and len(head) == 2 and head.isupper():
                codes[head] += 1
    best = codes.most_common(1)
    return best[0][0] if best else ""


def _at(lat: float, lon: float) -> str:
    for code, corners in _POLYGONS:
        if _inside(corners, lat, lon):
            return code
    for code, (south, west, north, east) in _BOXES:
        if south <= lat <= north and west <= lon <= east:
            return code
    return ""


def _inside(corners: Corners, lat: float, lon: float) -> bool:
    """Whether a polygon holds a place, by counting the sides that a ray crosses."""
    odd = False
    for (a_lat, a_lon), (b_lat, b_lon) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (a_lat > lat) != (b_lat > lat):
            odd ^= lon < a_lon + (lat - a_lat) / (b_lat - a_lat) * (b_lon - a_lon)
    return odd
