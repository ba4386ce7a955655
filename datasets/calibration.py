"""What a log says of its sensors: where they sit, how they see, when they measure, how they err.

It is derived from the configuration that made the recording and kept as the attachment
`calibration.json` of each log, so other tools need nothing of this project to project a point.
Camera frames are optical (z forward, x right, y down), all others x forward, y left, z up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration

from fleetloop.core.config import from_json
from fleetloop.core.frames import Pose
from fleetloop.core.lens import Lens

ATTACHMENT = "calibration.json"

_SHARED = ("rate_hz", "phase", "latency_s", "jitter_s", "drop_probability")
_SCANS = ("readout_s", "sweep_s", "scan_s")
_NOT_OPTIONS = frozenset({"name", "kind", "link", "link_T_sensor", "lens", *_SHARED, *_SCANS})
_NOTHING: Mapping[str, Any] = {}

# Foxglove and ROS call a Brown-Conrady lens so by the number of its coefficients.
_DISTORTIONS = {0: "plumb_bob", 4: "plumb_bob", 5: "plumb_bob", 8: "rational_polynomial"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SensorCalibration:
    """One sensor of a recording.

    Attributes:
        sensor: Its name.
        kind: What it is, such as `camera`; empty where the log does not say.
        link: Link of the robot that carries it.
        link_T_sensor: Nominal mount. A `misaligned` fault is in the true poses of the samples, and
            never here.
        rate_hz: Captures per second; 0 where the log does not say.
        phase: Shift of the captures, as a part of the period.
        latency_s: From capture to arrival.
        jitter_s: Largest extra delay.
        drop_probability: Part of the samples that never arrive.
        scan_s: Time that one capture takes: rolling shutter, sweep.
        lens: Projection of a camera, or None.
        options: All that is left of the sensor's configuration: noise, beams, limits, faults.
    """

    sensor: str
    kind: str = ""
    link: str = "base"
    link_T_sensor: Pose
    rate_hz: float = 0.0
    phase: float = 0.0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    drop_probability: float = 0.0
    scan_s: float = 0.0
    lens: Lens | None = None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Calibration:
    """All sensors of a recording by name."""

    sensors: Mapping[str, SensorCalibration]


def calibration_of(config: Mapping[str, Any], sensors: Iterable[str]) -> Calibration:
    """What an episode's configuration says of some of its sensors.

    Args:
        config: `EpisodeMeta.config`.
        sensors: Names.

    Raises:
        ConfigError: An entry is not of the form that configurations have.
    """
    entries = {
        entry.get("name"): entry
        for entry in config.get("sensors", ())
        if isinstance(entry, Mapping)
    }
    return Calibration(
        sensors={name: _calibrated(name, entries.get(name, _NOTHING)) for name in sensors}
    )


def camera_message(calibration: SensorCalibration) -> Any | None:  # noqa: ANN401 - protobuf
    """The lens as Foxglove's `CameraCalibration`; None where that has no model for it."""
    lens = calibration.lens
    if lens is None or lens.model == "panorama":
        return None
    distortion = list(lens.distortion)
    if lens.model == "pinhole":
        model = _DISTORTIONS[len(distortion)]
        distortion += [0.0] * (max(5, len(distortion)) - len(distortion))
    else:
        model = "kannala_brandt"
        distortion += [0.0] * (4 - len(distortion))
    matrix = lens.matrix
    return CameraCalibration(
        frame_id=calibration.sensor,
        width=lens.width_px,
        height=lens.height_px,
        distortion_model=model,
        D=distortion,
        K=matrix.ravel().tolist(),
        R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        P=[v for row in matrix.tolist() for v in (*row, 0.0)],
    )


def _calibrated(name: str, entry: Mapping[str, Any]) -> SensorCalibration:
    mount = entry.get("link_T_sensor")
    lens = entry.get("lens")
    return SensorCalibration(
        sensor=name,
        kind=str(entry.get("kind", "")),
        link=str(entry.get("link", "base")),
        link_T_sensor=Pose.identity() if mount is None else from_json(Pose, mount),
        scan_s=max((float(entry.get(key, 0.0)) for key in _SCANS), default=0.0),
        lens=None if lens is None else from_json(Lens, lens),
        options={key: value for key, value in entry.items() if key not in _NOT_OPTIONS},
        **{key: float(entry.get(key, 0.0)) for key in _SHARED},
    )
