"""A network comes back from disk as it was, and a broken file never does."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.envs.maps.cache import cached_network, map_key, read_network, write_network


@pytest.fixture
def network(crossroads):
    return crossroads().freeze()


def test_round_trip_keeps_every_byte(network, tmp_path):
    path = tmp_path / "a" / "map.npz"
    write_network(network, path)
    again = read_network(path)
    assert again.digest() == network.digest()
    for name, array in network.arrays().items():
        assert again.arrays()[name].dtype == array.dtype, name
        assert np.array_equal(again.arrays()[name], array), name
    assert again.notes == network.notes
    assert [entry.name for entry in path.parent.iterdir()] == ["map.npz"]


def test_arrays_are_read_only(network):
    for name, array in network.arrays().items():
        assert not array.flags.writeable, name


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "empty"])
def test_a_broken_file_is_told_and_built_anew(network, tmp_path, caplog, damage):
    path = tmp_path / "key.npz"
    write_network(network, path)
    whole = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flip":
        # Within the data of the lanes, well away from the zip's own tables.
        at = whole.find(b"lanes.xyz_m.npy") + 400
        whole[at] ^= 0xFF
        path.write_bytes(whole)
    else:
        path.write_bytes(b"this is no map" if damage == "text" else b"")
    with pytest.raises(DamagedFileError):
        read_network(path)
    built = []

    def build():
        built.append(True)
        return network

    with caplog.at_level(logging.WARNING):
        again = cached_network("key", build, folder=tmp_path)
    assert built == [True]
    assert "built anew" in caplog.text
    assert again.digest() == network.digest()
    assert read_network(path).digest() == network.digest()


def test_a_build_that_fails_leaves_nothing(tmp_path):
    def build():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_network("key", build, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_key_follows_config_and_content(tmp_path):
    file = tmp_path / "map.txt"
    file.write_text("one")
    first = map_key("source", {"seed": 1}, [file])
    assert first == map_key("source", {"seed": 1}, [file])
    assert first != map_key("source", {"seed": 2}, [file])
    file.write_text("two")
    assert first != map_key("source", {"seed": 1}, [file])
    with pytest.raises(StorageError, match="cannot be read"):
        map_key("source", {}, [tmp_path / "none"])
