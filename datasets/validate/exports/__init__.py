"""Is an export what it claims to be? What holds for every format, and a check a format.

Each is one file here and one line below. A check reads the files by plain means, not by the
exporter's own code, so that one mistake is not made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fleetloop.core.registry import Registry
from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding

ExportCheck = Callable[[Path, Lineage], Iterator[Finding]]

EXPORT_CHECKS: Registry[ExportCheck] = Registry(
    "check of an export format",
    {
        "coco": "fleetloop.datasets.validate.exports.coco:check",
        "kitti": "fleetloop.datasets.validate.exports.kitti:check",
        "lerobot": "fleetloop.datasets.validate.exports.lerobot:check",
        "minari": "fleetloop.datasets.validate.exports.hdf5:check_minari",
        "nuscenes": "fleetloop.datasets.validate.exports.nuscenes:check",
        "rlds": "fleetloop.datasets.validate.exports.streams:check_rlds",
        "robomimic": "fleetloop.datasets.validate.exports.hdf5:check_robomimic",
        "ros2": "fleetloop.datasets.validate.exports.streams:check_ros2",
        "webdataset": "fleetloop.datasets.validate.exports.streams:check_webdataset",
    },
)
