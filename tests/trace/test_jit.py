"""The cache of compiled kernels: what is loaded is what was compiled for those arguments."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.envs.trace import jit


def twice(value):
    return value + value


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETLOOP_CACHE_DIR", str(tmp_path))
    return tmp_path


def files():
    return jit._ContentCache(twice)._cache_file


def test_processes_that_compile_two_signatures_at_once_never_mix_them(folder):
    one, other = files(), files()
    other._load_index = dict  # it has read the index before the first one wrote
    write = one._save_data

    def late(name, data):
        other.save("integers", "code for integers")
        write(name, data)

    one._save_data = late
    one.save("floats", "code for floats")
    found = {key: files().load(key) for key in ("floats", "integers")}
    # An entry may be lost, and is compiled again; it is never the other's.
    assert found["floats"] in (None, "code for floats")
    assert found["integers"] in (None, "code for integers")
    assert any(found.values())


def test_what_is_in_the_index_is_on_disk(folder):
    one = files()
    one._save_index = lambda overloads: seen.append({key: one.load_name(key) for key in overloads})
    seen = []
    one.load_name = lambda key: len(list(folder.rglob("*.nbc")))
    one.save("floats", "code for floats")
    assert seen == [{"floats": 1}]


def test_each_signature_of_a_kernel_is_found_again(folder):
    kernel = jit.kernel(twice)
    assert kernel(2) == 4
    assert kernel(1.5) == 3.0
    np.testing.assert_array_equal(kernel(np.arange(3)), [0, 2, 4])
    again = jit.kernel(twice)
    np.testing.assert_array_equal(again(np.arange(3)), [0, 2, 4])
    assert again(1.5) == 3.0
    assert sum(again.stats.cache_hits.values()) == 2
    assert sum(again.stats.cache_misses.values()) == 0
