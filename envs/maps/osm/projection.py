"""Degrees to metres around an origin, and back."""

from __future__ import annotations

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.osm.streets import is_street
from fleetloop.envs.maps.polyline import Floats

_A_M = 6378137.0
_E2 = 0.00669437999014
"""WGS 84 [NIMA TR8350.2]."""

WIDEST_M = 60_000.0
"""Larger maps would be bent by the plane: 60 km are off by half a metre at the border."""


def radii_m(lat_deg: float) -> tuple[float, float]:
    """Radii of curvature along the meridian and across it [Snyder 1987, 4-18 and 4-20]."""
    sine2 = float(np.sin(np.deg2rad(lat_deg)) ** 2)
    across = _A_M / np.sqrt(1.0 - _E2 * sine2)
    return float(across * (1.0 - _E2) / (1.0 - _E2 * sine2)), float(across)


def origin_of(document: Document) -> tuple[float, float]:
    """Middle of the streets, to the fifth decimal so that it reads well."""
    wanted = [
        document.lat_lon[node]
        for way in document.ways.values()
        if is_street(way.tags)
        for node in way.nodes
        if node in document.lat_lon
    ]
    if not wanted:
        raise ConfigError(
            f"{document.name}: its streets name nodes that the file does not hold: get the extract "
            "anew, with nodes."
        )
    places = np.array(wanted)
    lat, lon = 0.5 * (places.min(axis=0) + places.max(axis=0))
    return round(float(lat), 5), round(float(lon), 5)


def to_metres(lat_lon: Floats, origin: tuple[float, float]) -> Floats:
    """East and north (n, 2) of places (n, 2) in degrees, on the plane that touches at the origin.

    Distances along the meridian and the parallel: exact at the origin, off by half a metre 30 km
    away in the middle latitudes.
    """
    meridian, across = radii_m(origin[0])
    away = np.deg2rad(np.asarray(lat_lon, dtype=np.float64) - np.asarray(origin))
    away[:, 1] = np.arctan2(np.sin(away[:, 1]), np.cos(away[:, 1]))
    east = across * np.cos(np.deg2rad(origin[0])) * away[:, 1]
    return np.stack([east, meridian * away[:, 0]], axis=1)


def projected(document: Document, origin: tuple[float, float]) -> dict[int, Floats]:
    """Places (3,) of all nodes, on the ground.

    Raises:
        ConfigError: The streets span more than a plane can hold.
    """
    numbers = list(document.lat_lon)
    flat = to_metres(np.array([document.lat_lon[number] for number in numbers]), origin)
    used = {node for way in document.ways.values() if is_street(way.tags) for node in way.nodes}
    spread = np.array([place for number, place in zip(numbers, flat, strict=True)
                       if number in used])  # fmt: skip
    if float(np.ptp(spread, axis=0).max()) > WIDEST_M:
        raise ConfigError(
            f"{document.name} spans {np.ptp(spread, axis=0).max() / 1000.0:.0f} km: cut an extract "
            f"of at most {WIDEST_M / 1000.0:.0f} km."
        )
    return {
        number: np.array([place[0], place[1], 0.0])
        for number, place in zip(numbers, flat, strict=True)
    }
