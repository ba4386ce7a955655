"""What sensors see of a town: ground under lanes, paint as a class, shared meshes, lit lamps."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import HeadKind, LaneKind, SignalState
from fleetloop.envs.maps.scenery.build import fill_scene, filled_scene, scenery_of
from fleetloop.envs.maps.scenery.lights import SignalLights, shown
from fleetloop.envs.maps.scenery.shapes import ball, box, prism
from fleetloop.envs.maps.signals import states_at
from fleetloop.envs.maps.strips import ears
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.source import TOWN
from fleetloop.envs.trace.look import sweep
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Mesh, Sphere


@pytest.fixture(scope="module")
def town():
    return TOWN.build(TownConfig(seed=5, blocks_x=2, blocks_y=2)).freeze()


@pytest.fixture(scope="module")
def scene(town):
    made = Scene()
    fill_scene(made, town)
    return made


def _below(scene, points):
    """Class and height of the ground under points (n, 3), straight down from 3 m above them."""
    classes, heights = [], []
    for point in points:
        seen = sweep(scene, point + np.array([0.0, 0.0, 3.0]), elevations_rad=[-0.5 * np.pi + 1e-3],
                     azimuths=1, outputs=("range", "semantic", "hit"))  # fmt: skip
        assert seen["hit"].all()
        classes.append(int(seen["semantic"][0, 0]))
        heights.append(float(point[2] + 3.0 - seen["range"][0, 0]))
    return classes, heights


def test_there_is_asphalt_under_every_drive_lane_and_a_raised_walk_under_sidewalks(town, scene):
    lanes = town.lanes
    for lane in range(len(lanes)):
        rows = lanes.xyz_m[lanes.rows(lane)]
        middle = rows[len(rows) // 2][None]
        classes, heights = _below(scene, middle)
        if lanes.kind[lane] == LaneKind.DRIVE:
            assert classes[0] in (SemanticClass.ROAD, SemanticClass.LANE_MARK), lanes.name[lane]
            assert heights[0] == pytest.approx(0.0, abs=0.02)
        elif lanes.kind[lane] == LaneKind.SIDEWALK and "corner" not in str(lanes.name[lane]):
            on_top = classes[0] == SemanticClass.SIDEWALK and abs(heights[0] - 0.12) < 0.01
            # Benches and bins may stand there.
            assert on_top or heights[0] > 0.3


def test_paint_is_seen_where_the_lanes_say(town, scene):
    classes, _ = _below(scene, [0.5 * (town.stop_lines.left_xyz_m[0]
                                       + town.stop_lines.right_xyz_m[0])])  # fmt: skip
    assert classes == [SemanticClass.LANE_MARK]


def test_pieces_are_valid_and_the_same_for_the_same_network(town):
    scenery = scenery_of(town)
    assert scenery_of(town) is scenery
    names = [piece.name for piece in scenery.pieces]
    assert len(set(names)) == len(names)
    kinds = {piece.semantic for piece in scenery.pieces}
    assert kinds >= {SemanticClass.BUILDING, SemanticClass.VEGETATION, SemanticClass.POLE,
                     SemanticClass.TRAFFIC_LIGHT, SemanticClass.TRAFFIC_SIGN}  # fmt: skip


def test_scenes_of_one_town_share_their_arrays(town, scene):
    again = Scene()
    fill_scene(again, town)
    assert again.mesh_arrays.corners is scene.mesh_arrays.corners
    # What one of them adds does not reach the other.
    again.add(Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)))
    assert len(again.mesh_arrays.corners) == len(scene.mesh_arrays.corners) + 1


def test_a_copied_scene_is_the_same_and_stands_alone(town, scene):
    one, other = filled_scene(town), filled_scene(town)
    assert one is not other
    assert one.handles == scene.handles
    np.testing.assert_array_equal(one.row_integers, scene.row_integers)
    for mine, known in zip(one.motion, scene.motion, strict=True):
        np.testing.assert_array_equal(mine, known)
    assert one.mesh_arrays.corners is other.mesh_arrays.corners
    rows, materials = len(other), len(other.materials)
    handle = one.add(Sphere(0.5), material=Material(color=(0.123, 0.2, 0.3)))
    one.set_poses([1, handle], [[1.0, 2.0, 3.0]] * 2, [[0.0, 0.0, 0.0, 1.0]] * 2)
    one.remove(2)
    assert (len(other), len(other.materials)) == (rows, materials)
    assert other.pose(1)[0][0] == scene.pose(1)[0][0]
    assert 2 in other.handles
    assert other.add(Sphere(0.5)) == handle, "handles go on from the same number"


def test_lights_show_the_phases(town):
    scene = Scene()
    lights = SignalLights(scene, town)
    assert len(scene) == len(town.signals.head_signal) > 0
    for t in (0.0, 7.0, 19.5, 33.0):
        lights.show(t)
        states = states_at(town.signals, t)[town.signals.head_signal, town.signals.head_index]
        for row, handle in enumerate(scene.handles):
            position, _ = scene.pose(handle)
            head = town.signals.head_xyz_m[row]
            kind = int(town.signals.head_kind[row])
            name = shown(int(states[row]), kind, t)
            # Red hangs at the top, green at the bottom.
            order = {"red": 1, "amber": 0, "green": -1}
            assert np.sign(np.round(position[2] - head[2], 3)) == order[name]


def test_heads_for_people_have_no_amber():
    assert shown(SignalState.AMBER, HeadKind.PEDESTRIAN, 0.0) == "red"
    assert shown(SignalState.AMBER, HeadKind.ROUND, 0.0) == "amber"
    assert shown(SignalState.FLASHING_AMBER, HeadKind.ROUND, 0.6) == ""
    assert shown(SignalState.OFF, HeadKind.ROUND, 0.0) == ""


def test_solids_face_outwards():
    for vertices, triangles in (box((1.0, 2.0, 3.0))[:2], ball(2)):
        assert Mesh(vertices.astype(np.float32), triangles).closed
    vertices, triangles, _ = prism(1.0, 2.0, 8)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a)[:, :2], a[:, :2] + c[:, :2]) > 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_ears_cover_a_star_shaped_polygon_exactly(seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0.0, 2.0 * np.pi, 17))
    angle = angle[np.diff(angle, append=angle[0] + 2.0 * np.pi) > 0.02]
    if np.diff(angle, append=angle[0] + 2.0 * np.pi).max() > 3.0:
        pytest.skip("the middle is not inside")
    ring = rng.uniform(1.0, 4.0, len(angle))[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], axis=1
    )
    triangles = ears(ring)
    a, b, c = (ring[triangles[:, k]] for k in range(3))
    areas = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    x, y = ring.T
    whole = 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    assert len(triangles) == len(ring) - 2
    assert (areas >= -1e-9).all()
    assert areas.sum() == pytest.approx(whole)
