"""A digest depends on every bit of what happened, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.digest import EpisodeDigest, canonical_json, digest_arrays
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.types import Event, Sample, Step, frozen_array

SAMPLE = Sample(
    sensor="eye",
    seq=3,
    t_capture_start_ns=10,
    t_capture_ns=20,
    t_arrival_ns=30,
    world_T_sensor=Pose.of(1.0, 2.0),
    data={"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.float32([0.5])},
    faults=("dirty",),
)
STEP = Step(
    index=1,
    t_ns=100,
    action=np.float32([0.1, 0.2]),
    reward_terms={"x": 0.25, "y": -1.0},
    terminated=False,
    truncated=False,
    events=(Event(t_ns=90, kind="bump", detail={"with": "wall"}),),
    truth={"speed": np.array(1.0)},
    goal={"place": np.float32([3.0])},
)


def of(*records) -> str:
    digest = EpisodeDigest()
    for record in records:
        (digest.add_step if isinstance(record, Step) else digest.add_sample)(record)
    return digest.hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"sensor": "ear"},
        {"seq": 4},
        {"t_capture_start_ns": 11},
        {"t_capture_ns": 21},
        {"t_arrival_ns": 31},
        {"world_T_sensor": Pose.of(1.0, 2.0 + 1e-15)},
        {"world_T_sensor": Pose.of(1.0, 2.0, yaw_rad=1e-9)},
        {"data": {**SAMPLE.data, "b": np.float32([-0.5])}},
        {"data": {**SAMPLE.data, "b": np.float64([0.5])}},
        {"data": {**SAMPLE.data, "a": np.arange(6, dtype=np.int32).reshape(3, 2)}},
        {"data": {"a": SAMPLE.data["a"]}},
        {"faults": ()},
    ],
)
def test_any_change_of_a_sample_shows(change):
    assert of(replace(SAMPLE, **change)) != of(SAMPLE)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 2},
        {"t_ns": 101},
        {"action": np.float32([0.1, np.nextafter(np.float32(0.2), np.float32(1))])},
        {"reward_terms": {"x": 0.25, "y": np.nextafter(-1.0, 0.0)}},
        {"terminated": True},
        {"truncated": True},
        {"events": ()},
        {"events": (replace(STEP.events[0], t_ns=91),)},
        {"events": (replace(STEP.events[0], kind="bang"),)},
        {"events": (replace(STEP.events[0], detail={"with": "kerb"}),)},
        {"truth": {"speed": np.array(-1.0)}},
        {"goal": {"place": np.float32([-3.0])}},
        {"goal": {}, "truth": STEP.truth | STEP.goal},
        {"truth": {"speed": np.array([1.0])}},
        {"truth": {}},
    ],
)
def test_any_change_of_a_step_shows(change):
    assert of(replace(STEP, **change)) != of(STEP)


def test_order_and_number_of_records_show():
    assert len({of(SAMPLE, STEP), of(STEP, SAMPLE), of(SAMPLE), of(SAMPLE, SAMPLE), of()}) == 5


def test_the_order_of_names_does_not_show():
    turned = replace(SAMPLE, data=dict(reversed(SAMPLE.data.items())))
    assert of(turned) == of(SAMPLE)
    turned = replace(STEP, reward_terms=dict(reversed(STEP.reward_terms.items())))
    assert of(turned) == of(STEP)


def test_a_copy_goes_its_own_way():
    first = EpisodeDigest()
    first.add_sample(SAMPLE)
    twin = first.copy()
    assert twin.hexdigest() == first.hexdigest()
    twin.add_step(STEP)
    assert twin.hexdigest() != first.hexdigest() == of(SAMPLE)


@given(st.lists(st.floats(width=32), max_size=5), st.integers(0, 4), st.integers(0, 31))
def test_any_bit_of_an_array_shows(values, place, bit):
    array = np.array(values, np.float32)
    if place >= array.size:
        return
    flipped = array.copy()
    flipped.view(np.uint32)[place] ^= np.uint32(1) << np.uint32(bit)
    assert digest_arrays({"a": array}) != digest_arrays({"a": flipped})


def test_the_type_shows_where_bytes_and_shape_are_the_same():
    kinds = [np.zeros(2, dtype) for dtype in ("int32", "uint32", "float32")]
    assert len({digest_arrays({"a": array}) for array in kinds}) == 3


def test_shapes_of_no_dimension_and_of_none_to_hold_show():
    shapes = [(), (1,), (1, 1), (0,), (0, 2)]
    assert len({digest_arrays({"a": np.ones(shape)}) for shape in shapes}) == len(shapes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_one_form_and_no_nan(value):
    assert canonical_json({"b": 1, "a": [True, None]}) == '{"a":[true,null],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"value": value})


def test_memory_layout_does_not_show():
    array = np.arange(12.0).reshape(3, 4)
    assert digest_arrays({"a": array}) == digest_arrays({"a": np.asfortranarray(array)})


@pytest.mark.parametrize("wrong", [{"t_arrival_ns": 19}, {"t_capture_start_ns": 21}])
def test_times_of_a_sample_must_not_decrease(wrong):
    with pytest.raises(ConfigError, match="must not decrease"):
        replace(SAMPLE, **wrong)


def test_the_reward_is_the_sum_of_its_terms():
    assert STEP.reward == -0.75
    assert replace(STEP, reward_terms={}).reward == 0.0


def test_frozen_arrays_are_copies_that_cannot_change():
    source = np.arange(3)
    kept = frozen_array(source)
    source[0] = 9
    assert kept.tolist() == [0, 1, 2]
    assert frozen_array(np.zeros((2, 3)).T).flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1
