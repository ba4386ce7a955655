"""What the brain is shown: nothing privileged, and the same from a log as from the environment."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fleetloop.agents.brain.inputs import BEAMS, encode, input_spec, task_inputs
from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.observe import moments
from fleetloop.agents.rollout import rollout
from fleetloop.agents.training.setups import humanoid_setup
from fleetloop.agents.training.shards import load_shard, make_shard
from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import ConfigError, DamagedFileError, SchemaError, StorageError
from fleetloop.core.spec import DTYPES
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.envs.registration import TASKS, make_env

from .conftest import CAR, WALKER, observation

LANE = "fleetloop/LaneFollow-v0"
SMALL_RIGS = {"car": "front64", "humanoid": "head64"}
OURS = [name for name in TASKS if name.startswith("fleetloop/")]


def env_of(task):
    return make_env(task, rig=SMALL_RIGS[TASKS.get(task).ROBOT])


@pytest.mark.parametrize("task", OURS)
def test_no_privileged_value_can_reach_the_brain(task):
    """By the schemas: what a spec names is observable, and nothing else is read."""
    env = env_of(task)
    spec = input_spec(task_inputs(env))
    inputs = spec.of(task)
    schemas = {**env.schemas, "goal": env.task.goal_schema}
    sensors = [entry.sensor for entry in inputs.ranges]
    keys = [entry.key for entry in (*inputs.cameras, *inputs.proprioception, *inputs.goal)]
    keys += [f"{name}/{field}" for name in sensors for field in ("range_m", "valid")]
    assert inputs.cameras
    assert inputs.goal
    for key in keys:
        sensor, field = key.split("/")
        assert not schemas[sensor][field].privileged, key
        assert key in env.observation_space.spaces, key
    seen = {name: space.sample() for name, space in env.observation_space.spaces.items()}
    env.close()

    class Watched(dict):
        read: ClassVar = set()

        def __getitem__(self, key):
            self.read.add(key)
            return super().__getitem__(key)

    truth = {"truth": np.zeros(3), "front/semantic": np.zeros(3)}
    encode(spec, task, Watched(seen | truth))
    allowed = set(keys) | {f"{name}/point_m" for name in sensors}
    assert Watched.read <= allowed
    # Where it is in the world is no secret, and a place learnt by heart is of no use elsewhere.
    assert not any("position_world" in key or "latitude" in key for key in Watched.read)


def test_places_of_the_goal_are_also_shown_from_the_hand():
    task = "fleetloop/HumanoidWipe-v0"
    env = make_env(task, **humanoid_setup(task).env)
    spec = input_spec(task_inputs(env))
    seen, _ = env.reset(seed=2)
    env.close()
    hand = "right_grip/position_m"
    assert [(e.place, e.hand) for e in spec.of(task).reach] == [
        ("goal/plate_m", hand),
        ("goal/dirt_m", hand),
    ]
    goal = encode(spec, task, seen)["goal"]
    assert len(goal) == spec.goal == 13
    np.testing.assert_array_equal(goal[7:10], seen["goal/plate_m"] - seen[hand])
    np.testing.assert_array_equal(goal[10:13], seen["goal/dirt_m"] - seen[hand])


@pytest.mark.parametrize("task", OURS)
def test_what_an_expert_acts_on_can_be_logged(task):
    """Labels are made from logs: truth and goal of every task must be of types that a log holds."""
    env = env_of(task)
    _, info = env.reset(seed=0)
    held = dict(info["truth"]) | dict(env.task.goal(env.stage, env.robot))
    env.close()
    assert {name: str(array.dtype) for name, array in held.items() if str(array.dtype) not in
            DTYPES} == {}  # fmt: skip


def test_specs_travel_as_json(spec):
    assert from_json(type(spec), to_json(spec)) == spec
    assert (spec.cameras, spec.ranges, spec.proprioception, spec.goal, spec.actions) == (
        2,
        1,
        7,
        2,
        3,
    )


def test_tasks_come_once_and_bodies_have_one_head(spec):
    from dataclasses import replace

    with pytest.raises(ConfigError, match="each once"):
        replace(spec, tasks=(spec.tasks[0], spec.tasks[0]))
    twin = replace(spec.tasks[1], task="made/Zoo-v0", actions=("x", "y"))
    with pytest.raises(ConfigError, match="one head a body"):
        replace(spec, tasks=(*spec.tasks, twin))


def test_ranges_become_the_closest_of_each_sector(spec):
    seen = observation(spec, WALKER)
    seen["chest/range_m"] = np.full(90, 20.0, np.float32)
    seen["chest/valid"] = np.ones(90, np.int8)
    seen["chest/range_m"][45] = 5.0
    seen["chest/valid"][0] = 0
    beams = encode(spec, WALKER, seen)["beams"][0]
    assert beams.shape == (BEAMS,)
    assert beams.argmax() == 32
    assert beams.max() == pytest.approx(0.5)
    assert beams[0] == 0.0
    assert beams[1] == pytest.approx(0.2)


def test_slots_that_a_task_lacks_are_zero(spec):
    shown = encode(spec, WALKER, observation(spec, WALKER))
    assert shown["image"][0].any()
    assert not shown["image"][1].any()
    assert not encode(spec, CAR, observation(spec, CAR))["beams"].any()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A short lossless log, with the observation and truth of each step as the agent got them."""
    env = make_env(LANE, rig="front64", task_options={"distance_m": 15.0})
    given = []
    step = env.step

    def watched(action):
        result = step(action)
        given.append((result[0], result[4]["truth"]))
        return result

    env.step = watched
    folder = tmp_path_factory.mktemp("log")
    with EpisodeWriter(folder, lossless=True) as writer:
        rollout(env, EXPERTS.get(LANE)(), 3, [writer])
    spec = input_spec(task_inputs(env), horizon=4)
    env.close()
    return folder / "LaneFollow-v0-3.mcap", given, spec


def test_a_log_gives_the_observations_that_the_agent_had(recorded):
    path, given, _ = recorded
    again = list(moments(EpisodeLog(path)))
    assert len(again) == len(given) > 10
    for moment, (seen, _) in zip(again, given, strict=True):
        assert moment.observation.keys() == seen.keys()
        for key, array in seen.items():
            assert moment.observation[key].dtype == array.dtype, key
            np.testing.assert_array_equal(moment.observation[key], array, err_msg=key)


def test_a_shard_holds_the_experts_actions_and_the_lessons(recorded, tmp_path):
    path, given, spec = recorded
    manifest = make_shard(path, tmp_path / "a.npz", spec)
    rows = load_shard(tmp_path / "a.npz", spec)
    assert manifest.rows == len(given) == len(rows["task"])
    expert = EXPERTS.get(LANE)()
    for row, (_, truth) in enumerate(given):
        action = expert.act(truth, None)[0]
        np.testing.assert_array_equal(rows["action"][row, 0], action)
    # The expert drove: it did what it says, so that the whole chunk is its plan.
    acted = rows["acted"]
    np.testing.assert_array_equal(rows["done"][acted], rows["action"][acted, 0])
    assert manifest.disagreement == 0.0
    assert rows["planned"][:-3].all()
    np.testing.assert_array_equal(rows["action"][:-2, 2], rows["action"][2:, 0])
    speed = np.array([float(truth["speed_m_s"]) for _, truth in given])
    known = rows["known"][:, 3]
    np.testing.assert_allclose(rows["answer"][known, 3], speed[known], atol=0.3)
    assert known.sum() > 10


def test_shards_are_the_same_bytes_and_clips_are_parts(recorded, tmp_path):
    path, _, spec = recorded
    one = make_shard(path, tmp_path / "a.npz", spec)
    two = make_shard(path, tmp_path / "b.npz", spec)
    assert one.digest == two.digest
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    make_shard(path, tmp_path / "clip.npz", spec, rows=(2, 7))
    whole, clip = (load_shard(tmp_path / name, spec) for name in ("a.npz", "clip.npz"))
    for name, array in clip.items():
        np.testing.assert_array_equal(array, whole[name][2:7])


def test_later_actions_count_only_while_the_robot_followed(recorded):
    path, _, spec = recorded
    from fleetloop.agents.training.shards import rows_of

    log = EpisodeLog(path)
    seen = list(moments(log))
    from dataclasses import replace

    # As if the robot had steered hard right after moment 5, against the expert.
    away = replace(seen[6].step, action=np.float32([-1.0, -1.0]))
    seen[6] = replace(seen[6], step=away)
    planned = rows_of(log, seen, spec)["planned"]
    assert planned[5].tolist() == [True, False, False, False]
    assert planned[4].tolist() == [True, True, False, False]
    assert planned[6].all()


def test_bad_shards_are_told(recorded, tmp_path, spec):
    path, _, own = recorded
    make_shard(path, tmp_path / "a.npz", own)
    with pytest.raises(SchemaError, match="other inputs"):
        load_shard(tmp_path / "a.npz", spec)
    with pytest.raises(StorageError, match="no shard"):
        load_shard(tmp_path / "none.npz", own)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedFileError, match="cut or corrupt"):
        load_shard(tmp_path / "cut.npz", own)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(SchemaError, match="make it again"):
        load_shard(tmp_path / "other.npz", own)
    with pytest.raises(SchemaError, match="knows made/Drive-v0"):
        make_shard(path, tmp_path / "b.npz", spec)
