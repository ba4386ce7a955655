"""OpenDRIVE as a source of maps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.opendrive.document import Document
from fleetloop.envs.maps.opendrive.furniture import add_controls, add_objects, add_signs
from fleetloop.envs.maps.opendrive.lanes import add_lanes
from fleetloop.envs.maps.opendrive.links import add_links
from fleetloop.envs.maps.opendrive.parse import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDriveConfig:
    """Which file.

    Attributes:
        path: An `.xodr` file, plain or gzip-packed.
        licence: Of its data; it travels with every copy.
    """

    path: str = ""
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("An OpenDRIVE map needs the path of its file.")


class OpenDrive:
    """Reads OpenDRIVE 1.1 to 1.8."""

    CONFIG: ClassVar[type[OpenDriveConfig]] = OpenDriveConfig

    def inputs(self, config: OpenDriveConfig) -> tuple[Path, ...]:
        """The file."""
        path = Path(config.path)
        if not path.is_file():
            raise StorageError(f"There is no file {path}: check the path of the map.")
        return (path,)

    def build(self, config: OpenDriveConfig) -> NetworkBuilder:
        """Reads the file into a builder."""
        (path,) = self.inputs(config)
        document = read_document(path)
        builder = NetworkBuilder(
            name=document.name,
            source=path.name,
            licence=config.licence,
            left_hand=_left_hand(document),
            origin_lat_lon=_origin(document.geo_reference),
        )
        fill(builder, document)
        return builder


OPENDRIVE = OpenDrive()


def fill(builder: NetworkBuilder, document: Document) -> None:
    """Puts all of a document into a builder.

    Raises:
        ConfigError: There is no lane that can be driven.
    """
    placed = add_lanes(builder, document)
    junctions = add_links(builder, document, placed)
    add_objects(builder, document, junctions)
    add_controls(builder, document, placed, junctions)
    add_signs(builder, document)
    if not placed.rows:
        raise ConfigError(
            f"{builder.drafts.source} has no lane that can be driven: choose another file."
        )


def _left_hand(document: Document) -> bool:
    """Whether most of the road length says so."""
    left = sum(road.length_m for road in document.roads.values() if road.left_hand)
    return left > 0.5 * sum(road.length_m for road in document.roads.values())


def _origin(geo_reference: str) -> tuple[float, float]:
    """Latitude and longitude of a PROJ string's origin; zeros where it has none."""
    found = {}
    for name in ("lat_0", "lon_0"):
        match = re.search(rf"\+{name}=([-+0-9.eE]+)", geo_reference)
        found[name] = float(match.group(1)) if match else 0.0
    return found["lat_0"], found["lon_0"]
