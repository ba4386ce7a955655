"""Kinds of stages by name. Adding one is one file and one line."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.loop.campaign.stage import StageKind

STAGES: Registry[StageKind] = Registry("stage kind", {})
