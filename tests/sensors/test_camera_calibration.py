"""Chessboards, photographed by our cameras and calibrated by OpenCV: the lens comes back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fleetloop.core.frames import Pose, quaternion_from_rotation
from fleetloop.core.lens import Lens
from fleetloop.envs.sensors.camera import Camera, CameraConfig
from fleetloop.envs.trace.light import Light
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Mesh
from fleetloop.envs.trace.texture import Texture

COLUMNS, ROWS, SQUARE_M, TEXELS = 9, 6, 0.1, 16
"""Inner corners of the board, and the size of its squares."""


def board_scene():
    """A chessboard with a white rim in the plane z = 0, its first inner corner at the origin."""
    across, down = COLUMNS + 3, ROWS + 3
    squares = np.full((down, across), 255, np.uint8)
    for row in range(1, down - 1):
        for column in range(1, across - 1):
            squares[row, column] = 255 if (row + column) % 2 else 0
    pixels = np.kron(squares, np.ones((TEXELS, TEXELS), np.uint8))
    texture = Texture(np.repeat(pixels[..., None], 3, axis=2))
    x0, y0 = -2 * SQUARE_M, -2 * SQUARE_M
    x1, y1 = x0 + across * SQUARE_M, y0 + down * SQUARE_M
    # The picture's top row is the board's first one: v falls as y grows, seen from below.
    vertices = np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]])
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    scene = Scene(light=Light(cloudiness=1.0))
    mesh = Mesh(vertices, np.array([[0, 2, 1], [0, 3, 2], [0, 1, 2], [0, 2, 3]]), uv=uv)
    scene.add(mesh, material=Material(color=(0.9, 0.9, 0.9), texture=texture, specular=0.0))
    return scene


def poses(distance_m, count, tilt_rad, off_axis_rad, rng):
    """Camera poses (position, world_R_optical) around the board, which is seen from z < 0."""
    middle = np.array([(COLUMNS - 1) / 2 * SQUARE_M, (ROWS - 1) / 2 * SQUARE_M, 0.0])
    for _ in range(count):
        tilt = rng.uniform(-tilt_rad, tilt_rad, 2)
        roll = rng.uniform(-0.4, 0.4)
        turn, _ = cv2.Rodrigues(np.array([tilt[0], tilt[1], 0.0]))
        spin, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
        look = turn @ spin
        position = middle - look[:, 2] * distance_m * rng.uniform(0.85, 1.2)
        off, _ = cv2.Rodrigues(np.array([*rng.uniform(-off_axis_rad, off_axis_rad, 2), 0.0]))
        yield Pose(position, quaternion_from_rotation(look @ off))


def corners_of(image):
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found, corners = cv2.findChessboardCornersSB(grey, (COLUMNS, ROWS), cv2.CALIB_CB_ACCURACY)
    return corners.reshape(-1, 2) if found else None


BOARD_M = np.stack(
    [
        np.tile(np.arange(COLUMNS), ROWS) * SQUARE_M,
        np.repeat(np.arange(ROWS), COLUMNS) * SQUARE_M,
        np.zeros(COLUMNS * ROWS),
    ],
    axis=1,
)


def fisheye_flag(name):
    """OpenCV 4 keeps the flags of its fisheye calibration apart, OpenCV 5 does not."""
    return getattr(cv2.fisheye, name, None) or getattr(cv2, name)


def photographed(lens, look, distance_m, count, off_axis_rad):
    """Corners (54, 2) in each picture in which OpenCV finds the board."""
    camera = Camera(CameraConfig(name="x", lens=lens))
    scene, rng = board_scene(), np.random.default_rng(0)
    pictures = [
        look(camera, scene, pose=pose, seed=number)["rgb"]
        for number, pose in enumerate(poses(distance_m, count, 0.6, off_axis_rad, rng))
    ]
    seen = [corners for corners in map(corners_of, pictures) if corners is not None]
    assert len(seen) >= count - 2
    return seen


def assert_recovered(lens, rms_px, matrix):
    assert rms_px < 0.2
    assert matrix[0, 0] == pytest.approx(lens.fx_px, rel=0.005)
    assert matrix[1, 1] == pytest.approx(lens.fy_px, rel=0.005)
    assert matrix[0, 2] == pytest.approx(lens.cx_px, rel=0.005)
    assert matrix[1, 2] == pytest.approx(lens.cy_px, rel=0.005)


def test_opencv_calibrates_a_pinhole(look):
    lens = Lens(
        fx_px=520.0, fy_px=530.0, cx_px=325.0, cy_px=236.0, distortion=(-0.2, 0.06, 0.001, -0.0015)
    )
    seen = photographed(lens, look, 1.3, 12, 0.12)
    board = BOARD_M.astype(np.float32)
    rms_px, matrix, distortion, *_ = cv2.calibrateCamera(
        [board] * len(seen), [corners.astype(np.float32) for corners in seen], (640, 480), None,
        None, flags=cv2.CALIB_FIX_K3,
    )  # fmt: skip
    assert_recovered(lens, rms_px, matrix)
    assert np.abs(distortion.ravel()[:4] - lens.distortion).max() < 0.005


def test_opencv_calibrates_a_fisheye(look):
    lens = Lens(
        model="fisheye", fx_px=260.0, fy_px=262.0, cx_px=317.0, cy_px=241.0,
        distortion=(0.03, -0.008, 0.002, -0.0004),
    )  # fmt: skip
    seen = photographed(lens, look, 0.8, 14, 0.5)
    flags = fisheye_flag("CALIB_RECOMPUTE_EXTRINSIC") | fisheye_flag("CALIB_FIX_SKEW")
    rms_px, matrix, *_ = cv2.fisheye.calibrate(
        [BOARD_M[None]] * len(seen), [corners[None].astype(np.float64) for corners in seen],
        (640, 480), None, None, flags=flags,
    )  # fmt: skip
    assert_recovered(lens, rms_px, matrix)
