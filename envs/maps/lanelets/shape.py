"""Centre lines of lanelets, and headings that agree where lanelets follow each other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.maps.lanelets.model import Lanelet
from fleetloop.envs.maps.polyline import Floats, distances, wrap

STEP_M = 0.5
_BLEND_M = 6.0
_ALIKE_RAD = np.deg2rad(50.0)


@dataclass(slots=True, kw_only=True, eq=False)
class Line:
    """A centre line in even steps, (n, ...).

    Attributes:
        xyz_m: (n, 3).
        heading_rad: (n,).
        width_m: (n,) between the bounds.
    """

    xyz_m: Floats
    heading_rad: Floats
    width_m: Floats

    @property
    def along_m(self) -> Floats:
        """Distance from the begin (n,)."""
        return distances(self.xyz_m)

    @property
    def length_m(self) -> float:
        """Of all of it."""
        return float(self.along_m[-1])

    def part(self, low_m: float, high_m: float) -> Line:
        """The stretch between two distances."""
        along = self.along_m
        count = max(int(np.ceil((high_m - low_m) / STEP_M)), 2) + 1
        at = np.linspace(low_m, high_m, count)
        columns = [np.interp(at, along, self.xyz_m[:, k]) for k in range(3)]
        return Line(
            xyz_m=np.column_stack(columns),
            heading_rad=np.interp(at, along, self.heading_rad),
            width_m=np.interp(at, along, self.width_m),
        )


def joined(lines: list[Line]) -> Line:
    """Lines end to end, each begin left out that repeats an end."""
    rest = lines[1:]
    heading = np.concatenate([lines[0].heading_rad, *(line.heading_rad[1:] for line in rest)])
    return Line(
        xyz_m=np.concatenate([lines[0].xyz_m, *(line.xyz_m[1:] for line in rest)]),
        heading_rad=np.unwrap(heading),
        width_m=np.concatenate([lines[0].width_m, *(line.width_m[1:] for line in rest)]),
    )


def middle(lanelet: Lanelet) -> Line:
    """The line half way between the bounds, at equal shares of their lengths."""
    longest = max(float(distances(side)[-1]) for side in (lanelet.left_m, lanelet.right_m))
    count = max(int(np.ceil(longest / STEP_M)), 2) + 1
    left, right = (_even(side, count) for side in (lanelet.left_m, lanelet.right_m))
    xyz = 0.5 * (left + right)
    heading = _headings(xyz)
    across = (left - right)[:, :2]
    normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    return Line(xyz_m=xyz, heading_rad=heading, width_m=np.abs((across * normal).sum(axis=1)))


def _even(points_m: Floats, count: int) -> Floats:
    along = distances(points_m)
    at = np.linspace(0.0, float(along[-1]), count)
    return np.column_stack([np.interp(at, along, points_m[:, k]) for k in range(3)])


def _headings(xyz_m: Floats) -> Floats:
    step = np.gradient(xyz_m[:, :2], axis=0)
    return np.asarray(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))


def agree(lines: dict[str, Line], after: dict[str, list[str]]) -> None:
    """Gives lanelets one heading and one place where they follow each other, in place.

    Lanelets are drawn by hand with coarse points: at a joint both sides differ by some degrees.
    Each joint takes the mean direction of all that meet there, and the difference fades along the
    first metres.
    """
    before: dict[str, list[str]] = defaultdict(list)
    for key, nexts in after.items():
        for other in nexts:
            before[other].append(key)
    done: set[str] = set()
    for key in lines:
        if key in done or not after.get(key):
            continue
        sources, targets = {key}, set(after[key])
        while True:
            more = {other for target in targets for other in before[target]}
            onward = {other for source in more for other in after[source]}
            if more <= sources and onward <= targets:
                break
            sources |= more
            targets |= onward
        done |= sources
        _settle(lines, sorted(sources), sorted(targets))


def _settle(lines: dict[str, Line], sources: list[str], targets: list[str]) -> None:
    """One heading and one place for all ends of a joint."""
    angles = [float(lines[key].heading_rad[-1]) for key in sources]
    angles += [float(lines[key].heading_rad[0]) for key in targets]
    first = angles[0]
    turned = wrap(np.array(angles) - first)
    middle_rad = float(np.median(turned))
    alike = turned[np.abs(turned - middle_rad) < _ALIKE_RAD]
    common = first + float(alike.mean())
    for key in sources:
        _turn(lines[key], common, at_end=True)
    for key in targets:
        _turn(lines[key], common, at_end=False)
    ends = [lines[key].xyz_m[-1] for key in sources] + [lines[key].xyz_m[0] for key in targets]
    common_m = np.mean(ends, axis=0)
    for key in sources:
        _pull(lines[key], common_m, at_end=True)
    for key in targets:
        _pull(lines[key], common_m, at_end=False)


def _turn(line: Line, heading_rad: float, *, at_end: bool) -> None:
    away = line.along_m[-1] - line.along_m if at_end else line.along_m
    fade = np.clip(1.0 - away / min(_BLEND_M, 0.5 * line.length_m), 0.0, 1.0)
    line.heading_rad += fade * float(wrap(heading_rad - line.heading_rad[-1 if at_end else 0]))


def _pull(line: Line, place_m: Floats, *, at_end: bool) -> None:
    """Moves an end to a place; the shift fades to the middle."""
    gap = place_m - line.xyz_m[-1 if at_end else 0]
    if float(np.abs(gap).max()) > 1e-3:
        away = line.along_m[-1] - line.along_m if at_end else line.along_m
        fade = np.clip(1.0 - away / max(0.5 * line.length_m, 1e-6), 0.0, 1.0)
        line.xyz_m += fade[:, None] * gap
