"""OpenStreetMap extracts that tests write, with known streets; and real ones where at hand."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, FleetloopError, StorageError
from fleetloop.envs.maps.kinds import (
    BuildingKind,
    Control,
    CrossingKind,
    JunctionKind,
    LaneKind,
    PropKind,
    SignalState,
    Turn,
)
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.osm.parse import Document, read_document
from fleetloop.envs.maps.osm.places import COUNTRIES, WORLD, country_of
from fleetloop.envs.maps.osm.projection import radii_m, to_metres
from fleetloop.envs.maps.osm.source import OSM, OsmConfig
from fleetloop.envs.maps.osm.values import lanes_of, metres, speed_m_s
from fleetloop.envs.maps.validate import validate

BERLIN, LONDON = (52.5, 13.4), (51.5, -0.1)


class Extract:
    """Writes an extract from places in metres around an origin."""

    def __init__(self, origin=BERLIN):
        self.origin = origin
        self.radii = radii_m(origin[0])
        self.parts: list[str] = []
        self.numbers: dict[tuple[float, float], int] = {}
        self.count = 0

    def node(self, x, y, **tags):
        if (x, y) not in self.numbers:
            self.numbers[x, y] = len(self.numbers) + 1
            self._node(self.numbers[x, y], x, y, tags)
        return self.numbers[x, y]

    def _node(self, number, x, y, tags):
        lat = self.origin[0] + np.rad2deg(y / self.radii[0])
        lon = self.origin[1] + np.rad2deg(x / self.radii[1] / np.cos(np.deg2rad(self.origin[0])))
        inside = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        self.parts.append(f'<node id="{number}" lat="{lat:.9f}" lon="{lon:.9f}">{inside}</node>')

    def way(self, places, **tags):
        self.count += 1
        nodes = "".join(f'<nd ref="{self.node(*place)}"/>' for place in places)
        words = {k.replace("__", ":"): v for k, v in tags.items()}
        inside = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in words.items())
        self.parts.append(f'<way id="{1000 + self.count}">{nodes}{inside}</way>')
        return 1000 + self.count

    def ban(self, source, via, target, kind="no_left_turn"):
        self.parts.append(
            f'<relation id="1"><member type="way" ref="{source}" role="from"/>'
            f'<member type="node" ref="{self.node(*via)}" role="via"/>'
            f'<member type="way" ref="{target}" role="to"/>'
            f'<tag k="type" v="restriction"/><tag k="restriction" v="{kind}"/></relation>'
        )

    def write(self, folder, name="map.osm"):
        order = sorted(self.parts, key=lambda part: "nwr".index(part[1]))
        path = folder / name
        path.write_text(f'<?xml version="1.0"?><osm version="0.6">{"".join(order)}</osm>')
        return path


def cross(origin=BERLIN, reach=120.0, center=None, south=None, **tags):
    """Four arms of one kind around a node at the origin."""
    extract = Extract(origin)
    extract.node(0.0, 0.0, **(center or {}))
    base = {"highway": "residential", "lanes": "2", "maxspeed": "50", "name": "Street"} | tags
    for x, y in ((-reach, 0.0), (0.0, reach), (reach, 0.0)):
        extract.way([(x, y), (0.0, 0.0)], **base)
    extract.way([(0.0, -reach), (0.0, 0.0)], **(base | (south or {})))
    return extract


def network(extract, folder, **options):
    path = extract if isinstance(extract, Path) else extract.write(folder)
    return OSM.build(OsmConfig(path=str(path), **options)).freeze()


def drive_lanes(found):
    return np.flatnonzero((found.lanes.kind == LaneKind.DRIVE) & (found.lanes.junction < 0))


def turns_from(found, heading_rad):
    """Turns of the links whose lanes arrive with a heading."""
    last = found.lanes.begin[found.links.from_lane + 1] - 1
    away = found.lanes.heading_rad[last] - heading_rad
    arrive = np.abs(np.arctan2(np.sin(away), np.cos(away))) < 0.2
    return sorted(found.links.turn[arrive & (found.links.connector >= 0)].tolist())


@pytest.mark.parametrize(("origin", "left_hand"), [(BERLIN, False), (LONDON, True)])
def test_a_crossroads_is_driven_on_the_side_of_its_country(tmp_path, origin, left_hand):
    found = network(cross(origin), tmp_path)
    assert found.left_hand == left_hand
    assert validate(found).problems == ()
    assert len(drive_lanes(found)) == 8
    assert len(found.links) == 12
    for lane in drive_lanes(found):
        x, y, _, heading = found.lanes.pose_at(int(lane), 30.0)
        # The street's line runs through the origin: it lies to the left of who keeps right.
        to_line = -x * -np.sin(heading) - y * np.cos(heading)
        assert (to_line > 0.5) != left_hand
    assert turns_from(found, 0.0) == [Turn.STRAIGHT, Turn.LEFT, Turn.RIGHT]


def test_the_side_can_be_chosen_and_tags_win_over_the_place(tmp_path):
    assert network(cross(), tmp_path, left_hand="yes").left_hand
    assert network(cross(driving_side="left"), tmp_path).left_hand
    assert not network(cross(LONDON), tmp_path, left_hand="no").left_hand
    with pytest.raises(ConfigError, match="left_hand"):
        OsmConfig(path="x", left_hand="maybe")


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ((51.12, 1.31), "GB"), ((50.95, 1.86), "FR"), ((53.35, -6.26), "IE"),
        ((35.68, 139.76), "JP"), ((37.57, 126.98), ""), ((-33.87, 151.2), "AU"),
        ((13.75, 100.5), "left"), ((17.97, 102.6), ""), ((28.6, 77.2), "left"),
        ((34.5, 69.2), ""), ((-26.2, 28.0), "left"), ((40.7, -74.0), "US"), ((48.1, 11.6), "DE"),
        ((22.3, 114.2), "left"), ((22.54, 114.06), ""), ((-4.3, 15.3), ""),
    ],
)  # fmt: skip
def test_countries_are_told_by_place(place, code):
    country, _ = country_of(Document(name="here"), *place)
    assert country.code == {"left": "left-hand"}.get(code, code)
    assert country.left_hand == (code in ("GB", "IE", "JP", "AU", "left"))


def test_the_projection_keeps_distances():
    # One degree of latitude at 45 degrees is 111.132 km, of longitude 78.847 km [Snyder 1987].
    east, north = to_metres(np.array([[45.5, 10.0], [44.5, 10.0]]), (45.0, 10.0)).T
    assert north[0] - north[1] == pytest.approx(111_132, abs=5)
    assert np.abs(east).max() < 1e-6
    wide = to_metres(np.array([[45.0, 10.5], [45.0, 9.5]]), (45.0, 10.0))
    assert wide[0, 0] - wide[1, 0] == pytest.approx(78_847, abs=5)
    over = to_metres(np.array([[0.0, -179.9]]), (0.0, 179.9))
    assert over[0, 0] == pytest.approx(0.2 * 111_320, rel=0.001)


def test_values_of_tags():
    germany, britain = COUNTRIES["DE"], COUNTRIES["GB"]
    cases = {"50": 50.0, "30 mph": 48.28, "walk": 7.0, "DE:urban": 50.0, "DE:zone:30": 30.0,
             "DE:zone30": 30.0, "none": 130.0, "GB:nsl_single": 96.56, "50;30": 50.0, "": 0.0,
             "signals": 0.0, "variable": 0.0, "5 knots": 9.26}  # fmt: skip
    for text, km_h in cases.items():
        assert speed_m_s(text, germany) * 3.6 == pytest.approx(km_h, abs=0.1), text
    assert speed_m_s("GB:zone20", britain) * 3.6 == pytest.approx(32.19, abs=0.1)
    assert [metres(t) for t in ("3.5", "3,5 m", "10 ft", "7'6\"", "x", None)] == pytest.approx(
        [3.5, 3.5, 3.048, 2.286, 0.0, 0.0]
    )
    assert lanes_of("left|through;right|none") == ({"left"}, {"through", "right"}, set())
    assert WORLD.urban_km_h == 50.0


def test_turn_lanes_lead_where_they_say(tmp_path):
    extract = cross(lanes="4")
    extract.parts = [part for part in extract.parts if 'id="1001"' not in part]
    words = {"lanes": "3", "lanes__forward": "2", "turn__lanes__forward": "left|through;right"}
    extract.way([(-120.0, 0.0), (0.0, 0.0)], highway="residential", name="Street", **words)
    found = network(extract, tmp_path)
    by_lane: dict[int, set[int]] = {}
    for row in range(len(found.links)):
        lane = int(found.links.from_lane[row])
        if (
            found.links.connector[row] >= 0
            and abs(found.lanes.heading_rad[found.lanes.begin[lane + 1] - 1]) < 0.2
        ):
            by_lane.setdefault(lane, set()).add(int(found.links.turn[row]))
    left = next(lane for lane in by_lane if found.lanes.right[lane] >= 0)
    right = int(found.lanes.right[left])
    assert by_lane == {left: {Turn.LEFT}, right: {Turn.STRAIGHT, Turn.RIGHT}}


def test_restrictions_forbid_and_one_way_streets_are_obeyed(tmp_path):
    extract = cross()
    extract.ban(1001, (0.0, 0.0), 1002)  # from the west no left turn to the north
    assert turns_from(network(extract, tmp_path), 0.0) == [Turn.STRAIGHT, Turn.RIGHT]
    only = cross()
    only.ban(1001, (0.0, 0.0), 1003, "only_straight_on")
    assert turns_from(network(only, tmp_path), 0.0) == [Turn.STRAIGHT]
    into = network(cross(south={"oneway": "yes", "lanes": "1"}), tmp_path)
    assert turns_from(into, 0.0) == [Turn.STRAIGHT, Turn.LEFT]
    away = network(cross(south={"oneway": "-1", "lanes": "1"}), tmp_path)
    assert turns_from(away, 0.0) == [Turn.STRAIGHT, Turn.LEFT, Turn.RIGHT]
    assert turns_from(away, np.pi / 2) == []


def test_lights_signs_and_ranks_rule(tmp_path):
    lit = network(cross(center={"highway": "traffic_signals"}), tmp_path)
    assert set(lit.junctions.kind.tolist()) == {JunctionKind.SIGNAL}
    assert (lit.links.control[lit.links.connector >= 0] == Control.SIGNAL).all()
    assert len(lit.signals) == 1
    side = network(cross(highway="primary", south={"highway": "residential"}), tmp_path)
    controls = side.links.control[side.links.connector >= 0]
    assert sorted(controls.tolist()) == [Control.FREE] * 9 + [Control.YIELD] * 3
    signed = cross()
    signed.parts = [part for part in signed.parts if 'id="1004"' not in part]
    signed.node(0.0, -12.0, highway="stop")
    signed.way([(0.0, -120.0), (0.0, -12.0), (0.0, 0.0)], highway="residential", name="Street")
    found = network(signed, tmp_path)
    assert (found.links.control == Control.STOP).sum() == 3
    assert len(found.stop_lines) == 1
    whole = network(cross(center={"highway": "stop", "stop": "all"}), tmp_path)
    assert (whole.links.control[whole.links.connector >= 0] == Control.ALL_WAY_STOP).all()


def test_a_light_for_people_alone_stops_all_traffic_for_them(tmp_path):
    extract = Extract()
    extract.node(0.0, 0.0, highway="crossing", crossing="traffic_signals")
    extract.way([(-150.0, 0.0), (0.0, 0.0), (150.0, 0.0)], highway="secondary", name="Long")
    found = network(extract, tmp_path)
    assert validate(found).problems == ()
    assert len(found.signals) == 1
    assert found.crossings.kind.tolist() == [CrossingKind.SIGNAL]
    assert len(found.crossings.crossed_lane) == 2
    links = len(found.links)
    for state in found.signals.state:
        walks = state[links] in (SignalState.GREEN, SignalState.AMBER)
        assert not (walks and (state[:links] != SignalState.RED).any())


def test_crossings_lie_before_the_lines_of_a_junction(tmp_path):
    extract = cross(center={"highway": "traffic_signals"})
    extract.parts = [part for part in extract.parts if 'id="1001"' not in part]
    extract.node(-14.0, 0.0, highway="crossing", crossing="marked")
    extract.way([(-120.0, 0.0), (-14.0, 0.0), (0.0, 0.0)], highway="residential", name="Street")
    found = network(extract, tmp_path)
    assert found.crossings.kind.tolist() == [CrossingKind.SIGNAL]
    crossed = found.crossings.crossed_lane
    assert (found.lanes.junction[crossed] >= 0).all()
    ends = found.lanes.xyz_m[found.lanes.rows(int(found.crossings.lane[0]))]
    np.testing.assert_allclose(ends[:, 0], -14.0, atol=0.2)


def roundabout(origin=BERLIN, radius=15.0):
    extract = Extract(origin)
    angle = np.linspace(0.0, 2.0 * np.pi, 17)
    if origin == LONDON:
        angle = -angle
    ring = [(round(radius * np.cos(a), 4), round(radius * np.sin(a), 4)) for a in angle[:-1]]
    extract.way([*ring, ring[0]], highway="tertiary", junction="roundabout", name="Ring")
    for k in (0, 4, 8, 12):
        out = (round(ring[k][0] * 8, 4), round(ring[k][1] * 8, 4))
        extract.way([ring[k], out], highway="tertiary", lanes="2", name=f"Arm {k}")
    return extract


@pytest.mark.parametrize("origin", [BERLIN, LONDON])
@pytest.mark.parametrize("radius", [5.0, 15.0, 30.0])
def test_who_enters_a_roundabout_yields(tmp_path, origin, radius):
    found = network(roundabout(origin, radius), tmp_path)
    assert validate(found).problems == ()
    ring = [k for k in range(len(found.junctions))
            if found.junctions.kind[k] == JunctionKind.ROUNDABOUT]  # fmt: skip
    assert len(ring) == 4
    controls = found.links.control[np.isin(found.links.junction, ring)]
    assert (controls == Control.YIELD).sum() == 4
    assert (controls == Control.FREE).sum() == 8
    around = [lane for lane in drive_lanes(found) if str(found.lanes.name[lane]).startswith("Ring")]
    turned = [np.sign(found.lanes.curvature_1_m[found.lanes.rows(int(lane))].mean())
              for lane in around]  # fmt: skip
    assert set(turned) == {1.0 if origin == BERLIN else -1.0}


def test_dual_carriageways_that_cross_are_one_junction(tmp_path):
    extract = Extract()
    base = {"highway": "primary", "oneway": "yes", "lanes": "2"}
    gap = 6.0
    for y, sign in ((-gap, 1), (gap, -1)):
        places = [(-150.0, y), (-gap, y), (gap, y), (150.0, y)][::sign]
        extract.way(places, name="East", **base)
    for x, sign in ((gap, 1), (-gap, -1)):
        places = [(x, -150.0), (x, -gap), (x, gap), (x, 150.0)][::sign]
        extract.way(places, name="North", **base)
    for node in ((-gap, -gap), (gap, -gap), (-gap, gap), (gap, gap)):
        assert node in extract.numbers
    found = network(extract, tmp_path)
    assert len(found.junctions) == 1
    assert validate(found).problems == ()
    assert set(turns_from(found, 0.0)) == {Turn.STRAIGHT, Turn.LEFT, Turn.RIGHT}


def test_placement_tags_put_the_line_where_they_say(tmp_path):
    extract = Extract()
    extract.way([(-100.0, 0.0), (100.0, 0.0)], highway="primary", oneway="yes", lanes="2",
                width__lanes="3|3", lane_width="3", placement="right_of:1")  # fmt: skip
    found = network(extract, tmp_path)
    middles = sorted(found.lanes.pose_at(int(lane), 50.0)[1] for lane in drive_lanes(found))
    np.testing.assert_allclose(middles, [-1.5, 1.5], atol=0.01)
    moved = Extract()
    moved.way([(-100.0, 0.0), (100.0, 0.0)], highway="primary", oneway="yes", lanes="2",
              lane_width="3", placement="left_of:1")  # fmt: skip
    found = network(moved, tmp_path)
    middles = sorted(found.lanes.pose_at(int(lane), 50.0)[1] for lane in drive_lanes(found))
    np.testing.assert_allclose(middles, [-4.5, -1.5], atol=0.01)


def test_bicycle_parking_and_sidewalks_lie_beside_the_lanes(tmp_path):
    extract = Extract()
    extract.way([(-100.0, 0.0), (100.0, 0.0)], highway="residential", lanes="2", sidewalk="right",
                cycleway__right="lane", parking__left="lane",
                parking__left__orientation="parallel")  # fmt: skip
    found = network(extract, tmp_path)
    place = {int(kind): [found.lanes.pose_at(int(k), 50.0)[1]
                         for k in np.flatnonzero(found.lanes.kind == kind)]
             for kind in np.unique(found.lanes.kind)}  # fmt: skip
    # From left to right: parking, against, along, bicycles, sidewalk.
    assert place[LaneKind.PARKING][0] > max(place[LaneKind.DRIVE])
    assert place[LaneKind.BIKE][0] < min(place[LaneKind.DRIVE])
    assert len(place[LaneKind.SIDEWALK]) == 1
    assert place[LaneKind.SIDEWALK][0] < place[LaneKind.BIKE][0]


def test_dead_ends_turn_and_the_border_does_not(tmp_path):
    extract = Extract()
    extract.node(60.0, 0.0, highway="turning_circle")
    extract.way([(-150.0, 0.0), (60.0, 0.0)], highway="residential", name="End")
    found = network(extract, tmp_path)
    assert found.junctions.kind.tolist() == [JunctionKind.DEAD_END]
    assert found.lanes.portal_in.sum() == found.lanes.portal_out.sum() == 1
    curve = found.lanes.rows(int(found.links.connector[0]))
    assert np.abs(found.lanes.curvature_1_m[curve]).max() < 1.0 / 4.5


def test_bridges_lie_over_what_they_cross(tmp_path):
    extract = Extract()
    extract.way([(-300.0, 0.0), (-30.0, 0.0)], highway="primary", name="Main")
    extract.way(
        [(-30.0, 0.0), (30.0, 0.0)], highway="primary", bridge="yes", layer="1", name="Main"
    )
    extract.way([(30.0, 0.0), (300.0, 0.0)], highway="primary", name="Main")
    extract.way([(0.0, -300.0), (0.0, 300.0)], highway="secondary", name="Below")
    found = network(extract, tmp_path)
    height = {}
    for lane in drive_lanes(found):
        xyz = found.lanes.xyz_m[found.lanes.rows(int(lane))]
        word = str(found.lanes.name[lane]).split()[0]
        near = np.hypot(*xyz[:, :2].T).argmin()
        height.setdefault(word, []).append(xyz[near, 2])
        assert np.abs(np.diff(xyz[:, 2])).max() < 0.09
    assert min(height["Main"]) > 5.9
    assert max(height["Below"]) == 0.0


def test_houses_trees_and_lamps_stand_off_the_road(tmp_path):
    extract = cross()
    extract.node(-50.0, 12.0, natural="tree")
    extract.node(-60.0, 0.5, natural="tree")
    extract.node(-70.0, 12.0, highway="street_lamp")
    for x, levels in ((-40.0, "4"), (-60.0, "")):
        ring = [(x, 20.0), (x + 10.0, 20.0), (x + 10.0, 30.0), (x, 30.0), (x, 20.0)]
        extract.way(ring, building="apartments", **({"building__levels": levels} if levels else {}))
    over = [(-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0), (-5.0, -5.0)]
    extract.way(over, building="yes")
    found = network(extract, tmp_path)
    assert found.buildings.kind.tolist() == [BuildingKind.APARTMENTS] * 2
    assert found.buildings.height_m[0] == pytest.approx(4 * 3.1)
    assert sorted(found.props.kind.tolist()) == [PropKind.TREE, PropKind.LAMP]
    assert any("1 of 2 have no height" in note for note in found.notes)
    assert any("over or under a street" in note for note in found.notes)


def test_what_was_guessed_is_told(tmp_path):
    extract = Extract()
    extract.way([(0.0, 0.0), (200.0, 0.0)], highway="residential")
    text = validate(network(extract, tmp_path)).text()
    for word in ("lanes", "lane widths", "sidewalks", "speed limits"):
        assert f"Guessed {word}: 1 of 1" in text
    assert "OpenStreetMap contributors" in network(extract, tmp_path).licence


def test_deleted_nodes_gzip_and_streets_apart(tmp_path):
    extract = cross()
    extract.way([(900.0, 900.0), (930.0, 900.0)], highway="service")
    found = network(extract, tmp_path)
    assert any("30 m of street" in note for note in found.notes)
    plain = extract.write(tmp_path)
    packed = tmp_path / "packed.osm.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert network(packed, tmp_path).lanes.xyz_m.tobytes() == found.lanes.xyz_m.tobytes()
    gone = plain.read_text().replace('<way id="1005">', '<way id="1005" action="delete">')
    plain.write_text(gone)
    assert 1005 not in read_document(plain).ways


BAD = {
    "not xml": ("<osm>", "well-formed"),
    "another root": ("<OpenDRIVE></OpenDRIVE>", "not <osm>"),
    "empty": ("<osm></osm>", "no street"),
    "no cars": ('<osm><way id="1"><tag k="highway" v="footway"/></way></osm>', "no street"),
    "no nodes": ('<osm><way id="1"><nd ref="4"/><nd ref="5"/><tag k="highway" v="primary"/></way>'
                 "</osm>", "nodes that the file does not hold"),
    "doctype": ('<!DOCTYPE a [<!ENTITY b "c">]><osm></osm>', "DOCTYPE"),
    "no number": ('<osm><node id="1" lat="a" lon="2"/></osm>', "line 1"),
    "not finite": ('<osm><node id="1" lat="nan" lon="2"/></osm>', "finite"),
    "off the globe": ('<osm><node id="1" lat="91" lon="2"/></osm>', "globe"),
    "no id": ('<osm><way></way></osm>', "whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_broken_files_are_told_and_leave_nothing_in_the_cache(tmp_path, case):
    text, word = BAD[case]
    path = tmp_path / "broken.osm"
    path.write_text(text)
    folder = tmp_path / "cache"
    with pytest.raises(ConfigError, match=word) as caught:
        open_map("osm", OsmConfig(path=str(path)), folder=folder)
    assert "broken" in str(caught.value)
    assert not folder.exists() or not list(folder.iterdir())


def test_files_that_are_missing_or_cut_are_told(tmp_path):
    with pytest.raises(StorageError, match="no file"):
        network(tmp_path / "none.osm", tmp_path)
    with pytest.raises(ConfigError, match="path"):
        OsmConfig()
    cut = tmp_path / "cut.osm.gz"
    cut.write_bytes(gzip.compress(b"<osm></osm>" * 99)[:20])
    with pytest.raises(StorageError, match="cannot be read"):
        network(cut, tmp_path)


def test_any_cut_of_a_file_is_an_error_of_our_own(tmp_path):
    text = cross().write(tmp_path).read_text()
    for end in range(30, len(text), 97):
        path = tmp_path / "cut.osm"
        path.write_text(text[:end])
        with pytest.raises(FleetloopError):
            network(path, tmp_path)


def test_the_same_file_gives_the_same_network(tmp_path):
    path = roundabout().write(tmp_path)
    assert network(path, tmp_path).digest() == network(path, tmp_path).digest()


def real_maps() -> list[Path]:
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    return sorted((maps / "osm").glob("*.osm*"))


@pytest.mark.skipif(not real_maps(), reason="no OpenStreetMap extracts: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_real_maps_pass_the_validator(path, tmp_path):
    found = network(path, tmp_path)
    assert validate(found).problems == ()
    drive = found.lanes.kind == LaneKind.DRIVE
    assert drive.sum() >= 10
    # No spikes: nothing that is driven on bends tighter than a car can turn.
    for lane in drive_lanes(found):
        curve = found.lanes.rows(int(lane))
        step = np.linalg.norm(np.diff(found.lanes.xyz_m[curve], axis=0), axis=1)
        assert step.max() <= 1.0 + 1e-6


def test_streets_closer_than_their_width_make_no_endless_junction(tmp_path):
    extract = Extract()
    for k in range(6):
        for line in (
            [(k * 16.0, j * 16.0) for j in range(6)],
            [(j * 16.0, k * 16.0) for j in range(6)],
        ):
            extract.way(line, highway="primary", lanes="4")
    found = network(extract, tmp_path)
    assert len(found.junctions) > 1
    assert len(found.links) < 500
