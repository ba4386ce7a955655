"""OpenDRIVE files that tests write, with known lanes; and real ones where they are at hand."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, FleetloopError, StorageError
from fleetloop.envs.maps.kinds import Control, LaneKind, MarkKind, PropKind, SignalState
from fleetloop.envs.maps.opendrive.parse import read_document
from fleetloop.envs.maps.opendrive.source import OPENDRIVE, OpenDriveConfig
from fleetloop.envs.maps.opendrive.stretches import stretches_of
from fleetloop.envs.maps.validate import validate

DRIVE = (
    '<lane id="{}" type="driving"><link>{}</link>'
    '<width sOffset="0" a="{}" b="0" c="0" d="0"/>{}</lane>'
)


def lane(number, link="", width=3.5, more=""):
    return DRIVE.format(number, link, width, more)


def section(left="", right="", s=0.0, center=""):
    return (
        f'<laneSection s="{s}"><left>{left}</left><center><lane id="0" type="none">{center}</lane>'
        f"</center><right>{right}</right></laneSection>"
    )


def road(number, x, y, heading, length, sections, *, link="", junction=-1, more="", attributes=""):
    return (
        f'<road id="{number}" length="{length}" junction="{junction}" {attributes}>'
        f"<link>{link}</link>"
        f'<planView><geometry s="0" x="{x}" y="{y}" hdg="{heading}" length="{length}"><line/>'
        f"</geometry></planView><lanes>{sections}</lanes>{more}</road>"
    )


def write(folder: Path, *parts: str, head='<?xml version="1.0"?>') -> Path:
    path = folder / "map.xodr"
    path.write_text(f'{head}<OpenDRIVE><header revMajor="1"/>{"".join(parts)}</OpenDRIVE>')
    return path


def built(path: Path):
    return OPENDRIVE.build(OpenDriveConfig(path=str(path)))


def network(path: Path):
    return built(path).freeze()


def tee(folder: Path, more_1="", rule="") -> Path:
    """Road 1 from the west, 2 to the east, 3 to the north, joined by a junction at the origin."""
    both = section(lane(1), lane(-1))
    into, out = '<successor id="-1"/>', '<predecessor id="-1"/>'
    parts = [
        road(1, -80, 0, 0, 70, both, attributes=rule, more=more_1,
             link='<successor elementType="junction" elementId="9"/>'),
        road(2, 10, 0, 0, 70, both, attributes=rule,
             link='<predecessor elementType="junction" elementId="9"/>'),
        road(3, 0, 10, 1.5707963267948966, 70, both, attributes=rule,
             link='<predecessor elementType="junction" elementId="9"/>'),
    ]  # fmt: skip
    straight = section(
        lane(1, into.replace("-1", "1") + out.replace("-1", "1")), lane(-1, out + into)
    )
    parts.append(
        road(10, -10, 0, 0, 20, straight, junction=9, attributes=rule,
             link='<predecessor elementType="road" elementId="1" contactPoint="end"/>'
                  '<successor elementType="road" elementId="2" contactPoint="start"/>')
    )  # fmt: skip
    parts.append(
        '<junction id="9"><connection id="0" incomingRoad="1" connectingRoad="10" '
        'contactPoint="start"><laneLink from="-1" to="-1"/></connection>'
        '<connection id="1" incomingRoad="2" connectingRoad="10" contactPoint="end">'
        '<laneLink from="1" to="1"/></connection></junction>'
    )
    return write(folder, *parts)


def test_lanes_lie_beside_the_line_and_point_where_their_traffic_goes(tmp_path):
    marks = '<roadMark sOffset="0" type="solid" color="white"/>'
    found = network(write(tmp_path, road(1, 5, 7, 0, 40, section(lane(1), lane(-1, more=marks)))))
    assert len(found.lanes) == 2
    right, left = (found.lanes.name.tolist().index(f"road 1 lane {n} at 0") for n in (-1, 1))
    np.testing.assert_allclose(found.lanes.xyz_m[found.lanes.rows(right)][[0, -1]],
                               [[5, 5.25, 0], [45, 5.25, 0]])  # fmt: skip
    np.testing.assert_allclose(found.lanes.xyz_m[found.lanes.rows(left)][[0, -1]],
                               [[45, 8.75, 0], [5, 8.75, 0]])  # fmt: skip
    assert found.lanes.opposite[right] == left
    assert found.lanes.right_mark[right] == MarkKind.SOLID
    assert found.lanes.left_mark[right] == MarkKind.NONE
    assert any("Speed limits" in note for note in found.notes)


def test_left_hand_traffic_turns_the_directions_round(tmp_path):
    both = section(lane(1), lane(-1))
    found = network(write(tmp_path, road(1, 0, 0, 0, 40, both, attributes='rule="LHT"')))
    assert found.left_hand
    for row in range(2):
        points = found.lanes.xyz_m[found.lanes.rows(row)]
        # Seen in the direction of travel the other lane is on the right.
        forward = np.sign(points[-1, 0] - points[0, 0])
        assert np.sign(points[0, 1]) == forward


def test_heights_banks_offsets_and_widths_follow_their_cubics(tmp_path):
    more = (
        '<elevationProfile><elevation s="0" a="2" b="0.1" c="0" d="0"/></elevationProfile>'
        '<lateralProfile><superelevation s="0" a="0.05" b="0" c="0" d="0"/></lateralProfile>'
    )
    wide = '<lane id="-1" type="driving"><width sOffset="0" a="3" b="0.02" c="0" d="0"/></lane>'
    text = road(1, 0, 0, 0, 50, '<laneOffset s="0" a="1" b="0" c="0" d="0"/>' + section("", wide),
                more=more)  # fmt: skip
    found = network(write(tmp_path, text))
    rows = found.lanes.rows(0)
    width = found.lanes.width_left_m[rows] + found.lanes.width_right_m[rows]
    np.testing.assert_allclose(width[[0, -1]], [3.0, 4.0], rtol=1e-6)
    first = found.lanes.xyz_m[rows][0]
    middle_t = 1.0 - 1.5
    np.testing.assert_allclose(first, [0.0, middle_t * np.cos(0.05), 2.0 + middle_t * np.sin(0.05)])
    np.testing.assert_allclose(found.lanes.xyz_m[rows][-1, 2], 7.0, atol=0.1)
    assert any("banked" in note for note in found.notes)


def test_sections_of_the_same_lanes_are_joined_and_short_ones_covered(tmp_path):
    sections = (
        section("", lane(-1, '<successor id="-1"/>'))
        + section("", lane(-1, '<predecessor id="-1"/><successor id="-1"/>'), s=20)
        + section("", lane(-1, '<successor id="-1"/>') + lane(-2), s=40)
        + section("", lane(-1) + lane(-2) + lane(-3), s=40.3)
    )
    path = write(tmp_path, road(1, 0, 0, 0, 80, sections))
    (only,) = read_document(path).roads.values()
    parts = stretches_of(only)
    assert [(part.begin_m, part.end_m) for part in parts] == [(0, 40.3), (40.3, 80)]
    assert parts[0].after[-1] == (-1,)
    found = network(path)
    names = found.lanes.name.tolist()
    assert found.lanes.following(names.index("road 1 lane -1 at 0")).tolist() == [
        names.index("road 1 lane -1 at 40")
    ]
    assert validate(found).problems == ()


def test_junctions_join_what_their_table_says(tmp_path):
    found = network(tee(tmp_path))
    assert len(found.links) == 2
    for row in range(2):
        connector = found.links.connector[row]
        assert found.lanes.length_m[connector] == pytest.approx(20.0, abs=1e-6)
        assert found.lanes.junction[connector] == 0
    assert validate(found).problems == ()
    np.testing.assert_allclose(found.junctions.center_m, [[0.0, 0.0]], atol=0.1)


def test_connectors_go_through_all_sections_of_their_road(tmp_path):
    into, out = '<successor id="-1"/>', '<predecessor id="-1"/>'
    cut = section(lane(1), lane(-1, out + into)) + section(
        lane(1), lane(-1, out + into) + lane(-2), s=8
    )
    path = tee(tmp_path)
    text = path.read_text()
    first = text.index("<lanes>", text.index('<road id="10"'))
    last = text.index("</lanes>", first)
    path.write_text(text[:first] + "<lanes>" + cut + text[last:])
    found = network(path)
    lengths = found.lanes.length_m[found.links.connector]
    np.testing.assert_allclose(lengths, 20.0, atol=1e-6)
    assert len(lengths) == 2
    assert validate(found).problems == ()


def test_lights_rule_their_junction_with_planned_phases(tmp_path):
    light = ('<signals><signal id="5" s="65" t="-4" orientation="+" dynamic="yes" type="1000001"/>'
             "</signals>")  # fmt: skip
    found = network(tee(tmp_path, more_1=light))
    assert (found.links.control == Control.SIGNAL).all()
    assert len(found.signals) == 1
    assert (found.signals.state == SignalState.GREEN).any()
    assert any("phases were planned" in note for note in found.notes)


@pytest.mark.parametrize(("kind", "control"), [("206", Control.STOP), ("205", Control.YIELD)])
def test_signs_rule_the_lanes_that_they_face(tmp_path, kind, control):
    sign = (f'<signals><signal id="5" s="66" t="-4" zOffset="2" orientation="+" dynamic="no" '
            f'type="{kind}"/></signals>')  # fmt: skip
    found = network(tee(tmp_path, more_1=sign))
    from_west = [k for k in range(2) if "road 1" in found.lanes.name[found.links.from_lane[k]]]
    assert found.links.control[from_west].tolist() == [control]
    assert (np.delete(found.links.control, from_west) == Control.FREE).all()
    assert len(found.signs) == 1
    np.testing.assert_allclose(found.signs.xyz_m[0], [-14.0, -4.0, 2.0], atol=1e-9)


def test_direct_junctions_need_no_roads_of_their_own(tmp_path):
    both = section("", lane(-1, '<successor id="-1"/>'))
    text = [
        road(1, 0, 0, 0, 40, both, link='<successor elementType="junction" elementId="9"/>'),
        road(2, 40, 0, 0, 40, both, link='<predecessor elementType="junction" elementId="9"/>'),
        '<junction id="9" type="direct"><connection id="0" incomingRoad="1" linkedRoad="2" '
        'contactPoint="start"><laneLink from="-1" to="-1"/></connection></junction>',
    ]
    found = network(write(tmp_path, *text))
    assert len(found.links) == 1
    assert found.links.connector.tolist() == [-1]


def test_repeated_objects_are_told_apart(tmp_path):
    objects = (
        '<objects><object id="1" type="tree" s="5" t="6" height="7" radius="1.5">'
        '<repeat s="0" length="40" distance="10" tStart="6" tEnd="10"/></object>'
        '<object id="2" type="railing" s="0" t="-5"><repeat s="0" length="40" distance="0" '
        'tStart="-5" tEnd="-5"/></object></objects>'
    )
    found = network(write(tmp_path, road(1, 0, 0, 0, 50, section("", lane(-1)), more=objects)))
    trees = found.props.xyz_m[found.props.kind == PropKind.TREE]
    np.testing.assert_allclose(trees[:, 0], [0, 10, 20, 30, 40])
    np.testing.assert_allclose(trees[:, 1], [6, 7, 8, 9, 10])
    fence = found.props.size_m[found.props.kind == PropKind.FENCE]
    assert fence[:, 0].sum() == pytest.approx(40.0)


def test_crosswalks_cross_the_road(tmp_path):
    objects = (
        '<objects><object id="1" type="crosswalk" s="20" t="0"><outlines><outline id="0">'
        '<cornerRoad s="18" t="3.5"/><cornerRoad s="18" t="-3.5"/><cornerRoad s="22" t="-3.5"/>'
        '<cornerRoad s="22" t="3.5"/></outline></outlines></object></objects>'
    )
    found = network(write(tmp_path, road(1, 0, 0, 0, 50, section(lane(1), lane(-1)), more=objects)))
    assert len(found.crossings) == 1
    assert found.lanes.length_m[found.crossings.lane[0]] == pytest.approx(7.0)
    assert found.crossings.width_m[0] == pytest.approx(4.0)
    assert len(found.crossings.crossed_lane) == 2


def test_ground_covers_the_lanes_and_faces_up(tmp_path):
    found = network(write(tmp_path, road(1, 0, 0, 0, 50, section(lane(1), lane(-1)))))
    area = 0.0
    surfaces = found.surfaces
    for piece in range(len(surfaces)):
        first, last = surfaces.triangle_begin[piece : piece + 2]
        base = 0 if surfaces.triangles[first:last].min() >= surfaces.vertex_begin[piece] else (
            surfaces.vertex_begin[piece])  # fmt: skip
        a, b, c = (surfaces.vertices_m[surfaces.triangles[first:last, k] + base] for k in range(3))
        normal = np.cross(b - a, c - a)
        assert (normal[:, 2] > 0.0).all()
        area += 0.5 * np.linalg.norm(normal, axis=1).sum()
    assert area == pytest.approx(2 * 3.5 * 50.0, rel=1e-6)


def test_comments_before_the_declaration_namespaces_and_gzip_are_read(tmp_path):
    plain = write(tmp_path, road(1, 0, 0, 0, 40, section("", lane(-1))),
                  head='<!-- made by hand --><?xml version="1.0"?>')  # fmt: skip
    spaced = tmp_path / "spaced.xodr"
    spaced.write_text(plain.read_text().replace("<OpenDRIVE>", '<OpenDRIVE xmlns="http://a.b/c">'))
    packed = tmp_path / "packed.xodr.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    digests = {network(path).lanes.xyz_m.tobytes() for path in (plain, spaced, packed)}
    assert len(digests) == 1


BAD = {
    "not xml": ("<OpenDRIVE>", "well-formed"),
    "another root": ("<osm></osm>", "not <OpenDRIVE>"),
    "no roads": ("<OpenDRIVE></OpenDRIVE>", "no road"),
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><OpenDRIVE></OpenDRIVE>', "DOCTYPE"),
    "no geometry": ('<OpenDRIVE><road id="1" length="5"><planView/><lanes>'
                    '<laneSection s="0"/></lanes></road></OpenDRIVE>', "no geometry"),
    "no lanes": ('<OpenDRIVE><road id="1" length="5"><lanes/></road></OpenDRIVE>', "lane section"),
    "no number": ('<OpenDRIVE><road id="1" length="five"/></OpenDRIVE>', "'five'"),
    "not finite": ('<OpenDRIVE><road id="1" length="nan"/></OpenDRIVE>', "must be finite"),
    "no id": ('<OpenDRIVE><road length="5"/></OpenDRIVE>', "lacks 'id'"),
    "unknown curve": ('<OpenDRIVE><road id="1" length="5"><planView><geometry s="0" x="0" y="0" '
                      'hdg="0" length="5"><wave/></geometry></planView><lanes><laneSection s="0"/>'
                      "</lanes></road></OpenDRIVE>", "wave"),
    "nothing to drive on": ("<OpenDRIVE>" + road(1, 0, 0, 0, 9, section("", "")) + "</OpenDRIVE>",
                            "driven"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_broken_files_are_told_with_file_and_remedy(tmp_path, case):
    text, word = BAD[case]
    path = tmp_path / "broken.xodr"
    path.write_text(text)
    with pytest.raises(ConfigError, match=word) as caught:
        built(path)
    assert "broken.xodr" in str(caught.value)


def test_files_that_are_missing_or_cut_are_told(tmp_path):
    with pytest.raises(StorageError, match="no file"):
        built(tmp_path / "none.xodr")
    with pytest.raises(ConfigError, match="path"):
        OpenDriveConfig()
    cut = tmp_path / "cut.xodr.gz"
    cut.write_bytes(gzip.compress(b"<OpenDRIVE/>" * 99)[:20])
    with pytest.raises(StorageError, match="cannot be read"):
        built(cut)


def test_any_cut_of_a_file_is_an_error_of_our_own_or_a_map(tmp_path):
    text = tee(tmp_path).read_text()
    for end in range(40, len(text), 311):
        path = tmp_path / "cut.xodr"
        path.write_text(text[:end])
        with pytest.raises(FleetloopError):
            built(path)


def test_the_same_file_gives_the_same_network(tmp_path):
    path = tee(tmp_path)
    assert network(path).digest() == network(path).digest()


def real_maps() -> list[Path]:
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    return sorted((maps / "xodr").glob("*.xodr*"))


@pytest.mark.skipif(not real_maps(), reason="no OpenDRIVE files: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_real_maps_pass_the_validator(path):
    found = network(path)
    assert validate(found).problems == ()
    assert (found.lanes.kind == LaneKind.DRIVE).sum() >= 2
