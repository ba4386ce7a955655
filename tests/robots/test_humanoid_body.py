"""The humanoid's body as numbers, as a PyBullet body, and as kinematics of our own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.articulation import Articulation
from fleetloop.envs.robots.humanoid.kinematics import Motion, base_rows, move, tree_of
from fleetloop.envs.robots.humanoid.leg_ik import leg_angles
from fleetloop.envs.robots.humanoid.links import humanoid_links, joint_names, solid_inertia
from fleetloop.envs.robots.humanoid.looks import humanoid_looks
from fleetloop.envs.robots.humanoid.params import HumanoidParams, HumanoidSpread, vary
from fleetloop.envs.robots.humanoid.posture import nominal_posture
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.robots.humanoid.urdf import urdf_text
from fleetloop.envs.trace.shapes import Box, Capsule, Sphere
from fleetloop.envs.world import World

PARAMS = HumanoidParams()
LINKS = humanoid_links(PARAMS)
TREE = tree_of(LINKS)
STILL = np.zeros(3)

HZ = Humanoid.physics_hz


def moved(q, base=None):
    motion = Motion.of(len(LINKS))
    base = base or Pose.identity()
    rows = base_rows(base.position_m, base.rotation, STILL, STILL)
    move(TREE.arrays, rows, q, np.zeros_like(q), motion.arrays)
    return motion


def some_posture(seed):
    rng = np.random.default_rng(seed)
    limits = [(link.lower, link.upper) for link in LINKS if link.joint]
    return rng.uniform(*np.array(limits).T)


@pytest.fixture(scope="module")
def body():
    world = World(TickRate(HZ))
    text = urdf_text("humanoid", LINKS, damping_nm_s=0.5)
    yield Articulation(world, text, Pose.of(0, 0, 2), joint_names(LINKS))
    world.close()


def test_height_mass_and_joints_are_those_of_optimus():
    assert pytest.approx(1.73, abs=0.005) == PARAMS.height_m
    assert sum(link.mass_kg for link in LINKS) == pytest.approx(57.0, abs=1.0)
    hands = [name for name in joint_names(LINKS) if name.endswith(("finger", "thumb"))]
    assert len(hands) == 4
    assert len(joint_names(LINKS)) - len(hands) >= 28


def test_left_mirrors_right():
    by_name = {link.name: link for link in LINKS}
    mirror = np.array([1.0, -1.0, 1.0])
    for name, left in by_name.items():
        if not name.startswith("left_"):
            continue
        right = by_name[name.replace("left_", "right_")]
        assert left.mass_kg == right.mass_kg
        assert left.inertia_kg_m2 == right.inertia_kg_m2
        assert np.allclose(np.multiply(left.origin_m, mirror), right.origin_m)
        assert np.allclose(np.multiply(left.com_m, mirror), right.com_m)
        if left.axis[1] == 0.0:
            assert (left.lower, left.upper) == (-right.upper, -right.lower)
        else:
            assert (left.lower, left.upper) == (right.lower, right.upper)


def test_centre_of_mass_is_in_the_middle():
    assert abs(moved(np.zeros(len(TREE.joints))).branch_com_m[0, 1]) < 1e-12


def test_inertias_are_possible():
    for link in LINKS:
        a, b, c = link.inertia_kg_m2
        assert min(a, b, c) > 0.0
        assert a + b > c
        assert b + c > a
        assert a + c > b


@pytest.mark.parametrize("shape", [Box((0.1, 0.2, 0.3)), Sphere(0.2), Capsule(0.1, 0.2)])
def test_inertia_of_solids_is_that_of_their_points(shape):
    points = np.random.default_rng(0).uniform(-0.35, 0.35, (400_000, 3))
    if isinstance(shape, Box):
        inside = (np.abs(points) < shape.half_extents_m).all(axis=1)
    else:
        half = getattr(shape, "half_length_m", 0.0)
        along = points[:, 2] - np.clip(points[:, 2], -half, half)
        inside = np.hypot(np.hypot(points[:, 0], points[:, 1]), along) < shape.radius_m
    square = (points[inside] ** 2).mean(axis=0)
    assert np.allclose(solid_inertia(shape, 3.0), 3.0 * (square.sum() - square), rtol=0.02)


def test_links_that_are_not_neighbours_keep_three_centimetres(body):
    body.reset_joints(nominal_posture(TREE))
    solid = [link for link in LINKS if link.shape is not None]
    for number, link in enumerate(solid):
        for other in solid[number + 1 :]:
            if link.name in (other.parent,) or other.name in (link.parent,):
                continue
            assert body.gap_m(link.name, other.name, 0.05) >= 0.03, (link.name, other.name)


@given(st.integers(0, 2**31))
def test_kinematics_agree_with_pybullet(body, seed):
    q = some_posture(seed)
    body.reset_joints(q)
    motion = moved(q, Pose.of(0, 0, 2))
    for row, name in enumerate(TREE.names):
        pose = body.link_pose(name)
        # PyBullet reads numbers of a URDF in single precision.
        assert np.allclose(pose.position_m, motion.position_m[row], atol=2e-6)
        assert np.allclose(pose.rotation, motion.rotation[row], atol=2e-6)


@given(st.integers(0, 2**31))
def test_velocities_are_the_slopes_of_positions(seed):
    rng = np.random.default_rng(seed)
    q, dq = some_posture(seed), rng.normal(size=len(TREE.joints))
    velocity, turning = rng.normal(size=3), rng.normal(size=3)
    motion = Motion.of(len(LINKS))
    move(TREE.arrays, base_rows(STILL, np.eye(3), velocity, turning), q, dq, motion.arrays)
    step = 1e-6
    half = 0.5 * step * turning
    later, before = (
        moved(q + s * step * dq, Pose(s * step * velocity, np.array([*(s * half), 1.0])))
        for s in (1.0, -1.0)
    )
    slope = (later.position_m - before.position_m) / (2.0 * step)
    assert np.allclose(slope, motion.velocity_m_s, atol=1e-6)
    slope = (later.branch_com_m[0] - before.branch_com_m[0]) / (2.0 * step)
    assert np.allclose(slope, motion.com_velocity_m_s, atol=1e-6)


@given(st.integers(0, 2**31), st.sampled_from(["left", "right"]))
def test_leg_inverse_is_exact(seed, side):
    q = some_posture(seed)
    first = TREE.joints.index(f"{side}_hip_yaw")
    q[first + 3] = max(q[first + 3], 0.1)
    foot = TREE.row(f"{side}_foot")
    wanted = moved(q)
    hip = np.array([0.0, PARAMS.hip_half_width_m * (1 if side == "left" else -1), 0.0])
    angles = np.zeros(6)
    reached = leg_angles(
        hip, wanted.position_m[foot], wanted.rotation[foot], PARAMS.thigh_m, PARAMS.shank_m, angles
    )
    assert reached
    q[first : first + 6] = angles
    found = moved(q)
    assert np.allclose(found.position_m[foot], wanted.position_m[foot], atol=1e-9)
    assert np.allclose(found.rotation[foot], wanted.rotation[foot], atol=1e-9)


def test_a_leg_out_of_reach_stretches_towards_the_place():
    hip, angles = np.array([0.0, 0.1, 0.0]), np.zeros(6)
    assert not leg_angles(hip, np.array([0.3, 0.1, -1.2]), np.eye(3), 0.41, 0.40, angles)
    q = np.zeros(len(TREE.joints))
    first = TREE.joints.index("left_hip_yaw")
    q[first : first + 6] = angles
    ankle = moved(q).position_m[TREE.row("left_foot")]
    hip = moved(q).position_m[TREE.row("left_thigh")]
    wanted = np.array([0.3, 0.0, -1.2])
    assert np.allclose((ankle - hip) / np.linalg.norm(ankle - hip),
                       wanted / np.linalg.norm(wanted), atol=0.02)  # fmt: skip
    assert abs(moved(q).rotation[TREE.row("left_foot")][2, 2] - 1.0) < 1e-9


def test_bodies_vary_within_their_spread_and_stay_symmetric():
    spread = HumanoidSpread(size=0.05, mass=0.1, torque=0.2, friction=(0.6, 1.2))
    rng = np.random.default_rng(5)
    found = [vary(PARAMS, spread, rng) for _ in range(50)]
    sizes = [params.thigh_m / PARAMS.thigh_m for params in found]
    assert 0.95 <= min(sizes) < 0.97
    assert 1.03 < max(sizes) <= 1.05
    assert all(0.6 <= params.foot_friction <= 1.2 for params in found)
    assert all(abs(p.shank_m / p.thigh_m - PARAMS.shank_m / PARAMS.thigh_m) < 1e-12 for p in found)
    assert vary(PARAMS, HumanoidSpread(), np.random.default_rng(0)) == PARAMS
    assert humanoid_links(found[0])
    assert humanoid_looks(found[0])


def test_impossible_numbers_are_refused():
    with pytest.raises(ConfigError, match="thigh_m"):
        HumanoidParams(thigh_m=-0.4)
    with pytest.raises(ConfigError, match="foot_size_m"):
        HumanoidParams(foot_size_m=(0.2, 0.0, 0.03))
    with pytest.raises(ConfigError, match="spread of mass"):
        HumanoidSpread(mass=0.7)
    world = World(TickRate(HZ))
    with pytest.raises(ConfigError, match="URDF"):
        Articulation(world, "<robot", Pose.identity())
    text = urdf_text("humanoid", LINKS, damping_nm_s=0.5)
    with pytest.raises(ConfigError, match="joints are"):
        Articulation(world, text, Pose.identity(), ("knee",))
    world.close()


def test_every_moving_shell_has_a_link():
    assert set(humanoid_looks(PARAMS)) <= set(TREE.names)
