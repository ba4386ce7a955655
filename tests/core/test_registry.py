"""Registries load what is asked for, and say what there is when it is not."""

from __future__ import annotations

import pickle
import sys

import pytest

from fleetloop.core.errors import ConfigError, FleetloopError, UnknownNameError
from fleetloop.core.registry import Registry


def test_an_entry_is_imported_at_its_first_use_only():
    registry = Registry("animal", {"parser": "this_module_is_not_there:Thing"})
    assert list(registry) == ["parser"]
    with pytest.raises(ModuleNotFoundError):
        registry.get("parser")
    lazy = Registry("parser", {"xml": "xml.dom.pulldom:PullDOM"})
    sys.modules.pop("xml.dom.pulldom", None)
    assert "xml" in lazy
    assert "xml.dom.pulldom" not in sys.modules
    assert lazy.get("xml").__name__ == "PullDOM"


def test_a_name_that_is_nearly_right_is_guessed():
    registry = Registry("sensor", {"camera": "a:B", "lidar": "a:C"})
    with pytest.raises(UnknownNameError, match=r"Did you mean 'camera'\? Known: camera, lidar"):
        registry.get("camra")


def test_objects_and_strings_can_be_added_once():
    registry: Registry[int] = Registry("number", {})
    registry.add("one", 1)
    assert registry.get("one") == 1
    assert len(registry) == 1
    with pytest.raises(ConfigError, match="already"):
        registry.add("one", 2)


@pytest.mark.parametrize(("name", "target"), [("", "a:B"), ("a b", "a:B"), ("x", "nonsense")])
def test_malformed_entries_are_refused(name, target):
    with pytest.raises(ConfigError):
        Registry("thing", {name: target})


def test_a_target_without_its_attribute_is_told():
    with pytest.raises(ConfigError, match="no 'Nothing'"):
        Registry("thing", {"x": "json:Nothing"}).get("x")


def test_errors_of_workers_survive_the_way_home():
    error = UnknownNameError("sensor", "camra", ["camera"])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert isinstance(again, FleetloopError)
    assert isinstance(again, KeyError)
