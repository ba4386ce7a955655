"""A registry is a plain dict from a name to a lazy `"module:Attribute"` string.

A line such as `"lidar": "fleetloop.envs.sensors.lidar:Lidar"` is greppable, imports nothing
before it is asked for, and cannot be registered twice. Users add entries of their own with
`Registry.add`, which takes the same string or the object itself.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from fleetloop.core.errors import ConfigError, UnknownNameError

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Registry(Generic[T]):
    """Names of one kind of thing, each loaded at its first use.

    Args:
        kind: What the names stand for, in the singular; used in messages ("sensor").
        entries: Name to `"module:Attribute"`.
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries: dict[str, str | T] = {}
        for name, target in entries.items():
            self.add(name, target)

    def add(self, name: str, target: str | T) -> None:
        """Adds one entry.

        Args:
            name: Letters, digits, `_`, `-`, `.` and `/`.
            target: The object, or where to import it from as `"module:Attribute"`.

        Raises:
            ConfigError: The name is taken or malformed, or the string is no `module:Attribute`.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"The {self.kind} name {name!r} is not allowed: use letters, digits, _ - . and /."
            )
        if name in self._entries:
            raise ConfigError(
                f"The {self.kind} {name!r} is already registered: choose another name."
            )
        if isinstance(target, str) and not _TARGET.fullmatch(target):
            raise ConfigError(
                f"The {self.kind} {name!r} points to {target!r}: write 'package.module:Attribute'."
            )
        self._entries[name] = target

    def get(self, name: str) -> T:
        """Returns the entry, importing it when it is still a string.

        Raises:
            UnknownNameError: No such name; the message lists the known ones.
            ConfigError: The module has no such attribute.
        """
        if not _is_text(name):
            known = ", ".join(self._entries)
            raise ConfigError(f"The {self.kind} {name!r} is no name: use one of {known}.")
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        target = self._entries[name]
        if not isinstance(target, str):
            return target
        module_name, _, attribute = target.partition(":")
        module = importlib.import_module(module_name)
        if not hasattr(module, attribute):
            raise ConfigError(
                f"The {self.kind} {name!r} points to {target!r}, but {module_name} has no "
                f"{attribute!r}: correct the registry line."
            )
        return cast(T, getattr(module, attribute))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self._entries)})"


def _is_text(name: object) -> bool:
    # Asked at run time too: users without a type checker pass None.
    return isinstance(name, str)
