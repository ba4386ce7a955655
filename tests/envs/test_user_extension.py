"""A sensor, a robot and a task as a user would write them: one line each, and everything works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fleetloop.agents.policy import RandomPolicy
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.errors import ConfigError, StateError, UnknownNameError
from fleetloop.core.frames import Pose, Twist
from fleetloop.core.semantics import SemanticClass
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Event
from fleetloop.envs.registration import ROBOTS, TASKS, make_env, register_task
from fleetloop.envs.robots.base import ActionSpec
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import LinkState, RobotState, SensorConfig
from fleetloop.envs.stage import Look
from fleetloop.envs.tasks.base import Verdict
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box, Plane, Sphere
from fleetloop.envs.world import Part, Substance


# --- a sensor: how high the link is above the ground -------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class AltimeterConfig(SensorConfig):
    KIND: ClassVar[str] = "my_altimeter"
    noise_m: float = 0.01


class Altimeter:
    CONFIG = AltimeterConfig
    MODALITY = "range"
    scan_s = 0.0
    schema = Schema(
        {
            "height_m": Field(shape=(1,), dtype="float32", unit="m", low=-1000, high=1000),
            "true_height_m": Field(shape=(1,), dtype="float32", unit="m", privileged=True),
        }
    )

    def __init__(self, config: AltimeterConfig) -> None:
        self.config = config

    def initial_state(self, rng):
        return {}

    def views(self, capture, state, rng):
        return ()

    def measure(self, capture, traced, state, rng):
        true = np.float32(capture.world_T_sensor.position_m[2:3])
        noisy = np.float32(true + rng.normal(0.0, self.config.noise_m, 1))
        return {"height_m": noisy, "true_height_m": true}, state


# --- a robot: a puck that is pushed over the floor -----------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class PuckConfig:
    mass_kg: float = 2.0
    max_force_n: float = 10.0


class Puck:
    CONFIG = PuckConfig
    action_spec = ActionSpec(
        names=("push_x", "push_y"),
        low=np.array([-1, -1], np.float32),
        high=np.array([1, 1], np.float32),
    )
    rigs: ClassVar = {"altimeter": (AltimeterConfig(name="altimeter", rate_hz=30),)}

    def __init__(self, config: PuckConfig) -> None:
        self.config = config

    def spawn(self, stage, world_T_base, rng):
        ball = Sphere(0.2)
        self._stage = stage
        self._body = stage.add(
            "robot",
            world_T_base @ Pose.of(0, 0, 0.2),
            looks=[
                Look(
                    shape=ball,
                    material=MATERIALS.get("plastic"),
                    semantic=SemanticClass.ROBOT,
                )
            ],
            parts=[Part(shape=ball, body_T_part=Pose.identity())],
            substance=Substance(mass_kg=self.config.mass_kg),
        ).body
        self._force_n = np.zeros(3)

    def command(self, action):
        self._force_n = np.array([*action, 0.0]) * self.config.max_force_n

    def before_tick(self):
        self._stage.world.apply_wrench(self._body, self._force_n, np.zeros(3))

    def after_tick(self):
        pass

    def pose_looks(self):
        pass

    def link_poses(self, links):
        return {link: self._stage.world.pose(self._body) for link in links}

    def state(self):
        position, quaternion = self._stage.world.pose(self._body)
        base = LinkState(
            world_T_link=Pose(position, quaternion),
            twist=Twist(*self._stage.world.com_velocity(self._body)),
            acceleration_m_s2=np.zeros(3),
            angular_acceleration_rad_s2=np.zeros(3),
            force_n=np.zeros(3),
            torque_nm=np.zeros(3),
        )
        none = np.zeros(0)
        return RobotState(
            links={"base": base},
            joint_names=(),
            joint_position_rad=none,
            joint_velocity_rad_s=none,
            joint_torque_nm=none,
        )

    def snapshot(self):
        return {"force_n": self._force_n.copy()}

    def restore(self, snapshot):
        self._force_n = snapshot["force_n"].copy()


# --- a task: push the puck to a place -----------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig:
    reach_m: float = 1.0
    max_duration_s: float = 3.0


class Push:
    CONFIG = PushConfig
    ROBOT = "my_puck"
    RIG = "altimeter"
    goal_schema = Schema(
        {"target_m": Field(shape=(2,), dtype="float32", unit="m", frame="world", low=-9, high=9)}
    )

    def __init__(self, config: PushConfig) -> None:
        self.config = config
        self.max_duration_s = config.max_duration_s
        self._target_m = np.zeros(2, np.float32)

    def build(self, stage, rng, draws):
        self._target_m = rng.uniform(-2, 2, 2).astype(np.float32)
        draws["target_m"] = self._target_m.tolist()
        floor = Part(shape=Plane(), body_T_part=Pose.identity())
        stage.add("ground", Pose.identity(), parts=[floor])
        stage.add(
            "crate",
            Pose.of(3, 0, 0.3),
            parts=[Part(shape=Box((0.3, 0.3, 0.3)), body_T_part=Pose.identity())],
            substance=Substance(mass_kg=1.0),
        )
        return Pose.identity()

    def begin(self, stage, robot):
        pass

    def judge(self, stage, robot, t_ns):
        away = self._away_m(robot)
        done = away < 0.1
        return Verdict(
            reward_terms={"away": -away, "done": float(done)},
            terminated=done,
            success=done,
            cause="done" if done else "",
            events=(Event(t_ns=t_ns, kind="arrived"),) if done else (),
        )

    def goal(self, stage, robot):
        return {"target_m": self._target_m.copy()}

    def truth(self, stage, robot):
        return {"away_m": np.array(self._away_m(robot))}

    def snapshot(self):
        return {}

    def restore(self, snapshot):
        pass

    def _away_m(self, robot) -> float:
        here = robot.state().links["base"].world_T_link.position_m[:2]
        return float(np.linalg.norm(here - self._target_m))


ID = "tests/Push-v0"
if ID not in TASKS:
    SENSORS.add("my_altimeter", Altimeter)
    ROBOTS.add("my_puck", Puck)
    TASKS.add(ID, Push)
    register_task(ID)


@pytest.fixture
def env():
    env = gym.make(ID).unwrapped
    yield env
    env.close()


def push_to(env, seed: int, actions: np.ndarray) -> list:
    env.reset(seed=seed)
    return [env.step(action) for action in actions]


def test_the_sensor_keeps_the_contract_of_all_sensors(contract):
    contract.sensor("my_altimeter")


def test_the_task_and_its_robot_keep_the_contract_of_all_tasks(contract):
    contract.task(ID, modes=("state", "range"))


def test_it_passes_gymnasiums_checker(env):
    check_env(env, skip_render_check=True)


def test_the_observation_holds_sensors_and_goal_but_nothing_privileged(env):
    observation, info = env.reset(seed=3)
    assert set(observation) == {"altimeter/height_m", "goal/target_m"}
    assert env.observation_space.contains(observation)
    assert info["truth"]["away_m"].shape == ()
    assert env.draws["target_m"] == observation["goal/target_m"].tolist()


def test_observation_modes_choose_what_runs():
    env = make_env(ID, obs_mode="state")
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"goal/target_m"}
    env.close()


def test_same_seed_same_digest_and_other_seeds_differ(env):
    policy = RandomPolicy(env.action_space.low, env.action_space.high)
    digests = [rollout(env, policy, seed).digest for seed in (5, 6, 5)]
    twin = make_env(ID)
    assert rollout(twin, policy, 5).digest == digests[0] == digests[2] != digests[1]
    twin.close()


def test_a_restored_episode_goes_on_the_same(env):
    actions = np.random.default_rng(1).uniform(-1, 1, (25, 2)).astype(np.float32)

    def flat(steps) -> bytes:
        return b"".join(o["altimeter/height_m"].tobytes() + np.float64(r).tobytes()
                        for o, r, *_ in steps)  # fmt: skip

    undisturbed = flat(push_to(env, 9, actions))
    push_to(env, 9, actions[:10])
    snapshot = env.snapshot()
    first = flat([env.step(a) for a in actions[10:]])
    env.restore(snapshot)
    second = flat([env.step(a) for a in actions[10:]])
    assert first == second == undisturbed[-len(first) :]


def test_steps_and_samples_are_kept_at_their_own_rates(env):
    kept = EpisodeList()
    policy = RandomPolicy(env.action_space.low, env.action_space.high)
    outcome = rollout(env, policy, 11, sinks=[kept])
    episode = kept.episode()
    assert outcome.steps == len(episode.steps) == 30
    assert len(episode.samples["altimeter"]) == 91
    assert episode.meta.seed == 11
    assert outcome.total_reward == pytest.approx(sum(step.reward for step in episode.steps))
    assert episode.steps[-1].truncated
    assert outcome.cause == "time"


def test_it_works_in_sync_and_async_vectors():
    def make():
        env = make_env(ID)
        return env

    results = []
    for kind in (gym.vector.SyncVectorEnv, gym.vector.AsyncVectorEnv):
        vector = kind([make] * 2)
        observation, _ = vector.reset(seed=[3, 4])
        rows = [observation]
        for _ in range(5):
            observation, *_ = vector.step(np.full((2, 2), 0.5, np.float32))
            rows.append(observation)
        results.append(b"".join(row[k].tobytes() for row in rows for k in sorted(row)))
        vector.close()
    assert results[0] == results[1]


def test_wrong_calls_get_clear_errors(env):
    with pytest.raises(StateError, match="reset"):
        env.step(np.zeros(2))
    with pytest.raises(StateError, match="reset"):
        env.snapshot()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=r"shape \(3,\)"):
        env.step(np.zeros(3))
    with pytest.raises(ConfigError, match="push_y"):
        env.step(np.array([0.0, np.nan]))
    snapshot = env.snapshot()
    env.reset(seed=1)
    with pytest.raises(StateError, match="over"):
        env.restore(snapshot)
    with pytest.raises(UnknownNameError, match="Push-v0"):
        make_env("tests/Pusch-v0")
    with pytest.raises(UnknownNameError, match="altimeter"):
        make_env(ID, rig="altimetre")
