"""Is a recording what it claims to be? Checks by name; each is one file here and one line below."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.datasets.validate.base import Check

CHECKS: Registry[type[Check]] = Registry(
    "check",
    {
        "episode": "fleetloop.datasets.validate.episode:EpisodeCheck",
        "counts": "fleetloop.datasets.validate.counts:CountCheck",
        "clocks": "fleetloop.datasets.validate.clocks:ClockCheck",
        "pictures": "fleetloop.datasets.validate.pictures:PictureCheck",
        "values": "fleetloop.datasets.validate.values:ValueCheck",
        "mounts": "fleetloop.datasets.validate.mounts:MountCheck",
        "dynamics": "fleetloop.datasets.validate.dynamics:DynamicsCheck",
        "boxes": "fleetloop.datasets.validate.boxes:BoxCheck",
        "flow": "fleetloop.datasets.validate.flow:FlowCheck",
        "lanes": "fleetloop.datasets.validate.lanes:LaneCheck",
        "reprojection": "fleetloop.datasets.validate.reprojection:ReprojectionCheck",
    },
)
