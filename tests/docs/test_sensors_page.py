"""docs/sensors.md says what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from fleetloop.envs.sensors import SENSORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sensors.md").read_text()
# Other tests register sensors of their own.
OURS = [kind for kind in SENSORS if SENSORS.get(kind).__module__.startswith("fleetloop.")]


def table_of_the_tool():
    spec = importlib.util.spec_from_file_location("sensor_table", ROOT / "tools/sensor_table.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool.table(OURS)


def test_the_table_is_that_of_the_registry():
    assert table_of_the_tool() in PAGE, "run: python tools/sensor_table.py"


@pytest.mark.parametrize("kind", OURS)
def test_every_kind_and_fault_is_described(kind):
    assert f"**`{kind}`**" in PAGE
    for fault in SENSORS.get(kind).CONFIG.FAULTS:
        assert f"`{fault}`" in PAGE.split("<!-- end -->")[1], f"{fault} is not explained"
