"""A robot that is nothing but numbers, for sensors of the body; one look at a scene for others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fleetloop.core.frames import Pose, Twist
from fleetloop.envs.path import LinkTrack, SensorPath
from fleetloop.envs.sensors.base import (
    Capture,
    Fault,
    LinkState,
    RobotState,
    Sensor,
    State,
    Surroundings,
)
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace

Record = dict[str, npt.NDArray[Any]]
MakeCapture = Callable[..., Capture]
TakeRecord = Callable[..., Record]
Look = Callable[..., Record]


class _NoPath:
    def at(self, offset_s: npt.ArrayLike) -> Any:
        raise AssertionError("a sensor of the body needs no path")


def _capture(
    t_s: float = 0.0,
    *,
    mount: Pose | None = None,
    pose: Pose | None = None,
    velocity: npt.ArrayLike = (0.0, 0.0, 0.0),
    rate: npt.ArrayLike = (0.0, 0.0, 0.0),
    acceleration: npt.ArrayLike = (0.0, 0.0, 0.0),
    angular_acceleration: npt.ArrayLike = (0.0, 0.0, 0.0),
    force: npt.ArrayLike = (0.0, 0.0, 0.0),
    torque: npt.ArrayLike = (0.0, 0.0, 0.0),
    joints: Mapping[str, tuple[float, float, float]] | None = None,
    surroundings: Surroundings | None = None,
    faults: Iterable[Fault] = (),
) -> Capture:
    """`joints` maps a name to angle, rate and torque."""
    mount, pose = mount or Pose.identity(), pose or Pose.identity()
    link = LinkState(
        world_T_link=pose,
        twist=Twist(np.array(velocity, float), np.array(rate, float)),
        acceleration_m_s2=np.array(acceleration, float),
        angular_acceleration_rad_s2=np.array(angular_acceleration, float),
        force_n=np.array(force, float),
        torque_nm=np.array(torque, float),
    )
    values = np.array(list((joints or {}).values()), float).reshape(-1, 3)
    robot = RobotState(
        links={"base": link},
        joint_names=tuple(joints or {}),
        joint_position_rad=values[:, 0],
        joint_velocity_rad_s=values[:, 1],
        joint_torque_nm=values[:, 2],
    )
    return Capture(
        t_ns=round(t_s * 1e9),
        seq=0,
        world_T_sensor=pose @ mount,
        path=_NoPath(),
        link=link,
        link_T_sensor=mount,
        robot=robot,
        surroundings=surroundings or Surroundings(),
        scene=None,
        faults={fault.kind: fault for fault in faults},
    )


def _record(
    sensor: Sensor,
    captures: Iterable[Capture],
    *,
    seed: int = 0,
    state: State | None = None,
    rng: np.random.Generator | None = None,
) -> Record:
    """All samples of a sensor, stacked; each is held against the schema."""
    rng = np.random.default_rng(seed) if rng is None else rng
    state = sensor.initial_state(rng) if state is None else state
    rows = []
    for capture in captures:
        assert list(sensor.views(capture, state, rng)) == []
        before = {name: array.copy() for name, array in state.items()}
        data, following = sensor.measure(capture, (), state, rng)
        assert all(np.array_equal(state[name], before[name]) for name in before)
        sensor.schema.check(data)
        rows.append(data)
        state = following
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _look(
    sensor: Sensor,
    scene: Scene,
    *,
    pose: Pose | None = None,
    velocity: npt.ArrayLike = (0.0, 0.0, 0.0),
    rate: npt.ArrayLike = (0.0, 0.0, 0.0),
    surroundings: Surroundings | None = None,
    faults: Iterable[Fault] = (),
    seed: int = 0,
    threads: int = 1,
) -> Record:
    """One capture of a sensor that looks, from a link that always moved with this twist."""
    base = _capture(
        1.0, mount=sensor.config.link_T_sensor, pose=pose, velocity=velocity, rate=rate,
        surroundings=surroundings, faults=faults,
    )  # fmt: skip
    track = LinkTrack(window_s=1.0)
    track.clear(base.link.twist)
    at = base.link.world_T_link
    track.add(1.0, at.position_m, at.quaternion_xyzw)
    capture = replace(base, path=SensorPath(track, base.link_T_sensor, 1.0), scene=scene)
    rng = np.random.default_rng(seed)
    state = sensor.initial_state(rng)
    views = sensor.views(capture, state, rng)
    traced = trace([(scene, view) for view in views], threads=threads)
    data, _ = sensor.measure(capture, traced, state, rng)
    sensor.schema.check(data)
    return data


@pytest.fixture(scope="session")
def look() -> Look:
    """Makes one capture of a sensor in a scene and returns what it reports."""
    return _look


@pytest.fixture(scope="session")
def body_capture() -> MakeCapture:
    """Makes a capture from the link's motion, joints and surroundings."""
    return _capture


@pytest.fixture(scope="session")
def record() -> TakeRecord:
    """Runs a sensor over captures and stacks what it reports."""
    return _record


@pytest.fixture(scope="session")
def real_log() -> Mapping[str, npt.NDArray[Any]]:
    """Thirty seconds of a real drive, where it is there."""
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    path = maps / "sensors" / "comma2k19_seg40_first_half.npz"
    if not path.exists():
        pytest.skip(f"the real driving log is not there ({path.name}; set FLEETLOOP_MAPS)")
    with np.load(path) as log:
        return {name: log[name] for name in log.files}
