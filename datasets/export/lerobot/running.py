"""Statistics of features while they stream by, in the form of LeRobot's `meta/stats.json`.

Mean and spread are exact, by blocks [Chan et al. 1983]; quantiles up to `MOST_ROWS` rows, and from
there on of every second, fourth ... row, so that memory stays bounded. Pictures count in histograms
of their 256 levels, over a grid of pixels of some of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Stats = dict[str, list[Any]]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
MOST_ROWS = 8192
_GRID_PX = 128
_FEWEST_FRAMES = 100


class RunningStats:
    """Statistics of one feature of numbers, by element.

    Args:
        shape: Of one row.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.count = 0
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)
        self._low = np.full(shape, np.inf)
        self._high = np.full(shape, -np.inf)
        # One array: a list of rows would take ten times as much for a single number a row.
        self._kept = np.zeros((0, *shape))
        self._stride = 1

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Counts some rows, (n, *shape)."""
        block = rows.astype(np.float64)
        count = len(block)
        if count == 0:
            return
        mean = block.mean(axis=0)
        total = self.count + count
        shift = mean - self._mean
        self._squares += ((block - mean) ** 2).sum(axis=0)
        self._squares += shift**2 * (self.count * count / total)
        self._mean += shift * (count / total)
        self._low = np.minimum(self._low, block.min(axis=0))
        self._high = np.maximum(self._high, block.max(axis=0))
        first = -self.count % self._stride
        self._kept = np.concatenate([self._kept, block[first :: self._stride]])
        self.count = total
        while len(self._kept) > MOST_ROWS:
            self._kept = self._kept[::2]
            self._stride *= 2

    def result(self) -> Stats:
        """min, max, mean, std, count and quantiles, as plain lists."""
        kept = self._kept
        told: Stats = {
            "min": self._low.tolist(),
            "max": self._high.tolist(),
            "mean": self._mean.tolist(),
            "std": np.sqrt(self._squares / self.count).tolist(),
            "count": [self.count],
        }
        for name, part in QUANTILES.items():
            told[name] = np.quantile(kept, part, axis=0).tolist()
        return told


class PictureStats:
    """Statistics of pictures by channel, as parts of full scale, shape (3, 1, 1).

    Args:
        frames: How many pictures are to come: of many, some are looked at.
    """

    def __init__(self, frames: int) -> None:
        wanted = max(_FEWEST_FRAMES, round(frames**0.75))
        self._every = max(1, frames // wanted)
        self._seen = 0
        self._counted = 0
        self._levels = np.zeros((3, 256), dtype=np.int64)

    def wants_next(self) -> bool:
        """Whether the next picture is looked at; tells that it is there."""
        self._seen += 1
        return bool((self._seen - 1) % self._every == 0)

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Counts one picture, (height, width, 3)."""
        step = max(1, min(picture.shape[:2]) // _GRID_PX)
        grid = picture[::step, ::step]
        for channel in range(3):
            self._levels[channel] += np.bincount(grid[..., channel].ravel(), minlength=256)
        self._counted += 1

    def result(self) -> Stats:
        """min, max, mean, std, count and quantiles; each (3, 1, 1) but the count."""
        level = np.arange(256) / 255.0
        total = self._levels.sum(axis=1, keepdims=True)
        mean = (self._levels * level).sum(axis=1, keepdims=True) / total
        spread = (self._levels * (level - mean) ** 2).sum(axis=1, keepdims=True) / total
        below = np.cumsum(self._levels, axis=1) / total
        told = {
            "min": level[np.argmax(self._levels > 0, axis=1)],
            "max": level[255 - np.argmax(self._levels[:, ::-1] > 0, axis=1)],
            "mean": mean,
            "std": np.sqrt(spread),
        }
        for name, part in QUANTILES.items():
            told[name] = level[np.argmax(below >= part, axis=1)]
        shaped: Stats = {k: np.reshape(v, (3, 1, 1)).tolist() for k, v in told.items()}
        return shaped | {"count": [self._counted]}


def merged(parts: Sequence[Stats]) -> Stats:
    """Statistics of several episodes together; quantiles are means, weighted by the counts.

    LeRobot adds episodes up in the same way [lerobot 0.6, `aggregate_feature_stats`].
    """
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)
    weights = counts / counts.sum()

    def mixed(values: Sequence[Any]) -> npt.NDArray[np.float64]:
        return np.tensordot(weights, np.array(values, dtype=np.float64), axes=1)

    mean = mixed([part["mean"] for part in parts])
    square = mixed(
        [np.square(part["std"]) + np.square(np.array(part["mean"]) - mean) for part in parts]
    )
    told: Stats = {
        "min": np.min([part["min"] for part in parts], axis=0).tolist(),
        "max": np.max([part["max"] for part in parts], axis=0).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(square).tolist(),
        "count": [int(counts.sum())],
    }
    return told | {name: mixed([part[name] for part in parts]).tolist() for name in QUANTILES}
