"""The humanoid's hands: reaching, pressing with a force, holding, weighing."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.core.clock import TickRate
from fleetloop.core.errors import StateError
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.homes.room import build_floor
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.humanoid.actions import HAND_M, PRESS_N
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M, Held
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.tasks.wiped_grid import CELL_M, GRID, WipedGrid
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box

LEFT, RIGHT = 0, 1
WIPE = "fleetloop/HumanoidWipe-v0"

HZ = Humanoid.physics_hz


class Hands:
    """A humanoid that stands before a board."""

    def __init__(self, board_m=None) -> None:
        self.stage = Stage(TickRate(HZ))
        build_floor(self.stage, 1.0)
        if board_m is not None:
            self.board = self.add("board", Pose.of(0.5, 0.0, board_m - 0.02), (0.3, 0.5, 0.02), 0.0)
        self.robot = Humanoid(HumanoidConfig())
        self.robot.spawn(self.stage, Pose.identity(), np.random.default_rng(0))

    def add(self, name, place, half, mass_kg):
        look = Look(shape=Box(half), material=MATERIALS.get("wood"), semantic=SemanticClass.BOX)
        part = Part(shape=Box(half), body_T_part=Pose.identity())
        substance = Substance(mass_kg=mass_kg)
        return self.stage.add(name, place, looks=[look], parts=[part], substance=substance)

    def run(self, seconds, **numbers):
        action = np.zeros(len(self.robot.action_spec.names), np.float32)
        for name, value in numbers.items():
            action[self.robot.action_spec.names.index(name)] = value
        self.robot.command(action)
        for _ in range(round(seconds * HZ)):
            self.robot.before_tick()
            self.stage.world.step()
            self.robot.after_tick()

    def grip_m(self, side):
        base = self.robot.state().links["base"].world_T_link
        hand = self.robot.hand_pose(side)
        return base.inverse().transform_points(hand.transform_points(GRIP_POINT_M))


@pytest.fixture
def hands():
    made = []

    def make(**options):
        made.append(Hands(**options))
        return made[-1]

    yield make
    for one in made:
        one.stage.close()


def test_both_hands_go_where_they_are_sent_with_the_fingers_down(hands):
    body = hands()
    body.run(1.6, left_hand_x=0.5, left_hand_z=0.5, right_hand_x=0.3, right_hand_z=0.4)
    rest = body.robot.control.rest_m
    wanted = rest + HAND_M * np.array([[0.5, 0.0, 0.5], [0.3, 0.0, 0.4]])
    for side in (LEFT, RIGHT):
        assert np.abs(body.grip_m(side) - wanted[side]).max() < 0.01
        assert body.robot.hand_pose(side).rotation[2, 2] > 0.98
    assert not body.robot.fall_cause


def test_a_hand_never_jolts(hands):
    body = hands()
    speeds, last = [], body.grip_m(RIGHT)
    for _ in range(40):
        body.run(0.02, right_hand_x=0.6, right_hand_z=0.6)
        here = body.grip_m(RIGHT)
        speeds.append(np.linalg.norm(here - last) / 0.02)
        last = here
    assert 0.3 < max(speeds) < 0.8
    assert max(np.abs(np.diff(speeds))) / 0.02 < 12.0


@pytest.mark.parametrize("press_n", [3.0, 6.0])
def test_a_hand_presses_with_the_force_that_was_asked_for(hands, press_n):
    body = hands(board_m=0.82)
    above = {"right_hand_x": 0.6, "right_hand_z": 0.32}
    body.run(0.6, right_hand_z=0.4)
    body.run(0.8, right_hand_x=0.6, right_hand_z=0.4)
    body.run(2.0, right_press=press_n / PRESS_N, **above)
    means = []
    for _ in range(10):
        body.run(0.1, right_press=press_n / PRESS_N, **above)
        means.append(body.robot.pressing.mean_n[RIGHT])
    assert abs(np.mean(means) - press_n) < 0.5
    assert body.robot.pressing.mean_n[LEFT] == 0.0
    wrist = body.robot.state().links["right_hand"].force_n[2]
    assert wrist == pytest.approx(body.robot.pressing.row[6], abs=2.0)


def test_what_is_held_stays_where_it_was_taken_and_is_felt_and_weighed(hands):
    body = hands()
    load = body.add("load", Pose.of(2.0, 0.0, 1.0), (0.03, 0.03, 0.03), 1.5)
    body.run(0.2)
    body.robot.give(RIGHT, Held(thing=load, body_m=np.array([0.0, 0.0, 0.02]), mass_kg=1.5))
    with pytest.raises(StateError, match="release it first"):
        body.robot.give(RIGHT, Held(thing=load, body_m=np.zeros(3), mass_kg=1.5))
    forces = []
    for _ in range(120):
        body.run(0.02)
        forces.append(body.robot.state().links["right_hand"].force_n[2])
    position, _ = body.stage.world.pose(load.body)
    held_m = body.robot.hand_pose(RIGHT).transform_points(GRIP_POINT_M - [0.0, 0.0, 0.02])
    assert np.abs(position - held_m).max() < 0.004
    assert np.mean(forces[40:]) == pytest.approx(-1.5 * 9.80665, abs=0.8)
    assert body.robot.control.load_kg[RIGHT] == pytest.approx(1.5, abs=0.15)
    assert body.robot.control.load_kg[LEFT] < 0.05
    assert np.abs(body.grip_m(RIGHT) - body.robot.control.rest_m[RIGHT]).max() < 0.02
    body.robot.holding.release(RIGHT)
    body.run(0.6, right_grip=1.0)
    assert body.stage.world.pose(load.body)[0][2] < 0.3
    assert not body.robot.fall_cause


def test_a_wiping_episode_goes_on_the_same_after_a_restore():
    env = make_env(WIPE, rig="body")
    expert = EXPERTS.get(WIPE)()
    _, info = env.reset(seed=4)
    seen, actions, snapshot = [], [], None
    for number in range(36):
        if number == 30:
            snapshot = env.snapshot()
        actions.append(expert.act(info["truth"], None)[0])
        observation, reward, _, _, info = env.step(actions[-1])
        seen.append((reward, b"".join(observation[key].tobytes() for key in sorted(observation)),
                     info["truth"]["wiped"].tobytes()))  # fmt: skip
    assert info["truth"]["coverage"] > 0.0
    env.restore(snapshot)
    for number in range(30, 36):
        observation, reward, _, _, info = env.step(actions[number])
        again = b"".join(observation[key].tobytes() for key in sorted(observation))
        assert (reward, again, info["truth"]["wiped"].tobytes()) == seen[number]
    env.close()


def test_a_plate_that_is_hit_breaks():
    env = make_env(WIPE, rig="body", task_options={"break_n": (2.0, 2.0)})
    expert = EXPERTS.get(WIPE)()
    _, info = env.reset(seed=4)
    while True:
        _, _, terminated, truncated, info = env.step(expert.act(info["truth"], None)[0])
        if terminated or truncated:
            break
    assert info["cause"] == "broken"
    assert info["events"][-1]["kind"] == "broken"
    assert info["events"][-1]["detail"]["peak_n"] > 2.0
    assert info["reward_terms"]["failure"] < 0.0
    env.close()


def test_cells_are_wiped_by_what_lies_on_them():
    grid = WipedGrid(0.08)
    area = grid.count * CELL_M**2
    assert area == pytest.approx(np.pi * 0.08**2, rel=0.05)
    fresh = grid.wipe(Pose.of(0.02, 0.0, 0.0, yaw_rad=0.5 * np.pi), (0.031, 0.011))
    assert fresh == 7 * 3
    assert grid.wipe(Pose.of(0.02, 0.0, 0.0, yaw_rad=0.5 * np.pi), (0.031, 0.011)) == 0
    image = grid.image()
    assert image.shape == (GRID, GRID)
    assert (image == 1).sum() == fresh
    assert (image >= 0).sum() == grid.count
    middle = GRID // 2
    assert image[middle + 2, middle + 3] == 1
    assert image[middle + 4, middle] == 0
    assert grid.is_wiped(np.array([[0.02, 0.0], [0.06, 0.0], [0.3, 0.0]])).tolist() == [
        True, False, False,
    ]  # fmt: skip
    while grid.coverage < 1.0:
        cell = grid.nearest(Pose.of(0.02, 0.0))
        assert not grid.is_wiped(cell[None])[0]
        grid.wipe(Pose.of(*cell, 0.0), (0.02, 0.02))
    assert grid.nearest(Pose.identity()).tolist() == [0.0, 0.0]
