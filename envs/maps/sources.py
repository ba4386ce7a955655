"""The registry of map sources, and what a source is."""

from __future__ import annotations

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
    },
)
"""Sources by name."""

_SOURCE_OF_SUFFIX = {".xodr": "opendrive", ".osm": "osm", ".pbf": "osm"}


def config_of_file(path: Path) -> tuple[str, Any]:
    """Which source reads a map file, and its config with `path`; `.gz` at the end is passed over.

    Raises:
        ConfigError: No source reads files of this kind.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    source = _SOURCE_OF_SUFFIX.get(suffixes[-1] if suffixes else "", "")
    if source not in MAPS:
        readable = sorted(s for s, name in _SOURCE_OF_SUFFIX.items() if name in MAPS)
        raise ConfigError(
            f"No map source reads {path.name!r}: files may end in "
            f"{', '.join(readable) or 'nothing yet'}, each with .gz or without."
        )
    return source, MAPS.get(source).CONFIG(path=str(path))
