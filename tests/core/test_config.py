"""Configs survive JSON, and their hash names them everywhere."""

from __future__ import annotations

import enum
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose


class Weather(enum.Enum):
    DRY = "dry"
    WET = "wet"


@dataclass(frozen=True, kw_only=True)
class Inner:
    KIND: ClassVar[str] = "inner"
    size: int = 3
    reach_m: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    many: tuple[Inner, ...] = ()
    pair: tuple[float, int] = (0.5, 2)
    weather: Weather = Weather.DRY
    mode: Literal["a", "b"] = "a"
    limit: float | None = None
    table: Mapping[str, float] = field(default_factory=dict)
    flag: bool = False
    anything: Any = None


inners = st.builds(Inner, size=st.integers(), reach_m=st.floats(allow_nan=False))
outers = st.builds(
    Outer,
    name=st.text(),
    inner=inners,
    many=st.lists(inners, max_size=3).map(tuple),
    pair=st.tuples(st.floats(allow_nan=False), st.integers()),
    weather=st.sampled_from(Weather),
    mode=st.sampled_from(["a", "b"]),
    limit=st.none() | st.floats(allow_nan=False),
    table=st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3),
    flag=st.booleans(),
)


@given(outers)
def test_configs_survive_json(config):
    text = canonical_json(to_json(config))
    assert from_json(Outer, json.loads(text)) == config


@given(outers, outers)
def test_equal_configs_have_equal_hashes_and_others_do_not(a, b):
    # -0.0 equals 0.0 in Python and has another text: such configs may be told apart.
    if to_json(a) == to_json(b) and "-0.0" not in f"{a}{b}":
        assert config_hash(a) == config_hash(b)
    if to_json(a) != to_json(b):
        assert config_hash(a) != config_hash(b)


def test_poses_arrays_and_numpy_numbers_have_a_plain_form():
    made = to_json({"pose": Pose.of(1.0, yaw_rad=0.5), "n": np.int64(3), "a": np.arange(2)})
    assert made["n"] == 3
    assert made["a"] == [0, 1]
    again = from_json(Pose, made["pose"])
    np.testing.assert_array_equal(again.matrix, Pose.of(1.0, yaw_rad=0.5).matrix)


@pytest.mark.parametrize(
    "data",
    [
        {"position_m": [0, 0, 0]},
        {"quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": ["a", 0, 0], "quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": None, "quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": [[0, 0, 0], [0]], "quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": {}, "quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": [0, 0], "quaternion_xyzw": [0, 0, 0, 1]},
        {"position_m": [0, 0, 0], "quaternion_xyzw": [0, 0, 0, 1], "scale": 2},
    ],
)
def test_json_that_is_no_pose_is_a_config_error(data):
    with pytest.raises(ConfigError):
        from_json(Pose, data)


def test_a_kind_leads_the_json_and_is_checked():
    assert next(iter(to_json(Inner()))) == "kind"
    with pytest.raises(ConfigError, match="kind 'inner'"):
        from_json(Inner, {"kind": "other"})


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({}, "lacks the field 'name'"),
        ({"name": "x", "nmae": 1}, "no field 'nmae'"),
        ({"name": 3}, "should be str"),
        ({"name": "x", "inner": {"size": 1.5}}, r"Outer.inner.size is 1.5"),
        ({"name": "x", "inner": {"size": True}}, "should be int"),
        ({"name": "x", "many": {}}, "a list"),
        ({"name": "x", "pair": [1.0]}, "a list of 2"),
        ({"name": "x", "weather": "hail"}, "none of: dry, wet"),
        ({"name": "x", "mode": "c"}, "Outer.mode"),
        ({"name": "x", "limit": "much"}, "should be"),
        ({"name": "x", "flag": 1}, "should be bool"),
        ([], "should be"),
        (None, "should be"),
    ],
)
def test_json_that_does_not_fit_says_where_and_why(data, word):
    with pytest.raises(ConfigError, match=word):
        from_json(Outer, data)


@pytest.mark.parametrize("value", [object(), {1, 2}, math.nan, b"bytes", lambda: 0])
def test_values_without_a_plain_form_are_refused(value):
    with pytest.raises(ConfigError):
        to_json({"value": value})


def test_hashes_are_the_same_in_every_process():
    code = (
        "from fleetloop.core.config import config_hash;"
        "print(config_hash({'b': [1, 2.5, None], 'a': {'x': True}}))"
    )
    here = config_hash({"a": {"x": True}, "b": [1, 2.5, None]})
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert done.stdout.strip() == here
