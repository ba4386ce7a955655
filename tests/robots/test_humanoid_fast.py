"""The humanoid without an engine, carrying in both kinds of physics, and the gap between them."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import rollout
from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import Pose
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.homes.room import build_floor
from fleetloop.envs.homes.route import CELL_M, ahead_on, find_route
from fleetloop.envs.kinematic import KinematicWorld
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.glide import swing
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace.shapes import Box, Cylinder

RIGHT = 1
CARRY, WIPE, WALK, PICK, HANDOVER = (
    f"fleetloop/Humanoid{name}-v0" for name in ("Carry", "Wipe", "Walk", "Pick", "Handover")
)

HZ = Humanoid.physics_hz


def body_bytes(observation) -> bytes:
    return b"".join(observation[key].tobytes() for key in sorted(observation))


def walked(physics: str, seconds: float, *speeds: float):
    """Way and turn of a robot that is told some speeds."""
    stage = Stage(TickRate(50 if physics == "fast" else HZ), physics)
    build_floor(stage, 1.0)
    robot = Humanoid(HumanoidConfig())
    robot.spawn(stage, Pose.identity(), np.random.default_rng(0))
    action = np.zeros(len(robot.action_spec.names), np.float32)
    action[: len(speeds)] = speeds
    robot.command(action)
    turn, last = 0.0, 0.0
    for _ in range(round(10 * seconds)):
        robot.advance(round(stage.world.rate.hz / 10))
        heading = float(robot.state().links["base"].world_T_link.yaw_rad)
        turn += float(np.arctan2(np.sin(heading - last), np.cos(heading - last)))
        last = heading
    place = robot.state().links["base"].world_T_link.position_m[:2].copy()
    stage.close()
    return place, turn


@pytest.mark.parametrize("task", [CARRY, WIPE, WALK, PICK, HANDOVER])
def test_experts_do_the_same_tasks_without_an_engine(task):
    env = make_env(task, physics="fast", obs_mode="state")
    full = make_env(task, obs_mode="state")
    assert env.observation_space == full.observation_space
    assert env.action_space == full.action_space
    full.close()
    outcome = rollout(env, EXPERTS.get(task)(), 1)
    assert outcome.success, outcome
    short = [rollout(env, EXPERTS.get(task)(), 1, max_steps=9).digest for _ in range(2)]
    assert short[0] == short[1]
    env.close()


# Of picking: before the thing is taken, until it is carried.
@pytest.mark.parametrize(("task", "at"), [(CARRY, 32), (WIPE, 32), (PICK, 18)])
def test_without_an_engine_too_a_restore_goes_on_the_same(task, at):
    env = make_env(task, physics="fast", obs_mode="state")
    expert = EXPERTS.get(task)()
    _, info = env.reset(seed=4)
    seen, actions, snapshot = [], [], None
    for number in range(at + 8):
        if number == at:
            snapshot = env.snapshot()
        actions.append(expert.act(info["truth"], None)[0])
        observation, reward, _, _, info = env.step(actions[-1])
        seen.append((reward, body_bytes(observation)))
    env.restore(snapshot)
    for number in range(at, at + 8):
        observation, reward, *_ = env.step(actions[number])
        assert (reward, body_bytes(observation)) == seen[number]
    env.close()


def test_a_dropped_bag_is_dropped():
    env = make_env(CARRY, physics="fast", obs_mode="state")
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[[0, 10]] = 0.5, 1.0  # walks on with an open hand
    for _ in range(60):
        _, _, terminated, _, info = env.step(action)
        if terminated:
            break
    assert info["cause"] == "dropped"
    env.close()


def test_a_thing_is_grasped_carried_and_let_go():
    env = make_env(PICK, physics="fast", obs_mode="state")
    expert = EXPERTS.get(PICK)()
    _, info = env.reset(seed=3)
    kinds, over = [], False
    while not over:
        action, _ = expert.act(info["truth"], None)
        _, _, terminated, truncated, info = env.step(action)
        kinds += [event["kind"] for event in info["events"]]
        over = terminated or truncated
    assert kinds == ["grasped", "released", "placed"]
    env.reset(seed=3)
    for _ in range(20):  # closed fingers far from anything take nothing
        closed = np.zeros(env.action_space.shape, np.float32)
        closed[10] = -1.0
        *_, info = env.step(closed)
        assert not info["events"]
    env.close()


def test_a_hand_that_opens_too_early_drops_what_it_should_give():
    env = make_env(HANDOVER, physics="fast", obs_mode="state")
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[10] = 1.0
    *_, info = env.step(action)
    assert info["cause"] == "dropped"
    assert [event["kind"] for event in info["events"]] == ["dropped"]
    env.close()


def test_what_fast_physics_cannot_do_is_refused():
    env = make_env(WALK, physics="fast", robot_options={"action_mode": "joint"})
    with pytest.raises(ConfigError, match="action_mode='task'"):
        env.reset(seed=0)
    env.close()
    env = make_env(WALK, physics="fast", obs_mode="state")
    env.reset(seed=0)
    with pytest.raises(StateError, match="physics='full'"):
        _ = env.robot.articulation
    env.close()


def test_a_pendulum_swings_with_its_own_period():
    state, angles = np.array([0.1, 0.0, 0.0, 0.0]), []
    for _ in range(400):
        swing(state, np.zeros(2), 9.80665, 0.4, 0.0, 10, 0.001)
        angles.append(state[0])
    crossings = np.flatnonzero(np.diff(np.sign(angles)))
    period_s = 2.0 * np.diff(crossings).mean() * 0.01
    assert period_s == pytest.approx(2.0 * np.pi * np.sqrt(0.4 / 9.80665), rel=0.01)
    # Speeding up steadily it hangs back by atan(a / g).
    state = np.zeros(4)
    for _ in range(2000):
        swing(state, np.array([2.0, 0.0]), 9.80665, 0.4, 2.0, 10, 0.001)
    assert state[0] == pytest.approx(-np.arctan(2.0 / 9.80665), abs=1e-3)


def test_what_bears_a_hand_is_the_highest_part_under_it():
    world = KinematicWorld(TickRate(50))
    table = Part(shape=Box((0.5, 0.3, 0.02)), body_T_part=Pose.of(0.0, 0.0, 0.78))
    plate = Part(shape=Cylinder(0.1, 0.01), body_T_part=Pose.identity())
    world.add_body([table], Pose.of(1.0, 0.0, yaw_rad=0.5 * np.pi), Substance())
    held = world.add_body([plate], Pose.of(1.1, 0.2, 0.81), Substance(mass_kg=1.0))
    assert world.support_m(np.array([1.0, 0.4, 1.0])) == pytest.approx(0.80)
    assert world.support_m(np.array([1.4, 0.0, 1.0])) == -np.inf
    assert world.support_m(np.array([1.1, 0.25, 1.0])) == pytest.approx(0.82)
    assert world.support_m(np.array([1.1, 0.25, 1.0]), {held}) == pytest.approx(0.80)
    assert world.support_m(np.array([1.0, 0.4, 0.5])) == -np.inf


def test_a_route_goes_round_what_is_in_the_way():
    wall = np.array([[0.0, 0.0, 0.2, 1.5, 0.0], np.zeros(5)])
    route = find_route((3.0, 3.0), wall, (-2.0, 0.0), (2.0, 0.1), 0.4)
    assert np.allclose(route[0], (-2.0, 0.0), atol=CELL_M)
    assert route[-1].tolist() == [2.0, 0.1]
    assert np.linalg.norm(np.diff(route, axis=0), axis=1).max() < 0.25
    gap = np.hypot(
        np.maximum(np.abs(route[:, 0]) - 0.2, 0), np.maximum(np.abs(route[:, 1]) - 1.5, 0)
    )
    assert gap.min() >= 0.3
    assert ahead_on(route, np.array([2.0, 0.1]), 1.0).tolist() == [2.0, 0.1]
    assert np.linalg.norm(ahead_on(route, route[0], 0.5) - route[0]) == pytest.approx(0.6, abs=0.2)


@pytest.mark.long
def test_the_gap_between_both_kinds_of_physics(capsys):
    rows = []
    for name, seconds, speeds in (
        ("forward", 6.0, (0.6,)), ("slowly", 6.0, (0.3,)), ("turning", 4.0, (0.0, 0.0, 1.0)),
        ("sideways", 6.0, (0.0, 1.0)),
    ):  # fmt: skip
        (full, turned), (fast, glided) = (
            walked(physics, seconds, *speeds) for physics in ("full", "fast")
        )
        rows.append((name, float(np.linalg.norm(full - fast)), abs(turned - glided)))
    steps, forces = [], []
    for physics in ("full", "fast"):
        env = make_env(WIPE, physics=physics, obs_mode="state")
        _, info = env.reset(seed=5)
        expert, count, over = EXPERTS.get(WIPE)(), 0, False
        while not over:
            action, _ = expert.act(info["truth"], None)
            _, _, terminated, truncated, info = env.step(action)
            count, over = count + 1, terminated or truncated
        contact, total = info["truth"]["force_stats"][:2]
        steps.append(count)
        forces.append(float(total / contact))
        env.close()
    with capsys.disabled():
        for name, way_m, turn_rad in rows:
            print(f"\n{name}: {way_m:.2f} m and {turn_rad:.2f} rad apart", end="")
        print(f"\nwiping: {steps} steps at {np.round(forces, 2)} N, full and fast")
    assert max(row[1] for row in rows) < 0.4
    assert max(row[2] for row in rows) < 0.6
    assert abs(forces[0] - forces[1]) < 0.7
    assert 0.5 < steps[1] / steps[0] < 2.0
