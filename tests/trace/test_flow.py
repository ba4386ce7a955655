"""Optical flow against closed forms, a float64 oracle, and pictures warped by it."""

import cv2
import numpy as np
import pybullet
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.lens import Lens
from fleetloop.envs.trace import shapes
from fleetloop.envs.trace.layout import LANES
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

FLOW = frozenset({"flow_forward", "flow_backward", "flow_occluded"})
LENSES = {
    "pinhole": Lens.of_fov(96, 72, 1.3),
    "distorted": Lens.of_fov(96, 72, 1.3, distortion=(-0.15, 0.03, 0.002, -0.001, 0.0)),
    "fisheye": Lens.of_fov(96, 72, 2.6, model="fisheye", distortion=(0.02, -0.004, 0.0, 0.0)),
    "panorama": Lens.of_fov(96, 48, 2.0 * np.pi, model="panorama"),
}


def grid_of(lens, **options):
    return RayGrid(lens.directions(), projection=lens.project, **options)


def turned(rotation, angle, axis):
    """A rotation after a further turn about a world axis."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k) @ rotation


def moving_crowd(icosphere, seed, count=24):
    """A scene that has just taken a step, and its poses before."""
    rng = np.random.default_rng(seed)
    scene = Scene()
    ground = Material(pattern="checker", pattern_scale_m=0.7, color=(0.8, 0.8, 0.8))
    scene.add(shapes.Plane(), material=ground)
    kinds = [
        shapes.Box((0.5, 0.3, 0.4)),
        shapes.Sphere(0.5),
        shapes.Cylinder(0.3, 0.6),
        shapes.Capsule(0.3, 0.5),
        icosphere,
        shapes.Mesh(rng.uniform(-0.8, 0.8, (6, 3)), np.arange(6).reshape(2, 3)),
    ]
    handles = []
    for number in range(count):
        place = rng.uniform([3.0, -5.0, 0.3], [14.0, 5.0, 3.0])
        handles.append(scene.add(kinds[number % len(kinds)], place, rng.normal(size=4)))
    before = scene.poses()
    at = np.array([scene.pose(handle)[0] for handle in handles])
    q = np.array([scene.pose(handle)[1] for handle in handles])
    scene.set_poses(handles, at + rng.normal(0, 0.12, at.shape), q + rng.normal(0, 0.04, q.shape))
    return scene, before


def view_of(rays, position, rotation, **options):
    return View(
        rays=rays, position_m=np.array(position), rotation=rotation, t_max_m=80.0, **options
    )


@pytest.mark.parametrize("name", LENSES)
def test_flow_equals_points_carried_in_float64(name, oracle, icosphere, camera_rotation):
    scene, before = moving_crowd(icosphere, 3)
    lens = LENSES[name]
    rays = grid_of(lens)
    position, rotation = np.array([0.2, 0.1, 1.5]), camera_rotation
    old_position = np.array([0.05, 0.02, 1.46])
    old_rotation = turned(rotation, 0.03, (0.2, 0.1, 1.0))
    view = view_of(
        rays, position, rotation, outputs=FLOW | {"instance"},
        previous_position_m=old_position, previous_rotation=old_rotation, previous_poses=before,
    )  # fmt: skip
    image = trace([(scene, view)])[0]
    d = rays.directions.reshape(-1, 3).astype(float) @ rotation.T
    now = oracle.trace(scene, position, d, t_max=80.0)
    index = {handle: k for k, handle in enumerate(before.handles)}
    then_world = np.empty_like(d)
    for handle in np.unique(now.handle):
        mine = now.handle == handle
        if handle == 0:
            then_world[mine] = old_position + 1e9 * d[mine]
        else:
            p, q = before.position_m[index[handle]], before.quaternion[index[handle]]
            then_world[mine] = now.local[mine] @ oracle.rotation_matrix(q).T + p
    then = (then_world - old_position) @ old_rotation
    pixels, seen = lens.project(then)
    row, column = np.mgrid[: lens.height_px, : lens.width_px]
    flow = pixels - np.stack([column, row], -1).reshape(-1, 2)
    if name == "panorama":
        flow[:, 0] -= lens.width_px * np.rint(flow[:, 0] / lens.width_px)
    same = (image["instance"].reshape(-1) == now.handle) & seen
    assert same.mean() > 0.97
    error = np.abs(image["flow_backward"].reshape(-1, 2) - flow)[same].max(axis=1)
    assert np.quantile(error, 0.998) < 2e-3
    assert np.abs(flow[same]).max() > 2.0
    hidden = hidden_before(oracle, scene, before, old_position, then_world, now.handle > 0)
    inside = (pixels[:, 1] >= -0.5) & (pixels[:, 1] <= lens.height_px - 0.5)
    if name != "panorama":
        inside &= (pixels[:, 0] >= -0.5) & (pixels[:, 0] <= lens.width_px - 0.5)
    # What was further than the sensor sees was not in view either.
    far = then[:, 2] if rays.affine or name == "distorted" else np.linalg.norm(then, axis=1)
    expected = hidden | ~inside | ((now.handle > 0) & (far > 80.0))
    assert 0.003 < expected[same].mean() < 0.5
    got = image["flow_occluded"].reshape(-1)
    assert (got == expected)[same].mean() > 0.997
    # The rest are rays along an edge.
    assert got[same & expected].mean() > 0.9


def hidden_before(oracle, scene, before, eye, points, met):
    """Whether anything stood between the eye and points, at other poses."""
    now = scene.poses()
    scene.set_poses(before.handles, before.position_m, before.quaternion)
    rays = points - eye
    first = oracle.trace(scene, eye, rays)
    scene.set_poses(now.handles, now.position_m, now.quaternion)
    # The sky is 1e9 m away here, and the sensor sees things to 80 m.
    far = np.where(met, 1.0 - 1e-3, 80.0 / 1e9)
    return first.t < far


def test_flow_of_a_sliding_wall_is_one_number(camera_rotation):
    rays = RayGrid(pinhole_directions(64, 48, 50.0, 40.0, 31.5, 23.5))
    scene = Scene()
    wall = scene.add(shapes.Box((0.5, 90.0, 90.0)), (5.5, 0.0, 0.0))
    scene.keep_previous()
    scene.set_poses([wall], [(5.5, 0.3, -0.2)], [(0, 0, 0, 1)])
    eye = np.zeros(3)
    view = view_of(
        rays, eye, camera_rotation, outputs=FLOW,
        previous_position_m=eye, previous_rotation=camera_rotation,
    )  # fmt: skip
    image = trace([(scene, view)])[0]
    # World y is to the left, z up: 0.3 m left at 5 m depth is 3 pixels against the columns.
    step = np.array([-50.0 * 0.3 / 5.0, 40.0 * 0.2 / 5.0])
    np.testing.assert_allclose(image["flow_forward"], np.tile(step, (48, 64, 1)), atol=1e-3)
    np.testing.assert_allclose(image["flow_backward"], np.tile(-step, (48, 64, 1)), atol=1e-3)
    # What came in over the border was not in view: three columns on the right, two rows on top.
    expected = np.zeros((48, 64), bool)
    expected[:, 61:] = True
    expected[:2] = True
    assert (image["flow_occluded"] == expected).mean() > 0.99


def test_nothing_moves_in_a_still_scene(icosphere, camera_rotation):
    scene, _ = moving_crowd(icosphere, 5)
    rays = grid_of(LENSES["distorted"])
    eye = np.array([0.0, 0.0, 1.4])
    view = view_of(
        rays, eye, camera_rotation, outputs=FLOW, previous_position_m=eye,
        previous_rotation=camera_rotation, previous_poses=scene.poses(),
    )  # fmt: skip
    image = trace([(scene, view)])[0]
    assert np.abs(image["flow_forward"]).max() < 1e-3
    assert np.abs(image["flow_backward"]).max() < 1e-3
    assert image["flow_occluded"].mean() < 2e-3


def test_rows_of_a_rolling_shutter_have_their_own_times(camera_rotation):
    """A wall that falls: each row sees it at its own time, and flow counts that in."""
    height, focal, row_s, period_s, speed = 96, 60.0, 2e-4, 0.1, -3.0
    rays = RayGrid(
        pinhole_directions(128, height, focal, focal, 63.5, 47.5), tile=(1, LANES),
        slot_of_tile=np.arange(height)[:, None], n_slots=height,
    )  # fmt: skip
    offset = (np.arange(height) - (height - 1)) * row_s
    scene = Scene()
    wall = scene.add(shapes.Box((0.5, 90.0, 90.0)), (4.5, 0.0, 0.0), velocity_m_s=(0.0, 0.0, speed))
    before = scene.poses()
    scene.set_poses([wall], [(4.5, 0.0, speed * period_s)], [(0, 0, 0, 1)])
    eye = np.zeros(3)
    view = view_of(
        rays, eye, camera_rotation, outputs=FLOW, time_offset_s=offset, previous_position_m=eye,
        previous_rotation=camera_rotation, previous_poses=before,
    )  # fmt: skip
    image = trace([(scene, view)])[0]
    # y(t) = y0 + rate t in pixels; in the other frame the row itself says when: y' = y + rate
    # (+-period + (row(y') - y) row_s), with row(y') the nearest whole row.
    rate = -focal * speed / 4.0
    rows = np.arange(height)
    for name, period in (("flow_backward", -period_s), ("flow_forward", period_s)):
        landed = rows + rate * period
        for _ in range(8):
            nearest = np.clip(np.rint(landed), 0, height - 1)
            landed = rows + rate * (period + (nearest - rows) * row_s)
        wanted = np.repeat((landed - rows)[:, None], 128, axis=1)
        np.testing.assert_allclose(image[name][..., 1], wanted, atol=0.01)
        np.testing.assert_allclose(image[name][..., 0], 0.0, atol=1e-3)
    np.testing.assert_array_equal(image["flow_occluded"][6:], False)


def test_flow_warps_one_frame_onto_the_next(icosphere, camera_rotation):
    scene, before = moving_crowd(icosphere, 8)
    lens = Lens.of_fov(320, 240, 1.2, distortion=(-0.1, 0.01, 0.0, 0.0))
    rays = grid_of(lens)
    eye, old_eye = np.array([0.1, 0.05, 1.5]), np.array([0.0, 0.0, 1.5])
    old_rotation = turned(camera_rotation, 0.02, (0, 0, 1))
    view = view_of(
        rays, eye, camera_rotation, outputs=FLOW | {"normal"}, previous_position_m=old_eye,
        previous_rotation=old_rotation, previous_poses=before,
    )  # fmt: skip
    now = trace([(scene, view)])[0]
    # A picture that moves with its surfaces, whatever the light: the place on the shape itself.
    paint = painted(scene, rays, eye, camera_rotation)
    current = scene.poses()
    scene.set_poses(before.handles, before.position_m, before.quaternion)
    old_paint = painted(scene, rays, old_eye, old_rotation)
    scene.set_poses(current.handles, current.position_m, current.quaternion)
    row, column = np.mgrid[:240, :320].astype(np.float32)
    flow = now["flow_backward"]
    warped = cv2.remap(old_paint, column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR)
    # Bilinear reading mixes two surfaces at an edge: pixels beside one are left out.
    clear = ~cv2.dilate(now["flow_occluded"].astype(np.uint8), np.ones((5, 5))).astype(bool)
    clear &= ~edges(paint) & ~edges(warped)
    assert clear.mean() > 0.5
    warped_rms = np.sqrt(np.square(warped - paint)[clear].mean())
    still_rms = np.sqrt(np.square(old_paint - paint)[clear].mean())
    assert warped_rms < 0.02
    assert still_rms > 8.0 * warped_rms
    # There and back again is where it began.
    forward = cv2.remap(
        now["flow_forward"], column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR
    )
    assert np.quantile(np.abs(forward + flow).max(axis=-1)[clear], 0.99) < 0.05


def painted(scene, rays, eye, rotation):
    """Smooth waves over the places (u, v) of all surfaces, float32 (height, width)."""
    view = view_of(rays, eye, rotation, outputs=frozenset({"uv", "instance"}))
    image = trace([(scene, view)])[0]
    u, v = image["uv"][..., 0], image["uv"][..., 1]
    waves = np.sin(2.0 * u + image["instance"]) * np.cos(1.7 * v)
    return np.where(image["instance"] > 0, waves, 0.0).astype(np.float32)


def edges(image):
    low, high = cv2.erode(image, np.ones((3, 3))), cv2.dilate(image, np.ones((3, 3)))
    return cv2.dilate((high - low > 0.5).astype(np.uint8), np.ones((3, 3))).astype(bool)


def test_threads_do_not_change_flow(icosphere, camera_rotation):
    scene, before = moving_crowd(icosphere, 11)
    rays = RayGrid(pinhole_directions(400, 300, 300.0, 300.0, 199.5, 149.5))
    assert len(rays.chunks) > 2
    view = view_of(
        rays, (0.0, 0.0, 1.5), camera_rotation, outputs=FLOW, previous_poses=before,
        previous_position_m=np.array([-0.1, 0.0, 1.5]), previous_rotation=camera_rotation,
    )  # fmt: skip
    one, two, four = (trace([(scene, view)], threads=n)[0] for n in (1, 2, 4))
    for name in FLOW:
        assert one[name].tobytes() == two[name].tobytes() == four[name].tobytes()


def test_shapes_that_came_since_stand_still():
    scene = Scene()
    old = scene.add(shapes.Sphere(0.5), (0.0, 0.0, 0.0))
    gone = scene.add(shapes.Sphere(0.5), (1.0, 0.0, 0.0))
    before = scene.poses()
    scene.remove(gone)
    scene.set_poses([old], [(0.0, 2.0, 0.0)], [(0, 0, 0, 1)])
    scene.add(shapes.Sphere(0.5), (5.0, 0.0, 0.0))
    np.testing.assert_array_equal(scene.motion_at(before)[0], [[0, 0, 0], [5, 0, 0]])


def test_bodies_that_pybullet_has_just_loaded_did_not_move():
    client = pybullet.connect(pybullet.DIRECT)
    shape = pybullet.createVisualShape(pybullet.GEOM_SPHERE, radius=0.5, physicsClientId=client)
    for place in ((1, 2, 3), (4, 5, 6)):
        pybullet.createMultiBody(1.0, -1, shape, place, physicsClientId=client)
    scene = Scene.from_bullet(client)
    np.testing.assert_array_equal(scene.previous_motion[0], [[1, 2, 3], [4, 5, 6]])
    pybullet.resetBasePositionAndOrientation(0, (1, 2, 4), (0, 0, 0, 1), physicsClientId=client)
    scene.sync()
    np.testing.assert_array_equal(scene.motion[0], [[1, 2, 4], [4, 5, 6]])
    np.testing.assert_array_equal(scene.previous_motion[0], [[1, 2, 3], [4, 5, 6]])
    pybullet.disconnect(client)


def test_flow_needs_a_projection():
    directions = LENSES["fisheye"].directions()
    with pytest.raises(ConfigError, match="projection"):
        View(
            rays=RayGrid(directions), position_m=np.zeros(3), rotation=np.eye(3), outputs=FLOW,
            previous_position_m=np.zeros(3), previous_rotation=np.eye(3),
        )  # fmt: skip
