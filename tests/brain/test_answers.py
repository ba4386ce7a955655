"""Right answers of the lessons against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.agents.lessons import ANSWERS, WORST, area_under_curve, lesson_scores, places
from fleetloop.agents.observe import Moment
from fleetloop.agents.training.answers import FARTHEST_M, answers, cast_m
from fleetloop.core.objects import Objects
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.types import Event, Step


def objects(t_ns, ego_xy, yaw, others):
    """The robot and boxes of 2 m: (x, y, class)."""
    place = np.array([[*ego_xy, 0.0], *([x, y, 0.0] for x, y, _ in others)])
    count = len(place)
    turned = np.zeros((count, 4))
    turned[:, 3] = 1.0
    turned[0] = [0.0, 0.0, math.sin(0.5 * yaw), math.cos(0.5 * yaw)]
    velocity = np.zeros((count, 3))
    velocity[0, :2] = [5.0 * math.cos(yaw), 5.0 * math.sin(yaw)]
    return Objects(
        t_ns=t_ns,
        complete=True,
        names=("robot", *(f"thing_{n}" for n in range(len(others)))),
        instance_id=np.arange(1, count + 1, dtype=np.int32),
        semantic=np.array([SemanticClass.CAR, *(kind for *_, kind in others)], np.uint8),
        position_m=place,
        quaternion_xyzw=turned,
        linear_m_s=velocity,
        angular_rad_s=np.zeros((count, 3)),
        box_center_m=np.tile([0.0, 0.0, 1.0], (count, 1)),
        box_size_m=np.full((count, 3), 2.0),
        key_point_names=(),
        key_point_instance=np.zeros(0, np.int32),
        key_point_m=np.zeros((0, 3)),
    )


def straight(count, *, collide=False, others=()):
    """A drive to the north-east at 5 m/s, ten moments a second."""
    yaw = 0.25 * math.pi
    made = []
    for n in range(count):
        t_ns = (n + 1) * 100_000_000
        away = 0.5 * n
        events = (Event(t_ns=t_ns, kind="collision_static"),) if collide and n == count - 1 else ()
        step = Step(
            index=n, t_ns=t_ns, action=np.zeros(2, np.float32), reward_terms={"progress": 0.1},
            terminated=False, truncated=False, events=events,
            truth={"heading_error_rad": np.array(0.1), "lane_offset_m": np.array(-0.3)},
        )  # fmt: skip
        ego = (away * math.cos(yaw), away * math.sin(yaw))
        made.append(Moment(step=step, observation={}, objects=objects(t_ns, ego, yaw, others)))
    return made


def test_a_straight_drive():
    value, known = answers(straight(40), ended=False)
    motion = value[:, places("motion")]
    assert known[:35, places("motion")].all()
    assert not known[-1, places("motion")][:3].any()
    np.testing.assert_allclose(motion[:35], np.tile([2.5, 0.0, 0.0, 5.0], (35, 1)), atol=1e-5)
    way = value[:, places("way")]
    np.testing.assert_allclose(way[:29], np.tile([1.0, 0.1, -0.3], (29, 1)), atol=1e-6)
    assert not known[-1, places("way")][0]
    assert known[-1, places("way")][1:].all()


def test_a_collision_is_foreseen_two_seconds_before():
    value, known = answers(straight(40, collide=True), ended=True)
    soon = value[:, places("soon")][:, 2]
    np.testing.assert_array_equal(np.flatnonzero(soon), np.arange(19, 39))
    assert known[:, places("soon")][:, 2].all()
    # What would have come after a cut is not known, unless it came before it.
    _, known = answers(straight(40), ended=False)
    open_end = np.flatnonzero(~known[:, places("soon")][:, 1])
    np.testing.assert_array_equal(open_end, np.arange(20, 40))


def test_a_car_straight_ahead():
    ahead = 10.0 * math.cos(0.25 * math.pi)
    made = straight(1, others=[(ahead, ahead, SemanticClass.CAR)])
    # Turned as the robot is: its near side is a metre before its middle.
    quaternion = np.array(made[0].objects.quaternion_xyzw)
    quaternion[1] = quaternion[0]
    made[0] = replace(made[0], objects=replace(made[0].objects, quaternion_xyzw=quaternion))
    value, known = answers(made, ended=False)
    bearing, log_m, width = value[0, places("road_user")]
    assert known[0, places("road_user")].all()
    assert bearing == pytest.approx(0.0, abs=1e-6)
    assert log_m == pytest.approx(math.log(10.0))
    assert width == pytest.approx(2.0 * math.atan2(1.0, 10.0))
    distance = np.exp(value[0, places("distance")])
    offset = 0.25 * math.pi * 1.0 / 16.0
    assert distance[7] == distance[8] == pytest.approx(9.0 / math.cos(offset), rel=1e-5)
    assert distance[0] == pytest.approx(FARTHEST_M)
    assert value[0, places("sees")].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_ground_and_what_is_alone_are_no_obstacles():
    value, _ = answers(straight(1, others=[(5.0, 5.0, SemanticClass.ROAD)]), ended=False)
    assert not value[0, places("sees")].any()
    np.testing.assert_allclose(np.exp(value[0, places("distance")]), FARTHEST_M, rtol=1e-5)


def test_without_records_of_objects_nothing_is_claimed():
    bare = [replace(moment, objects=None) for moment in straight(30)]
    _, known = answers(bare, ended=True)
    for name in ("motion", "distance", "sees", "road_user"):
        assert not known[:, places(name)].any(), name
    assert not known[:, places("soon")][:, 0].any()
    assert known[:, places("way")][:, 1].all()


@given(
    st.floats(3.0, 30.0), st.floats(-3.0, 3.0), st.floats(0.3, 2.0), st.floats(0.3, 2.0),
    st.floats(-3.1, 3.1), st.floats(-0.7, 0.7),
)  # fmt: skip
def test_casting_finds_the_first_point_that_is_inside(x, y, half_x, half_y, yaw, bearing):
    box = np.array([[x, y, half_x, half_y, yaw]])
    found = cast_m(box, np.array([bearing]))[0, 0]
    along = np.linspace(0.0, 40.0, 40_001)
    gap = along[:, None] * [math.cos(bearing), math.sin(bearing)] - [x, y]
    c, s = math.cos(yaw), math.sin(yaw)
    inside = np.abs(c * gap[:, 0] + s * gap[:, 1]) <= half_x
    inside &= np.abs(c * gap[:, 1] - s * gap[:, 0]) <= half_y
    if inside.sum() > 3:
        assert found == pytest.approx(along[inside.argmax()], abs=2e-3)
    elif not inside.any() and math.isfinite(found):
        # A corner that falls between two samples.
        assert found < 40.0


def test_area_under_the_curve_counts_pairs():
    rng = np.random.default_rng(0)
    score = rng.integers(0, 6, 40).astype(np.float32)
    yes = rng.random(40) < 0.4
    pairs = score[yes][:, None] - score[~yes][None]
    wanted = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert area_under_curve(score, yes) == pytest.approx(wanted)


def test_scores_are_one_for_truth_and_none_for_its_mean():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(50, ANSWERS)).astype(np.float32)
    soon = places("soon")
    truth[:, soon] = truth[:, soon] > 0
    known = np.ones((50, ANSWERS), bool)
    known[:, places("road_user")] = False
    right = lesson_scores(truth, truth, known)
    assert right["physics/motion"] == right["physics/soon"] == right["navigation"] == 1.0
    assert "recognition/road_user" not in right
    mean = lesson_scores(np.tile(truth.mean(axis=0), (50, 1)), truth, known)
    assert mean["physics/motion"] == pytest.approx(0.0, abs=1e-6)
    assert mean["physics/soon"] == 0.0
    # A question that hardly varies does not hide the others, however far off its answers are.
    wild = truth.copy()
    wild[:, places("motion").start] += 1e3
    assert lesson_scores(wild, truth, known)["physics"] > WORST
    assert min(lesson_scores(wild + 1e3, truth, known).values()) >= WORST
