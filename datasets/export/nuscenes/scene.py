"""One episode as one nuScenes scene: which captures are where in time, and what they are called.

Keyframes are captures of the reference sensor (the first LiDAR, else the first camera), as far
apart as asked for. Every sensor's capture nearest to a keyframe is its own keyframe there; the
others are sweeps of the keyframe that is nearest to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleetloop.core.clock import NS_PER_S
from fleetloop.core.errors import ConfigError
from fleetloop.datasets.export.nuscenes.names import token
from fleetloop.datasets.lineage import Dropped
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.resample import Ints

EPOCH_US = 1_577_836_800_000_000
"""2020-01-01: simulated time begins at 0 in every episode, nuScenes' at an epoch."""

DAY_US = 86_400_000_000

_RADAR = ("range_m", "azimuth_rad", "radial_speed_m_s", "rcs_dbsm", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One sensor that nuScenes can hold.

    Attributes:
        sensor: Its name in the log.
        name: Its name in nuScenes, such as `CAM_FRONT`.
        modality: `camera`, `lidar` or `radar`.
        field: Of a camera's picture; empty otherwise.
    """

    sensor: str
    name: str
    modality: str
    field: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Timeline:
    """The samples of a scene.

    Attributes:
        sample_ns: Times of the keyframes, (k,).
        key: Capture that is each keyframe's, by channel name, (k,); -1 if none is near.
        sample_of: Keyframe that each capture belongs to, by channel name, (n,).
    """

    sample_ns: Ints
    key: Mapping[str, Ints]
    sample_of: Mapping[str, Ints]


def channels_of(episode: RecordedEpisode) -> tuple[tuple[Channel, ...], tuple[Dropped, ...]]:
    """Sensors that nuScenes has a place for, and what is left out and why.

    Raises:
        ConfigError: There is neither a camera nor a LiDAR.
    """
    channels: list[Channel] = []
    dropped: list[Dropped] = []
    for sensor, schema in episode.schemas.items():
        if not episode.count(sensor):
            dropped.append(Dropped(source=sensor, reason="it never delivered a sample"))
            continue
        picture = next((n for n, f in schema.items() if f.unit == "sRGB" and len(f.shape) == 3), "")
        lens = episode.calibration.sensors[sensor].lens
        plain = sensor.upper().replace("-", "_").replace(".", "_")
        taken: tuple[str, ...] = ()
        if picture and lens is not None and lens.model == "pinhole":
            channels.append(
                Channel(sensor=sensor, name=f"CAM_{plain}", modality="camera", field=picture)
            )
            taken = (picture,)
        elif "point_m" in schema:
            first = not any(c.modality == "lidar" for c in channels)
            name = "LIDAR_TOP" if first else f"LIDAR_{plain}"
            channels.append(Channel(sensor=sensor, name=name, modality="lidar"))
            taken = ("point_m", "valid", "intensity", "ring", "time_offset_s")
        elif all(field in schema for field in _RADAR):
            channels.append(Channel(sensor=sensor, name=f"RADAR_{plain}", modality="radar"))
            taken = _RADAR
        dropped += [
            Dropped(source=f"{sensor}.{name}", reason=_why(name, picture))
            for name in schema
            if name not in taken
        ]
    if not any(c.modality in ("camera", "lidar") for c in channels):
        raise ConfigError(f"{episode.path} has neither a pinhole camera nor a LiDAR.")
    return tuple(channels), tuple(dropped)


def _why(name: str, picture: str) -> str:
    if name == picture:
        return "nuScenes knows pinhole cameras only"
    return "nuScenes has no table for it"


def timeline_of(
    episode: RecordedEpisode, channels: Sequence[Channel], keyframe_hz: float
) -> Timeline:
    """Chooses keyframes, and places all captures among them."""
    reference = next((c for c in channels if c.modality == "lidar"), channels[0])
    times = episode.times_ns(reference.sensor)
    chosen = [0]
    for number in range(1, len(times)):
        # A tenth of a tick may be missing where rates do not divide evenly.
        if times[number] - times[chosen[-1]] >= 0.999 * NS_PER_S / keyframe_hz:
            chosen.append(number)
    sample_ns = times[chosen]
    key, sample_of = {}, {}
    for channel in channels:
        captured = episode.times_ns(channel.sensor)
        nearest = _nearest(captured, sample_ns)
        near = np.abs(captured[nearest] - sample_ns) <= 0.5 * NS_PER_S / keyframe_hz
        first = np.concatenate([[True], np.diff(nearest) > 0])
        key[channel.name] = np.where(near & first, nearest, -1)
        belongs = _nearest(sample_ns, captured)
        for sample, number in enumerate(key[channel.name].tolist()):
            if number >= 0:
                belongs[number] = sample
        sample_of[channel.name] = belongs
    return Timeline(sample_ns=sample_ns, key=key, sample_of=sample_of)


def stamp_us(number: int, t_ns: int) -> int:
    """NuScenes' time of an instant of an episode: each has a day of its own."""
    return EPOCH_US + number * DAY_US + t_ns // 1000


def data_token(scene: str, channel: str, number: int) -> str:
    """Token of one capture."""
    return token(scene, channel, number)


def _nearest(source: Ints, wanted: Ints) -> Ints:
    """Place in `source` of what is nearest to each wanted time; the earlier one of two."""
    right = np.clip(np.searchsorted(source, wanted), 1, max(len(source) - 1, 1))
    if len(source) == 1:
        return np.zeros(len(wanted), np.int64)
    left = right - 1
    return np.where(wanted - source[left] <= source[right] - wanted, left, right).astype(np.int64)
