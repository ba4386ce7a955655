"""Boxes of objects are tight and right: against sampled surfaces, and on a street."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.clock import TickRate
from fleetloop.core.frames import Pose, Twist, quaternion_from_rotation_vector
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import SURFACE_CLASSES, SemanticClass
from fleetloop.envs.registration import make_env
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Plane, Sphere
from fleetloop.envs.world import Part, Substance


def surface(shape, rng) -> np.ndarray:
    """Points of a shape that reach as far as it does in every direction."""
    ball = rng.normal(size=(20_000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    match shape:
        case Box(half):
            return np.sign(ball) * half
        case Sphere(radius):
            return radius * ball
        case Cylinder(radius, half):
            ring = ball[:, :2] / np.linalg.norm(ball[:, :2], axis=1, keepdims=True)
            return np.column_stack([radius * ring, np.sign(ball[:, 2]) * half])
        case Capsule(radius, half):
            return radius * ball + [0, 0, 1] * (np.sign(ball[:, 2:]) * half)
        case Mesh():
            return shape.vertices_m.astype(np.float64)


TENT = Mesh(
    np.array([[-1, -2, 0], [1, -2, 0], [0, 2, 0], [0.2, 0, 1.5]], np.float32),
    np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32),
)
SHAPES = [Box((0.5, 1.0, 0.2)), Sphere(0.7), Cylinder(0.4, 1.1), Capsule(0.3, 0.8), TENT]


def look(shape, place=None) -> Look:
    return Look(
        shape=shape,
        material=MATERIALS.get("plastic"),
        semantic=SemanticClass.BOX,
        body_T_look=place or Pose.identity(),
    )


def box(objects: Objects, row: int = 0) -> np.ndarray:
    half = 0.5 * objects.box_size_m[row]
    return np.stack([objects.box_center_m[row] - half, objects.box_center_m[row] + half])


@given(
    st.sampled_from(SHAPES),
    st.lists(st.floats(-2, 2), min_size=6, max_size=6).map(np.array),
)
def test_boxes_touch_the_surface_whatever_the_mount(shape, numbers):
    turn = numbers[:3] if not isinstance(shape, Mesh) else np.zeros(3)
    mount = Pose(numbers[3:], quaternion_from_rotation_vector(turn))
    stage = Stage(TickRate(240))
    stage.add("thing", Pose.of(4.0, 5.0, yaw_rad=1.0), looks=[look(shape, mount)])
    low, high = box(stage.objects(0))
    points = mount.transform_points(surface(shape, np.random.default_rng(0)))
    assert np.all(points >= low - 1e-6)
    assert np.all(points <= high + 1e-6)
    np.testing.assert_allclose(points.min(axis=0), low, atol=0.01)
    np.testing.assert_allclose(points.max(axis=0), high, atol=0.01)
    stage.close()


def test_a_box_follows_parts_and_does_not_wobble_with_a_wheel():
    stage = Stage(TickRate(240))
    body = stage.add("robot", Pose.of(1, 2, 0.5), looks=[look(Box((1.0, 0.5, 0.2)))])
    axle = Pose.of(roll_rad=np.pi / 2)
    wheel = stage.add("wheel", Pose.of(1, 2, 0.5), looks=[look(Cylinder(0.3, 0.1), axle)], of=body)
    arm = stage.add("arm", Pose.of(1, 2, 0.5), looks=[look(Sphere(0.1))], of=body,
                    key_points_m={"left_wrist": (0.0, 0.0, 0.1)})  # fmt: skip
    for angle in (0.0, 0.3, 1.0):
        base = Pose.of(3.0, 2.0, 0.5, yaw_rad=angle)
        stage.place_looks(body, base, Twist.zero())
        stage.place_looks(wheel, base @ Pose.of(0.8, 0.5, -0.1, pitch_rad=angle), Twist.zero())
        stage.place_looks(arm, base @ Pose.of(0, 0, 1.0 + angle), Twist(np.ones(3), np.zeros(3)))
        objects = stage.objects(7)
        assert objects.names == ("robot",)
        found = box(objects)
        expected = [[-1.0, -0.5, -0.4], [1.1, 0.6, 1.1 + angle]]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert objects.key_point_names == ("left_wrist",)
        np.testing.assert_allclose(objects.key_point_m[0], [3.0, 2.0, 0.5 + 1.1 + angle])
    stage.close()


def test_only_what_moved_is_told_again():
    stage = Stage(TickRate(240))
    stage.add("ground", Pose.identity(), looks=[look(Plane())])
    stage.add("post", Pose.of(5.0), looks=[look(Cylinder(0.1, 1.0))])
    kite = stage.add("kite", Pose.of(2.0), looks=[look(Sphere(0.2))])
    stage.add("ball", Pose.of(0, 0, 3.0), looks=[look(Sphere(0.2))],
              parts=[Part(shape=Sphere(0.2), body_T_part=Pose.identity())],
              substance=Substance(mass_kg=1.0))  # fmt: skip
    first = stage.objects(0)
    assert (first.complete, first.names) == (True, ("post", "kite", "ball"))
    snapshot = stage.snapshot()
    second = stage.objects(1)
    assert (second.complete, second.names) == (False, ("ball",))
    stage.place_looks(kite, Pose.of(2.5), Twist(np.array([1.0, 0, 0]), np.zeros(3)))
    third = stage.objects(2)
    assert third.names == ("kite", "ball")
    assert third.linear_m_s[0].tolist() == [1.0, 0.0, 0.0]
    merged = third.after(first)
    assert set(merged.names) == {"post", "kite", "ball"}
    assert merged.position_m[merged.row("kite")].tolist() == [2.5, 0.0, 0.0]
    stage.restore(snapshot)
    assert stage.objects(3).names == ("ball",)
    stage.add("new", Pose.of(9.0), looks=[look(Sphere(0.2))])
    assert stage.objects(4).complete
    stage.close()


def test_a_street_tells_its_objects_at_every_instant_at_which_something_looks():
    env = make_env("fleetloop/LaneFollow-v0", rig="front64", obs_mode="camera")
    env.reset(seed=3)
    first = env.last_records[0]
    assert isinstance(first, Objects)
    assert first.complete
    assert not set(first.semantic.tolist()) & {int(c) for c in SURFACE_CLASSES}
    ego = first.row(EGO)
    length, width, height = first.box_size_m[ego]
    # A Model-3-class car: 4.7 m long, 1.85 m wide without mirrors, 1.44 m high.
    assert 4.4 < length < 5.0
    assert 1.7 < width < 2.2
    assert 1.3 < height < 1.6
    people = [n for n in first.names if n.startswith("person")]
    assert people
    assert len(first.key_point_names) == 17 * len(people)
    assert (first.corners_m()[:, :, 2].max(axis=1) > 0.0).all()
    for _ in range(3):
        env.step(np.array([0.0, 1.0], np.float32))
        times = [r.t_ns for r in env.last_records if isinstance(r, Objects)]
        looked = {r.t_capture_ns for r in env.last_samples if r.sensor == "front"}
        assert looked <= set(times)
    newest = [r for r in env.last_records if isinstance(r, Objects)][-1]
    assert newest.names == (EGO,)
    base = env.robot.state().links["base"]
    np.testing.assert_array_equal(newest.position_m[0], base.world_T_link.position_m)
    np.testing.assert_allclose(newest.linear_m_s[0], base.twist.linear_m_s, atol=1e-12)
    env.close()


@pytest.mark.parametrize("name", ["nose", "left_ankle", "right_wrist"])
def test_key_points_of_people_lie_in_their_boxes(name):
    env = make_env("fleetloop/LaneFollow-v0", rig="front64", obs_mode="camera")
    env.reset(seed=5)
    objects = env.last_records[0]
    for place, point in enumerate(objects.key_point_names):
        row = list(objects.instance_id).index(objects.key_point_instance[place])
        local = Pose(objects.position_m[row], objects.quaternion_xyzw[row]).inverse()
        offset = local.transform_points(objects.key_point_m[place]) - objects.box_center_m[row]
        if point == name:
            assert np.all(np.abs(offset) <= 0.5 * objects.box_size_m[row] + 0.02)
    env.close()
