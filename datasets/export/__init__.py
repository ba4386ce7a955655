"""Recordings in the formats that other tools read; each is one file here and one line below."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.datasets.export.base import Exporter

EXPORTERS: Registry[type[Exporter]] = Registry(
    "export format",
    {
        "lerobot": "fleetloop.datasets.export.lerobot.exporter:LeRobot",
        "minari": "fleetloop.datasets.export.minari:Minari",
        "rlds": "fleetloop.datasets.export.rlds.exporter:Rlds",
        "robomimic": "fleetloop.datasets.export.robomimic:Robomimic",
        "webdataset": "fleetloop.datasets.export.webdataset:WebDataset",
    },
)
