"""The humanoid on its feet: pushed, walking, falling, and put back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.homes.room import build_floor
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.humanoid.actions import SPEED_M_S
from fleetloop.envs.robots.humanoid.arm_ik import arm_rows, reach
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.kinematics import Motion, base_rows, move, tree_of
from fleetloop.envs.robots.humanoid.links import GRIP_M, humanoid_links
from fleetloop.envs.robots.humanoid.params import HumanoidParams, HumanoidSpread
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.robots.humanoid.walker_state import BASE, WalkGains
from fleetloop.envs.stage import Stage

EAST = Pose.of(1.0, 2.0, yaw_rad=0.7)
LINKS = humanoid_links(HumanoidParams())
TREE = tree_of(LINKS)

HZ = Humanoid.physics_hz


class Walk:
    """A humanoid on a floor."""

    def __init__(self, friction=1.0, seed=0, **options) -> None:
        self.stage = Stage(TickRate(HZ))
        build_floor(self.stage, friction)
        self.robot = Humanoid(HumanoidConfig(**options))
        self.robot.spawn(self.stage, EAST, np.random.default_rng(seed))

    def run(self, seconds, *speeds) -> bool:
        """Goes on; returns whether it is still on its feet."""
        action = np.zeros(len(self.robot.action_spec.names), np.float32)
        action[: len(speeds)] = speeds
        self.robot.command(action)
        for _ in range(round(seconds * HZ)):
            self.robot.before_tick()
            self.stage.world.step()
            self.robot.after_tick()
        return not self.robot.fall_cause

    @property
    def place(self):
        return self.robot.state().links["base"].world_T_link

    @property
    def way(self):
        """Displacement from the start, in the start's axes."""
        return EAST.inverse().transform_points(self.place.position_m)

    def close(self) -> None:
        self.stage.close()


@pytest.fixture
def walk():
    made = []

    def make(**options):
        made.append(Walk(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_it_stands_still_and_keeps_its_height(walk):
    robot = walk()
    height = robot.place.position_m[2]
    assert robot.run(1.5)
    assert np.abs(robot.way[:2]).max() < 0.05
    assert abs(robot.place.position_m[2] - height) < 0.02


def test_a_push_is_answered(walk):
    robot = walk()
    robot.run(0.5)
    robot.robot.push(np.array([0.0, 100.0, 0.0]), 0.1)
    assert robot.run(0.12)
    assert np.linalg.norm(robot.robot.state().links["base"].twist.linear_m_s) > 0.1
    assert robot.run(2.0)
    assert np.linalg.norm(robot.robot.state().links["base"].twist.linear_m_s) < 0.15


def test_it_walks_as_fast_as_it_is_told_and_knows_how_far(walk):
    robot = walk()
    assert robot.run(4.0, 1.0)
    begun = robot.way
    assert robot.run(3.0, 1.0)
    forward, left, _ = robot.way - begun
    assert forward / 3.0 == pytest.approx(SPEED_M_S[0], rel=0.12)
    assert abs(left) < 0.4
    own = robot.robot.control.walker[BASE : BASE + 2]
    assert np.linalg.norm(own - robot.way[:2]) < 0.1


def test_a_humanoid_that_falls_goes_limp(walk):
    robot = walk()
    robot.run(0.3)
    robot.robot.push(np.array([900.0, 0.0, 0.0]), 0.15)
    assert not robot.run(1.5)
    assert robot.robot.fall_cause in ("tilt", "height", "balance")
    highest = 0.0
    for _ in range(20):
        robot.run(0.1)
        highest = max(highest, robot.place.position_m[2])
    assert highest < 0.9
    speed = np.linalg.norm(robot.robot.state().links["base"].twist.linear_m_s)
    assert speed < 1.0


@pytest.mark.parametrize("mode", ["task", "residual", "joint"])
def test_every_mode_is_the_same_after_a_restore(mode):
    env = make_env("fleetloop/HumanoidStand-v0", rig="body", robot_options={"action_mode": mode})
    env.reset(seed=3)
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (6, *env.action_space.shape))
    seen, snapshot = [], None
    for number, action in enumerate(actions):
        if number == 3:
            snapshot = env.snapshot()
        observation, *_ = env.step(action)
        seen.append(b"".join(observation[key].tobytes() for key in sorted(observation)))
    env.restore(snapshot)
    for number in (3, 4, 5):
        observation, *_ = env.step(actions[number])
        again = b"".join(observation[key].tobytes() for key in sorted(observation))
        assert again == seen[number]
    assert env.config.control_hz == (10.0 if mode == "task" else 50.0)
    env.close()


def test_bodies_differ_between_episodes_if_asked(walk):
    spread = HumanoidSpread(size=0.05, mass=0.1, friction=(0.7, 1.1))
    one, other = walk(seed=1, spread=spread), walk(seed=2, spread=spread)
    assert one.robot.params != other.robot.params
    assert one.run(0.6)
    assert other.run(0.6)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from(["left", "right"]))
def test_arms_reach_what_can_be_reached(seed, side):
    rng = np.random.default_rng(seed)
    limits = np.array([(link.lower, link.upper) for link in LINKS if link.joint]).T
    motion = Motion.of(len(LINKS))
    base = base_rows(np.zeros(3), np.eye(3), np.zeros(3), np.zeros(3))
    rows = arm_rows(TREE, side)
    first = TREE.joint[rows[0]]
    q = np.zeros(len(TREE.joints))
    middle, half = limits.mean(axis=0), 0.5 * np.diff(limits, axis=0)[0]
    arm = slice(first, first + 7)
    q[arm] = (middle + 0.8 * half * rng.uniform(-1, 1, len(q)))[arm]
    move(TREE.arrays, base, q, 0.0 * q, motion.arrays)
    hand, torso = rows[-1], TREE.row("torso")
    target = motion.position_m[hand] - GRIP_M * motion.rotation[hand][:, 2]
    start = q.copy()
    start[arm] = np.clip(q[arm] + rng.uniform(-0.4, 0.4, 7), *limits[:, arm])
    left = reach(
        TREE.arrays, rows, motion.position_m[torso].copy(), motion.rotation[torso].copy(), target,
        limits[0], limits[1], start, 60, 0.0,
    )  # fmt: skip
    assert left < 1e-3
    assert (start >= limits[0]).all()
    assert (start <= limits[1]).all()


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="action_mode"):
        HumanoidConfig(action_mode="dance")
    with pytest.raises(ConfigError, match="step_s"):
        WalkGains(step_s=0.1)
