"""Fast physics: overlaps against an oracle, the same car with and without an engine, the seam."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import Pose
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.kinematic import KinematicWorld
from fleetloop.envs.overlap import depths
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.car import Car, CarConfig
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace.shapes import Box, Cylinder, Mesh, Plane, Sphere

MIXED = [
    # steer, pedal, seconds: leave, turn, brake in the turn, leave again, change lanes, stop
    (0.0, 0.6, 2.0), (0.15, 0.1, 2.0), (0.2, -0.3, 1.0), (-0.1, 0.5, 2.0), (0.05, 0.2, 1.0),
    (-0.05, 0.0, 1.0), (0.0, -0.4, 1.0),
]  # fmt: skip


def driven(physics: str, hz: int):
    """Position (2,), heading and speed of a car after ten seconds of mixed driving."""
    stage = Stage(TickRate(hz), physics)
    car = Car(CarConfig())
    car.spawn(stage, Pose.identity(), np.random.default_rng(0))
    for steer, pedal, seconds in MIXED:
        car.command(np.array([steer, pedal], np.float32))
        for _ in range(round(10 * seconds)):
            car.advance(hz // 10)
    assert stage.world.tick == 10 * hz
    base = car.state().links["base"]
    stage.close()
    pose = base.world_T_link
    return pose.position_m[:2], float(pose.yaw_rad), float(np.hypot(*base.twist.linear_m_s[:2]))


def test_both_kinds_of_physics_drive_the_same_car(capsys):
    full, fast, fast_240 = driven("full", 240), driven("fast", 100), driven("fast", 240)
    gaps = [(np.linalg.norm(a[0] - full[0]), abs(a[2] - full[2])) for a in (fast, fast_240)]
    with capsys.disabled():
        print(f"\n100 Hz fast against full: {gaps[0][0]:.3f} m, {gaps[0][1]:.3f} m/s; "
              f"at 240 Hz {gaps[1][0]:.4f} m, {gaps[1][1]:.4f} m/s")  # fmt: skip
    assert np.linalg.norm(full[0]) > 50.0, "it went somewhere"
    # At the same rate only the integration of the attitude differs.
    assert gaps[1][0] < 0.1
    assert gaps[1][1] < 0.02
    assert gaps[0][0] < 0.5
    assert gaps[0][1] < 0.1


def test_many_ticks_at_once_are_the_same_as_one_by_one():
    places = []
    for at_once in (1, 5, 20):
        stage = Stage(TickRate(100), "fast")
        car = Car(CarConfig())
        car.spawn(stage, Pose.identity(), np.random.default_rng(0))
        car.command(np.array([0.2, 0.5], np.float32))
        for _ in range(100 // at_once):
            car.advance(at_once)
        places.append(car.state().links["base"].world_T_link.position_m)
    assert (places[0] == places[1]).all()
    assert (places[0] == places[2]).all()


shape = st.tuples(
    st.floats(-3, 3), st.floats(-3, 3), st.floats(-3.2, 3.2), st.floats(0.3, 3.0),
    st.one_of(st.just(0.0), st.floats(0.3, 2.0)),
)  # fmt: skip


def inside(row, points):
    """Whether points (n, 2) lie in a rectangle or disc: the plain definition."""
    x, y, heading, half_x, half_y = row
    gap = points - np.array([x, y])
    if half_y == 0.0:
        return np.hypot(*gap.T) < half_x
    along = gap @ np.array([np.cos(heading), np.sin(heading)])
    across = gap @ np.array([-np.sin(heading), np.cos(heading)])
    return (abs(along) < half_x) & (abs(across) < half_y)


@given(shape, shape)
def test_overlaps_are_those_of_a_cloud_of_points(one, other):
    depth = depths(np.array(one), np.array([other]))[0]
    back = depths(np.array(other), np.array([one]))[0]
    assert depth == pytest.approx(back, abs=1e-9) or (depth < 0.0 and back < 0.0)
    grid = np.stack(np.meshgrid(np.linspace(-6, 6, 121), np.linspace(-6, 6, 121)), -1)
    both = inside(one, grid.reshape(-1, 2)) & inside(other, grid.reshape(-1, 2))
    if both.any():
        assert depth > 0.0
    if depth > 0.6:
        assert both.any(), "an overlap of several grid steps holds a point"


def test_moving_apart_by_the_depth_along_the_normal_ends_the_overlap():
    world = KinematicWorld(TickRate(100))
    fixed = Substance()
    one = world.add_body([Part(shape=Box((1, 1, 1)), body_T_part=Pose.of(0.2, 0, 1))],
                         Pose.of(0, 0, 0, yaw_rad=0.4), fixed)  # fmt: skip
    world.add_body([Part(shape=Cylinder(0.5, 1), body_T_part=Pose.of(0, 0, 1))],
                   Pose.of(1.2, 0.9), fixed)  # fmt: skip
    (contact,) = world.contacts(one)
    assert contact.distance_m < 0.0
    place = world.pose(one)[0] - 1.001 * contact.distance_m * contact.normal
    world.set_pose(one, Pose.of(*place, yaw_rad=0.4))
    assert world.contacts(one) == []


def test_bodies_above_each_other_and_ground_planes_do_not_touch():
    world = KinematicWorld(TickRate(100))
    ball = world.add_body([Part(shape=Sphere(0.5), body_T_part=Pose.identity())],
                          Pose.of(0, 0, 3.0), Substance())  # fmt: skip
    world.add_body([Part(shape=Plane(), body_T_part=Pose.identity())], Pose.identity(),
                   Substance())  # fmt: skip
    world.add_body([Part(shape=Box((1, 1, 1)), body_T_part=Pose.identity())], Pose.identity(),
                   Substance())  # fmt: skip
    assert world.contacts(ball) == []
    world.set_pose(ball, Pose.of(0, 0, 1.2))
    assert [contact.other for contact in world.contacts(ball)] == [2]


def test_a_fast_world_is_kept_and_restored_within_its_episode():
    world = KinematicWorld(TickRate(100))
    part = Part(shape=Box((1, 1, 1)), body_T_part=Pose.identity())
    body = world.add_body([part], Pose.of(1, 2, 3), Substance(com_m=(0.1, 0.0, 0.2)))
    kept = world.snapshot()
    world.set_pose(body, Pose.of(5, 5, 5))
    world.step()
    world.restore(kept)
    assert world.tick == 0
    assert world.pose(body)[0] == pytest.approx([1, 2, 3])
    world.clear()
    with pytest.raises(StateError, match="over"):
        world.restore(kept)


def test_what_fast_physics_cannot_do_is_refused_with_the_remedy():
    world = KinematicWorld(TickRate(100))
    mesh = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(ConfigError, match="give it a box"):
        world.add_body([Part(shape=mesh, body_T_part=Pose.identity())], Pose.identity(),
                       Substance())  # fmt: skip
    body = world.add_body([Part(shape=Sphere(1.0), body_T_part=Pose.identity())],
                          Pose.identity(), Substance())  # fmt: skip
    with pytest.raises(ConfigError, match="physics='full'"):
        world.apply_wrench(body, np.zeros(3), np.zeros(3))
    with pytest.raises(ConfigError, match="none of: full, fast"):
        make_env("fleetloop/LaneFollow-v0", physics="slow")


def test_a_fast_environment_follows_its_contract(contract):
    contract.task(
        "fleetloop/LaneFollow-v0", modes=("state", "camera"), physics="fast", rig="front64",
        task_options={"max_duration_s": 3.0},
    )  # fmt: skip


def test_the_kind_of_physics_is_recorded():
    env = make_env("fleetloop/LaneFollow-v0", physics="fast", obs_mode="state", rig="front64")
    assert env.config.physics_hz == 100
    env.reset(seed=1)
    assert env.episode_meta("nobody").config["physics"] == "fast"
    env.close()


@pytest.mark.parametrize(("rig", "hz"), [("front", 240), ("front64", 100)])
def test_fast_physics_ticks_as_often_as_the_rig_needs(rig, hz):
    env = make_env("fleetloop/LaneFollow-v0", physics="fast", rig=rig, obs_mode="state")
    assert env.rate.hz == hz
    env.reset(seed=0)
    env.step(np.zeros(2, np.float32))
    env.close()
