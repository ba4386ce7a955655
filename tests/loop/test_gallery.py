"""The gallery's pictures: false colours mean what they say, and one command makes them all."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from fleetloop.loop.cli import build_app
from fleetloop.loop.gallery import plates
from fleetloop.loop.gallery.make import PLATES, SMALL, Plate, contact_sheet


def test_depth_is_brighter_when_near_and_black_when_nothing_is_there():
    depth = np.array([[1.0, 5.0, 20.0, 79.0, 1000.0]], np.float32)
    level = plates.depth_plate(depth).astype(int).sum(axis=-1)[0]
    assert (np.diff(level) < 0).all()
    assert level[-1] == 0


def test_normals_and_ids():
    normal = np.array([[[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]], np.float32)
    np.testing.assert_array_equal(
        plates.normal_plate(normal), [[[128, 128, 255], [0, 128, 128]]]
    )  # fmt: skip
    colored = plates.id_plate(np.array([[0, 1, 2, 3]], np.int32))
    assert not colored[0, 0].any()
    assert len(np.unique(colored[0], axis=0)) == 4


def test_flow_tells_direction_and_what_was_hidden():
    flow = np.array([[[0.0, 0.0], [10.0, 0.0], [-10.0, 0.0], [10.0, 0.0]]], np.float32)
    hidden = np.array([[False, False, False, True]])
    still, right, left, gone = plates.flow_plate(flow, hidden, 10.0)[0].astype(int)
    np.testing.assert_array_equal(still, [255, 255, 255])
    assert np.abs(right - left).sum() > 200
    assert not gone.any()


def test_points_lie_where_they_are_seen_from_above():
    points = np.array([[10.0, 0.0, 0.0], [0.0, 10.0, 1.0]], np.float32)
    picture = plates.cloud_plate(points, points[:, 2], (0.0, 1.0), (100, 80), 20.0)
    lit = np.argwhere(picture.max(axis=-1) > 40)
    # Ahead is up (row 20), left is left (column 30).
    assert [20, 50] in lit.tolist()
    assert [40, 30] in lit.tolist()


def test_sheets_hold_all_pictures_in_rows():
    picture = np.full((440, 640, 3), 90, np.uint8)
    sheet = contact_sheet([Plate(str(k), "caption", picture) for k in range(5)], 4, 160)
    assert sheet.shape == (2 * (110 + 30), 4 * 160, 3)
    assert (sheet[150:250, 170:] == 255).all(), "empty places are white"


@pytest.mark.long
def test_one_command_makes_the_gallery(tmp_path):
    result = CliRunner().invoke(build_app(), ["gallery", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    written = {path.stem for path in tmp_path.glob("*.png")}
    assert len(written) == PLATES + 2
    assert written > SMALL
    for path in tmp_path.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture.std() > 8.0, f"{path.name} shows nothing"
    assert (tmp_path / "small.png").stat().st_size < 400_000
