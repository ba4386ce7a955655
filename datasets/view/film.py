"""A film of one camera of an episode: MP4, H.264, every picture for as long as it was the newest.

Frames carry the capture times of the samples, in milliseconds, so a camera that dropped frames
stands still where it did, and films of several cameras stay in step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.core.errors import (
    ConfigError,
    MissingDependencyError,
    StorageError,
    UnknownNameError,
)
from fleetloop.datasets.recording import RecordedEpisode

_PER_S = 1000
_QUALITY = "20"
"""Constant rate factor of x264: visually close to lossless."""


def write_film(
    episode: RecordedEpisode,
    camera: str,
    out: Path,
    *,
    speed: float = 1.0,
    on_frame: Callable[[int], None] = lambda number: None,
) -> int:
    """Writes the film and returns its number of frames.

    Args:
        episode: What to show.
        camera: A sensor with pictures; the first if empty.
        out: The .mp4 file; an older one is replaced when the new one is whole.
        speed: How many simulated seconds a second shows.
        on_frame: Called with the number of each picture.

    Raises:
        MissingDependencyError: PyAV is not installed.
        UnknownNameError: No such camera.
        ConfigError: There are no pictures, or the speed is not positive.
        StorageError: The file cannot be written.
    """
    av = _av()
    cameras = [name for name in episode.sensors("rgb") if episode.count(name)]
    if camera and camera not in cameras:
        raise UnknownNameError("camera", camera, cameras)
    if not cameras:
        raise ConfigError(f"{episode.path} has no pictures for a film.")
    if not speed > 0.0:
        raise ConfigError(f"The speed of a film is {speed}: use a number > 0.")
    name = camera or cameras[0]
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as film:
            count = _write(av, film, episode, name, speed, on_frame)
        os.replace(part, out)
    except (OSError, av.error.FFmpegError) as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"Cannot write {out}: {error}.") from error
    return count


def _write(
    av: Any,  # noqa: ANN401 - the package, which is optional
    film: Any,  # noqa: ANN401
    episode: RecordedEpisode,
    name: str,
    speed: float,
    on_frame: Callable[[int], None],
) -> int:
    height, width = episode.schemas[name]["rgb"].shape[:2]
    rate = episode.calibration.sensors[name].rate_hz or 10.0
    stream = film.add_stream("libx264", rate=Fraction(rate * speed).limit_denominator(1000))
    # 4:2:0 wants even sizes: an odd one loses its last row or column.
    stream.width, stream.height = width - width % 2, height - height % 2
    stream.pix_fmt = "yuv420p"
    # The container may change the stream's own time base once it is open: not the codec's.
    clock = stream.codec_context.time_base = Fraction(1, _PER_S)
    stream.options = {"crf": _QUALITY, "preset": "veryfast", "bf": "0"}
    times = episode.times_ns(name)
    last = -1
    for number in range(episode.count(name)):
        picture = episode.sample(name, number, ["rgb"]).data["rgb"]
        cut = np.ascontiguousarray(picture[: stream.height, : stream.width])
        frame = av.VideoFrame.from_ndarray(cut, format="rgb24")
        at = round((int(times[number]) - int(times[0])) * 1e-9 * _PER_S / speed)
        last = max(at, last + 1)
        frame.pts, frame.time_base = last, clock
        film.mux(stream.encode(frame))
        on_frame(number)
    film.mux(stream.encode(None))
    return episode.count(name)


def _av() -> Any:  # noqa: ANN401 - the package, which is optional
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("A film needs PyAV: pip install 'fleetloop[film]'.") from error
    return av
