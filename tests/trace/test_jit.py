"""The cache of compiled kernels: what is loaded is what was compiled for those arguments."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from fleetloop.envs.trace import jit
from fleetloop.envs.trace.turns import Turn


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


def test_a_helper_is_part_of_kernels_and_python_is_told_so(folder):
    helper = jit.inline(twice)

    def fourfold(value):
        return helper(helper(value))

    assert jit.kernel(fourfold)(2.5) == 10.0
    with pytest.raises(TypeError, match="__wrapped__"):
        helper(2.5)
    assert helper.__wrapped__(2.5) == 5.0


def test_kernels_are_the_same_with_numbas_own_compiler(folder):
    import numba

    values = np.random.default_rng(3).normal(size=1000).astype(np.float32)

    def smooth(a, b, i):
        return a[i] * b[i] + a[i] / (b[i] * b[i] + np.float32(0.5))

    def run(part):
        def total(a, b, out):
            for i in range(len(a)):
                out[i] = min(part(a, b, i), np.float32(2.0))
            return out

        return total

    out = np.empty_like(values)
    ours = jit.kernel(run(jit.inline(smooth)))(values, values[::-1].copy(), out.copy())
    plain = {"nogil": True, "error_model": "numpy"}
    theirs = numba.njit(**plain)(run(numba.njit(**plain)(smooth)))
    np.testing.assert_array_equal(ours, theirs(values, values[::-1].copy(), out))


WAIT_AND_TELL = """
import sys
from pathlib import Path
from fleetloop.envs.trace.turns import Turn
turn = Turn(Path(sys.argv[1]))
turn.wait()
print("mine", flush=True)
"""


def test_one_process_at_a_time_has_the_turn(tmp_path):
    turn = Turn(tmp_path / "turn")
    turn.wait()
    other = subprocess.Popen(
        [sys.executable, "-c", WAIT_AND_TELL, str(tmp_path / "turn")], stdout=subprocess.PIPE
    )
    told = []
    reader = threading.Thread(target=lambda: told.append(other.stdout.readline()))
    reader.start()
    reader.join(1.5)
    assert not told
    turn.end()
    reader.join(30)
    assert told == [b"mine\n"]
    other.wait(30)
    other.stdout.close()
    turn.wait()  # a process that has ended has given it back
    turn.end()


def test_a_turn_never_stands_in_the_way_of_a_folder_that_cannot_be_written(tmp_path):
    turn = Turn(tmp_path / "missing" / "turn")
    turn.wait()
    turn.end()
