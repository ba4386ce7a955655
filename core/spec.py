"""What a sensor or a data set says that it holds: fields with shape, type, unit and frame.

One `Schema` per sensor is the single source of the Gymnasium space, the log's channel and every
exporter's feature. It is compared wherever data crosses a border, and stored with what was learned
from it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError, SchemaError

DTYPES = ("bool", "uint8", "uint16", "int16", "int32", "int64", "float32", "float64")

_FEW = 16
"""Arrays of so few numbers are checked faster as a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One array of a sample.

    Attributes:
        shape: Fixed shape; what varies in number has a maximum and a `valid` mask beside it.
        dtype: One of `DTYPES`.
        unit: SI unit such as `m`, `m/s`, `rad`, `1` (a plain number), `id`, `sRGB`.
        frame: Frame that coordinates are in, such as `sensor` or `world`; empty where none.
        low: Smallest value possible.
        high: Largest value possible.
        doc: One sentence for people.
        privileged: A label or truth that only the simulator knows. It is recorded, and never part
            of an observation.

    Raises:
        ConfigError: An unknown dtype, a negative dimension, or bounds in the wrong order.
    """

    shape: tuple[int, ...]
    dtype: str
    unit: str
    frame: str = ""
    low: float = -math.inf
    high: float = math.inf
    doc: str = ""
    privileged: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"The dtype {self.dtype!r} is not one of {', '.join(DTYPES)}.")
        if any(not isinstance(n, int) or n < 0 for n in self.shape):
            raise ConfigError(f"The shape {self.shape!r} must hold whole numbers >= 0.")
        if not self.unit:
            raise ConfigError("A field needs a unit; write '1' for a plain number.")
        if not self.low <= self.high:
            raise ConfigError(f"The bounds [{self.low}, {self.high}] are in the wrong order.")

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds cut to what the dtype can hold."""
        return _bounds(self.dtype, self.low, self.high)

    def check(self, name: str, array: npt.NDArray[Any]) -> None:
        """Compares an array with this field.

        Raises:
            SchemaError: Other shape or dtype, NaN or infinity, or a value out of bounds.
        """
        if array.shape != self.shape or array.dtype != self.dtype:
            raise SchemaError(
                f"The field {name!r} should be {self.dtype}{self.shape}, got "
                f"{array.dtype}{array.shape}."
            )
        low, high = self.bounds
        if array.size == 0 or self.dtype == "bool" or _holds_all(self.dtype, low, high):
            return
        if array.size <= _FEW:
            values = array.ravel().tolist()
            smallest, largest, finite = min(values), max(values), all(map(math.isfinite, values))
        else:
            smallest, largest = float(array.min()), float(array.max())
            finite = math.isfinite(smallest) and math.isfinite(largest)
        if not finite:
            raise SchemaError(
                f"The field {name!r} holds NaN or infinity: what is not known belongs in a mask."
            )
        if smallest < low or largest > high:
            raise SchemaError(
                f"The field {name!r} reaches from {smallest:g} to {largest:g} {self.unit}, outside "
                f"of [{low:g}, {high:g}]."
            )


@cache
def _bounds(dtype: str, low: float, high: float) -> tuple[float, float]:
    if dtype == "bool":
        return 0.0, 1.0
    if dtype.startswith("float"):
        return low, high
    info = np.iinfo(dtype)
    return max(low, float(info.min)), min(high, float(info.max))


@cache
def _holds_all(dtype: str, low: float, high: float) -> bool:
    """Whether every number of a type is within bounds, as with pictures: nothing is looked at."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return False
    limits = np.iinfo(kind)
    return low <= limits.min and high >= limits.max


class _Quick(NamedTuple):
    """A field with what `Schema.check` would else look up at each check, in a hot path."""

    name: str
    field: Field
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: float
    high: float
    any_value: bool

    def holds(self, array: npt.NDArray[Any]) -> bool:
        """Whether an array is fine for certain; False says that it takes a closer look."""
        if array.shape != self.shape or array.dtype != self.dtype:
            return False
        if self.any_value:
            return True
        if not 0 < array.size <= _FEW:
            return False
        values = array.ravel().tolist()
        # A sum is finite only if all its terms are; NaN may hide from `min` and `max`.
        inside = self.low <= min(values) and max(values) <= self.high
        return inside and math.isfinite(sum(values))


def _quick_of(name: str, entry: Field) -> _Quick:
    low, high = entry.bounds
    any_value = entry.dtype == "bool" or _holds_all(entry.dtype, low, high)
    return _Quick(name, entry, entry.shape, np.dtype(entry.dtype), low, high, any_value)


@dataclass(frozen=True, slots=True)
class Schema(Mapping[str, Field]):
    """Names and fields, in order.

    Raises:
        ConfigError: A name is empty or holds `/` or `.`, which separate names elsewhere.
    """

    fields: Mapping[str, Field]
    _quick: tuple[_Quick, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.fields:
            if not name.isidentifier():
                raise ConfigError(f"The field name {name!r} must be a plain identifier.")
        object.__setattr__(self, "fields", dict(self.fields))
        quick = tuple(_quick_of(name, entry) for name, entry in self.fields.items())
        object.__setattr__(self, "_quick", quick)

    def __getitem__(self, name: str) -> Field:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __hash__(self) -> int:
        return hash(self.digest())

    def check(self, data: Mapping[str, npt.NDArray[Any]], what: str = "data") -> None:
        """Compares arrays with this schema.

        Raises:
            SchemaError: A field is missing, unknown, or not as promised.
        """
        if data.keys() != self.fields.keys():
            missing = [name for name in self.fields if name not in data]
            unknown = [name for name in data if name not in self.fields]
            raise SchemaError(
                f"The {what} does not fit its schema: missing {missing or 'none'}, unknown "
                f"{unknown or 'none'}."
            )
        for quick in self._quick:
            array = data[quick.name]
            if not quick.holds(array):
                quick.field.check(f"{what}.{quick.name}", array)

    def to_json(self) -> dict[str, Any]:
        """A JSON form, from which `from_json` makes an equal schema."""
        return {name: _field_to_json(field) for name, field in self.fields.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Reads what `to_json` wrote.

        Raises:
            SchemaError: The JSON is not of that form.
        """
        try:
            return cls({name: _field_from_json(entry) for name, entry in data.items()})
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise SchemaError(f"The stored schema cannot be read: {error}.") from error

    def digest(self) -> str:
        """Hash of all that the schema says, as hexadecimal text."""
        canonical = json.dumps(list(self.to_json().items()), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _field_to_json(field: Field) -> dict[str, Any]:
    return {
        "shape": list(field.shape),
        "dtype": field.dtype,
        "unit": field.unit,
        "frame": field.frame,
        # JSON has no infinity: an absent bound is null.
        "low": field.low if math.isfinite(field.low) else None,
        "high": field.high if math.isfinite(field.high) else None,
        "doc": field.doc,
        "privileged": field.privileged,
    }


def _field_from_json(entry: Mapping[str, Any]) -> Field:
    return Field(
        shape=tuple(entry["shape"]),
        dtype=entry["dtype"],
        unit=entry["unit"],
        frame=entry["frame"],
        low=-math.inf if entry["low"] is None else float(entry["low"]),
        high=math.inf if entry["high"] is None else float(entry["high"]),
        doc=entry["doc"],
        privileged=entry["privileged"],
    )
