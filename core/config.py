"""Frozen configs to plain JSON and back, and the hash that names a configuration.

Only plain things pass: numbers, text, booleans, None, enums, tuples, mappings of text, poses and
frozen dataclasses of these. Nothing is pickled and no class is named in the JSON, so reading
foreign files runs no code: the reader says which class it expects. Where it may be one of several,
their configs carry a class variable `KIND`, which leads their JSON as `"kind"`.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose

C = TypeVar("C")


def to_json(value: Any) -> Any:  # noqa: ANN401 - any config value
    """Turns a config, or a value of one, into plain JSON values.

    Raises:
        ConfigError: The value has no plain form.
    """
    if isinstance(value, Pose):
        return {
            "position_m": value.position_m.tolist(),
            "quaternion_xyzw": value.quaternion_xyzw.tolist(),
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = getattr(value, "KIND", "")
        kind = {"kind": name} if name else {}
        return kind | {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise ConfigError("A config holds NaN, which equals nothing: use None where none is.")
        return "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ConfigError(
        f"A config holds {value!r} of type {type(value).__name__}, which has no plain JSON form."
    )


def from_json(kind: type[C], data: Any) -> C:  # noqa: ANN401 - any JSON value
    """Builds a config of the given type from what `to_json` made.

    Args:
        kind: Frozen dataclass, or another type that `to_json` knows.
        data: Plain JSON values. Fields that are absent take their defaults.

    Raises:
        ConfigError: An unknown field, a missing one, or a value of another type.
    """
    return typing.cast(C, _build(kind, data, kind.__name__))


def config_hash(value: Any) -> str:  # noqa: ANN401 - any config value
    """SHA-256 of the canonical JSON of a config, as hexadecimal text."""
    return hashlib.sha256(canonical_json(to_json(value)).encode()).hexdigest()


def _build(kind: Any, data: Any, where: str) -> Any:  # noqa: ANN401
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        return _build_union(typing.get_args(kind), data, where)
    if origin is typing.Literal:
        return _checked(data in typing.get_args(kind), data, kind, where)
    if origin is tuple:
        return _build_tuple(typing.get_args(kind), data, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _checked(isinstance(data, Mapping), data, kind, where)
        item = typing.get_args(kind)[1]
        return {str(key): _build(item, entry, f"{where}.{key}") for key, entry in data.items()}
    if kind is Pose or (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return _build_dataclass(kind, data, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _build_enum(kind, data, where)
    return _build_scalar(kind, data, where)


def _build_dataclass(kind: Any, data: Any, where: str) -> Any:  # noqa: ANN401
    _checked(isinstance(data, Mapping), data, kind, where)
    if getattr(kind, "KIND", "") and "kind" in data:
        _checked(data["kind"] == kind.KIND, data["kind"], f"the kind {kind.KIND!r}", where)
        data = {name: item for name, item in data.items() if name != "kind"}
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ConfigError(
            f"{where} has no field {unknown[0]!r}. It has: {', '.join(sorted(fields))}."
        )
    missing = [
        name
        for name, f in fields.items()
        if name not in data
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where} lacks the field {missing[0]!r}: add it.")
    if kind is Pose:
        return Pose(**{name: _build_array(data[name], f"{where}.{name}") for name in fields})
    return kind(**{name: _build(hints[name], data[name], f"{where}.{name}") for name in data})


def _build_array(data: Any, where: str) -> FloatArray:  # noqa: ANN401
    try:
        return np.array(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} is {data!r}, but should be numbers.") from error


def _build_union(kinds: tuple[Any, ...], data: Any, where: str) -> Any:  # noqa: ANN401
    if data is None and type(None) in kinds:
        return None
    problems = []
    for kind in kinds:
        if kind is not type(None):
            try:
                return _build(kind, data, where)
            except ConfigError as error:
                problems.append(str(error))
    raise ConfigError(" Or: ".join(problems))


def _build_tuple(kinds: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    _checked(isinstance(data, list | tuple), data, "a list", where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_build(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    _checked(len(kinds) == len(data), data, f"a list of {len(kinds)}", where)
    pairs = zip(kinds, data, strict=True)
    return tuple(_build(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _build_enum(kind: type[enum.Enum], data: Any, where: str) -> enum.Enum:  # noqa: ANN401
    try:
        return kind(data)
    except ValueError as error:
        known = ", ".join(str(member.value) for member in kind)
        raise ConfigError(f"{where} is {data!r}, which is none of: {known}.") from error


def _build_scalar(kind: Any, data: Any, where: str) -> Any:  # noqa: ANN401
    if kind is float:
        if data in ("inf", "-inf"):
            # JSON has no infinity, and "for ever" is a common default.
            return float(data)
        fits = isinstance(data, int | float) and not isinstance(data, bool)
        return float(_checked(fits, data, kind, where))
    if kind is int:
        return _checked(isinstance(data, int) and not isinstance(data, bool), data, kind, where)
    if kind is type(None):
        return _checked(data is None, data, kind, where)
    if kind in (str, bool):
        return _checked(isinstance(data, kind), data, kind, where)
    raise ConfigError(f"{where} has the type {kind!r}, which cannot be read from JSON.")


def _checked(fits: bool, data: Any, kind: Any, where: str) -> Any:  # noqa: ANN401
    if not fits:
        wanted = getattr(kind, "__name__", str(kind))
        raise ConfigError(f"{where} is {data!r}, but should be {wanted}.")
    return data
