"""The route of a drive: one smooth line from start to destination, and what is along it.

The line follows the centres of the route's lanes and their connectors. Where the route changes
lanes, it blends from one centre to the other over some seconds of driving.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.kinds import Control, Turn
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.routing import CHANGE_LEFT, FOLLOW, Route, Router
from fleetloop.envs.tasks.drive_eyes import find_on_line
from fleetloop.envs.traffic.arrays import roadway_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

STEP_M = 0.5
COMMANDS = ("follow", "left", "right", "straight", "change_left", "change_right")
"""What the agent is told to do next, one-hot in this order (as in CARLA's navigation)."""

_CHANGE_S = 3.5
_SHORTEST_CHANGE_M = 22.0
_TRIES = 60
_COMMAND_M = 35.0
_END_CLEAR_M = 6.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gate:
    """Where the route enters a junction.

    Attributes:
        line_m: Where a front waits, along the route.
        enter_m, exit_m: Begin and end of the connector, along the route.
        link: Row of the network's links.
        control: `Control`.
        signal, signal_index: As in `Links`; -1 without.
        crossing: Whether it is a crossing of people instead; `link` is its row then.
    """

    line_m: float
    enter_m: float
    exit_m: float
    link: int
    control: int
    signal: int
    signal_index: int
    crossing: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DriveRoute:
    """A line with an even spacing of `STEP_M`; rows beyond the destination go straight on.

    Attributes:
        xyz_m: (n, 3), world.
        heading_rad: (n,), continuous.
        curvature_1_m: (n,), positive to the left.
        limit_m_s: (n,).
        lane: (n,) lane that the line follows.
        command: (n,) row of `COMMANDS` for who is there.
        length_m: To the destination.
        gates: Junctions, then crossings of people, each in order.
    """

    xyz_m: Floats
    heading_rad: Floats
    curvature_1_m: Floats
    limit_m_s: Floats
    lane: Ints
    command: Ints
    length_m: float
    gates: tuple[Gate, ...]

    def locate(self, x_m: float, y_m: float, near_m: float) -> tuple[float, float, int]:
        """Distance along the line, to its left, and the row, of the nearest place.

        Args:
            x_m, y_m: World.
            near_m: Where it was before; only the line around it is searched.
        """
        first = max(int((near_m - 6.0) / STEP_M), 0)
        last = min(first + int(26.0 / STEP_M), len(self.xyz_m) - 1)
        along, aside, row = find_on_line(self.xyz_m, self.heading_rad, first, last, x_m, y_m)
        return row * STEP_M + along, aside, row


@lru_cache(maxsize=8)
def router_of(network: RoadNetwork) -> Router:
    """One router for all worlds of a process."""
    return Router(network)


@lru_cache(maxsize=8)
def _lines_m(network: RoadNetwork) -> Floats:
    """Where fronts wait on each lane (n,), the drawn stop lines considered."""
    line = np.array(roadway_of(network).lanes["line_m"], dtype=np.float64)
    stops = network.stop_lines
    for row in range(len(stops)):
        lane = int(stops.lane[row])
        if lane >= 0 and stops.s_m[row] > 0.5 * network.lanes.length_m[lane]:
            line[lane] = min(line[lane], float(stops.s_m[row]) - 0.3)
    return line


def draw_route(
    network: RoadNetwork, route_m: tuple[float, float], rng: np.random.Generator
) -> DriveRoute:
    """Draws start and destination until the way between them has a fitting length.

    Raises:
        ConfigError: The map has no route at all.
    """
    router, spawns = router_of(network), network.spawns
    best: DriveRoute | None = None
    off_m = np.inf
    for _ in range(_TRIES):
        # The destination first: of a map in pieces, only places from which it can be reached count.
        end, pick = int(rng.integers(len(spawns))), float(rng.uniform())
        reach = np.flatnonzero(np.isfinite(router.field(int(spawns.lane[end]))[spawns.lane]))
        if len(reach) == 0:
            continue
        start = int(reach[int(pick * len(reach))])
        found = router.route(int(spawns.lane[start]), int(spawns.lane[end]))
        if found is None:
            continue
        made = make_route(network, found, float(spawns.s_m[start]), float(spawns.s_m[end]))
        if made is None:
            continue
        away = max(route_m[0] - made.length_m, made.length_m - route_m[1], 0.0)
        if away < off_m:
            best, off_m = made, away
        if away == 0.0:
            break
    if best is None:
        raise ConfigError(
            f"The map {network.name!r} has no route between places where a car can start: take a "
            "larger extract."
        )
    return best


@dataclass(slots=True)
class _Stretch:
    """Lanes side by side between two joints, with the shares at which they begin and end."""

    lanes: list[int]
    moves: list[int]
    begin: float
    end: float
    path_m: Floats | None = None
    share: Floats | None = None


def make_route(
    network: RoadNetwork, route: Route, start_m: float, end_m: float
) -> DriveRoute | None:
    """The line of a route; None where it is too short, or a change of lanes has no room.

    Args:
        network: The map.
        route: Lanes in order.
        start_m: Where it begins on the first lane.
        end_m: Where it ends on the last lane.
    """
    stretches = _stretches(network, route, start_m, end_m)
    made = []
    for stretch in stretches:
        line = _line(network, stretch) if stretch.begin < stretch.end - 1e-6 else None
        if line is None:
            return None
        made.append(line)
    points = [line[0] for line in made]
    xyz = np.concatenate(points)
    keep = np.concatenate([[True], np.linalg.norm(np.diff(xyz, axis=0), axis=1) > 1e-3])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(xyz[keep], axis=0), axis=1))])
    along_all = np.empty(len(xyz))
    along_all[keep] = along
    along_all[~keep] = along_all[np.maximum(np.flatnonzero(~keep) - 1, 0)]
    place = 0
    for stretch, piece in zip(stretches, points, strict=True):
        stretch.path_m = along_all[place : place + len(piece)]
        place += len(piece)
    length = float(along[-1])
    if length < 20.0:
        return None
    limit, lane, command = (
        np.concatenate([line[column] for line in made])[keep] for column in (1, 2, 3)
    )
    return _resampled(network, stretches, xyz[keep], along, length, limit, lane, command)


def _stretches(network: RoadNetwork, route: Route, start_m: float, end_m: float) -> list[_Stretch]:
    lanes = network.lanes
    found = [_Stretch(lanes=[int(route.lanes[0])], moves=[], begin=0.0, end=1.0)]
    for lane, move in zip(route.lanes[1:], route.moves, strict=True):
        if move == FOLLOW:
            found.append(_Stretch(lanes=[int(lane)], moves=[], begin=0.0, end=1.0))
        else:
            found[-1].lanes.append(int(lane))
            found[-1].moves.append(int(move))
    found[0].begin = start_m / float(lanes.length_m[found[0].lanes[0]])
    found[-1].end = end_m / float(lanes.length_m[found[-1].lanes[-1]])
    return found


def _line(network: RoadNetwork, stretch: _Stretch) -> tuple[Floats, Floats, Ints, Ints] | None:
    """Points (k, 3), limits, lanes and commands of a stretch; None if changes have no room."""
    lanes = network.lanes
    length = float(lanes.length_m[stretch.lanes[0]]) * (stretch.end - stretch.begin)
    count = max(int(np.ceil(length / STEP_M)), 1) + 1
    share = np.linspace(stretch.begin, stretch.end, count)
    stretch.share = share
    lines = [_at_shares(network, lane, share) for lane in stretch.lanes]
    number = np.zeros(count, dtype=np.int32)
    weight = np.zeros(count)
    command = np.zeros(count, dtype=np.int32)
    changes = len(stretch.moves)
    if changes:
        room = length / changes
        wanted = max(_SHORTEST_CHANGE_M, _CHANGE_S * float(lanes.speed_limit_m_s[stretch.lanes[0]]))
        if room < _SHORTEST_CHANGE_M + 4.0:
            return None
        over = min(wanted, room - 4.0)
        along = (share - stretch.begin) / (stretch.end - stretch.begin) * length
        for change, move in enumerate(stretch.moves):
            first = change * room + 2.0
            part = np.clip((along - first) / over, 0.0, 1.0)
            weight += part * part * (3.0 - 2.0 * part)
            number += (along > first + 0.5 * over).astype(np.int32)
            near = (along > first - _COMMAND_M) & (along < first + over)
            side = "change_left" if move == CHANGE_LEFT else "change_right"
            command[near] = COMMANDS.index(side)
    low = np.minimum(weight.astype(np.int64), len(lines) - 1)
    high = np.minimum(low + 1, len(lines) - 1)
    part = (weight - low)[:, None]
    stack = np.stack(lines)
    rows = np.arange(count)
    points = (1.0 - part) * stack[low, rows] + part * stack[high, rows]
    on = np.array(stretch.lanes, dtype=np.int32)[number]
    return points, lanes.speed_limit_m_s[on], on, command


def _at_shares(network: RoadNetwork, lane: int, share: Floats) -> Floats:
    """Points (k, 3) of a lane at shares of its length."""
    rows = network.lanes.rows(lane)
    s = network.lanes.s_m[rows]
    wanted = share * s[-1]
    return np.stack([np.interp(wanted, s, network.lanes.xyz_m[rows, i]) for i in range(3)], axis=1)


def _resampled(
    network: RoadNetwork,
    stretches: list[_Stretch],
    xyz: Floats,
    along: Floats,
    length: float,
    limit: Floats,
    lane: Ints,
    command: Ints,
) -> DriveRoute:
    beyond = 80.0
    wanted = np.arange(0.0, length + beyond, STEP_M)
    inside = np.minimum(wanted, length)
    points = np.stack([np.interp(inside, along, xyz[:, i]) for i in range(3)], axis=1)
    straight = xyz[-1] - xyz[max(len(xyz) - 4, 0)]
    straight = straight / max(float(np.linalg.norm(straight)), 1e-9)
    points += np.maximum(wanted - length, 0.0)[:, None] * straight
    ahead = np.diff(points[:, :2], axis=0)
    turn = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
    middle = np.concatenate([[turn[0]], 0.5 * (turn[1:] + turn[:-1]), [turn[-1]]])
    heading = _smoothed(middle, 5)
    curvature = _smoothed(np.gradient(heading, STEP_M), 5)
    row = np.clip(np.searchsorted(along, inside, side="right") - 1, 0, len(along) - 1)
    gates = (*_junction_gates(network, stretches), *_crossing_gates(network, stretches))
    told = command[row].astype(np.int32)
    for gate in gates:
        if not gate.crossing:
            near = (wanted > gate.enter_m - _COMMAND_M) & (wanted < gate.exit_m)
            told[near] = _turn_command(int(network.links.turn[gate.link]))
    return DriveRoute(
        xyz_m=points,
        heading_rad=heading,
        curvature_1_m=curvature,
        limit_m_s=limit[row],
        lane=lane[row].astype(np.int32),
        command=told,
        length_m=length,
        gates=gates,
    )


def _turn_command(turn: int) -> int:
    names = {Turn.LEFT: "left", Turn.RIGHT: "right", Turn.STRAIGHT: "straight", Turn.U_TURN: "left"}
    return COMMANDS.index(names[Turn(turn)])


def _smoothed(values: Floats, width: int) -> Floats:
    """Moving mean that keeps the ends."""
    half = width // 2
    padded = np.concatenate([np.full(half, values[0]), values, np.full(half, values[-1])])
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _junction_gates(network: RoadNetwork, stretches: list[_Stretch]) -> list[Gate]:
    links, lanes = network.links, network.lanes
    found = []
    for before, inside in pairwise(stretches):
        connector = inside.lanes[0]
        if lanes.junction[connector] < 0 or lanes.junction[before.lanes[-1]] >= 0:
            continue
        rows = slice(int(lanes.next_begin[connector]), int(lanes.next_begin[connector + 1]))
        link = int(lanes.next_link[rows][0]) if lanes.next_link[rows].size else -1
        if link < 0:
            continue
        assert before.path_m is not None
        assert inside.path_m is not None
        lane = before.lanes[-1]
        enter = float(before.path_m[-1])
        back = float(lanes.length_m[lane]) - float(_lines_m(network)[lane])
        found.append(
            Gate(
                line_m=enter - back,
                enter_m=enter,
                exit_m=float(inside.path_m[-1]),
                link=link,
                control=int(links.control[link]),
                signal=int(links.signal[link]),
                signal_index=int(links.signal_index[link]),
            )
        )
    return found


def _crossing_gates(network: RoadNetwork, stretches: list[_Stretch]) -> list[Gate]:
    crossings = network.crossings
    found = []
    for stretch in stretches:
        assert stretch.path_m is not None
        assert stretch.share is not None
        for lane in stretch.lanes[-1:]:
            length = float(network.lanes.length_m[lane])
            for entry in np.flatnonzero(crossings.crossed_lane == lane):
                row = int(np.searchsorted(crossings.begin, entry, side="right") - 1)
                ends = np.array([crossings.enter_m[entry], crossings.exit_m[entry]]) / length
                if ends[1] < stretch.begin or ends[0] > stretch.end:
                    continue
                enter, leave = np.interp(ends, stretch.share, stretch.path_m)
                found.append(
                    Gate(
                        line_m=float(enter) - 1.0,
                        enter_m=float(enter),
                        exit_m=float(leave),
                        link=row,
                        control=int(Control.FREE),
                        signal=int(crossings.signal[row]),
                        signal_index=int(crossings.signal_index[row]),
                        crossing=True,
                    )
                )
    return sorted(found, key=lambda gate: gate.enter_m)
