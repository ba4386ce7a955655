"""Attributes of XML elements as words and finite numbers."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from fleetloop.core.errors import ConfigError


def text(element: Element | None, name: str) -> str:
    """An attribute, empty where it is missing."""
    return "" if element is None else element.get(name, "").strip()


def required(element: Element, name: str, where: str) -> str:
    """An attribute that has to be there.

    Raises:
        ConfigError: It is missing.
    """
    value = text(element, name)
    if not value:
        raise ConfigError(f"{where}: <{element.tag}> lacks {name!r}: add it.")
    return value


def number(element: Element, name: str, where: str) -> float:
    """An attribute as a number, 0 where it is missing or empty.

    Raises:
        ConfigError: It is no finite number.
    """
    value = text(element, name)
    if not value:
        return 0.0
    try:
        found = float(value)
    except ValueError as error:
        raise ConfigError(
            f"{where}: {name} of <{element.tag}> is {value!r}, should be a number: correct it."
        ) from error
    if not math.isfinite(found):
        raise ConfigError(f"{where}: {name} of <{element.tag}> is {value!r}: it must be finite.")
    return found
