"""Maps of lanelets as sources: lanelet2 and CommonRoad."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.lanelets.build import build_lanelets
from fleetloop.envs.maps.lanelets.commonroad import read_commonroad
from fleetloop.envs.maps.lanelets.lanelet2 import read_lanelets
from fleetloop.envs.maps.osm.parse import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneletConfig:
    """Which file.

    Attributes:
        path: An `.osm` file with lanelets, or a CommonRoad `.xml`, plain or gzip-packed.
        licence: Of its data; it travels with every copy.
    """

    path: str = ""
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("A map of lanelets needs the path of its file.")


class Lanelet2:
    """Reads lanelet2 maps."""

    CONFIG: ClassVar[type[LaneletConfig]] = LaneletConfig

    def inputs(self, config: LaneletConfig) -> tuple[Path, ...]:
        """The file."""
        return (_present(config),)

    def build(self, config: LaneletConfig) -> NetworkBuilder:
        """Reads the file into a builder."""
        path = _present(config)
        return build_lanelets(
            read_lanelets(read_document(path), path.name), path.name, config.licence
        )


class CommonRoad:
    """Reads the roads of CommonRoad scenarios."""

    CONFIG: ClassVar[type[LaneletConfig]] = LaneletConfig

    def inputs(self, config: LaneletConfig) -> tuple[Path, ...]:
        """The file."""
        return (_present(config),)

    def build(self, config: LaneletConfig) -> NetworkBuilder:
        """Reads the file into a builder."""
        path = _present(config)
        return build_lanelets(read_commonroad(path), path.name, config.licence)


LANELET2 = Lanelet2()
COMMONROAD = CommonRoad()


def _present(config: LaneletConfig) -> Path:
    path = Path(config.path)
    if not path.is_file():
        raise StorageError(f"There is no file {path}: check the path of the map.")
    return path
