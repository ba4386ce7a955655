"""Traffic from above: everybody is drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.traffic.config import TrafficConfig
from fleetloop.envs.traffic.picture import draw_traffic
from fleetloop.envs.traffic.traffic import Traffic


def is_magenta(image):
    red, green, blue = (image[..., k].astype(int) for k in range(3))
    return (red > 180) & (green < 90) & (blue > 150)


def test_an_external_vehicle_is_where_it_was_put(crossroads):
    traffic = Traffic(crossroads(arm_m=60.0).freeze(), TrafficConfig(vehicles=0, warm_up_s=0.0))
    traffic.set_externals([[10.0, 5.0, 0.0, 0.0]], [0.0], [[6.0, 2.0, 1.5]])
    image = draw_traffic(traffic, center_m=(0.0, 0.0), width_m=40.0, largest_px=400)
    assert image.shape == (400, 400, 3)
    rows, columns = np.nonzero(is_magenta(image))
    # North is up, ten pixels a metre; the front quarter is dark.
    assert rows.mean() == pytest.approx(150.0, abs=3.0)
    assert columns.mean() == pytest.approx(300.0 - 7.0, abs=6.0)
    assert np.ptp(rows) == pytest.approx(20.0, abs=4.0)


def test_impossible_pictures_are_refused(crossroads):
    traffic = Traffic(crossroads().freeze(), TrafficConfig(vehicles=0, warm_up_s=0.0))
    with pytest.raises(ConfigError, match="use"):
        draw_traffic(traffic, center_m=(0.0, 0.0), width_m=0.0)
