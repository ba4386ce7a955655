"""What every sensor, robot and task must keep, whoever wrote it: used on the whole registries."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fleetloop.agents.policy import RandomPolicy
from fleetloop.agents.rollout import rollout
from fleetloop.core.clock import TickRate
from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.digest import EpisodeDigest, digest_arrays
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import Pose, Twist, quaternion_from_rotation_vector
from fleetloop.core.rng import generator_state
from fleetloop.core.spec import Schema
from fleetloop.envs.registration import make_env
from fleetloop.envs.rig import SensorRig
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import (
    Fault,
    LinkState,
    RobotState,
    SensorConfig,
    Surroundings,
)
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Plane, Sphere

RATE = TickRate(240)
CAR_JOINTS = ("wheel_fl", "wheel_fr", "wheel_rl", "wheel_rr", "steer_fl", "steer_fr")


def a_scene() -> Scene:
    """Ground, a wall ahead, and a ball."""
    scene = Scene()
    scene.add(Plane(), (0, 0, 0), material=MATERIALS.get("grass"), semantic=5)
    scene.add(Box((0.2, 6.0, 2.0)), (8.0, 0.0, 2.0), material=MATERIALS.get("plaster"), semantic=6)
    scene.add(Sphere(0.8), (5.0, 1.5, 0.8), material=MATERIALS.get("plastic"), semantic=21)
    return scene


def a_robot(tick: int, config: SensorConfig) -> RobotState:
    """A link that drives a gentle curve, with whatever joints the sensor reads."""
    t = tick / RATE.hz
    turn = quaternion_from_rotation_vector(np.array([0.02 * np.sin(9 * t), 0.0, 0.3 * t]))
    link = LinkState(
        world_T_link=Pose(np.array([2.0 * t, 0.3 * t * t, 1.2]), turn),
        twist=Twist(np.array([2.0, 0.6 * t, 0.0]), np.array([0.18 * np.cos(9 * t), 0.0, 0.3])),
        acceleration_m_s2=np.array([0.0, 0.6, 0.0]),
        angular_acceleration_rad_s2=np.array([-1.62 * np.sin(9 * t), 0.0, 0.0]),
        force_n=np.array([3.0, 1.0, 700.0 + 100.0 * np.sin(30 * t)]),
        torque_nm=np.array([0.5, 4.0 * np.sin(20 * t), 0.1]),
    )
    names = tuple(dict.fromkeys((*getattr(config, "joints", ()), *CAR_JOINTS)))
    count = np.arange(len(names))
    return RobotState(
        links={"base": link},
        joint_names=names,
        joint_position_rad=6.0 * t + 0.1 * count,
        joint_velocity_rad_s=np.full(len(names), 6.0),
        joint_torque_nm=2.0 + np.sin(t + count),
    )


class Watched:
    """A sensor that tells when the one inside breaks the protocol while it works."""

    def __init__(self, sensor) -> None:
        self._sensor = sensor
        self.draws = False

    def __getattr__(self, name):
        return getattr(self._sensor, name)

    def initial_state(self, rng):
        return self._call("initial_state", rng)

    def views(self, capture, state, rng):
        views = self._call("views", rng, capture, state)
        # The rig hands a sensor that does not look a world whose looks were not moved.
        assert self.config.looks or not views, "it asks for rays, but says that it does not"
        return views

    def measure(self, capture, traced, state, rng):
        return self._call("measure", rng, capture, traced, state)

    def _call(self, name, rng, *given):
        numbers = str(generator_state(rng))
        state = given[-1] if given else {}
        before = digest_arrays(state)
        result = getattr(self._sensor, name)(*given, rng)
        assert digest_arrays(state) == before, f"{name} changes its state in place"
        self.draws |= str(generator_state(rng)) != numbers
        return result


def stream(config: SensorConfig, seed: int, **options):
    """The samples of one sensor alone in a rig, with or without going back once on the way."""
    return watched_stream(config, seed, **options)[0]


def watched_stream(config: SensorConfig, seed: int, *, restore: bool = False, captures: int = 4):
    """The samples, and whether the sensor drew random numbers for them."""
    rig = SensorRig([config], RATE)
    watched = rig.sensors[config.name] = Watched(rig.sensors[config.name])
    scene = a_scene()
    rig.reset(seed, a_robot(0, config))
    period = RATE.period_ticks(config.rate_hz)
    taken = rig.capture(0, a_robot(0, config), Surroundings(), scene, first=True)
    snapshot = middle = None
    tick = 0
    while len(taken) < captures and tick < (captures + 2) * period:
        tick += 1
        if restore and snapshot is None and len(taken) == captures // 2:
            snapshot, middle, kept = rig.snapshot(), tick, len(taken)
        _tick(rig, tick, config, scene, taken)
    if snapshot is not None:
        rig.restore(snapshot)
        del taken[kept:]
        for again in range(middle, tick + 1):
            _tick(rig, again, config, scene, taken)
    return taken, watched.draws


def _tick(rig, tick, config, scene, taken) -> None:
    robot = a_robot(tick, config)
    pose = robot.links["base"].world_T_link
    if rig.tracked_links:
        rig.track(tick, {"base": (pose.position_m, pose.quaternion_xyzw)})
    if rig.due(tick):
        taken += rig.capture(tick, robot, Surroundings(), scene)


def digest_of(samples) -> str:
    digest = EpisodeDigest()
    for sample in samples:
        digest.add_sample(sample)
    return digest.hexdigest()


def check_sensor(kind: str) -> None:
    """Everything that a registered sensor must keep."""
    sensor_class = SENSORS.get(kind)
    config = sensor_class.CONFIG(name="x")
    assert kind == config.KIND, "a config names the kind under which it is registered"
    sensor = sensor_class(config)
    assert sensor_class.MODALITY in ("camera", "range", "state")
    assert isinstance(sensor.schema, Schema)
    assert len(sensor.schema) > 0
    assert any(not field.privileged for field in sensor.schema.values())
    assert 0.0 <= sensor.scan_s <= 1.0 / config.rate_hz + 1e-9
    again = from_json(sensor_class.CONFIG, to_json(config))
    assert config_hash(again) == config_hash(config)
    assert sensor_class(again).schema == sensor.schema
    first, draws = watched_stream(config, 3)
    assert len(first) == 4
    for sample in first:
        sensor.schema.check(sample.data, kind)
    assert digest_of(first) == digest_of(stream(again, 3)), "same seed, same bytes"
    assert digest_of(first) == digest_of(stream(config, 3, restore=True)), "exact restore"
    # Pose, times and labels are the same for all seeds here: it is the data that differ.
    other = digest_of(stream(config, 4))
    assert (other != digest_of(first)) == draws, "the seed shows where there is noise, only there"
    for fault in (*config.FAULTS, *config.RIG_FAULTS):
        faulty = stream(replace(config, faults=(Fault(kind=fault),)), 3, captures=2)
        assert faulty, f"{fault}: the first capture always arrives"
        assert all(sample.faults == (fault,) for sample in faulty)
        for sample in faulty:
            sensor.schema.check(sample.data, f"{kind} with {fault}")
        if fault in config.FAULTS:
            healthy = [digest_arrays(sample.data) for sample in first[: len(faulty)]]
            shown = [digest_arrays(sample.data) for sample in faulty]
            assert not set(shown) & set(healthy), f"{fault} is labelled and does nothing"


def check_task(task: str, modes=("state", "camera", "range", "all"), **options) -> None:
    """Everything that a registered task must keep."""
    for mode in modes:
        env = make_env(task, obs_mode=mode, **options)
        try:
            with warnings.catch_warnings():
                # A place on Earth or a pulse count has no bound, and says so.
                warnings.filterwarnings("ignore", ".*observation space m.* value is .*infinity")
                check_env(env, skip_render_check=True)
            observation, info = env.reset(seed=4)
            assert env.observation_space.contains(observation)
            assert info["truth"], "experts need truth"
            parts = {**env.schemas, "goal": env.task.goal_schema}
            fields = {f"{part}/{n}": f for part, c in parts.items() for n, f in c.items()}
            assert set(observation) == {key for key, f in fields.items() if not f.privileged}
            _check_wrong_calls(env)
        finally:
            env.close()
    _check_digests(task, modes[-1], options)
    _check_vectors(task, options)


def _check_wrong_calls(env) -> None:
    shape = env.action_space.shape
    with pytest.raises(ConfigError, match="shape"):
        env.step(np.zeros((shape[0] + 1,)))
    with pytest.raises(ConfigError, match="not finite"):
        env.step(np.full(shape, np.nan))
    before = env.t_ns
    env.step(np.full(shape, 1e9))
    assert env.t_ns > before, "what is too large is clipped"
    assert (env.last_step.action <= env.action_space.high).all()


def _check_digests(task: str, mode: str, options) -> None:
    env = make_env(task, obs_mode=mode, **options)
    policy = RandomPolicy(env.action_space.low, env.action_space.high)
    digests = [rollout(env, policy, seed, max_steps=6).digest for seed in (5, 6, 5)]
    assert digests[0] == digests[2] != digests[1]
    state = policy.init(5)
    env.reset(seed=5)
    trail, snapshot = [], None
    for number in range(6):
        if number == 3:
            snapshot, kept = env.snapshot(), len(trail)
        action, state = policy.act({}, state)
        env.step(action)
        trail.append((action, digest_of(env.last_samples), env.last_step.reward))
    env.restore(snapshot)
    for action, samples, reward in trail[kept:]:
        env.step(action)
        assert digest_of(env.last_samples) == samples
        assert env.last_step.reward == reward
    env.reset(seed=5)
    with pytest.raises(StateError, match="over"):
        env.restore(snapshot)
    env.close()


def _check_vectors(task: str, options) -> None:
    rows = []
    for kind in (gym.vector.SyncVectorEnv, gym.vector.AsyncVectorEnv):
        vector = kind([lambda: make_env(task, obs_mode="state", **options)] * 2)
        seen, _ = vector.reset(seed=[3, 4])
        found = [seen]
        for _ in range(3):
            seen, *_ = vector.step(np.zeros(vector.action_space.shape, np.float32))
            found.append(seen)
        rows.append(b"".join(row[key].tobytes() for row in found for key in sorted(row)))
        vector.close()
    assert rows[0] == rows[1]


@pytest.fixture(scope="session")
def contract() -> SimpleNamespace:
    """The checks by what they check."""
    return SimpleNamespace(sensor=check_sensor, task=check_task, stream=stream, digest=digest_of)
