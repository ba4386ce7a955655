"""Lanes in the log and in pictures, against closed forms; flow that goes there and back."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, SchemaError
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lane_lines import joined
from fleetloop.core.lens import Lens
from fleetloop.core.semantics import SemanticClass
from fleetloop.datasets.lanes import camera_lanes, lanes_in_picture
from fleetloop.datasets.validate.flow import round_trip_px

LENS = Lens.of_fov(160, 120, 1.2)
HEIGHT_M = 1.5
CAMERA = Pose.of(0.0, 0.0, HEIGHT_M) @ BASE_T_OPTICAL
STRAIGHT = joined(
    [(7, role, mark, np.array([[-20.0, y, 0.0], [200.0, y, 0.0]]))
     for role, mark, y in ((0, 0, 0.0), (1, 2, 1.75), (2, 1, -1.75))]
)  # fmt: skip


def flat_world(wall_m=np.inf):
    """Depth and classes of a road, with a wall across it."""
    rows = np.arange(LENS.height_px)[:, None] * np.ones((1, LENS.width_px))
    below = rows - LENS.cy_px
    ground = np.where(below > 0, LENS.fy_px * HEIGHT_M / np.maximum(below, 1e-9), 1e4)
    depth = np.minimum(ground, wall_m).astype(np.float32)
    semantic = np.where(ground < wall_m, int(SemanticClass.ROAD), int(SemanticClass.WALL))
    return depth, semantic.astype(np.uint8)


def test_a_straight_lane_is_seen_where_the_lens_has_it():
    found = lanes_in_picture(STRAIGHT, LENS, CAMERA, *flat_world(), reach_m=60.0)
    assert [(line.lane, line.role, line.mark) for line in found] == [
        (7, "center", "none"), (7, "left", "broken"), (7, "right", "solid"),
    ]  # fmt: skip
    for line, y in zip(found, (0.0, 1.75, -1.75), strict=True):
        far = line.camera_m[:, 2]
        assert (np.diff(far) > 0).all(), "in the direction of travel"
        assert far.max() <= 60.0
        expected = np.stack(
            [LENS.cx_px - LENS.fx_px * y / far, LENS.cy_px + LENS.fy_px * HEIGHT_M / far], axis=1
        )
        np.testing.assert_allclose(line.px, expected + 0.5, atol=1e-6)
        assert line.seen.all()


def test_what_is_behind_a_wall_is_hidden():
    for line in lanes_in_picture(STRAIGHT, LENS, CAMERA, *flat_world(wall_m=20.0)):
        far = line.camera_m[:, 2]
        assert line.seen[far < 19.0].all()
        assert not line.seen[far > 21.0].any()


def test_without_labels_nothing_is_hidden_and_nothing_is_behind_the_camera():
    for line in lanes_in_picture(STRAIGHT, LENS, CAMERA, None, None):
        assert line.seen.all()
        assert (line.camera_m[:, 2] > 0).all()
    assert (
        lanes_in_picture(STRAIGHT, LENS, Pose.of(5000.0, 0, 1) @ BASE_T_OPTICAL, None, None) == []
    )


def test_lines_that_do_not_fit_together_are_refused():
    with pytest.raises(SchemaError):
        joined([(0, 0, 0, np.full((2, 3), np.nan))])
    with pytest.raises(SchemaError):
        joined([(0, 9, 0, np.zeros((2, 3)))])


def test_the_log_keeps_lanes_and_labels_pictures_with_them(street):
    assert street.lanes is not None
    lines = camera_lanes(street, "front", 0)
    own = [line for line in lines if line.lane == 0]
    assert {line.role for line in own} == {"center", "left", "right"}
    assert any(line.seen.any() for line in own)
    with pytest.raises(ConfigError):
        camera_lanes(street, "imu", 0)


def test_flow_there_and_back_is_told_in_pixels():
    """A picture that slides by a whole step; a wrong sign is off by twice the step."""
    backward = np.full((20, 30, 2), -2.0, np.float32)
    forward, hidden = -backward, np.zeros((20, 30), bool)
    error = round_trip_px(forward, backward, hidden)
    assert len(error) >= 20 * 30 - 4 * 30 - 4 * 20
    assert error.max() < 1e-5
    wrong = round_trip_px(backward, backward, hidden)
    np.testing.assert_allclose(wrong, np.hypot(4.0, 4.0), rtol=1e-5)
    assert len(round_trip_px(forward, backward, ~hidden)) == 0
