"""The registry of map sources, and what a source is."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Any, ClassVar, Protocol

from fleetloop.core.errors import ConfigError
from fleetloop.core.registry import Registry
from fleetloop.envs.maps.builder import NetworkBuilder


class MapSource(Protocol):
    """What turns a config into a road network.

    Attributes:
        CONFIG: Frozen dataclass of plain values; its JSON is part of the cache's key.
    """

    CONFIG: ClassVar[type[Any]]

    def inputs(self, config: Any) -> tuple[Path, ...]:  # noqa: ANN401 - the source's own CONFIG
        """Files that are read: their content is part of the cache's key.

        Raises:
            StorageError: A file is not there.
        """
        ...

    def build(self, config: Any) -> NetworkBuilder:  # noqa: ANN401 - the source's own CONFIG
        """Reads or makes the map; `load.open_map` freezes, validates and caches it.

        Raises:
            ConfigError: The input is broken or empty; the message names file, place and remedy.
        """
        ...


MAPS: Registry[MapSource] = Registry(
    "map source",
    {
        "town": "fleetloop.envs.maps.town.source:TOWN",
        "opendrive": "fleetloop.envs.maps.opendrive.source:OPENDRIVE",
        "osm": "fleetloop.envs.maps.osm.source:OSM",
        "lanelet2": "fleetloop.envs.maps.lanelets.source:LANELET2",
        "commonroad": "fleetloop.envs.maps.lanelets.source:COMMONROAD",
    },
)
"""Sources by name."""

_SOURCE_OF_SUFFIX = {".xodr": "opendrive", ".osm": "osm", ".xml": "commonroad"}
_LANELET = re.compile(rb"""k=["']type["']\s+v=["']lanelet["']""")
_CHUNK = 1 << 20


def config_of_file(path: Path) -> tuple[str, Any]:
    """Which source reads a map file, and its config with `path`; `.gz` at the end is passed over.

    Plain OpenStreetMap and lanelet2 share an ending: the file itself tells them apart.

    Raises:
        ConfigError: No source reads files of this kind.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    source = _SOURCE_OF_SUFFIX.get(suffixes[-1] if suffixes else "", "")
    if not source:
        raise ConfigError(
            f"No map source reads {path.name!r}: files may end in "
            f"{', '.join(sorted(_SOURCE_OF_SUFFIX))}, each with .gz or without."
        )
    if source == "osm" and _holds_lanelets(path):
        source = "lanelet2"
    return source, MAPS.get(source).CONFIG(path=str(path))


def _holds_lanelets(path: Path) -> bool:
    """Whether a file holds lanelets; one that cannot be read holds none, its source says why."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    before = b""
    try:
        with opened(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                if _LANELET.search(before[-64:] + chunk):
                    return True
                before = chunk
    except (OSError, EOFError, zlib.error):
        return False
    return False
