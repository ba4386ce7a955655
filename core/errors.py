"""The tree of errors: one root to catch, a child for each way of handling.

    FleetloopError
    ├── ConfigError          a value that the user chose is wrong        (also a ValueError)
    │   └── UnknownNameError a name that is in no registry               (also a KeyError)
    ├── SchemaError          data does not have the shape that it claims (also a ValueError)
    ├── StateError           a call that is not allowed now              (also a RuntimeError)
    ├── StorageError         a file or folder cannot be read or written  (also an OSError)
    │   └── DamagedFileError a file is cut or corrupt; the remedy is `fleetloop repair`
    └── MissingDependencyError  an optional package is not installed     (also an ImportError)

Each message says what was wrong, which value it was, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FleetloopError(Exception):
    """Root of all errors that this library raises on purpose."""


class ConfigError(FleetloopError, ValueError):
    """A value that the user chose is outside of what is possible."""


class UnknownNameError(ConfigError, KeyError):
    """A name that no registry knows."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(_unknown_name_message(kind, name, self.known))

    def __str__(self) -> str:
        # KeyError would print the repr of its argument.
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        # Worker processes send errors home: rebuild from the parts, not from the message.
        return (type(self), (self.kind, self.name, self.known))


class SchemaError(FleetloopError, ValueError):
    """Data does not have the fields, shapes or types that its schema promises."""


class StateError(FleetloopError, RuntimeError):
    """A call that is not allowed in the present state, such as step before reset."""


class StorageError(FleetloopError, OSError):
    """A file or folder cannot be read, written or trusted."""


class DamagedFileError(StorageError):
    """A file ends early or fails its checksum."""


class MissingDependencyError(FleetloopError, ImportError):
    """An optional package is needed for this and is not installed."""


def _unknown_name_message(kind: str, name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(known) if known else "none"
    return f"Unknown {kind} {name!r}.{guess} Known: {listed}."
