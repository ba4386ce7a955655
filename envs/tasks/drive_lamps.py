"""Lamps of a street at night: the nearest street lamps, and the headlights of the car."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import Pose
from fleetloop.envs.maps.kinds import PropKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.props.headlights import dipped_beams
from fleetloop.envs.trace.light import Lamp

NEAREST = 14
"""So many street lamps shine; those further away are too faint to matter for the picture."""

_REACH_M, _BELOW_M = 1.4, 0.25
_STREET_COLOR = (7.5, 5.6, 3.2)


def night_lamps(network: RoadNetwork, base: Pose, nose_x_m: float) -> tuple[Lamp, ...]:
    """Street lamps around a car, and its own two headlights.

    Args:
        network: The map.
        base: Of the car.
        nose_x_m: Its front, in the base frame.
    """
    return (*_street(network, base), *dipped_beams(base, nose_x_m))


@lru_cache(maxsize=8)
def _places(network: RoadNetwork) -> npt.NDArray[np.float64]:
    """Where the lamps of a map shine from, (n, 3)."""
    props = network.props
    rows = np.flatnonzero(props.kind == PropKind.LAMP)
    heading = props.heading_rad[rows]
    arm = _REACH_M * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    place = props.xyz_m[rows].copy()
    place[:, :2] += arm
    place[:, 2] += props.size_m[rows, 2] - _BELOW_M
    return place


def _street(network: RoadNetwork, base: Pose) -> list[Lamp]:
    places = _places(network)
    away = np.hypot(*(places[:, :2] - base.position_m[:2]).T)
    chosen = places[np.argsort(away, kind="stable")[:NEAREST]]
    return [
        Lamp(position_m=(float(x), float(y), float(z)), color=_STREET_COLOR, cone_rad=1.25,
             range_m=28.0)
        for x, y, z in chosen
    ]  # fmt: skip
