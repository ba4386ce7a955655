"""The sensors, by kind. Adding one is one file and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetloop.core.registry import Registry

if TYPE_CHECKING:
    from fleetloop.envs.sensors.base import Sensor

SENSORS: Registry[type[Sensor]] = Registry("sensor", {})
