"""Reads OpenStreetMap XML as a stream: bounded, no entities, with the place of each error.

The same form carries lanelet2 maps, whose reader starts here too. What editors marked as deleted
is passed over.
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from fleetloop.core.errors import ConfigError, StorageError

MAX_BYTES = 512 * 1024 * 1024
"""A file that is larger, unpacked, is not read."""

_CHUNK = 1 << 20
_KEPT = ("node", "way", "relation")

Tags = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """An ordered list of nodes with tags."""

    number: int
    nodes: tuple[int, ...]
    tags: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a relation: `kind` is node, way or relation."""

    kind: str
    number: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A group of things with tags."""

    number: int
    members: tuple[Member, ...]
    tags: Tags


@dataclass(slots=True, kw_only=True)
class Document:
    """A whole file.

    Attributes:
        name: Of the file, without its endings.
        lat_lon: Degrees of each node.
        node_tags: Of those nodes that have some.
        ways, relations: By number, in the order of the file.
        bounds: South, west, north, east in degrees as the file states them; None without.
    """

    name: str
    lat_lon: dict[int, tuple[float, float]] = field(default_factory=dict)
    node_tags: dict[int, Tags] = field(default_factory=dict)
    ways: dict[int, Way] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    bounds: tuple[float, float, float, float] | None = None


def read_document(path: Path) -> Document:
    """Reads a file, plain or gzip-packed.

    Raises:
        StorageError: The file cannot be read or is too large.
        ConfigError: It is no OpenStreetMap XML, or a value in it is impossible.
    """
    reader = _Reader(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    reader.parser = parser
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    size = 0
    try:
        with opened(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise StorageError(
                        f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut a smaller extract."
                    )
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"The map {path} cannot be read: {error}. Check the path.") from error
    except expat.ExpatError as error:
        raise ConfigError(
            f"{path.name} is no well-formed XML ({error}): the file is cut or damaged; get it anew."
        ) from error
    return reader.document


class _Reader:
    """Takes what the parser meets, one element after the other."""

    def __init__(self, path: Path) -> None:
        self.document = Document(name=path.name.split(".")[0])
        self.parser: expat.XMLParserType | None = None
        self._where = path.name
        self._root = ""
        self._kind = ""
        self._number = 0
        self._dropped = False
        self._tags: Tags = {}
        self._nodes: list[int] = []
        self._members: list[Member] = []

    def doctype(self, *_: object) -> None:
        raise ConfigError(f"{self._where} has a DOCTYPE, which no map needs: remove it.")

    def start(self, name: str, given: dict[str, str]) -> None:
        if not self._root:
            self._root = name
            if name != "osm":
                raise ConfigError(
                    f"{self._where} is <{name}>, not <osm>: choose OpenStreetMap XML "
                    "(for <OpenDRIVE> use the source 'opendrive')."
                )
        elif name in _KEPT:
            self._begin(name, given)
        elif name == "tag":
            self._tags[given.get("k", "")] = given.get("v", "")
        elif name == "nd" and self._kind == "way":
            self._nodes.append(self._integer(given, "ref"))
        elif name == "member" and self._kind == "relation":
            self._members.append(
                Member(kind=given.get("type", ""), number=self._integer(given, "ref"),
                       role=given.get("role", ""))
            )  # fmt: skip
        elif name == "bounds":
            south, west, north, east = (
                self._degrees(given, key) for key in ("minlat", "minlon", "maxlat", "maxlon")
            )
            self.document.bounds = south, west, north, east

    def end(self, name: str) -> None:
        if name not in _KEPT or name != self._kind:
            return
        if not self._dropped:
            if name == "node" and self._tags:
                self.document.node_tags[self._number] = self._tags
            elif name == "way":
                self.document.ways[self._number] = Way(
                    number=self._number, nodes=tuple(self._nodes), tags=self._tags
                )
            elif name == "relation":
                self.document.relations[self._number] = Relation(
                    number=self._number, members=tuple(self._members), tags=self._tags
                )
        self._kind, self._tags, self._nodes, self._members = "", {}, [], []

    def _begin(self, name: str, given: dict[str, str]) -> None:
        self._kind, self._tags, self._nodes, self._members = name, {}, [], []
        self._number = self._integer(given, "id")
        self._dropped = given.get("action") == "delete" or given.get("visible") == "false"
        if name == "node" and not self._dropped:
            lat, lon = self._degrees(given, "lat"), self._degrees(given, "lon")
            if abs(lat) > 90.0 or abs(lon) > 360.0:
                self._fail(f"node {self._number} lies at {lat}, {lon}, which is on no globe")
            self.document.lat_lon[self._number] = lat, lon

    def _integer(self, given: dict[str, str], key: str) -> int:
        try:
            return int(given[key])
        except (KeyError, ValueError):
            self._fail(f"{key!r} is {given.get(key)!r}, should be a whole number")

    def _degrees(self, given: dict[str, str], key: str) -> float:
        try:
            value = float(given[key])
        except (KeyError, ValueError):
            self._fail(f"{key!r} is {given.get(key)!r}, should be degrees")
        if not math.isfinite(value):
            self._fail(f"{key!r} is {value}, should be finite")
        return value

    def _fail(self, what: str) -> NoReturn:
        line = self.parser.CurrentLineNumber if self.parser is not None else 0
        raise ConfigError(f"{self._where}, line {line}: {what}: correct it, or get the file anew.")
