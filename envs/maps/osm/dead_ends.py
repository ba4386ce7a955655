"""Ends of streets: dead ends, where one turns, and the border of the map, where one leaves."""

from __future__ import annotations

import numpy as np

from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import JunctionKind
from fleetloop.envs.maps.osm.build import Built
from fleetloop.envs.maps.osm.legs import SHORTEST_M, Site
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.polyline import distances, joint

TURN_RADIUS_M = 5.8
"""A car's turning circle is 11 to 12 m wide."""

BULB_M = 11.0
_CUT_M = 9.0
_BORDER_M = 40.0
_ASPHALT_M = 2.5
_LIMIT_M_S = 20.0 / 3.6
_DEGREE_M = 111_320.0
_TURNS = ("turning_circle", "turning_loop")


def make_room_to_turn(document: Document, site: Site) -> bool:
    """Whether a street ends here for good; it is cut back so that the turn lies at its end."""
    if len(site.legs) != 1 or site.inner:
        return False
    leg = site.legs[0]
    street = leg.street
    if not (street.drives(forward=True) and street.drives(forward=False)):
        return False
    tags = document.node_tags.get(leg.node, {})
    told = tags.get("highway") in _TURNS or tags.get("noexit") == "yes"
    if not told and not _is_inside(document, leg.node):
        return False
    length = float(distances(leg.line_m[:, :2])[-1])
    leg.cut_m = float(np.clip(length - 3.0 * SHORTEST_M, 0.0, _CUT_M))
    return True


def _is_inside(document: Document, node: int) -> bool:
    """Whether a node lies well within the extract, so that the street would go on if it did."""
    lat, lon = document.lat_lon[node]
    bounds = document.bounds
    if bounds is None:
        places = np.array(list(document.lat_lon.values()))
        south, west = places.min(axis=0)
        north, east = places.max(axis=0)
    else:
        south, west, north, east = bounds
    margin = _BORDER_M / _DEGREE_M
    wide = margin / max(float(np.cos(np.deg2rad(lat))), 0.01)
    return bool(south + margin < lat < north - margin and west + wide < lon < east - wide)


def add_dead_end(builder: NetworkBuilder, built: Built, site: Site) -> int:
    """Adds the turn at the end of a street, a loop of a car's turning circle; returns its row."""
    leg = site.legs[0]
    into, out = built.into[leg.edge, leg.end], built.out[leg.edge, leg.end]
    lanes = builder.drafts.lanes
    left_hand = builder.drafts.left_hand
    # Out by the lane at the kerb, in from the lane next to the middle.
    source, target = (into[-1], out[0]) if left_hand else (into[0], out[-1])
    one, two = lanes[source], lanes[target]
    heading = float(one.curve.heading_rad[-1])
    ahead = np.array([np.cos(heading), np.sin(heading)])
    start, goal = one.curve.xyz_m[-1, :2], two.curve.xyz_m[0, :2]
    middle = 0.5 * (start + goal) + BULB_M * ahead
    sign = -1.0 if left_hand else 1.0
    angle = heading - sign * 0.5 * np.pi + sign * np.linspace(0.0, np.pi, 32)
    circle = middle + TURN_RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = joint(start, heading, circle[0], heading)
    last = joint(circle[-1], heading + np.pi, goal, float(two.curve.heading_rad[0]))
    way = np.concatenate([first[:-1, :2], circle, last[1:, :2]])
    around = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
    ring = middle + (TURN_RADIUS_M + _ASPHALT_M) * np.stack(
        [np.cos(around), np.sin(around)], axis=1
    )
    junction = builder.add_junction(JunctionKind.DEAD_END, middle, ring)
    height = np.linspace(one.curve.xyz_m[-1, 2], two.curve.xyz_m[0, 2], len(way))
    builder.connect(source, target, junction=junction, points_m=np.column_stack([way, height]),
                    speed_limit_m_s=min(_LIMIT_M_S, one.speed_limit_m_s))  # fmt: skip
    return junction
