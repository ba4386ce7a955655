"""Who has right of way: lights, signs, roundabouts, and the rank of the streets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.kinds import Control, JunctionKind
from fleetloop.envs.maps.osm.graph import Edge, Graph
from fleetloop.envs.maps.osm.legs import Leg, Site
from fleetloop.envs.maps.osm.parse import Document, Tags
from fleetloop.envs.maps.polyline import distances, wrap

NEAR_M = 45.0
"""A light on a street further from the junction ahead stands for itself."""

SIGN_M = 35.0
_STRAIGHT_RAD = np.deg2rad(140.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lights:
    """Traffic lights by where they belong.

    Attributes:
        junctions: Nodes whose junction has lights.
        alone: Nodes on a street with lights of their own, such as for people who cross.
    """

    junctions: set[int]
    alone: set[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """How a site is ruled: its kind, and the control of each leg's traffic into it."""

    kind: JunctionKind
    controls: tuple[Control, ...]


def is_light(tags: Tags) -> bool:
    """Whether a node is a light that vehicles obey."""
    if tags.get("highway") == "traffic_signals":
        return tags.get("traffic_signals") not in ("ramp_meter", "emergency", "blink_mode")
    return tags.get("highway") == "crossing" and tags.get("crossing") == "traffic_signals"


def find_lights(document: Document, graph: Graph) -> Lights:
    """Tells lights of junctions from those that stand for themselves."""
    junctions = {
        node for node, met in graph.at.items()
        if len(met) > 2 and is_light(document.node_tags.get(node, {}))
    }  # fmt: skip
    alone: set[int] = set()
    waiting: list[tuple[int, int]] = []
    for edge in graph.edges:
        along = distances(graph.line(edge)[:, :2])
        for k in range(1, len(edge.nodes) - 1):
            tags = document.node_tags.get(edge.nodes[k], {})
            if is_light(tags):
                node = _ahead(document, graph, edge, k, along)
                if node is None:
                    alone.add(edge.nodes[k])
                elif tags.get("highway") == "traffic_signals":
                    junctions.add(node)
                else:
                    waiting.append((edge.nodes[k], node))
    # Lights for people by a junction without lights for cars hold up the cars all the same.
    alone |= {crossing for crossing, node in waiting if node not in junctions}
    return Lights(junctions=junctions, alone=alone)


def _ahead(document: Document, graph: Graph, edge: Edge, k: int, along: np.ndarray) -> int | None:
    """The junction that a light on a street belongs to, if one is near enough."""
    after, before = float(along[-1] - along[k]), float(along[k])
    first, last = edge.ends
    options = [(after, last)]
    facing = faces(document, edge, k)
    if not edge.street.one_way:
        if facing == 0:
            options = [(after, last), (before, first)]
        elif facing < 0:
            options = [(before, first)]
    near = [(away, node) for away, node in options
            if away < NEAR_M and len(graph.at[node]) > 2]  # fmt: skip
    return min(near)[1] if near else None


def faces(document: Document, edge: Edge, k: int) -> int:
    """Whether a node's sign is for traffic along its edge (1), against it (-1), or both (0)."""
    node = edge.nodes[k]
    tags = document.node_tags.get(node, {})
    word = tags.get("traffic_signals:direction") or tags.get("direction", "")
    if word not in ("forward", "backward"):
        return 0
    sign = 1 if word == "forward" else -1
    after = edge.nodes[min(k + 1, len(edge.nodes) - 1)]
    for number in edge.ways:
        nodes = document.ways[number].nodes
        if node in nodes and after in nodes:
            return sign if nodes.index(after) >= nodes.index(node) else -sign
    return sign


def rule(
    document: Document, graph: Graph, site: Site, lights: Lights, *, right_first: bool
) -> Ruling:
    """How a site is ruled.

    Args:
        document, graph: The map.
        site: The junction.
        lights: Of the whole map.
        right_first: Whether at equal streets without signs the one from the right goes first;
            else who leaves the side street yields.
    """
    legs = site.legs
    nodes = set(site.nodes)
    if len(legs) < 3 and not site.inner:
        lit = bool(nodes & (lights.alone | lights.junctions))
        kind = JunctionKind.SIGNAL if lit else JunctionKind.PLAIN
        return Ruling(kind=kind, controls=(Control.SIGNAL if lit else Control.FREE,) * len(legs))
    if nodes & lights.junctions:
        return Ruling(kind=JunctionKind.SIGNAL, controls=(Control.SIGNAL,) * len(legs))
    if any(leg.street.ring for leg in legs):
        controls = [Control.FREE if leg.street.ring else Control.YIELD for leg in legs]
        return Ruling(kind=JunctionKind.ROUNDABOUT, controls=tuple(controls))
    if any(document.node_tags.get(node, {}).get("highway") == "mini_roundabout" for node in nodes):
        return Ruling(kind=JunctionKind.YIELD, controls=(Control.YIELD,) * len(legs))
    signed = [_sign(document, graph, leg) for leg in legs]
    whole = any(document.node_tags.get(node, {}).get("stop") == "all" for node in nodes)
    entries = [k for k, leg in enumerate(legs) if leg.street.drives(forward=False)]
    if whole or (len(entries) > 2 and all(signed[k] == Control.STOP for k in entries)):
        return Ruling(kind=JunctionKind.ALL_WAY_STOP,
                      controls=(Control.ALL_WAY_STOP,) * len(legs))  # fmt: skip
    if all(control == Control.FREE for control in signed):
        signed = _by_rank(legs, right_first=right_first)
    kinds = Counter(signed)
    kind = (JunctionKind.STOP if kinds[Control.STOP] else
            JunctionKind.YIELD if kinds[Control.YIELD] else JunctionKind.PLAIN)  # fmt: skip
    return Ruling(kind=kind, controls=tuple(signed))


def _sign(document: Document, graph: Graph, leg: Leg) -> Control:
    """A stop or yield sign for the traffic of a leg, on it or at its node."""
    edge = graph.edges[leg.edge]
    order = list(range(len(edge.nodes)))
    order = order if leg.end == 0 else order[::-1]
    along = distances(graph.line(edge)[:, :2])
    for k in order:
        away = float(along[k] if leg.end == 0 else along[-1] - along[k])
        if away > max(SIGN_M, leg.cut_m) or (k != order[0] and away > 0.5 * along[-1]):
            break
        if k == order[0]:
            continue
        tags = document.node_tags.get(edge.nodes[k], {})
        against = faces(document, edge, k) * (1 if leg.end == 0 else -1)
        if against > 0:
            continue
        if tags.get("highway") == "stop":
            return Control.STOP
        if tags.get("highway") == "give_way":
            return Control.YIELD
    return Control.FREE


def _by_rank(legs: list[Leg], *, right_first: bool) -> list[Control]:
    """Lower streets yield; of equal ones at a fork in three the one that ends there may too."""
    ranks = [leg.street.rank for leg in legs]
    controls = [Control.YIELD if rank < max(ranks) else Control.FREE for rank in ranks]
    top = [k for k, rank in enumerate(ranks) if rank == max(ranks)]
    names = Counter(legs[k].street.name for k in top)
    if len(top) == 1:
        return [Control.FREE] * len(legs) if right_first else controls
    if len(top) == 3 and len(legs) == 3 and not right_first:
        gaps = {}
        for k in top:
            a, b = (legs[j].direction_rad() for j in top if j != k)
            gaps[k] = abs(float(wrap(a - b))) + 0.2 * (names[legs[k].street.name] == 1)
        side = max(top, key=lambda k: gaps[k])
        if gaps[side] > _STRAIGHT_RAD:
            controls[side] = Control.YIELD
    return controls
