"""The judge of every map: what a network must hold so that robots and traffic can live in it.

links meet          ends within 0.2 m and 10 degrees of each other
one piece           90 % of the drive lanes reach each other, or the rest is left out and told
signals             each controls a link or a crossing
lanes               none shorter than 1 m or narrower than 2 m
spawns              there is a place to start
routes              pairs of spawn places are joined (all of them where the map is one piece)
conflicts           of two links that cross or merge exactly one yields
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator
from fleetloop.envs.maps.freeze import MAIN_SHARE
from fleetloop.envs.maps.kinds import ConflictKind, LaneKind
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.polyline import wrap
from fleetloop.envs.maps.routing import Router

MEET_M = 0.2
MEET_RAD = np.deg2rad(10.0)
SHORTEST_M = 1.0
NARROWEST_M = 2.0
_PAIRS = 40
_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was found.

    Attributes:
        name: Of the map.
        problems: One sentence each; empty for a map that may be used.
        figures: Counts and shares by name.
        notes: What the source guessed, from the network.
    """

    name: str
    problems: tuple[str, ...]
    figures: dict[str, float]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the map may be used."""
        return not self.problems

    def require(self) -> None:
        """Raises if the map may not be used.

        Raises:
            ConfigError: With the problems.
        """
        if self.problems:
            raise ConfigError(
                f"The map {self.name!r} cannot be used: {' '.join(self.problems)} Mend the file, "
                "or choose another one."
            )

    def text(self) -> str:
        """All of it, for people."""
        lines = [f"{self.name}: {'fit for use' if self.ok else 'NOT fit for use'}"]
        lines += [f"  problem: {problem}" for problem in self.problems]
        lines += [f"  {name}: {value:g}" for name, value in self.figures.items()]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def validate(network: RoadNetwork) -> Validation:
    """Judges a network; see the module."""
    problems = [
        *_meeting(network),
        *_sizes(network),
        *_signals(network),
        *_yielding(network),
        *_routes(network),
    ]
    return Validation(
        name=network.name,
        problems=tuple(problems),
        figures=_figures(network),
        notes=network.notes,
    )


def _figures(network: RoadNetwork) -> dict[str, float]:
    lanes = network.lanes
    drive = (lanes.kind == LaneKind.DRIVE) & (lanes.junction < 0)
    return {
        "drive lanes": float(drive.sum()),
        "lane km": round(float(lanes.length_m[drive].sum()) / 1000.0, 3),
        "main share": round(float((lanes.main & drive).sum() / max(int(drive.sum()), 1)), 4),
        "links": float(len(network.links)),
        "junctions": float(len(network.junctions)),
        "signals": float(len(network.signals)),
        "crossings": float(len(network.crossings)),
        "spawns": float(len(network.spawns)),
        "buildings": float(len(network.buildings)),
    }


def _meeting(network: RoadNetwork) -> list[str]:
    lanes, links = network.lanes, network.links
    joints = []
    for row in range(len(links)):
        chain = [int(links.from_lane[row]), int(links.connector[row]), int(links.to_lane[row])]
        chain = [lane for lane in chain if lane >= 0]
        joints += [(chain[i], chain[i + 1]) for i in range(len(chain) - 1)]
    if not joints:
        return []
    before, after = np.array(joints).T
    last, first = lanes.begin[before + 1] - 1, lanes.begin[after]
    gap = np.linalg.norm(lanes.xyz_m[last] - lanes.xyz_m[first], axis=1)
    turn = np.abs(wrap(lanes.heading_rad[last] - lanes.heading_rad[first]))
    bad = np.flatnonzero((gap > MEET_M) | (turn > MEET_RAD))
    if len(bad) == 0:
        return []
    told = "; ".join(
        f"{lanes.name[before[i]]} and {lanes.name[after[i]]}: {gap[i]:.2f} m, "
        f"{np.rad2deg(turn[i]):.0f} degrees"
        for i in bad[:_TOLD]
    )
    return [f"{len(bad)} of {len(joints)} joints of lanes do not meet ({told})."]


def _sizes(network: RoadNetwork) -> list[str]:
    lanes = network.lanes
    problems = []
    drive = lanes.kind == LaneKind.DRIVE
    short = np.flatnonzero(drive & (lanes.length_m < SHORTEST_M))
    if len(short):
        problems.append(
            f"{len(short)} lanes are shorter than {SHORTEST_M:g} m "
            f"({', '.join(str(lanes.name[i]) for i in short[:_TOLD])})."
        )
    width = np.maximum.reduceat(lanes.width_left_m + lanes.width_right_m, lanes.begin[:-1])
    narrow = np.flatnonzero(drive & (width < NARROWEST_M))
    if len(narrow):
        problems.append(
            f"{len(narrow)} lanes are nowhere {NARROWEST_M:g} m wide "
            f"({', '.join(str(lanes.name[i]) for i in narrow[:_TOLD])})."
        )
    if not np.isfinite(lanes.xyz_m).all():
        problems.append("Some lanes have coordinates that are not finite.")
    return problems


def _signals(network: RoadNetwork) -> list[str]:
    used = np.concatenate([network.links.signal, network.crossings.signal])
    column = np.concatenate([network.links.signal_index, network.crossings.signal_index])
    problems = []
    idle = [row for row in range(len(network.signals)) if not (used == row).any()]
    if idle:
        problems.append(f"{len(idle)} signals control nothing (rows {idle[:_TOLD]}).")
    under = used >= 0
    if (used[under] >= len(network.signals)).any():
        return [*problems, "A link is under a signal that does not exist."]
    if (column[under] < 0).any() or (column[under] >= network.signals.columns[used[under]]).any():
        problems.append("A link is under a column that its signal does not have.")
    return problems


def _yielding(network: RoadNetwork) -> list[str]:
    links = network.links
    one = np.repeat(np.arange(len(links)), np.diff(links.conflict_begin))
    pairs = {(int(a), int(b)): k for k, (a, b) in enumerate(zip(one, links.conflict_link,
                                                                strict=True))}  # fmt: skip
    bad = 0
    for (a, b), row in pairs.items():
        back = pairs.get((b, a))
        if back is None:
            bad += 1
        elif links.conflict_kind[row] != ConflictKind.DIVERGE:
            bad += int(links.conflict_yields[row] == links.conflict_yields[back])
    return [f"{bad} conflicts do not say who yields."] if bad else []


def _routes(network: RoadNetwork) -> list[str]:
    if len(network.spawns) == 0:
        return ["No drive lane has room for a vehicle to start."]
    lanes = network.lanes
    drive = (lanes.kind == LaneKind.DRIVE) & (lanes.junction < 0)
    share = float((lanes.main & drive).sum() / max(int(drive.sum()), 1))
    if share < MAIN_SHARE and not any("drive lanes" in note for note in network.notes):
        return [f"Only {share:.0%} of the drive lanes are joined, and no note says so."]
    rng = child_generator(0, "validate", "routes")
    starts = rng.choice(network.spawns.lane, size=_PAIRS)
    ends = rng.choice(network.spawns.lane, size=_PAIRS)
    router = Router(network)
    found = sum(
        bool(np.isfinite(router.field(int(end))[start]))
        for start, end in zip(starts, ends, strict=True)
    )
    whole = not (lanes.portal_out & lanes.main).any()
    if found == 0 or (whole and found < _PAIRS):
        return [f"Only {found} of {_PAIRS} sampled pairs of lanes are joined by a route."]
    return []
