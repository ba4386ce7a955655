"""Schemas: what is promised is checked, stored and compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError, SchemaError
from fleetloop.core.spec import DTYPES, Field, Schema

shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)
units = st.sampled_from(["m", "rad", "1", "id"])
texts = st.text(max_size=10)


@st.composite
def fields(draw):
    low = draw(st.floats(-1e6, 1e6) | st.just(-np.inf))
    high = draw(st.floats(1e6, 1e9) | st.just(np.inf))
    return Field(
        shape=draw(shapes),
        dtype=draw(st.sampled_from(DTYPES)),
        unit=draw(units),
        frame=draw(texts),
        low=low,
        high=high,
        doc=draw(texts),
        privileged=draw(st.booleans()),
    )


names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(str.isidentifier)
schemas = st.dictionaries(names, fields(), max_size=4).map(Schema)


@given(schemas)
def test_schemas_survive_json(schema):
    again = Schema.from_json(schema.to_json())
    assert again == schema
    assert again.digest() == schema.digest()
    assert list(again) == list(schema)


@given(schemas, schemas)
def test_digests_tell_schemas_apart(a, b):
    assert (a.digest() == b.digest()) == (list(a.items()) == list(b.items()))


@given(fields())
def test_zeros_fit_or_are_out_of_bounds(field):
    array = np.zeros(field.shape, field.dtype)
    low, high = field.bounds
    fits = array.size == 0 or field.dtype == "bool" or low <= 0 <= high
    if fits:
        field.check("x", array)
    else:
        with pytest.raises(SchemaError, match="outside"):
            field.check("x", array)


FIELD = Field(shape=(2,), dtype="float32", unit="m", low=0.0, high=10.0)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros(3, np.float32), "should be"),
        (np.zeros((2, 1), np.float32), "should be"),
        (np.zeros(2, np.float64), "should be"),
        (np.array([0, np.nan], np.float32), "NaN"),
        (np.array([0, np.inf], np.float32), "NaN or infinity"),
        (np.array([0, 11], np.float32), "outside"),
        (np.array([-1, 0], np.float32), "outside"),
    ],
)
def test_arrays_that_break_their_promise_are_refused(array, word):
    with pytest.raises(SchemaError, match=word):
        FIELD.check("distance", array)


def test_missing_and_unknown_fields_are_named():
    schema = Schema({"a": FIELD, "b": FIELD})
    good = np.zeros(2, np.float32)
    schema.check({"a": good, "b": good})
    with pytest.raises(SchemaError, match=r"missing \['b'\].*unknown \['c'\]"):
        schema.check({"a": good, "c": good})
    with pytest.raises(SchemaError, match=r"missing \['b'\], unknown none"):
        schema.check({"a": good})
    with pytest.raises(SchemaError, match=r"missing none, unknown \['c'\]"):
        schema.check({"a": good, "b": good, "c": good})


def test_the_order_of_fields_shows_in_the_digest():
    other = Field(shape=(), dtype="bool", unit="1")
    there, back = Schema({"a": FIELD, "b": other}), Schema({"b": other, "a": FIELD})
    assert there.digest() != back.digest()


@pytest.mark.parametrize(
    ("dtype", "bounds"),
    [("bool", (0, 1)), ("uint8", (0, 255)), ("int16", (-32768, 32767)), ("float32", (-1e9, 1e9))],
)
def test_bounds_are_cut_to_what_the_type_holds(dtype, bounds):
    assert Field(shape=(), dtype=dtype, unit="1", low=-1e9, high=1e9).bounds == bounds


@pytest.mark.parametrize(
    "wrong",
    [
        {"dtype": "float16"},
        {"shape": (-1,)},
        {"shape": (1.5,)},
        {"unit": ""},
        {"low": 2.0, "high": 1.0},
    ],
)
def test_fields_that_make_no_sense_are_refused(wrong):
    good = {"shape": (2,), "dtype": "float32", "unit": "m"}
    with pytest.raises(ConfigError):
        Field(**{**good, **wrong})


def test_names_that_break_keys_are_refused():
    for name in ("a/b", "a.b", "", "1a"):
        with pytest.raises(ConfigError, match="identifier"):
            Schema({name: FIELD})


@pytest.mark.parametrize("data", [{"a": {}}, {"a": 3}, {"a": {"shape": "x", "dtype": "float32"}}])
def test_foreign_json_is_told(data):
    with pytest.raises(SchemaError, match="cannot be read"):
        Schema.from_json(data)
