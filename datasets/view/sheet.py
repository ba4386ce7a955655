"""A contact sheet: pictures of all cameras over an episode, one row a camera, as one PNG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.view.gather import chosen, small_picture

_GAP_PX = 4
_TEXT_PX = 16
_GROUND = (20, 24, 29)
_INK = (230, 234, 238)


def write_sheet(
    episode: RecordedEpisode, out: Path, *, columns: int = 6, width_px: int = 240
) -> tuple[int, int]:
    """Writes the sheet and returns its width and height in pixels.

    Raises:
        ConfigError: The episode has no pictures.
        StorageError: The file cannot be written.
    """
    cameras = [name for name in episode.sensors("rgb") if episode.count(name)]
    if not cameras:
        raise ConfigError(f"{episode.path} has no pictures for a contact sheet.")
    rows = []
    for name in cameras:
        numbers = chosen(episode.count(name), columns)
        times = episode.times_ns(name)
        tiles = [
            _tile(
                small_picture(episode, name, number, width_px),
                f"{name} {times[number] / NS_PER_S:.2f} s",
                width_px,
            )
            for number in numbers
        ]
        blank = np.full_like(tiles[0], _GROUND)
        rows.append(np.concatenate(tiles + [blank] * (columns - len(tiles)), axis=1))
    sheet = np.concatenate(rows, axis=0)
    encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(encoded.tobytes())
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error.strerror or error}.") from error
    return sheet.shape[1], sheet.shape[0]


def _tile(picture: np.ndarray, text: str, width_px: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if width < width_px:
        # Small pictures are shown pixel by pixel.
        factor = max(1, width_px // width)
        picture = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
        height, width = picture.shape[:2]
    tile = np.full((height + _TEXT_PX + _GAP_PX, width_px + _GAP_PX, 3), _GROUND, dtype=np.uint8)
    tile[_TEXT_PX : _TEXT_PX + height, :width] = picture
    cv2.putText(tile, text, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, _INK, 1, cv2.LINE_AA)
    return tile
