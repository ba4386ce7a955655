"""Recordings in the formats that other tools read; each is one file here and one line below."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.datasets.export.base import Exporter

EXPORTERS: Registry[type[Exporter]] = Registry(
    "export format",
    {
        "coco": "fleetloop.datasets.export.coco:Coco",
        "kitti": "fleetloop.datasets.export.kitti.exporter:Kitti",
        "lerobot": "fleetloop.datasets.export.lerobot.exporter:LeRobot",
        "minari": "fleetloop.datasets.export.minari:Minari",
        "nuscenes": "fleetloop.datasets.export.nuscenes.exporter:NuScenes",
        "rerun": "fleetloop.datasets.export.rrd:Rerun",
        "rlds": "fleetloop.datasets.export.rlds.exporter:Rlds",
        "robomimic": "fleetloop.datasets.export.robomimic:Robomimic",
        "ros2": "fleetloop.datasets.export.ros2.exporter:Ros2",
        "webdataset": "fleetloop.datasets.export.webdataset:WebDataset",
    },
)
