"""Made-up inputs: two bodies, and shards whose right answer can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.brain.config import BrainConfig
from fleetloop.agents.brain.inputs import (
    CameraInput,
    InputSpec,
    RangeInput,
    TaskInputs,
    VectorInput,
)
from fleetloop.agents.training.config import TrainConfig
from fleetloop.agents.training.shards import _write, empty_rows

CAR, WALKER = "made/Drive-v0", "made/Walk-v0"
TINY = {
    "cnn": BrainConfig(kind="cnn", d=16, layers=1, channels=(4, 8)),
    "transformer": BrainConfig(d=16, layers=1, heads=2, channels=(4, 8)),
}


def camera(key, yaw):
    mount = (0.5, 0.0, 1.3, float(np.cos(yaw)), float(np.sin(yaw)), 0.0, 0.7, 0.7, 0.0)
    return CameraInput(key=key, age=0, history=1, shape=(16, 16), extrinsics=mount)


@pytest.fixture(scope="session")
def spec():
    """A car with two cameras, a walker with one and a scanner."""
    car = TaskInputs(
        task=CAR, robot="car", control_hz=10.0,
        cameras=(camera("front/rgb", 0.0), camera("left/rgb", 1.0)),
        ranges=(),
        proprioception=(VectorInput(key="wheels/speed_m_s", shape=(4,)),),
        goal=(VectorInput(key="goal/place_m", shape=(2,)),),
        actions=("steer", "pedal"), action_low=(-1.0, -1.0), action_high=(1.0, 1.0),
    )  # fmt: skip
    walker = TaskInputs(
        task=WALKER, robot="walker", control_hz=10.0,
        cameras=(camera("head/rgb", 0.0),),
        ranges=(RangeInput(sensor="chest", shape=(90,), height_m=0.5),),
        proprioception=(VectorInput(key="joints/position_rad", shape=(7,), least=0.05),),
        goal=(VectorInput(key="goal/place_m", shape=(2,)),),
        actions=("x", "y", "turn"), action_low=(-1.0,) * 3, action_high=(1.0,) * 3,
    )  # fmt: skip
    return InputSpec(tasks=(car, walker), image_px=16, horizon=3)


def made_rows(spec, task, count, seed):
    """Rows in which the first number of the action is the first number of the goal, halved."""
    rng = np.random.default_rng(seed)
    rows = empty_rows(spec, count)
    inputs = spec.of(task)
    width = len(inputs.actions)
    rows["image"][:] = rng.integers(0, 256, rows["image"].shape, dtype=np.uint8)
    rows["proprioception"][:, :3] = rng.normal(size=(count, 3))
    rows["goal"][:] = rng.uniform(-2.0, 2.0, (count, 2))
    rows["task"][:] = spec.number(task)
    rows["robot"][:] = spec.robots.index(inputs.robot)
    rows["action"][:, :, 0] = 0.5 * rows["goal"][:, :1]
    rows["action"][:, :, width - 1] = -0.25 * rows["goal"][:, 1:]
    rows["planned"][:] = True
    rows["done"][:, :width] = rows["action"][:, 0, :width]
    rows["acted"][:] = True
    rows["answer"][:, 0] = rows["goal"][:, 0]
    rows["answer"][:, 4] = rows["goal"][:, 1] > 0.0
    rows["known"][:, [0, 4]] = True
    return rows


@pytest.fixture(scope="session")
def shards(spec, tmp_path_factory):
    """One shard a task."""
    folder = tmp_path_factory.mktemp("shards")
    paths = []
    for number, task in enumerate((CAR, WALKER)):
        path = folder / f"{number}.npz"
        _write(path, made_rows(spec, task, 240, number))
        paths.append(path)
    return paths


@pytest.fixture
def config(spec):
    """Makes a small training."""

    def make(kind="cnn", **options):
        settings = {"steps": 30, "batch": 16, "rate": 5e-3, "warmup": 5, "save_every": 10}
        return TrainConfig(spec=spec, brain=TINY[kind], **settings | options)

    return make


def observation(spec, task, seed=0):
    """One observation of a task, by key."""
    rng = np.random.default_rng(seed)
    inputs = spec.of(task)
    seen = {
        entry.key: rng.integers(0, 256, (*entry.shape, 3), dtype=np.uint8)
        for entry in inputs.cameras
    }
    for entry in (*inputs.proprioception, *inputs.goal):
        seen[entry.key] = rng.normal(size=entry.shape).astype(np.float32)
    for entry in inputs.ranges:
        seen[f"{entry.sensor}/range_m"] = rng.uniform(0.5, 9.0, entry.shape).astype(np.float32)
        seen[f"{entry.sensor}/valid"] = rng.integers(0, 2, entry.shape, dtype=np.int8)
    return seen
