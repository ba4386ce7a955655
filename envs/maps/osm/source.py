"""OpenStreetMap as a source of maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import JunctionKind
from fleetloop.envs.maps.osm.build import add_site, add_streets
from fleetloop.envs.maps.osm.control import Lights, find_lights, rule
from fleetloop.envs.maps.osm.crossings import add_crossings, find_crossings
from fleetloop.envs.maps.osm.dead_ends import add_dead_end, make_room_to_turn
from fleetloop.envs.maps.osm.footways import add_walks, footways, own_walks
from fleetloop.envs.maps.osm.graph import Graph, make_graph
from fleetloop.envs.maps.osm.ground import bounds_of, roads_of
from fleetloop.envs.maps.osm.legs import Layout, lay_out
from fleetloop.envs.maps.osm.lights import add_control
from fleetloop.envs.maps.osm.moves import moves_of, restrictions
from fleetloop.envs.maps.osm.netconvert import TIMEOUT_S, convert, find_netconvert
from fleetloop.envs.maps.osm.parse import Document, read_document
from fleetloop.envs.maps.osm.places import Country, country_of, tagged_side
from fleetloop.envs.maps.osm.projection import origin_of, projected
from fleetloop.envs.maps.osm.scenery import add_scenery
from fleetloop.envs.maps.osm.streets import is_street
from fleetloop.envs.maps.pave_lanes import pave_lanes
from fleetloop.envs.maps.polyline import Floats

LICENCE = "© OpenStreetMap contributors, ODbL 1.0"

SURROUNDINGS_M = 80.0
"""Houses and trees further from any street are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmConfig:
    """Which extract, and how it is read.

    Attributes:
        path: An `.osm` file, plain or gzip-packed.
        left_hand: Whether traffic keeps to the left: yes, no, or auto for what the tags and the
            place say.
        importer: Who makes the streets: `own`, this package's; `netconvert`, SUMO's, or an error;
            `auto`, netconvert where it is installed and its result passes the validator, else own.
        timeout_s: For each try of netconvert.
        licence: Of its data; it travels with every copy.
    """

    path: str = ""
    left_hand: str = "auto"
    importer: str = "own"
    timeout_s: float = TIMEOUT_S
    licence: str = LICENCE

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("An OpenStreetMap map needs the path of its file.")
        if self.left_hand not in ("auto", "yes", "no"):
            raise ConfigError(f"left_hand is {self.left_hand!r}: use auto, yes or no.")
        if self.importer not in ("own", "netconvert", "auto"):
            raise ConfigError(f"importer is {self.importer!r}: use own, netconvert or auto.")
        if not 0.1 <= self.timeout_s <= 3600.0:
            raise ConfigError(f"timeout_s is {self.timeout_s}: use 0.1 to 3600.")


class Osm:
    """Reads OpenStreetMap XML."""

    CONFIG: ClassVar[type[OsmConfig]] = OsmConfig

    def inputs(self, config: OsmConfig) -> tuple[Path, ...]:
        """The file, and netconvert if it may be used: another version of it makes another map."""
        path = Path(config.path)
        if not path.is_file():
            raise StorageError(f"There is no file {path}: check the path of the map.")
        executable = None if config.importer == "own" else find_netconvert()
        return (path,) if executable is None else (path, executable)

    def build(self, config: OsmConfig) -> NetworkBuilder:
        """Reads the file into a builder."""
        path = self.inputs(config)[0]
        return build_osm(read_document(path), config, path)


OSM = Osm()


def build_osm(document: Document, config: OsmConfig, path: Path) -> NetworkBuilder:
    """Makes streets, junctions and what stands beside them."""
    where = path.name
    if not any(is_street(way.tags) for way in document.ways.values()):
        raise ConfigError(
            f"{where} holds no street that cars may use: choose an extract with ways tagged "
            "highway=residential and the like."
        )
    origin = origin_of(document)
    place_m = projected(document, origin)
    country, told = country_of(document, *origin)
    left_hand, why = _side(document, config, country, told)
    notes = [f"Traffic keeps to the {'left' if left_hand else 'right'}, {why}."]
    builder = None
    if config.importer != "own":
        builder = _by_netconvert(config, path, origin, notes, left_hand=left_hand)
    converted = builder is not None
    if builder is None:
        builder = NetworkBuilder(
            name=document.name, source=where, licence=config.licence, left_hand=left_hand,
            origin_lat_lon=origin,
        )  # fmt: skip
    builder.drafts.name, builder.drafts.source = document.name, where
    builder.drafts.licence = config.licence
    for note in notes:
        builder.note(note)
    if converted:
        roads = roads_of(builder)
        add_scenery(builder, document, place_m, roads, bounds_of(builder, SURROUNDINGS_M))
        return builder
    graph, lights = _streets(document, place_m, country, left_hand=left_hand)
    _say_guesses(builder, graph)
    layout = lay_out(graph, lights.junctions, document)
    if layout.bridges:
        builder.note(
            f"Heights: streets cross on {layout.bridges} bridges; all else lies on a plane."
        )
    _add_network(builder, document, graph, layout, lights, country)
    _add_surroundings(builder, document, graph)
    return builder


def _by_netconvert(
    config: OsmConfig, path: Path, origin: tuple[float, float], notes: list[str], *, left_hand: bool
) -> NetworkBuilder | None:
    """Streets by netconvert; None, with a note that says why, where we have to do it ourselves.

    Raises:
        ConfigError: It was asked for, and is not installed or gave nothing that can be used.
    """
    executable = find_netconvert()
    try:
        if executable is None:
            raise ConfigError("netconvert is not installed: pip install 'fleetloop[osm]'.")
        builder = convert(
            path, executable, left_hand=left_hand, origin=origin, timeout_s=config.timeout_s
        )
    except ConfigError as error:
        if config.importer == "netconvert":
            raise ConfigError(f"{path.name}: {error} Or use importer='own'.") from error
        notes.append(f"{str(error).rstrip('.')}. The streets are made by the own importer instead.")
        return None
    notes.append("The streets are made by SUMO's netconvert, read as OpenDRIVE.")
    return builder


def _streets(
    document: Document, place_m: dict[int, Floats], country: Country, *, left_hand: bool
) -> tuple[Graph, Lights]:
    """The graph and its lights; lights for themselves stay ends of streets."""
    graph = make_graph(document, place_m, country, left_hand=left_hand, kept_apart=set())
    lights = find_lights(document, graph)
    if lights.alone:
        graph = make_graph(document, place_m, country, left_hand=left_hand, kept_apart=lights.alone)
    return graph, lights


def _say_guesses(builder: NetworkBuilder, graph: Graph) -> None:
    for word, count in sorted(graph.guessed.items()):
        builder.note(f"Guessed {word}: {count} of {graph.ways} streets do not state theirs.")
    if graph.left_out_m > 0.0:
        builder.note(
            f"Left out: {graph.left_out_m:.0f} m of street that no street of the map leads to."
        )


def _side(document: Document, config: OsmConfig, country: Country, told: str) -> tuple[bool, str]:
    if config.left_hand != "auto":
        return config.left_hand == "yes", "as the option says"
    tagged = tagged_side(document)
    if tagged is not None:
        return tagged, "as its tags say"
    return country.left_hand, told


def _add_network(
    builder: NetworkBuilder,
    document: Document,
    graph: Graph,
    layout: Layout,
    lights: Lights,
    country: Country,
) -> None:
    """Streets, then junctions with their crossings, then lights, which need both."""
    rules = restrictions(document)
    ends = [make_room_to_turn(document, site) for site in layout.sites]
    spots = find_crossings(document, graph, layout, lights.alone)
    mapped = footways(document, graph.place_m)
    own = own_walks(graph, layout, mapped)
    built = add_streets(builder, graph, layout, yellow=country.yellow)
    right_first = not country.left_hand and country.code not in ("US", "CA")
    rulings = [rule(document, graph, site, lights, right_first=right_first)
               for site in layout.sites]  # fmt: skip
    for site, ruling, turns in zip(layout.sites, rulings, ends, strict=True):
        row = -1
        if len(site.legs) > 1:
            row = add_site(builder, built, site, ruling, moves_of(graph, site, rules))
        elif turns:
            row = add_dead_end(builder, built, site)
        built.junctions.append(row)
    add_crossings(builder, graph, layout, spots, built.junctions)
    for site, ruling, row in zip(layout.sites, rulings, built.junctions, strict=True):
        if row >= 0 and len(site.legs) > 1:
            add_control(builder, built, site, ruling, row)
    if any(ruling.kind == JunctionKind.SIGNAL for ruling in rulings):
        builder.note("Lights: the map tells where they are, not when they change; planned.")
    add_walks(builder, graph, layout, built, own, mapped, roads_of(builder))


def _add_surroundings(builder: NetworkBuilder, document: Document, graph: Graph) -> None:
    roads = roads_of(builder)
    add_scenery(builder, document, graph.place_m, roads, bounds_of(builder, SURROUNDINGS_M))
    pave_lanes(builder)
