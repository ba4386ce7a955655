"""Who may go where at a junction: by the streets inside, by restrictions, by turn lanes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.osm.graph import Graph
from fleetloop.envs.maps.osm.legs import STEP_M, Leg, Site
from fleetloop.envs.maps.osm.parse import Document
from fleetloop.envs.maps.polyline import wrap

TURN_RAD = np.deg2rad(35.0)
BACK_RAD = np.deg2rad(150.0)
_ANGLES = {
    "sharp_left": 130.0, "left": 85.0, "slight_left": 35.0, "through": 0.0,
    "merge_to_left": 0.0, "merge_to_right": 0.0, "slight_right": -35.0, "right": -85.0,
    "sharp_right": -130.0, "reverse": 180.0,
}  # fmt: skip
_FARTHEST_DEG = 70.0

Ban = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Turn restrictions by the node where they hold.

    Attributes:
        banned: Pairs of ways.
        only: Ways from which one may only go on to these.
    """

    banned: dict[int, set[Ban]]
    only: dict[int, dict[int, set[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one leg to another of a site, by their rows, with the turn, positive to the left."""

    source: int
    target: int
    turn_rad: float


def restrictions(document: Document) -> Rules:
    """All turn restrictions for cars that hold at a node."""
    banned: dict[int, set[Ban]] = defaultdict(set)
    only: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for relation in document.relations.values():
        tags = relation.tags
        word = tags.get("restriction") or tags.get("restriction:motorcar", "")
        excepted = tags.get("except", "").split(";")
        if tags.get("type") != "restriction" or "motorcar" in excepted:
            continue
        by_role: dict[str, list[int]] = defaultdict(list)
        via = [m.number for m in relation.members if m.role == "via" and m.kind == "node"]
        for member in relation.members:
            if member.kind == "way":
                by_role[member.role].append(member.number)
        for node in via:
            for source in by_role["from"]:
                for target in by_role["to"]:
                    if word.startswith("no_"):
                        banned[node].add((source, target))
                    elif word.startswith("only_"):
                        only[node][source].add(target)
    return Rules(banned=banned, only=only)


def moves_of(graph: Graph, site: Site, rules: Rules) -> list[Move]:
    """All moves that a junction allows, by source and from left to right."""
    found = []
    for row, leg in enumerate(site.legs):
        if not leg.street.drives(forward=False):
            continue
        reached = _reached(graph, site, leg, rules)
        mine = [
            Move(source=row, target=other, turn_rad=turn_between(leg, site.legs[other]))
            for other in reached
            if other != row
        ]
        ahead = [move for move in mine if abs(move.turn_rad) < BACK_RAD]
        found += sorted(ahead or mine, key=lambda move: -move.turn_rad)
    return found


def turn_between(source: Leg, target: Leg) -> float:
    """How far one turns from a leg to another, positive to the left."""
    a = source.heading_rad[min(int(source.cut_m / STEP_M) + 4, len(source.heading_rad) - 1)]
    b = target.heading_rad[min(int(target.cut_m / STEP_M) + 4, len(target.heading_rad) - 1)]
    return float(wrap(b - (a + np.pi)))


def _reached(graph: Graph, site: Site, leg: Leg, rules: Rules) -> list[int]:
    """Legs that can be reached, along the edges inside the junction."""
    outward = {
        (other.edge, other.end): row
        for row, other in enumerate(site.legs)
        if other.street.drives(forward=True)
    }
    inside = set(site.inner)
    start = (leg.edge, 1 - leg.end)
    seen, todo, found = {start}, [(leg.edge, leg.node)], []
    while todo:
        edge, node = todo.pop(0)
        for number, end in graph.at[node]:
            if number == edge and len(graph.at[node]) > 1:
                continue
            if (number, end) in seen or not _allowed(graph, edge, number, node, rules):
                continue
            if (number, end) in outward:
                seen.add((number, end))
                found.append(outward[number, end])
            elif number in inside:
                street = graph.edges[number].street
                if street.drives(forward=end == 0):
                    seen.add((number, end))
                    todo.append((number, graph.edges[number].ends[1 - end]))
    return found


def _allowed(graph: Graph, source: int, target: int, node: int, rules: Rules) -> bool:
    ways_in, ways_out = graph.edges[source].ways, graph.edges[target].ways
    banned = rules.banned.get(node, set())
    if any((a, b) in banned for a in ways_in for b in ways_out):
        return False
    only = rules.only.get(node, {})
    wanted = {b for a in ways_in for b in only.get(a, ())}
    return not wanted or bool(wanted & set(ways_out))


def assign_lanes(
    turns: tuple[frozenset[str], ...], count: int, moves: list[Move], out_lanes: list[int]
) -> list[list[int]]:
    """Which lanes of a leg serve each of its moves.

    Args:
        turns: Words of the lanes from the left, or empty.
        count: Lanes of the leg.
        moves: Its moves from left to right.
        out_lanes: Lanes of each move's target.

    Returns:
        For each move its lanes, counted from the left.
    """
    if not moves or count == 0:
        return [[] for _ in moves]
    told = len(turns) == count and any(turns)
    served = _by_words(turns, moves) if told else _by_custom(count, moves, out_lanes)
    for k, move in enumerate(moves):
        if not served[k]:
            left, right = move.turn_rad > TURN_RAD, move.turn_rad < -TURN_RAD
            served[k] = [0 if left else count - 1 if right else _beside(served, k, count)]
    idle = set(range(count)) - {lane for lanes in served for lane in lanes}
    straight = min(range(len(moves)), key=lambda k: abs(moves[k].turn_rad))
    for lane in sorted(idle):
        near = [k for k in range(len(moves)) if {lane - 1, lane + 1} & set(served[k])]
        served[straight if straight in near or not near else near[0]].append(lane)
    return [sorted(set(lanes)) for lanes in served]


def _beside(served: list[list[int]], k: int, count: int) -> int:
    """A lane for a move that has none: between those of its neighbours."""
    before = [lane for lanes in served[:k] for lane in lanes]
    after = [lane for lanes in served[k + 1 :] for lane in lanes]
    low, high = max(before, default=0), min(after, default=count - 1)
    return int(np.clip((low + high) // 2, 0, count - 1))


def _by_words(turns: tuple[frozenset[str], ...], moves: list[Move]) -> list[list[int]]:
    served: list[list[int]] = [[] for _ in moves]
    for lane, words in enumerate(turns):
        for word in sorted(words or {"through"}):
            wanted = _ANGLES.get(word)
            if wanted is None or word == "reverse":
                continue
            gaps = [abs(float(np.rad2deg(move.turn_rad)) - wanted) for move in moves]
            best = int(np.argmin(gaps))
            if gaps[best] < _FARTHEST_DEG:
                served[best].append(lane)
    return served


def _by_custom(count: int, moves: list[Move], out_lanes: list[int]) -> list[list[int]]:
    """Lefts from the leftmost lane, rights from the rightmost, all others straight on."""
    through = [k for k, move in enumerate(moves) if abs(move.turn_rad) <= TURN_RAD]
    served: list[list[int]] = [[] for _ in moves]
    if through:
        for k, lanes in zip(
            through, _split(count, [out_lanes[k] for k in through]), strict=True
        ):  # fmt: skip
            served[k] = lanes
        for k, move in enumerate(moves):
            if k not in through:
                served[k] = [0 if move.turn_rad > 0.0 else count - 1]
        return served
    return _split(count, [1] * len(moves))


def _split(count: int, shares: list[int]) -> list[list[int]]:
    """Lanes from left to right over targets, by their lanes; each gets at least one."""
    if len(shares) == 1:
        return [list(range(count))]
    edges = np.concatenate([[0.0], np.cumsum(shares)]) / max(sum(shares), 1) * count
    found = []
    for low, high in itertools.pairwise(edges.tolist()):
        lanes = [lane for lane in range(count) if low - 1e-6 <= lane + 0.5 < high - 1e-6]
        found.append(lanes or [min(int(0.5 * (low + high)), count - 1)])
    return found


def pair_lanes(
    sources: list[int], targets: int, turn_rad: float, gaps_m: np.ndarray, *, spread: bool
) -> list[tuple[int, int]]:
    """Which lane of the source leads to which of the target.

    Args:
        sources: Lanes of the source that serve the move, from the left.
        targets: How many lanes the target has.
        turn_rad: Of the move.
        gaps_m: (lanes of the source, targets) sideways from each lane to each other one.
        spread: Whether lanes that begin here are led to as well.
    """
    count = len(sources)
    if count <= targets:
        if turn_rad > TURN_RAD:
            first = 0
        elif turn_rad < -TURN_RAD:
            first = targets - count
        else:
            cost = [sum(abs(gaps_m[lane, k + o]) for k, lane in enumerate(sources))
                    for o in range(targets - count + 1)]  # fmt: skip
            first = int(np.argmin(cost))
        pairs = [(lane, first + k) for k, lane in enumerate(sources)]
        if spread:
            pairs += [(sources[0], k) for k in range(first)]
            pairs += [(sources[-1], k) for k in range(first + count, targets)]
        return pairs
    cost = [sum(abs(gaps_m[sources[k + o], k]) for k in range(targets))
            for o in range(count - targets + 1)]  # fmt: skip
    first = int(np.argmin(cost))
    return [(lane, int(np.clip(k - first, 0, targets - 1))) for k, lane in enumerate(sources)]
