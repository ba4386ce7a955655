"""How alike episodes look: to find more of the same in a recording, or what is like nothing else.

A frame becomes a vector of length one; alike is the cosine between two. An episode is as alike to a
reference as the best match of each reference frame among its own frames is on average, so a single
frame finds the episodes in which something like it happens at any time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import ConfigError
from fleetloop.core.registry import Registry
from fleetloop.datasets.recording import RecordedEpisode

Floats = npt.NDArray[np.float64]

EVERY_S = 0.5
"""Frames of an episode that are looked at are so far apart."""

_CELLS = (6, 8)
_FINE = (24, 32)
_COARSE = (3, 4)
_BINS = 8
_DISTANCES_M = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, math.inf)
_SECTORS = 16


class FrameEmbedder(Protocol):
    """Turns one sample into a vector.

    Attributes:
        FIELDS: What a sensor must have to be embedded.
    """

    FIELDS: tuple[str, ...]

    def embed(self, data: Any) -> Floats:  # noqa: ANN401 - arrays by field
        """A vector of length one, or of zeros where nothing was seen."""
        ...


FRAME_EMBEDDERS: Registry[type[FrameEmbedder]] = Registry(
    "frame embedder",
    {
        "picture": "fleetloop.datasets.similarity:PictureEmbedder",
        "points": "fleetloop.datasets.similarity:PointEmbedder",
    },
)


class PictureEmbedder:
    """Layout of colours and edges of a picture.

    Mean colours of 6 x 8 cells as lightness and two opponent colours, and histograms of the
    directions of edges in 3 x 4 cells [Dalal and Triggs 2005]; half of the vector each.
    """

    FIELDS = ("rgb",)

    def embed(self, data: Any) -> Floats:  # noqa: ANN401
        """See the class; pictures of any size."""
        small = _shrunk(np.asarray(data["rgb"]), _FINE) / 255.0
        red, green, blue = small[..., 0], small[..., 1], small[..., 2]
        light = small.mean(axis=-1)
        tints = np.stack([light - 0.5, red - green, 0.5 * (red + green) - blue], axis=-1)
        layout = _unit(_shrunk(tints, _CELLS).ravel())
        edges = _unit(_edge_directions(light).ravel())
        return _unit(np.concatenate([layout, edges]))


class PointEmbedder:
    """How far things are in which direction: a histogram over distance and azimuth.

    In the manner of scan context [Kim and Kim 2018], with parts of the points for heights.
    """

    FIELDS = ("point_m", "valid")

    def embed(self, data: Any) -> Floats:  # noqa: ANN401
        """See the class; points in the frame of the sensor."""
        points = np.asarray(data["point_m"])[np.asarray(data["valid"])].reshape(-1, 3)
        ring = np.digitize(np.linalg.norm(points[:, :2], axis=1), _DISTANCES_M[1:-1])
        turn = np.arctan2(points[:, 1], points[:, 0]) / (2.0 * np.pi) + 0.5
        sector = np.minimum((turn * _SECTORS).astype(np.int64), _SECTORS - 1)
        counts = np.zeros((len(_DISTANCES_M) - 1, _SECTORS))
        np.add.at(counts, (ring, sector), 1.0)
        # Near things fill many beams: roots keep them from being all that counts.
        return _unit(np.sqrt(counts).ravel())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What episodes are compared with.

    Attributes:
        log: The reference.
        t_s: Its frame at this time; None for the whole episode.
        by: Name in `FRAME_EMBEDDERS`.
        sensor: Which sensor; the first that has what the embedder needs if empty.
    """

    log: Path
    t_s: float | None = None
    by: str = "picture"
    sensor: str = ""

    @classmethod
    def parse(cls, text: str, *, by: str = "picture", sensor: str = "") -> Alike:
        """Reads `LOG` or `LOG@SECONDS`.

        Raises:
            ConfigError: What follows the @ is no time.
        """
        log, at, time = text.rpartition("@")
        if not at:
            return cls(log=Path(text), by=by, sensor=sensor)
        try:
            t_s = float(time)
        except ValueError as error:
            raise ConfigError(
                f"The time {time!r} in {text!r} is no number: write LOG@SECONDS, such as "
                "data/a.mcap@4.5."
            ) from error
        if not (math.isfinite(t_s) and t_s >= 0.0):
            raise ConfigError(f"The time of {text!r} is {t_s:g} s: use 0 or more.")
        return cls(log=Path(log), t_s=t_s, by=by, sensor=sensor)


def alike(
    paths: Iterable[Path],
    reference: Alike,
    *,
    at_least: float = -1.0,
    most: int | None = None,
    on_episode: Callable[[Path, float], None] = lambda path, score: None,
) -> list[tuple[Path, float]]:
    """Episodes that look like a reference, most alike first.

    Args:
        paths: Logs to look through; the reference may be among them.
        reference: What they shall be like.
        at_least: Least likeness, from -1 to 1.
        most: At most so many.
        on_episode: Told of each episode and its likeness when it is done.

    Raises:
        ConfigError: The reference has no sensor for the embedder, or no frame at its time.
    """
    if not -1.0 <= at_least <= 1.0:
        raise ConfigError(f"The least likeness is {at_least}: use -1 to 1.")
    if most is not None and most < 1:
        raise ConfigError(f"The most episodes are {most}: use 1 or more.")
    wanted = _reference(reference)
    found = []
    for path in paths:
        episode = RecordedEpisode(path)
        score = likeness(wanted, frames_of(episode, reference.by, reference.sensor))
        episode.close()
        on_episode(path, score)
        if score >= at_least:
            found.append((path, score))
    found.sort(key=lambda pair: (-pair[1], pair[0].name))
    return found[:most]


def likeness(wanted: Floats, frames: Floats) -> float:
    """Mean over `wanted` (n, d) of the best cosine among `frames` (m, d); -1 without frames."""
    if not len(frames):
        return -1.0
    return float(np.clip((wanted @ frames.T).max(axis=1).mean(), -1.0, 1.0))


def frames_of(episode: RecordedEpisode, by: str = "picture", sensor: str = "") -> Floats:
    """Vectors of an episode's frames, one in `EVERY_S`, (n, d); none without such a sensor."""
    embedder = FRAME_EMBEDDERS.get(by)()
    name = _sensor(episode, embedder, sensor)
    if not name:
        return np.zeros((0, 0))
    times = episode.times_ns(name)
    ends = range(int(times[0]), int(times[-1]) + 1, round(EVERY_S * NS_PER_S))
    numbers = sorted({episode.number_at(name, t_ns) for t_ns in ends})
    return _embedded(episode, embedder, name, numbers)


def _reference(reference: Alike) -> Floats:
    episode = RecordedEpisode(reference.log)
    embedder = FRAME_EMBEDDERS.get(reference.by)()
    name = _sensor(episode, embedder, reference.sensor)
    if not name:
        raise ConfigError(
            f"{reference.log} has no sensor {reference.sensor!r} with "
            f"{' and '.join(embedder.FIELDS)}, which {reference.by!r} looks at: it has "
            f"{', '.join(episode.sensors(*embedder.FIELDS)) or 'none'}."
        )
    if reference.t_s is None:
        return frames_of(episode, reference.by, name)
    if reference.t_s * NS_PER_S > episode.t_last_ns:
        raise ConfigError(
            f"{reference.log} ends at {episode.t_last_ns / NS_PER_S:g} s: there is no frame at "
            f"{reference.t_s:g} s."
        )
    number = max(episode.number_at(name, round(reference.t_s * NS_PER_S)), 0)
    return _embedded(episode, embedder, name, [number])


def _sensor(episode: RecordedEpisode, embedder: FrameEmbedder, wanted: str) -> str:
    """The sensor to look at; empty if there is none."""
    able = [name for name in episode.sensors(*embedder.FIELDS) if episode.count(name)]
    if wanted:
        return wanted if wanted in able else ""
    return able[0] if able else ""


def _embedded(
    episode: RecordedEpisode, embedder: FrameEmbedder, sensor: str, numbers: Sequence[int]
) -> Floats:
    samples = (episode.sample(sensor, number, embedder.FIELDS) for number in numbers)
    return np.array([embedder.embed(sample.data) for sample in samples])


def _edge_directions(light: Floats) -> Floats:
    """Strength of edges by direction in coarse cells, (3, 4, bins)."""
    down, along = np.gradient(light)
    strength = np.hypot(down, along)
    turn = np.arctan2(down, along) % np.pi / np.pi * _BINS
    bins = np.minimum(turn.astype(np.int64), _BINS - 1)
    histogram = np.zeros((*_COARSE, _BINS))
    rows, columns = (
        np.arange(size) * cells // size for size, cells in zip(light.shape, _COARSE, strict=True)
    )
    np.add.at(histogram, (rows[:, None], columns[None, :], bins), strength)
    return np.sqrt(histogram)


def _shrunk(image: npt.NDArray[Any], cells: tuple[int, int]) -> Floats:
    """Means over a grid of cells, whatever the size of the picture."""
    rows = np.linspace(0, image.shape[0], cells[0] + 1).astype(np.int64)
    columns = np.linspace(0, image.shape[1], cells[1] + 1).astype(np.int64)
    rows, columns = rows[:-1], columns[:-1]
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float64), rows, 0), columns, 1)
    # Of a picture that is smaller than the grid some cells share a pixel.
    high = np.maximum(np.diff([*rows, image.shape[0]]), 1)[:, None, None]
    wide = np.maximum(np.diff([*columns, image.shape[1]]), 1)[None, :, None]
    return np.asarray(sums / (high * wide))


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0.0 else vector
