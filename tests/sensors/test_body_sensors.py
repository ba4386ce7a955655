"""What holds for every sensor of the robot's own body."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.digest import digest_arrays
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import Fault

KINDS = (
    "imu",
    "gnss",
    "magnetometer",
    "barometer",
    "joint_encoder",
    "steering_angle",
    "wheel_speed",
    "motor",
    "contact",
    "force_torque",
)


@pytest.fixture(params=KINDS)
def sensor(request):
    kind = SENSORS.get(request.param)
    return kind(kind.CONFIG(name="x"))


@pytest.fixture
def ride(sensor, body_capture):
    """Half a second of lively motion."""
    names = getattr(sensor.config, "joints", ())
    captures = []
    for i in range(60):
        t = i / 120.0
        wobble = np.sin([t, 2 * t, 3 * t, 4 * t, 5 * t, 6 * t])
        captures.append(
            body_capture(
                t,
                pose=Pose.of(5 * t, *wobble[:2], roll_rad=wobble[2], yaw_rad=2 * t),
                mount=Pose.of(0.3, -0.2, 0.5),
                velocity=(5.0, *wobble[:2]),
                rate=wobble[3:],
                acceleration=wobble[:3],
                angular_acceleration=wobble[:3],
                force=(1.0, 2.0, 300.0 * wobble[5]),
                torque=wobble[:3],
                joints={name: (10 * t + k, 10.0, wobble[0]) for k, name in enumerate(names)},
            )
        )
    return captures


def test_it_is_registered_under_its_kind_and_of_the_body(sensor):
    assert SENSORS.get(sensor.config.KIND) is type(sensor)
    assert sensor.MODALITY == "state"
    assert sensor.scan_s == 0.0


def test_same_seed_same_bytes(sensor, ride, record):
    first = record(sensor, ride, seed=7)
    twin = type(sensor)(sensor.config)
    assert digest_arrays(first) == digest_arrays(record(twin, ride, seed=7))


def test_another_seed_gives_other_errors(sensor, ride, record):
    assert digest_arrays(record(sensor, ride)) != digest_arrays(record(sensor, ride, seed=1))


def test_a_copied_state_has_the_same_future(sensor, ride, record):
    whole = record(sensor, ride, seed=3)
    rng = np.random.default_rng(3)
    state = sensor.initial_state(rng)
    for capture in ride[:25]:
        _, state = sensor.measure(capture, (), state, rng)
    saved = {name: array.copy() for name, array in state.items()}
    saved_rng = copy.deepcopy(rng)
    record(sensor, ride[25:], state=state, rng=rng)
    again = record(sensor, ride[25:], state=saved, rng=saved_rng)
    assert digest_arrays(again) == digest_arrays({n: a[25:] for n, a in whole.items()})


def test_every_fault_of_its_own_changes_what_it_reports(sensor, ride, record):
    clean = record(sensor, ride)
    for kind in sensor.config.FAULTS:
        faulty = record(sensor, [_with_fault(capture, kind) for capture in ride])
        assert digest_arrays(faulty) != digest_arrays(clean), kind


def _with_fault(capture, kind):
    values = {name: getattr(capture, name) for name in capture.__slots__}
    return type(capture)(**{**values, "faults": {kind: Fault(kind=kind)}})


def test_its_config_survives_json(sensor):
    # A fault without an end lasts for ever, and JSON knows no infinity.
    config = replace(sensor.config, faults=(Fault(kind="frozen", start_s=1.0),))
    data = to_json(config)
    back = from_json(type(config), data)
    assert back.faults == config.faults
    assert config_hash(back) == config_hash(config)
    assert type(sensor)(back).schema == sensor.schema


def test_its_state_is_named_arrays_that_keep_shape_and_type(sensor, ride):
    rng = np.random.default_rng(0)
    state = sensor.initial_state(rng)
    shapes = {name: (array.shape, array.dtype) for name, array in state.items()}
    for capture in ride:
        _, state = sensor.measure(capture, (), state, rng)
        assert {name: (a.shape, a.dtype) for name, a in state.items()} == shapes
