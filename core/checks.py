"""Ranges of numbers and shapes of arrays: one wording for the same mistake everywhere.

Configs and records call these in their `__post_init__`. NaN lies in no range, so it never passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fleetloop.core.errors import ConfigError, SchemaError


def check_positive(config: object, what: str, *names: str, infinite: bool = False) -> None:
    """Refuses attributes that are not above 0.

    Args:
        config: Holds them.
        what: What it is, for the message: "an imager", "the sensor 'imu'".
        names: Of the attributes.
        infinite: Whether infinity is a sensible value.

    Raises:
        ConfigError: One of them is 0, below, NaN, or infinite where that is not sensible.
    """
    for name in names:
        value = getattr(config, name)
        if not value > 0.0 or (math.isinf(value) and not infinite):
            raise ConfigError(f"The {name} of {what} is {value!r}: use a positive number.")


def check_not_negative(config: object, what: str, *names: str, infinite: bool = False) -> None:
    """Refuses attributes that are below 0; for arguments and errors see `check_positive`."""
    for name in names:
        value = getattr(config, name)
        if not value >= 0.0 or (math.isinf(value) and not infinite):
            raise ConfigError(f"The {name} of {what} is {value!r}: use 0 or more.")


def check_share(config: object, what: str, *names: str) -> None:
    """Refuses attributes that are no part of one, 0 to 1; see `check_positive`."""
    for name in names:
        value = getattr(config, name)
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"The {name} of {what} is {value!r}: use 0 to 1.")


def check_counts(config: object, what: str, *names: str) -> None:
    """Refuses attributes that are below 1; see `check_positive`."""
    for name in names:
        value = getattr(config, name)
        if not value >= 1:
            raise ConfigError(f"The {name} of {what} is {value!r}: use 1 or more.")


def check_columns(
    record: object, what: str, columns: Mapping[str, tuple[str, tuple[int, ...]]], count: int
) -> None:
    """Holds the arrays of a record to their types and shapes, and locks them against writing.

    Args:
        record: Holds them as attributes.
        what: What its rows are, for the message: "objects".
        columns: Type, and shape of one row, by the attribute's name.
        count: Rows.

    Raises:
        SchemaError: An array is of another type or shape, or holds NaN or infinity.
    """
    for name, (dtype, shape) in columns.items():
        array = getattr(record, name)
        if array.dtype != dtype or array.shape != (count, *shape):
            raise SchemaError(
                f"The {name} of {count} {what} should be {dtype}{(count, *shape)}, got "
                f"{array.dtype}{array.shape}."
            )
        if dtype == "float64" and not np.isfinite(array).all():
            raise SchemaError(f"The {name} of {what} holds NaN or infinity.")
        array.setflags(write=False)
