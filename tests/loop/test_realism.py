"""A drive with the sensors of the real drives has every figure that it is compared by."""

from __future__ import annotations

import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.datasets.realism import REAL, compare
from fleetloop.loop.realism import drives


def test_a_drive_has_every_figure():
    rows = compare(drives("fleetloop/LaneFollow-v0", 1, max_steps=25))
    assert [row.real for row in rows] == list(REAL)
    assert sum(row.agrees for row in rows) > 0.7 * len(rows)


def test_no_drives_are_refused():
    with pytest.raises(ConfigError, match="1 or more"):
        next(drives("fleetloop/LaneFollow-v0", 0))
