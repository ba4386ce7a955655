"""Bicycles and motorcycles: wheels with holes in them, riders who hold on and sit on the saddle."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.fleet import road_user_looks
from fleetloop.envs.props.two_wheelers import bicycle_looks, motorcycle_looks, ring, spokes
from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.traffic.recording import RoadUser


def volume_m3(mesh):
    """By the divergence theorem; positive if all faces look outwards."""
    a, b, c = (mesh.vertices_m[mesh.triangles[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6.0)


def test_a_tyre_is_a_closed_torus_of_the_volume_that_pappus_gives():
    mesh = ring(0.3, 0.05, around=64, across=32)
    assert mesh.closed
    assert volume_m3(mesh) == pytest.approx(2.0 * np.pi**2 * 0.3 * 0.05**2, rel=0.02)
    span = np.ptp(mesh.vertices_m, axis=0)
    np.testing.assert_allclose(span, [0.7, 0.1, 0.7], rtol=0.01)


def test_spokes_look_outwards_and_reach_the_rim():
    mesh = spokes(0.3, 0.04, 10)
    assert volume_m3(mesh) > 0.0
    assert np.hypot(mesh.vertices_m[:, 0], mesh.vertices_m[:, 2]).max() == pytest.approx(
        0.3, abs=0.01
    )


def seen_from_the_side(looks):
    scene = Scene()
    for one in looks:
        scene.add(one.shape, one.body_T_look.position_m, one.body_T_look.quaternion_xyzw,
                  material=one.material, semantic=int(one.semantic), instance_id=1)  # fmt: skip
    images = look(scene, eye_m=[0.0, -60.0, 0.9], at_m=[0.0, 0.0, 0.9], width_px=300,
                  height_px=300, fov_y_rad=2.0 * np.arctan(1.25 / 60.0),
                  outputs=("semantic",))  # fmt: skip
    return images["semantic"]


def test_one_sees_through_the_wheels_of_a_bicycle():
    image = seen_from_the_side(bicycle_looks(1.8, (0.4, 0.1, 0.1), 3))
    # The upper part of the rear wheel: 120 pixels are a metre, its axle is 0.345 m above ground.
    row, column = int(150 - 120 * (0.5 - 0.9)), int(150 - 120 * 0.555)
    inside = image[row - 8 : row + 8, column - 12 : column + 12]
    assert 0.3 < (inside == SemanticClass.NOTHING).mean() < 0.98


@pytest.mark.parametrize("make", [bicycle_looks, motorcycle_looks])
@pytest.mark.parametrize("style", [0, 1])
def test_hands_are_at_the_bar_and_feet_are_off_the_ground(make, style):
    length_m = 2.1 if make is motorcycle_looks else 1.8
    looks = make(length_m, (0.4, 0.1, 0.1), style)
    rider = [one for one in looks if one.semantic == SemanticClass.RIDER]
    vehicle = np.array(
        [one.body_T_look.position_m for one in looks if one.semantic != SemanticClass.RIDER]
    )
    assert len(rider) == 13
    shoes = np.array([one.body_T_look.position_m for one in rider[-2:]])
    assert (shoes[:, 2] > 0.08).all()
    assert (np.abs(shoes[:, 1]) > 0.05).all()
    forearms = np.array([rider[row].body_T_look.position_m for row in (2, 4)])
    bar = vehicle[np.argmax(vehicle[:, 2] - 10.0 * (vehicle[:, 0] < 0.0))]
    assert np.linalg.norm(forearms[:, [0, 2]] - bar[[0, 2]], axis=1).max() < 0.35


def test_a_motorcyclist_wears_a_helmet_with_a_visor_and_one_cyclist_in_two_does():
    def hair(kind, style):
        looks = road_user_looks(kind, (2.0, 0.7, 1.7), style)
        rider = [one for one in looks if one.semantic == SemanticClass.RIDER]
        return rider[10].material.specular

    assert all(hair(RoadUser.MOTORCYCLE, style) > 0.03 for style in range(4))
    assert [hair(RoadUser.BICYCLE, style) > 0.045 for style in range(4)] == [True, False] * 2
