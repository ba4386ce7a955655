"""Traffic on imported maps: a minute of it on each, without an overlap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetloop.envs.maps.sources import MAPS, config_of_file
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.traffic import Traffic


def real_maps() -> list[Path]:
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    kinds = ("osm", "xodr", "lanelet2", "commonroad")
    return sorted(path for kind in kinds for path in (maps / kind).glob("*"))


@pytest.mark.long
@pytest.mark.skipif(not real_maps(), reason="no maps: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_a_minute_of_traffic_never_overlaps(path, overlaps):
    source, config = config_of_file(path)
    network = MAPS.get(source).build(config).freeze()
    traffic = Traffic(network, TrafficConfig(vehicles=15, warm_up_s=0.0))
    traffic.reset(3)
    moved = 0.0
    for second in range(60):
        traffic.step(1.0)
        assert overlaps(traffic) == [], f"after {second + 1} s"
        moved += float(traffic.vehicles["speed_m_s"][traffic.present].sum())
    assert moved > 60.0
