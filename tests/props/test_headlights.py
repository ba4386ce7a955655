"""Dipped beams: symmetric, turned down, and far more even on the road than one spot would be."""

from __future__ import annotations

import math

import numpy as np

from fleetloop.core.frames import Pose
from fleetloop.envs.props.headlights import dipped_beams

NOSE_X_M = 2.2


def _road_light(lamps, x_m, y_m=0.0):
    """Light on the level road at a place, by the formula of the shading kernel."""
    total = 0.0
    for lamp in lamps:
        away = np.array([x_m, y_m, 0.0]) - np.array(lamp.position_m)
        square = float(away @ away)
        ray = away / math.sqrt(square)
        edge = math.cos(lamp.cone_rad)
        cone = max((float(ray @ np.array(lamp.direction)) - edge) / (1.0 - edge), 0.0)
        fade = max(1.0 - square / lamp.range_m**2, 0.0) ** 2
        total += lamp.color[1] * -ray[2] / square * cone**2 * fade
    return total


def test_both_sides_shine_alike_and_down():
    lamps = dipped_beams(Pose.of(0.0, 0.0, 0.0, yaw_rad=0.0), NOSE_X_M)
    assert len(lamps) == 4
    for lamp in lamps:
        assert lamp.direction[2] < 0.0
        assert lamp.direction[0] > 0.9
        assert lamp.position_m[0] == NOSE_X_M
    assert math.isclose(_road_light(lamps, 12.0, 1.5), _road_light(lamps, 12.0, -1.5))


def test_the_beams_turn_with_the_car():
    lamps = dipped_beams(Pose.of(5.0, 1.0, 0.0, yaw_rad=math.pi / 2), NOSE_X_M)
    for lamp in lamps:
        assert lamp.position_m[1] > 1.0
        assert lamp.direction[1] > 0.9


def test_the_road_at_the_bumper_is_no_hundred_times_brighter_than_the_distance():
    """One even spot follows the inverse square and its slant: (15 / 3)^3 = 125 from 3 m to 15 m."""
    lamps = dipped_beams(Pose.of(0.0, 0.0, 0.0, yaw_rad=0.0), NOSE_X_M)
    near, far = _road_light(lamps, NOSE_X_M + 3.0), _road_light(lamps, NOSE_X_M + 15.0)
    assert far > 0.0
    assert near / far < 40.0
