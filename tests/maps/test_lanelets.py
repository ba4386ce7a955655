"""Maps of lanelets that tests write, in both formats; and real ones where they are at hand."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, FleetloopError, StorageError
from fleetloop.envs.maps.kinds import (
    ConflictKind,
    Control,
    JunctionKind,
    LaneKind,
    MarkKind,
    Turn,
)
from fleetloop.envs.maps.lanelets.source import COMMONROAD, LANELET2, LaneletConfig
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.osm.projection import radii_m
from fleetloop.envs.maps.routing import Router
from fleetloop.envs.maps.sources import config_of_file
from fleetloop.envs.maps.validate import validate

ORIGIN = (49.0, 8.4)
HALF = 1.75


def straight(x0, y0, x1, y1, half=HALF):
    """Bounds of a straight lanelet around a line."""
    ahead = np.array([x1 - x0, y1 - y0], float)
    left = half * np.array([-ahead[1], ahead[0]]) / np.hypot(*ahead)
    ends = np.array([[x0, y0], [x1, y1]], float)
    return ends + left, ends - left


def bend(start, goal, start_rad, goal_rad, half=HALF):
    """Bounds of a turn between two poses."""
    from fleetloop.envs.maps.polyline import joint

    line = joint(start, start_rad, goal, goal_rad)[::3, :2]
    line = np.concatenate([line, [goal]]) if np.hypot(*(line[-1] - goal)) > 1e-6 else line
    step = np.gradient(line, axis=0)
    step[0] = [np.cos(start_rad), np.sin(start_rad)]
    step[-1] = [np.cos(goal_rad), np.sin(goal_rad)]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.hypot(*step.T)[:, None]
    return line + half * normal, line - half * normal


# A street from the west that goes on to the east, one from the south that turns into it or crosses.
CROSS = {
    "w": straight(-80, 0, -15, 0),
    "we": straight(-15, 0, 15, 0),
    "e": straight(15, 0, 80, 0),
    "s": straight(0, -80, 0, -15),
    "sn": straight(0, -15, 0, 15),
    "n": straight(0, 15, 0, 80),
    "se": bend((0, -15), (15, 0), np.pi / 2, 0.0),
}
AFTER = {"w": ["we"], "we": ["e"], "s": ["sn", "se"], "sn": ["n"], "se": ["e"]}


class Lanelet2File:
    """Writes lanelets as relations over ways and nodes that they share."""

    def __init__(self):
        self.radii = radii_m(ORIGIN[0])
        self.nodes: dict[tuple[float, float], int] = {}
        self.lines: dict[tuple[int, ...], int] = {}
        self.line_tags: dict[int, dict[str, str]] = {}
        self.relations: list[str] = []
        self.ids: dict[str, int] = {}

    def node(self, place):
        key = (round(float(place[0]), 4), round(float(place[1]), 4))
        return self.nodes.setdefault(key, len(self.nodes) + 1)

    def line(self, points, **tags):
        key = tuple(self.node(point) for point in points)
        number = self.lines.setdefault(key, 5000 + len(self.lines))
        self.line_tags.setdefault(number, {}).update(tags)
        return number

    def lanelet(self, name, bounds, rules=(), left=None, right=None, **tags):
        number = self.ids.setdefault(name, 9000 + len(self.ids))
        one, two = self.line(bounds[0], **(left or {})), self.line(bounds[1], **(right or {}))
        words = {"type": "lanelet", "subtype": "road", "location": "urban", "one_way": "yes"} | tags
        inside = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in words.items())
        more = "".join(f'<member type="relation" ref="{r}" role="regulatory_element"/>'
                       for r in rules)  # fmt: skip
        self.relations.append(
            f'<relation id="{number}"><member type="way" ref="{one}" role="left"/>'
            f'<member type="way" ref="{two}" role="right"/>{more}{inside}</relation>'
        )

    def rule(self, number, subtype, members=(), **tags):
        words = {"type": "regulatory_element", "subtype": subtype} | tags
        inside = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in words.items())
        refs = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>'
                       for kind, ref, role in members)  # fmt: skip
        self.relations.append(f'<relation id="{number}">{refs}{inside}</relation>')

    def write(self, folder):
        text = ['<?xml version="1.0"?><osm>']
        cosine = np.cos(np.deg2rad(ORIGIN[0]))
        for (x, y), number in self.nodes.items():
            lat = ORIGIN[0] + np.rad2deg(y / self.radii[0])
            lon = ORIGIN[1] + np.rad2deg(x / self.radii[1] / cosine)
            text.append(f'<node id="{number}" lat="{lat:.10f}" lon="{lon:.10f}"/>')
        for nodes, number in self.lines.items():
            inside = "".join(f'<nd ref="{node}"/>' for node in nodes)
            words = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in self.line_tags[number].items())
            text.append(f'<way id="{number}">{inside}{words}</way>')
        path = folder / "map.osm"
        path.write_text("".join([*text, *self.relations, "</osm>"]))
        return path


def lanelet2_cross(folder, rules=None, **options):
    file = Lanelet2File()
    for name, bounds in CROSS.items():
        file.lanelet(name, bounds, rules=(rules or {}).get(name, ()), **options)
    for number, subtype, members, tags in (rules or {}).get("", ()):
        told = [(kind, file.ids.get(ref, ref), role) for kind, ref, role in members]
        file.rule(number, subtype, told, **tags)
    return file.write(folder)


def commonroad_cross(folder, more="", inside=None, head='commonRoadVersion="2020a"'):
    parts = []
    for name, (left, right) in CROSS.items():
        number = list(CROSS).index(name) + 1
        bounds = ""
        for side, points in (("leftBound", left), ("rightBound", right)):
            dots = "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in points)
            bounds += f"<{side}>{dots}</{side}>"
        after = "".join(f'<successor ref="{list(CROSS).index(o) + 1}"/>'
                        for o in AFTER.get(name, ()))  # fmt: skip
        extra = (inside or {}).get(name, "")
        parts.append(f'<lanelet id="{number}">{bounds}{after}<laneletType>urban</laneletType>'
                     f"{extra}</lanelet>")  # fmt: skip
    path = folder / "map.xml"
    path.write_text(f'<?xml version="1.0"?><commonRoad benchmarkID="DEU_Test-1" {head}>'
                    f"{''.join(parts)}{more}</commonRoad>")  # fmt: skip
    return path


def lanelet2(path):
    return LANELET2.build(LaneletConfig(path=str(path))).freeze()


def commonroad(path):
    return COMMONROAD.build(LaneletConfig(path=str(path))).freeze()


FORMATS = {
    "lanelet2": lambda folder: lanelet2(lanelet2_cross(folder)),
    "commonroad": lambda folder: commonroad(commonroad_cross(folder)),
}


@pytest.mark.parametrize("form", FORMATS)
def test_what_overlaps_becomes_a_junction_with_conflicts(tmp_path, form):
    found = FORMATS[form](tmp_path)
    assert validate(found).problems == ()
    streets = np.flatnonzero((found.lanes.kind == LaneKind.DRIVE) & (found.lanes.junction < 0))
    assert len(streets) == 4
    assert len(found.junctions) == 1
    ways = found.links.connector >= 0
    assert sorted(found.links.turn[ways].tolist()) == [Turn.STRAIGHT, Turn.STRAIGHT, Turn.RIGHT]
    assert sorted(found.links.conflict_kind.tolist()) == [
        ConflictKind.CROSS, ConflictKind.CROSS, ConflictKind.MERGE, ConflictKind.MERGE,
        ConflictKind.DIVERGE, ConflictKind.DIVERGE,
    ]  # fmt: skip
    # The file's width and places come through.
    lane = int(streets[np.argmin(found.lanes.xyz_m[found.lanes.begin[streets], 0])])
    rows = found.lanes.rows(lane)
    np.testing.assert_allclose(found.lanes.width_left_m[rows], HALF, atol=1e-3)
    assert found.lanes.length_m[lane] == pytest.approx(65.0, abs=3.0)


@pytest.mark.parametrize("form", FORMATS)
def test_one_drives_from_the_entries_to_the_exits_without_a_way_back(tmp_path, form):
    found = FORMATS[form](tmp_path)
    lanes = found.lanes
    assert any("when who leaves it may come back" in note for note in found.notes)
    entries, exits = np.flatnonzero(lanes.portal_in), np.flatnonzero(lanes.portal_out)
    assert len(entries) == len(exits) == 2
    router = Router(found)
    reach = [[bool(np.isfinite(router.field(int(b))[a])) for b in exits] for a in entries]
    assert sorted(map(sum, reach)) == [1, 2]
    assert lanes.main[entries].all()
    assert lanes.main[exits].all()


def test_lanelets_side_by_side_are_neighbours_as_their_line_allows(tmp_path):
    file = Lanelet2File()
    dashed = {"type": "line_thin", "subtype": "dashed"}
    solid = {"type": "line_thin", "subtype": "solid"}
    file.lanelet("left", straight(0, 3.5, 100, 3.5), right=dashed)
    file.lanelet("middle", straight(0, 0, 100, 0), right=solid)
    file.lanelet("right", straight(0, -3.5, 100, -3.5))
    found = lanelet2(file.write(tmp_path))
    rows = sorted(range(3), key=lambda lane: -found.lanes.pose_at(lane, 50.0)[1])
    assert found.lanes.right[rows].tolist() == [rows[1], rows[2], -1]
    assert found.lanes.right_change[rows].tolist() == [True, False, False]
    assert found.lanes.left_change[rows].tolist() == [False, True, False]
    assert found.lanes.right_mark[rows[0]] == MarkKind.BROKEN


@pytest.mark.parametrize("left_hand", [False, True])
def test_the_side_of_traffic_is_that_of_lanelets_of_both_directions(tmp_path, left_hand):
    file = Lanelet2File()
    side = 1.0 if left_hand else -1.0
    for name, y, turned in (("there", side * HALF, False), ("back", -side * HALF, True)):
        ends = (100, y, 0, y) if turned else (0, y, 100, y)
        left, right = straight(*ends)
        if turned:
            # The bound that they share is one way, drawn in one direction.
            left, right = (left[::-1], right) if not left_hand else (left, right[::-1])
        file.lanelet(name, (left, right))
    found = lanelet2(file.write(tmp_path))
    assert found.left_hand == left_hand
    assert found.lanes.opposite.tolist() in ([1, 0],)


def test_a_wide_lanelet_for_both_directions_becomes_two_lanes(tmp_path):
    file = Lanelet2File()
    file.lanelet("both", straight(0, 0, 100, 0, half=2.8), one_way="no")
    file.lanelet("on", straight(100, 0, 200, 0, half=2.8), one_way="no")
    found = lanelet2(file.write(tmp_path))
    assert len(found.lanes) == 4
    assert len(found.links) == 2
    for lane in range(4):
        _, y, _, heading = found.lanes.pose_at(lane, 50.0)
        assert y * np.cos(heading) == pytest.approx(-1.4, abs=0.01)


def test_regulations_of_lanelet2_rule(tmp_path):
    light = {"s": (1,), "w": (1,), "": [(1, "traffic_light", [], {})]}
    lit = lanelet2(lanelet2_cross(tmp_path, light))
    assert lit.junctions.kind.tolist() == [JunctionKind.SIGNAL]
    assert (lit.links.control[lit.links.connector >= 0] == Control.SIGNAL).all()
    members = [("relation", "se", "yield"), ("relation", "sn", "yield"),
               ("relation", "we", "right_of_way")]  # fmt: skip
    ruled = lanelet2(lanelet2_cross(tmp_path, {"": [(1, "right_of_way", members, {})]}))
    assert sorted(ruled.links.control[ruled.links.connector >= 0].tolist()) == [
        Control.FREE, Control.YIELD, Control.YIELD,
    ]  # fmt: skip
    assert len(ruled.stop_lines) == 1
    speed = {"w": (1,), "": [(1, "speed_limit", [], {"sign_type": "30 km/h"})]}
    slow = lanelet2(lanelet2_cross(tmp_path, speed))
    assert slow.lanes.speed_limit_m_s.min() <= 30 / 3.6
    assert slow.lanes.speed_limit_m_s.max() == pytest.approx(50 / 3.6)


def test_signs_of_commonroad_rule(tmp_path):
    sign = ('<trafficSign id="90"><trafficSignElement><trafficSignID>206</trafficSignID>'
            "</trafficSignElement><position><point><x>2</x><y>-17</y></point></position>"
            "</trafficSign>")  # fmt: skip
    limit = ('<trafficSign id="91"><trafficSignElement><trafficSignID>274</trafficSignID>'
             "<additionalValue>8.5</additionalValue></trafficSignElement>"
             "</trafficSign>")  # fmt: skip
    inside = {"s": '<trafficSignRef ref="90"/>', "w": '<trafficSignRef ref="91"/>'}
    found = commonroad(commonroad_cross(tmp_path, sign + limit, inside))
    controls = sorted(found.links.control[found.links.connector >= 0].tolist())
    assert controls == [Control.FREE, Control.STOP, Control.STOP]
    assert len(found.signs) == 1
    assert 8.5 in found.lanes.speed_limit_m_s.tolist()


def test_crosswalks_and_walks_are_for_people(tmp_path):
    file = Lanelet2File()
    file.lanelet("road", straight(-80, 0, 80, 0))
    file.lanelet("walk", straight(-80, 4, 80, 4), subtype="walkway")
    file.lanelet("zebra", straight(0, -3, 0, 3), subtype="crosswalk")
    found = lanelet2(file.write(tmp_path))
    assert len(found.crossings) == 1
    assert len(found.crossings.crossed_lane) == 1
    assert (found.lanes.kind == LaneKind.SIDEWALK).sum() == 1


def test_the_ending_and_the_content_choose_the_source(tmp_path):
    path = lanelet2_cross(tmp_path)
    assert config_of_file(path)[0] == "lanelet2"
    packed = tmp_path / "map.osm.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert config_of_file(packed)[0] == "lanelet2"
    plain = tmp_path / "plain.osm"
    plain.write_text("<osm></osm>")
    assert config_of_file(plain)[0] == "osm"
    assert config_of_file(commonroad_cross(tmp_path))[0] == "commonroad"
    with pytest.raises(ConfigError, match=r"\.xodr"):
        config_of_file(tmp_path / "map.png")


BAD = {
    "lanelet2": {
        "no lanelets": ("<osm></osm>", "no relation of type lanelet"),
        "no bounds": ('<osm><relation id="1"><tag k="type" v="lanelet"/></relation></osm>',
                      "no lanelet that cars"),
    },
    "commonroad": {
        "not xml": ("<commonRoad>", "well-formed"),
        "another root": ("<osm/>", "not <commonRoad>"),
        "empty": ("<commonRoad/>", "no lanelet"),
        "doctype": ('<!DOCTYPE a [<!ENTITY b "c">]><commonRoad/>', "DOCTYPE"),
        "no id": ("<commonRoad><lanelet/></commonRoad>", "lacks 'id'"),
        "no bound": ('<commonRoad><lanelet id="1"/></commonRoad>', "leftBound"),
        "no number": ('<commonRoad><lanelet id="1"><leftBound><point><x>a</x><y>1</y></point>'
                      "</leftBound></lanelet></commonRoad>", "should be a number"),
        "not finite": ('<commonRoad><lanelet id="1"><leftBound><point><x>nan</x><y>1</y></point>'
                       "</leftBound></lanelet></commonRoad>", "finite"),
    },
}  # fmt: skip


@pytest.mark.parametrize(("form", "case"), [(f, c) for f in BAD for c in BAD[f]])
def test_broken_files_are_told_and_leave_nothing_in_the_cache(tmp_path, form, case):
    text, word = BAD[form][case]
    path = tmp_path / ("broken.osm" if form == "lanelet2" else "broken.xml")
    path.write_text(text)
    folder = tmp_path / "cache"
    with pytest.raises(ConfigError, match=word) as caught:
        open_map(form, LaneletConfig(path=str(path)), folder=folder)
    assert path.name in str(caught.value)
    assert not folder.exists() or not list(folder.iterdir())


def test_missing_and_cut_files_are_told(tmp_path):
    with pytest.raises(ConfigError, match="path"):
        LaneletConfig()
    for read in (lanelet2, commonroad):
        with pytest.raises(StorageError, match="no file"):
            read(tmp_path / "none.xml")
    text = commonroad_cross(tmp_path).read_text()
    for end in range(30, len(text), 211):
        path = tmp_path / "cut.xml"
        path.write_text(text[:end])
        with pytest.raises(FleetloopError):
            commonroad(path)


def test_the_same_file_gives_the_same_network(tmp_path):
    path = lanelet2_cross(tmp_path)
    assert lanelet2(path).digest() == lanelet2(path).digest()


def real_maps() -> list[Path]:
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    return sorted([*(maps / "lanelet2").glob("*.osm*"), *(maps / "commonroad").glob("*.xml*")])


@pytest.mark.skipif(not real_maps(), reason="no maps of lanelets: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_real_maps_pass_the_validator(path):
    source, config = config_of_file(path)
    found = {"lanelet2": LANELET2, "commonroad": COMMONROAD}[source].build(config).freeze()
    assert validate(found).problems == ()
    assert (found.lanes.kind == LaneKind.DRIVE).sum() >= 8
