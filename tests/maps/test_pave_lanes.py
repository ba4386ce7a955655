"""Ground from lanes: every lane lies on what was made for it."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import LaneKind, SurfaceKind
from fleetloop.envs.maps.pave_lanes import KERB_HEIGHT_M, pave_lanes
from fleetloop.envs.maps.scenery.build import fill_scene
from fleetloop.envs.trace.look import sweep
from fleetloop.envs.trace.scene import Scene


@pytest.fixture(scope="module")
def network(crossroads):
    builder = crossroads()
    builder.add_lane(LaneKind.SIDEWALK, [[12.0, 6.0], [60.0, 6.0]], width_m=2.0)
    builder.add_lane(LaneKind.MEDIAN, [[12.0, 40.0], [60.0, 40.0]], width_m=2.0)
    builder.drafts.junctions[0].outline_m = np.array(
        [[10.0, -10.0], [10.0, 10.0], [-10.0, 10.0], [-10.0, -10.0]]
    )
    pave_lanes(builder)
    return builder.freeze()


def test_triangles_face_up_or_sideways(network):
    surfaces = network.surfaces
    a, b, c = (surfaces.vertices_m[surfaces.triangles[:, k]] for k in range(3))
    # Half turns in place are narrower than their lane is wide: their inner border folds.
    kind = np.repeat(surfaces.kind, np.diff(surfaces.triangle_begin))
    up = np.cross(b - a, c - a)[:, 2]
    assert (up[kind != SurfaceKind.JUNCTION] > -1e-9).all()


def test_kerbs_stand_upright_on_both_sides(network):
    surfaces = network.surfaces
    kerbs = [row for row in range(len(surfaces)) if surfaces.kind[row] == SurfaceKind.KERB]
    assert len(kerbs) == 8


def test_each_lane_lies_on_its_ground(network):
    scene = Scene()
    fill_scene(scene, network)
    wanted = {LaneKind.DRIVE: SemanticClass.ROAD, LaneKind.SIDEWALK: SemanticClass.SIDEWALK,
              LaneKind.MEDIAN: SemanticClass.TERRAIN}  # fmt: skip
    for lane in range(len(network.lanes)):
        rows = network.lanes.xyz_m[network.lanes.rows(lane)]
        place = rows[len(rows) // 2] + np.array([0.0, 0.0, 2.0])
        seen = sweep(scene, place, elevations_rad=[-0.5 * np.pi + 1e-3], azimuths=1,
                     outputs=("range", "semantic"))  # fmt: skip
        assert seen["range"][0, 0] == pytest.approx(2.0, abs=0.01)
        assert seen["semantic"][0, 0] == wanted[LaneKind(network.lanes.kind[lane])]
    raised = network.lanes.kind == LaneKind.SIDEWALK
    first = network.lanes.begin[:-1][raised]
    assert network.lanes.xyz_m[first, 2] == pytest.approx(KERB_HEIGHT_M)
