"""Which parts of lanelets get into each other's way: these become ways through junctions.

Formats of lanelets know no junctions, or leave them out. What overlaps another lanelet that is no
neighbour (it crosses, merges or parts) is part of a junction; free stretches of some length are
streets. Parts that overlap or follow each other belong to one junction.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleetloop.envs.maps.lanelets.model import Lanelet
from fleetloop.envs.maps.lanelets.shape import Line

FREE_M = 15.0
"""A stretch that nobody else uses is a street from this length on."""

SHORTEST_M = 2.0
_SLACK_M = 0.7
_HALF_SWEEP_M = 1.3
_LEVEL_M = 3.0


@dataclass(slots=True, kw_only=True, eq=False)
class Piece:
    """A stretch of a lanelet.

    Attributes:
        key: Of the lanelet.
        low_m, high_m: Along its centre line.
        junction: Number of its junction, -1 for streets.
        whole: Whether it is all of the lanelet.
        after: Numbers of the pieces that follow.
    """

    key: str
    low_m: float
    high_m: float
    junction: int
    whole: bool
    after: list[int]


def cut(lanelets: dict[str, Lanelet], lines: dict[str, Line]) -> list[Piece]:
    """Pieces of all lanelets that are driven on, with what follows each and their junctions."""
    keys = sorted(lines)
    before: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        for other in lanelets[key].after:
            before[other].append(key)
    masks, pairs = _overlaps(lanelets, lines, keys)
    pieces: list[Piece] = []
    of_key: dict[str, list[int]] = {}
    for key in keys:
        runs = _runs(masks[key], lines[key].along_m, bool(before[key]), bool(lanelets[key].after))
        of_key[key] = list(range(len(pieces), len(pieces) + len(runs)))
        for low, high, crossed in runs:
            pieces.append(Piece(key=key, low_m=low, high_m=high, junction=0 if crossed else -1,
                                whole=len(runs) == 1, after=[]))  # fmt: skip
    for key, rows in of_key.items():
        for a, b in itertools.pairwise(rows):
            pieces[a].after.append(b)
        pieces[rows[-1]].after += [of_key[other][0] for other in lanelets[key].after]
    _number(pieces, of_key, pairs)
    return pieces


def _overlaps(
    lanelets: dict[str, Lanelet], lines: dict[str, Line], keys: list[str]
) -> tuple[dict[str, npt.NDArray[np.bool_]], list[tuple[str, str]]]:
    """Which points of each line lie in the way of another lanelet, and the pairs that meet."""
    masks = {key: np.zeros(len(lines[key].xyz_m), dtype=bool) for key in keys}
    boxes = {
        key: (lines[key].xyz_m[:, :2].min(axis=0) - 2.0, lines[key].xyz_m[:, :2].max(axis=0) + 2.0)
        for key in keys
    }
    pairs = []
    for i, one in enumerate(keys):
        for two in keys[:i]:
            low, high = boxes[one]
            if (low > boxes[two][1]).any() or (boxes[two][0] > high).any():
                continue
            if _related(lanelets, one, two):
                continue
            here, there = _meet(lines[one], lines[two])
            if here.any() and there.any():
                masks[one] |= here
                masks[two] |= there
                pairs.append((one, two))
    return masks, pairs


def _related(lanelets: dict[str, Lanelet], one: str, two: str) -> bool:
    """Whether two lanelets lie side by side or follow each other."""
    a, b = lanelets[one], lanelets[two]
    return two in (a.left, a.right, a.opposite, *a.after) or one in (
        b.left, b.right, b.opposite, *b.after
    )  # fmt: skip


def _meet(one: Line, two: Line) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    flat = one.xyz_m[:, None] - two.xyz_m[None]
    away = np.sqrt((flat[..., :2] ** 2).sum(axis=2))
    halves = (np.minimum(0.5 * one.width_m, _HALF_SWEEP_M)[:, None]
              + np.minimum(0.5 * two.width_m, _HALF_SWEEP_M)[None])  # fmt: skip
    near = (away < halves - _SLACK_M + 0.35) & (np.abs(flat[..., 2]) < _LEVEL_M)
    return near.any(axis=1), near.any(axis=0)


def _runs(
    mask: npt.NDArray[np.bool_], along_m: npt.NDArray[np.float64], led_to: bool, goes_on: bool
) -> list[tuple[float, float, bool]]:
    """Stretches (begin, end, whether in a junction); free ones that are short belong to it.

    Lanelets that nothing leads to, or that lead nowhere, begin or end as a street.
    """
    total = float(along_m[-1])
    if not mask.any():
        return [(0.0, total, False)]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    taken = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        taken.append([float(along_m[first]) - 1.5, float(along_m[last]) + 1.5])
    joined = [taken[0]]
    for low, high in taken[1:]:
        if low - joined[-1][1] < FREE_M:
            joined[-1][1] = high
        else:
            joined.append([low, high])
    if joined[0][0] < FREE_M:
        joined[0][0] = 0.0 if led_to else max(SHORTEST_M, joined[0][0])
    if total - joined[-1][1] < FREE_M:
        joined[-1][1] = total if goes_on else min(total - SHORTEST_M, joined[-1][1])
    found = []
    place = 0.0
    for low, high in joined:
        if high - low < SHORTEST_M:
            continue
        if low > place:
            found.append((place, low, False))
        found.append((low, high, True))
        place = high
    if place < total:
        found.append((place, total, False))
    return found


def _number(
    pieces: list[Piece], of_key: dict[str, list[int]], pairs: list[tuple[str, str]]
) -> None:
    """Numbers the junctions: pieces that overlap or follow each other share one."""
    group = list(range(len(pieces)))

    def root(k: int) -> int:
        while group[k] != k:
            k = group[k]
        return k

    crossed = [k for k, piece in enumerate(pieces) if piece.junction >= 0]
    for k in crossed:
        for other in pieces[k].after:
            if pieces[other].junction >= 0:
                group[root(other)] = root(k)
    for one, two in pairs:
        for a in of_key[one]:
            for b in of_key[two]:
                if pieces[a].junction >= 0 and pieces[b].junction >= 0:
                    group[root(b)] = root(a)
    numbers: dict[int, int] = {}
    for k in crossed:
        pieces[k].junction = numbers.setdefault(root(k), len(numbers))
