"""Options that a user types as `name=value`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fleetloop.core.errors import ConfigError


def parse_settings(lines: Iterable[str]) -> dict[str, Any]:
    """Options by name. Values are JSON where they are of that form, and text otherwise.

    Raises:
        ConfigError: A line has no `=`, or a name comes twice.
    """
    settings: dict[str, Any] = {}
    for line in lines:
        name, equals, text = line.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(f"The option {line!r} is not of the form name=value.")
        if name in settings:
            raise ConfigError(f"The option {name!r} is given twice.")
        try:
            settings[name] = json.loads(text)
        except ValueError:
            settings[name] = text
    return settings
