"""The plan of a town: which places are joined by which class of street, along which curve.

Streets are drawn on a plane (a grid, or rings and spokes) that is then bent by a smooth field, so
that neighbours bend together and junctions keep their angles. Then residential streets are left
out or cut to dead ends, as long as all places stay joined.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.kinds import RoadClass
from fleetloop.envs.maps.polyline import distances
from fleetloop.envs.maps.town.config import TownConfig

Floats = npt.NDArray[np.float64]

CURVE_STEP_M = 1.0
_WAVES = 3


@dataclass(slots=True, kw_only=True, eq=False)
class Street:
    """A stretch between two nodes.

    Attributes:
        a, b: Nodes; `b` may be a dead end of its own.
        road_class: Rank.
        points_m: (p, 2) centre line from a to b.
    """

    a: int
    b: int
    road_class: RoadClass
    points_m: Floats

    @property
    def length_m(self) -> float:
        """Length of the centre line."""
        return float(distances(self.points_m)[-1])


@dataclass(slots=True, kw_only=True, eq=False)
class Plan:
    """Nodes and streets.

    Attributes:
        nodes_m: (n, 2) each.
        streets: All of them.
        center_m: Middle of the town.
        reach_m: From there to its border.
    """

    nodes_m: list[Floats] = field(default_factory=list)
    streets: list[Street] = field(default_factory=list)
    center_m: Floats = field(default_factory=lambda: np.zeros(2))
    reach_m: float = 0.0

    def arms(self) -> list[list[int]]:
        """Streets at each node."""
        found: list[list[int]] = [[] for _ in self.nodes_m]
        for number, street in enumerate(self.streets):
            found[street.a].append(number)
            found[street.b].append(number)
        return found


def draw_plan(config: TownConfig, rng: np.random.Generator) -> Plan:
    """Draws the plan of a town."""
    layout = config.layout
    drawn = ("grid", "grid", "radial")[int(rng.integers(3))]
    if layout == "any":
        layout = drawn
    flat = _grid(config, rng) if layout == "grid" else _radial(config, rng)
    _thin(flat, config, rng)
    return _bent(flat, config, rng)


def _grid(config: TownConfig, rng: np.random.Generator) -> Plan:
    plan = Plan()
    nx, ny = config.blocks_x + 1, config.blocks_y + 1
    step_x = config.block_m * rng.uniform(0.88, 1.18, nx - 1)
    step_y = config.block_m * rng.uniform(0.88, 1.18, ny - 1)
    x = np.concatenate([[0.0], np.cumsum(step_x)])
    y = np.concatenate([[0.0], np.cumsum(step_y)])
    x, y = x - 0.5 * x[-1], y - 0.5 * y[-1]
    plan.nodes_m = [np.array([x[i], y[j]]) for i in range(nx) for j in range(ny)]
    rows, columns = _line_classes(ny, rng), _line_classes(nx, rng)
    for i in range(nx):
        for j in range(ny):
            if i + 1 < nx:
                _join(plan, i * ny + j, (i + 1) * ny + j, rows[j])
            if j + 1 < ny:
                _join(plan, i * ny + j, i * ny + j + 1, columns[i])
    plan.reach_m = 0.5 * float(np.hypot(x[-1] - x[0], y[-1] - y[0]))
    return plan


def _line_classes(count: int, rng: np.random.Generator) -> list[RoadClass]:
    """An arterial within, collectors at the border and here and there, else residential."""
    arterial = int(rng.integers(1, count - 1))
    classes = []
    for line in range(count):
        border = line in (0, count - 1)
        collector = rng.uniform() < (0.55 if border else 0.35)
        classes.append(RoadClass.COLLECTOR if collector else RoadClass.RESIDENTIAL)
    classes[arterial] = RoadClass.ARTERIAL
    return classes


def _radial(config: TownConfig, rng: np.random.Generator) -> Plan:
    plan = Plan()
    rings = max(2, round(0.5 * (config.blocks_x + config.blocks_y)) - 1)
    spokes = int(rng.integers(5, 7))
    radius = config.block_m * (0.95 + np.arange(rings) * 1.0)
    turn = rng.uniform(0.0, 2.0 * np.pi)
    counts = [spokes * (1 if ring == 0 else 2) for ring in range(rings)]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    for ring in range(rings):
        angle = turn + 2.0 * np.pi * np.arange(counts[ring]) / counts[ring]
        plan.nodes_m += [radius[ring] * np.array([np.cos(a), np.sin(a)]) for a in angle]
    ring_class = [RoadClass.COLLECTOR if ring == 0 or ring == rings - 1 else
                  RoadClass.RESIDENTIAL for ring in range(rings)]  # fmt: skip
    arterial = {0, spokes // 2}
    for ring in range(rings):
        for k in range(counts[ring]):
            after = (k + 1) % counts[ring]
            a, b = int(first[ring]) + k, int(first[ring]) + after
            _join(plan, a, b, ring_class[ring], around=True)
            if ring + 1 < rings:
                step = counts[ring + 1] // counts[ring]
                spoke = k if ring == 0 else k // 2
                main = spoke in arterial and (ring == 0 or k % 2 == 0)
                rank = (
                    RoadClass.ARTERIAL
                    if main
                    else (RoadClass.COLLECTOR if rng.uniform() < 0.3 else RoadClass.RESIDENTIAL)
                )
                _join(plan, a, int(first[ring + 1]) + k * step, rank)
    plan.reach_m = float(radius[-1])
    return plan


def _join(plan: Plan, a: int, b: int, rank: RoadClass, *, around: bool = False) -> None:
    one, two = plan.nodes_m[a], plan.nodes_m[b]
    count = max(int(np.linalg.norm(two - one) / 2.0), 8) + 1
    share = np.linspace(0.0, 1.0, count)[:, None]
    if around:
        radius = float(np.linalg.norm(one))
        start = float(np.arctan2(one[1], one[0]))
        span = float(np.arctan2(two[1], two[0])) - start
        angle = start + share[:, 0] * float(np.arctan2(np.sin(span), np.cos(span)))
        points = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        points = one + share * (two - one)
    plan.streets.append(Street(a=a, b=b, road_class=rank, points_m=points))


def _thin(plan: Plan, config: TownConfig, rng: np.random.Generator) -> None:
    """Leaves out streets, or cuts them to dead ends; no node may end with a single street."""
    order = rng.permutation(len(plan.streets))
    wanted = int(config.missing * sum(s.road_class == RoadClass.RESIDENTIAL for s in plan.streets))
    gone: set[int] = set()
    stubs: list[Street] = []
    for number in order:
        if len(gone) >= wanted:
            break
        street = plan.streets[int(number)]
        cut = rng.uniform() < 0.6
        side = rng.uniform() < 0.5
        share = rng.uniform(0.52, 0.68)
        if street.road_class != RoadClass.RESIDENTIAL or not _spare(plan, gone | {int(number)}):
            continue
        gone.add(int(number))
        if cut:
            stubs.append(_stub(plan, street, bool(side), float(share)))
    plan.streets = [s for number, s in enumerate(plan.streets) if number not in gone] + stubs


def _stub(plan: Plan, street: Street, from_b: bool, share: float) -> Street:
    points = street.points_m[::-1] if from_b else street.points_m
    kept = points[: max(int(share * len(points)), 4)]
    plan.nodes_m.append(kept[-1])
    return Street(a=street.b if from_b else street.a, b=len(plan.nodes_m) - 1,
                  road_class=street.road_class, points_m=kept)  # fmt: skip


def _spare(plan: Plan, gone: set[int]) -> bool:
    """Whether without some streets every node keeps two, and all stay joined."""
    count = len(plan.nodes_m)
    neighbours: list[list[int]] = [[] for _ in range(count)]
    for number, street in enumerate(plan.streets):
        if number not in gone:
            neighbours[street.a].append(street.b)
            neighbours[street.b].append(street.a)
    joined = [node for node in range(count) if any(
        node in (s.a, s.b) for s in plan.streets)]  # fmt: skip
    if any(len(neighbours[node]) < 2 for node in joined):
        return False
    seen, waiting = {joined[0]}, [joined[0]]
    while waiting:
        for other in neighbours[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return len(seen) == len(joined)


def _bent(plan: Plan, config: TownConfig, rng: np.random.Generator) -> Plan:
    """Bends the plane: a sum of waves whose slopes stay below what junctions can take."""
    angle = rng.uniform(0.0, 2.0 * np.pi, _WAVES)
    wave_m = config.block_m * rng.uniform(2.2, 4.5, _WAVES)
    phase = rng.uniform(0.0, 2.0 * np.pi, (_WAVES, 2))
    # The slope of a wave is 2 pi amplitude / length; all of them together stay below 0.34 or so.
    slope = 0.34 * config.bend / _WAVES * rng.uniform(0.7, 1.3, _WAVES)
    height = slope * wave_m / (2.0 * np.pi)
    turn = rng.uniform(0.0, 2.0 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def bend(points: Floats) -> Floats:
        moved = points.copy()
        for k in range(_WAVES):
            along = points @ np.array([np.cos(angle[k]), np.sin(angle[k])])
            swing = 2.0 * np.pi * along / wave_m[k]
            moved[:, 0] += height[k] * np.sin(swing + phase[k, 0])
            moved[:, 1] += height[k] * np.sin(swing + phase[k, 1])
        return np.asarray(moved @ rotation.T)

    return Plan(
        nodes_m=[bend(node[None])[0] for node in plan.nodes_m],
        streets=[
            Street(a=s.a, b=s.b, road_class=s.road_class, points_m=_even(bend(s.points_m)))
            for s in plan.streets
        ],
        center_m=bend(np.zeros((1, 2)))[0],
        reach_m=plan.reach_m,
    )


def _even(points: Floats) -> Floats:
    along = distances(points)
    count = max(int(np.ceil(along[-1] / CURVE_STEP_M)), 2) + 1
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, points[:, i]) for i in range(2)], axis=1)
