"""Pictures and depth as MP4, in the settings that LeRobot's own writer uses.

Pictures: AV1 by SVT (preset 12, crf 30, a key frame every 2) or H.264. Depth: HEVC without loss
over 12 bits of a logarithm of metres, which LeRobot turns back into millimetres [lerobot 0.6,
`quantize_depth`].
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, SchemaError

DEPTH_LEVELS = 4095
DEPTH_MIN_M = 0.01
DEPTH_SHIFT_M = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """An encoder of pictures.

    Attributes:
        encoder: FFmpeg's name.
        name: What players call it.
        crf, preset: Its usual quality and speed.
        smallest_px: What it takes at least, both ways.
    """

    encoder: str
    name: str
    crf: int
    preset: str
    smallest_px: int


CODECS: Mapping[str, Codec] = {
    "av1": Codec(encoder="libsvtav1", name="av1", crf=30, preset="12", smallest_px=64),
    "h264": Codec(encoder="libx264", name="h264", crf=23, preset="veryfast", smallest_px=16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """How one camera is encoded.

    Attributes:
        width_px, height_px, fps: Of the film.
        encoder: FFmpeg's name.
        pix_fmt: Of the film.
        options: Of the encoder.
        info: What `meta/info.json` says of the feature.
    """

    width_px: int
    height_px: int
    fps: int
    encoder: str
    pix_fmt: str
    options: Mapping[str, str]
    info: Mapping[str, Any]


def picture_format(
    key: str, shape: tuple[int, ...], fps: int, *, codec: str, crf: int, gop: int
) -> VideoFormat:
    """The format of a camera's film.

    Args:
        key: The feature, for messages.
        shape: (height, width, 3).
        fps: Frames a second.
        codec: A name in `CODECS`.
        crf: Quality; 0 for the codec's usual one.
        gop: Frames from one key frame to the next: few make random access quick.

    Raises:
        ConfigError: An unknown codec, or pictures that it cannot take.
    """
    if codec not in CODECS:
        raise ConfigError(f"The codec {codec!r} is none of: {', '.join(CODECS)}.")
    chosen = CODECS[codec]
    height, width = shape[:2]
    if min(height, width) < chosen.smallest_px or height % 2 or width % 2:
        raise ConfigError(
            f"{key} is {width}x{height}: {codec} takes even sizes from {chosen.smallest_px} pixels "
            "on. Use --set pictures=png, which keeps pictures of any size without loss."
        )
    crf = crf or chosen.crf
    options = {"crf": str(crf), "preset": chosen.preset, "g": str(gop)}
    if codec == "av1":
        # One thread costs least CPU a frame; cores are better used on several exports.
        options["svtav1-params"] = "lp=1"
    else:
        options |= {"bf": "0", "threads": "1"}
    info = _info(width, height, fps, chosen.name, "yuv420p", channels=3) | {
        "is_depth_map": False, "video.g": gop, "video.crf": crf,
        "video.preset": int(chosen.preset) if chosen.preset.isdigit() else chosen.preset,
    }  # fmt: skip
    return VideoFormat(
        width_px=width, height_px=height, fps=fps, encoder=chosen.encoder, pix_fmt="yuv420p",
        options=options, info=info,
    )  # fmt: skip


def depth_format(shape: tuple[int, ...], fps: int, far_m: float) -> VideoFormat:
    """The format of a depth image's film.

    Raises:
        ConfigError: The distance is not possible.
    """
    height, width = shape
    if not (math.isfinite(far_m) and far_m > DEPTH_MIN_M):
        raise ConfigError(f"depth_max_m is {far_m}: use metres beyond {DEPTH_MIN_M}.")
    info = _info(width, height, fps, "hevc", "gray12le", channels=1) | {
        "is_depth_map": True, "depth_unit": "m",
        "video.depth_min": DEPTH_MIN_M, "video.depth_max": far_m,
        "video.shift": DEPTH_SHIFT_M, "video.use_log": True,
        "video.extra_options": {"x265-params": "lossless=1"},
    }  # fmt: skip
    options = {"x265-params": "lossless=1:log-level=none:pools=1:frame-threads=1", "g": "2"}
    return VideoFormat(
        width_px=width, height_px=height, fps=fps, encoder="libx265", pix_fmt="gray12le",
        options=options, info=info,
    )  # fmt: skip


def quantized(depth_m: npt.NDArray[np.float32], far_m: float) -> npt.NDArray[np.uint16]:
    """Depth as 12-bit levels of log(depth + shift), 0 at `DEPTH_MIN_M`, 4095 at `far_m`."""
    low, high = math.log(DEPTH_MIN_M + DEPTH_SHIFT_M), math.log(far_m + DEPTH_SHIFT_M)
    part = (np.log(depth_m + np.float32(DEPTH_SHIFT_M)) - low) / (high - low)
    return np.asarray(np.rint(part * DEPTH_LEVELS).clip(0, DEPTH_LEVELS), np.uint16)


class VideoWriter:
    """Writes one film, frame k at k / fps.

    Args:
        path: The `.mp4`.
        video: How.
    """

    def __init__(self, path: Path, video: VideoFormat) -> None:
        # SVT-AV1 writes twenty lines for each film unless it is told to write errors alone.
        os.environ.setdefault("SVT_LOG", "1")
        import av

        av.logging.set_level(av.logging.ERROR)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._video = video
        opened: Any = av.open(str(path), "w", format="mp4")
        self._container = opened
        made: Any = opened.add_stream(video.encoder, rate=video.fps, options=dict(video.options))
        self._stream = made
        self._stream.width, self._stream.height = video.width_px, video.height_px
        self._stream.pix_fmt = video.pix_fmt
        self._frames = 0

    def add_picture(self, picture: npt.NDArray[np.uint8]) -> None:
        """Adds (height, width, 3) RGB."""
        import av

        self._encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))

    def add_jpeg(self, data: bytes) -> None:
        """Adds a picture that is JPEG already."""
        import av
        import cv2

        picture: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise SchemaError("A stored picture is no JPEG.")
        self._encode(av.VideoFrame.from_ndarray(picture, format="bgr24"))

    def add_levels(self, levels: npt.NDArray[np.uint16]) -> None:
        """Adds (height, width) of 12-bit numbers."""
        import av

        frame = av.VideoFrame(self._video.width_px, self._video.height_px, "gray12le")
        plane: Any = frame.planes[0]
        rows = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)
        rows[: levels.shape[0], : levels.shape[1]] = levels
        self._encode(frame)

    def close(self) -> None:
        """Ends the film."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._container.close()

    def _encode(self, frame: Any) -> None:  # noqa: ANN401 - PyAV has its own types
        frame.pts = self._frames
        frame.time_base = Fraction(1, self._video.fps)
        self._frames += 1
        self._container.mux(self._stream.encode(frame))


def _info(
    width: int, height: int, fps: int, codec: str, pix_fmt: str, *, channels: int
) -> dict[str, Any]:
    return {
        "video.height": height,
        "video.width": width,
        "video.codec": codec,
        "video.pix_fmt": pix_fmt,
        "video.fps": fps,
        "video.channels": channels,
        "has_audio": False,
    }
