"""What makes a moment worth a label. Adding a trigger is one file and one line.

A trigger gives each row of an episode a score; a row above the threshold fires. Scores are in the
unit that the trigger names, so that a threshold can be read.
"""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.loop.triggers.base import Trigger

TRIGGERS: Registry[Trigger] = Registry(
    "trigger",
    {
        "expert_disagreement": "fleetloop.loop.triggers.expert_disagreement:TRIGGER",
        "version_disagreement": "fleetloop.loop.triggers.version_disagreement:TRIGGER",
        "uncertainty": "fleetloop.loop.triggers.uncertainty:TRIGGER",
        "before_failure": "fleetloop.loop.triggers.before_failure:TRIGGER",
        "hard_braking": "fleetloop.loop.triggers.hard_braking:TRIGGER",
        "jerk": "fleetloop.loop.triggers.jerk:TRIGGER",
        "near_miss": "fleetloop.loop.triggers.near_miss:TRIGGER",
        "slip": "fleetloop.loop.triggers.slip:TRIGGER",
        "stall": "fleetloop.loop.triggers.stall:TRIGGER",
        "fall": "fleetloop.loop.triggers.fall:TRIGGER",
        "collision": "fleetloop.loop.triggers.collision:TRIGGER",
        "left_the_way": "fleetloop.loop.triggers.left_the_way:TRIGGER",
        "dropped_object": "fleetloop.loop.triggers.dropped_object:TRIGGER",
        "broken_dish": "fleetloop.loop.triggers.broken_dish:TRIGGER",
        "range_camera": "fleetloop.loop.triggers.range_camera:TRIGGER",
        "surprise": "fleetloop.loop.triggers.surprise:TRIGGER",
    },
)
