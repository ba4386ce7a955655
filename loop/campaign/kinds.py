"""Kinds of stages by name. Adding one is one file and one line."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.loop.campaign.stage import StageKind

STAGES: Registry[StageKind] = Registry(
    "stage kind",
    {
        "collect": "fleetloop.loop.campaign.collect:KIND",
        "trigger": "fleetloop.loop.campaign.sense:KIND",
        "mine": "fleetloop.loop.campaign.mine:KIND",
        "label": "fleetloop.loop.campaign.label:KIND",
        "train": "fleetloop.loop.campaign.learn:TRAIN",
        "shadow": "fleetloop.loop.campaign.learn:SHADOW_KIND",
        "evaluate": "fleetloop.loop.campaign.judge:EVALUATE",
        "promote": "fleetloop.loop.campaign.judge:PROMOTE",
        "film": "fleetloop.loop.campaign.films:KIND",
    },
)
