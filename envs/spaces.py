"""Gymnasium spaces from schemas: the one place where a field becomes a space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from fleetloop.core.spec import Field, Schema

SEPARATOR = "/"
"""Between the sensor's and the field's name in an observation key."""


def space_of_field(field: Field, history: int = 1) -> gym.Space[Any]:
    """The space of one field; with a history above 1 it gets a leading dimension, newest last.

    Masks become `MultiBinary`, everything else a `Box` with the field's own bounds. A single number
    is one of shape (1,): training libraries take no scalars [Stable-Baselines3's `check_env`].
    """
    shape = (field.shape or (1,)) if history == 1 else (history, *field.shape)
    if field.dtype == "bool":
        return gym.spaces.MultiBinary(shape)
    low, high = field.bounds
    dtype = np.dtype(field.dtype)
    if dtype.kind in "iu":
        # Through float, bounds of 64-bit integers would round out of their own type.
        low, high = _integer_bounds(dtype, low, high)
    return gym.spaces.Box(low, high, shape, dtype.type)


def observable(schema: Schema) -> dict[str, Field]:
    """The fields that an agent may see: all but the privileged ones."""
    return {name: field for name, field in schema.items() if not field.privileged}


def observation_space(sensors: Mapping[str, tuple[Schema, int]], goal: Schema) -> gym.spaces.Dict:
    """The space of a whole observation, flat, with keys such as `front/rgb` and `goal/speed`.

    Args:
        sensors: Schema and history by sensor name.
        goal: What the task tells.
    """
    spaces: dict[str, gym.Space[Any]] = {}
    for sensor, (schema, history) in sensors.items():
        for name, field in observable(schema).items():
            spaces[f"{sensor}{SEPARATOR}{name}"] = space_of_field(field, history)
    for name, field in observable(goal).items():
        spaces[f"goal{SEPARATOR}{name}"] = space_of_field(field)
    return gym.spaces.Dict(spaces)


def as_observed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array as an observation holds it: masks as int8, a single number as an array of one."""
    if array.ndim == 0:
        array = array.reshape(1)
    return array.astype(np.int8) if array.dtype == np.bool_ else array


def _integer_bounds(dtype: np.dtype[Any], low: float, high: float) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return max(int(low), int(info.min)), min(int(high), int(info.max))
