"""Values of OpenStreetMap tags: numbers with units, limits, lists of lanes."""

from __future__ import annotations

import re

from fleetloop.envs.maps.osm.places import COUNTRIES, Country

_NUMBER = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*([a-z'\"]*)")
_ZONE = re.compile(r"(?:zone:?|^)(\d+)")
_KM_H = {"": 1.0, "km": 1.0, "kmh": 1.0, "kph": 1.0, "mph": 1.609344, "knots": 1.852}
_METRES = {"": 1.0, "m": 1.0, "ft": 0.3048, "'": 0.3048, "km": 1000.0, "cm": 0.01}

WALK_KM_H = 7.0
"""`walk`: a pedestrian's speed, which courts read as 4 to 10 km/h."""


def metres(text: str | None) -> float:
    """A length such as `3.5`, `12 ft` or `7'6"`; 0 where it is none."""
    if not text:
        return 0.0
    feet = re.match(r"^\s*(\d+)'\s*(?:(\d+)\")?\s*$", text)
    if feet:
        return 0.3048 * (int(feet.group(1)) + int(feet.group(2) or 0) / 12.0)
    return _scaled(text, _METRES)


def whole(text: str | None) -> int:
    """A count such as `2` or `1.5` (half lanes are rounded down); 0 where it is none."""
    value = _scaled(text or "", {"": 1.0})
    return int(value) if value < 1000.0 else 0


def speed_m_s(text: str | None, country: Country) -> float:
    """A limit such as `50`, `30 mph`, `walk`, `DE:urban` or `DE:zone:30`; 0 where it is none."""
    first = (text or "").split(";")[0].split("|")[0].strip()
    if first == "walk":
        return WALK_KM_H / 3.6
    if first == "none":
        return country.motorway_km_h / 3.6
    head, colon, kind = first.partition(":")
    if colon:
        return _of_zone(COUNTRIES.get(head.upper(), country), kind.lower()) / 3.6
    return _scaled(first, _KM_H) / 3.6


def _of_zone(country: Country, kind: str) -> float:
    """km/h of an implicit limit, the part after the country's code."""
    if kind in ("urban", "town", "built-up", "nsl_restricted", "urban_residential"):
        return country.urban_km_h
    if kind in ("rural", "nsl_single", "trunk"):
        return country.rural_km_h
    if kind in ("motorway", "nsl_dual", "expressway"):
        return country.motorway_km_h
    if kind in ("living_street", "walk", "pedestrian_zone"):
        return WALK_KM_H
    found = _ZONE.search(kind)
    if not found:
        return 0.0
    return float(found.group(1)) * (1.609344 if country.mph else 1.0)


def lanes_of(text: str | None) -> tuple[frozenset[str], ...]:
    """Words of each lane from the left: `left|through;right` gives two sets; empty for none."""
    if not text:
        return ()
    return tuple(
        frozenset(word.strip() for word in lane.split(";") if word.strip() not in ("", "none"))
        for lane in text.split("|")
    )


def _scaled(text: str, units: dict[str, float]) -> float:
    found = _NUMBER.match(text.lower())
    if not found:
        return 0.0
    return float(found.group(1).replace(",", ".")) * units.get(found.group(2), 0.0)
