"""Road users to look at: each fills its size and no more, stands on the ground, has its class."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.props.fleet import road_user_looks
from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.traffic.recording import RoadUser

SIZES = {
    RoadUser.CAR: (4.5, 1.85, 1.5),
    RoadUser.VAN: (5.6, 2.0, 2.4),
    RoadUser.TRUCK: (8.2, 2.4, 3.2),
    RoadUser.BUS: (12.0, 2.5, 3.0),
    RoadUser.EXTERNAL: (4.7, 1.85, 1.45),
    RoadUser.BICYCLE: (1.8, 0.6, 1.75),
    RoadUser.MOTORCYCLE: (2.1, 0.8, 1.6),
    RoadUser.PEDESTRIAN: (0.4, 0.5, 1.75),
}
CLASSES = {
    RoadUser.CAR: {SemanticClass.CAR},
    RoadUser.VAN: {SemanticClass.CAR},
    RoadUser.TRUCK: {SemanticClass.TRUCK},
    RoadUser.BUS: {SemanticClass.BUS},
    RoadUser.EXTERNAL: {SemanticClass.CAR},
    RoadUser.BICYCLE: {SemanticClass.BICYCLE, SemanticClass.RIDER},
    RoadUser.MOTORCYCLE: {SemanticClass.MOTORCYCLE, SemanticClass.RIDER},
    RoadUser.PEDESTRIAN: {SemanticClass.PERSON},
}


def seen_from(kind, eye):
    """Whether each pixel shows the road user, through a narrow lens from afar; and its depth."""
    scene = Scene()
    for one in road_user_looks(kind, SIZES[kind], 7):
        scene.add(one.shape, one.body_T_look.position_m, one.body_T_look.quaternion_xyzw,
                  material=one.material, semantic=int(one.semantic), instance_id=1)  # fmt: skip
    at = np.array([0.0, 0.0, 0.5 * SIZES[kind][2]])
    images = look(scene, eye_m=at + eye, at_m=at, width_px=200, height_px=200,
                  fov_y_rad=2.0 * np.arctan(8.0 / 400.0), outputs=("semantic",))  # fmt: skip
    return images["semantic"]


@pytest.mark.parametrize("kind", list(RoadUser))
def test_it_fills_its_size_and_has_its_class(kind):
    length, width, height = SIZES[kind]
    side = seen_from(kind, np.array([0.0, 400.0, 0.001]))
    front = seen_from(kind, np.array([400.0, 0.0, 0.001]))
    assert {SemanticClass(int(value)) for value in np.unique(side)} - {SemanticClass.NOTHING} == (
        CLASSES[kind]
    )
    metre = 200.0 / 16.0
    across = np.ptp(np.flatnonzero((side > 0).any(axis=0))) / metre
    up = np.ptp(np.flatnonzero((side > 0).any(axis=1))) / metre
    wide = np.ptp(np.flatnonzero((front > 0).any(axis=0))) / metre
    # Mirrors and handlebars stand out; a person has a step that is longer than wide.
    assert across == pytest.approx(length, abs=0.25)
    assert up == pytest.approx(height, abs=0.25)
    # Handlebars are thinner than a pixel.
    assert width - 0.45 < wide < width + 0.45


def test_the_same_number_has_the_same_colours():
    one, two, other = (road_user_looks(RoadUser.CAR, SIZES[RoadUser.CAR], n) for n in (3, 3, 8))
    assert [look.material for look in one] == [look.material for look in two]
    assert [look.material for look in one] != [look.material for look in other]


@pytest.mark.parametrize("kind", list(RoadUser))
def test_few_shapes_are_enough(kind):
    assert len(road_user_looks(kind, SIZES[kind], 1)) < 40
