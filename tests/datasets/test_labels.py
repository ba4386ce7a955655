"""Labels against closed forms, and against a picture in which things stand alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.objects import Objects
from fleetloop.datasets.labels import boxes_of_ids, label_picture, project_points

WIDE = Lens.of_fov(160, 120, 1.2)
LENSES = [
    WIDE,
    Lens.of_fov(160, 120, 1.2, distortion=(-0.2, 0.05, 0.001, -0.001, 0.0)),
    Lens.of_fov(160, 120, 2.5, model="fisheye", distortion=(0.05, -0.01, 0.0, 0.0)),
]
CAMERA = Pose.of(0.0, 0.0, 1.5) @ BASE_T_OPTICAL


def boxes_at(*places, sizes=None, key_points=()) -> Objects:
    """Boxes around their own origins at (x, y, z) with ids 1, 2 ..."""
    n = len(places)
    sizes = sizes or [(2.0, 2.0, 2.0)] * n
    return Objects(
        t_ns=0,
        complete=True,
        names=tuple(f"box{i}" for i in range(n)),
        instance_id=np.arange(1, n + 1, dtype=np.int32),
        semantic=np.full(n, 43, np.uint8),
        position_m=np.array(places, dtype=float).reshape(n, 3),
        quaternion_xyzw=np.tile([0.0, 0.0, 0.0, 1.0], (n, 1)),
        linear_m_s=np.tile([1.0, 2.0, 3.0], (n, 1)),
        angular_rad_s=np.zeros((n, 3)),
        box_center_m=np.zeros((n, 3)),
        box_size_m=np.array(sizes, dtype=float).reshape(n, 3),
        key_point_names=tuple(f"p{i}" for i in range(len(key_points))),
        key_point_instance=np.array([owner for owner, _ in key_points], np.int32),
        key_point_m=np.array([at for _, at in key_points], dtype=float).reshape(-1, 3),
    )


def drawn(objects: Objects, lens: Lens, camera: Pose = CAMERA):
    """Instance and depth images of solid boxes, ray by ray: the oracle's own renderer."""
    columns, rows = np.meshgrid(np.arange(lens.width_px), np.arange(lens.height_px))
    rays = lens.unproject(np.stack([columns, rows], axis=-1))
    instance = np.zeros(rays.shape[:2], np.int32)
    nearest = np.full(rays.shape[:2], 1e9)
    for row in range(len(objects)):
        pose = Pose(objects.position_m[row], objects.quaternion_xyzw[row]).inverse() @ camera
        direction = pose.transform_vectors(rays)
        half = 0.5 * objects.box_size_m[row]
        one = (-half - pose.position_m) / direction
        other = (half - pose.position_m) / direction
        enters = np.minimum(one, other).max(-1)
        leaves = np.maximum(one, other).min(-1)
        hit = (leaves > enters) & (enters > 0.0) & (enters < nearest)
        nearest[hit] = enters[hit]
        instance[hit] = objects.instance_id[row]
    depth = np.where(instance > 0, nearest * rays[..., 2], 1000.0)
    return instance, depth.astype(np.float32)


@pytest.mark.parametrize("lens", LENSES)
def test_a_box_alone_is_as_its_projection_says(lens):
    objects = boxes_at((8.0, 0.5, 1.0), (12.0, -4.0, 1.0))
    labels = label_picture(objects, lens, CAMERA, *drawn(objects, lens))
    assert labels.names == ("box0", "box1")
    assert (labels.visible_px > 20).all()
    # The outermost pixel centres lie within the projected outline, and come within a pixel of it.
    assert np.all(labels.box_px[:, :2] >= labels.amodal_px[:, :2] - 1.01)
    assert np.all(labels.box_px[:, 2:] <= labels.amodal_px[:, 2:] + 1.01)
    np.testing.assert_allclose(labels.box_px, labels.amodal_px, atol=1.01)
    np.testing.assert_array_equal(labels.occluded, 0.0)
    np.testing.assert_array_equal(labels.truncated, 0.0)
    np.testing.assert_array_equal(labels.visible_fraction, 1.0)
    expected = np.linalg.norm(objects.position_m - [0, 0, 1.5], axis=1)
    np.testing.assert_allclose(labels.distance_m, expected)
    # The camera looks along world x: velocity (1, 2, 3) is forward 1, left 2, up 3.
    np.testing.assert_allclose(labels.velocity_m_s[0], [-2.0, -3.0, 1.0], atol=1e-12)


def test_what_stands_before_it_hides_the_part_that_it_hides():
    # A wall at 4 m hides what lies right of the optical axis (y < 0).
    objects = boxes_at(
        (10.0, 0.0, 1.5), (4.0, -2.0, 1.5), sizes=[(0.02, 4.0, 2.0), (0.02, 4.0, 4.0)]
    )
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    row = labels.names.index("box0")
    assert labels.occluded[row] == pytest.approx(0.5, abs=0.03)
    assert labels.occluded[labels.names.index("box1")] == 0.0
    assert labels.box_px[row][2] == pytest.approx(80.0, abs=1.0)
    assert labels.amodal_px[row][2] > 90.0


def test_half_out_of_the_image_is_truncated_by_half():
    edge_y = 10.0 * np.tan(0.6)
    objects = boxes_at((10.0, edge_y, 1.5), sizes=[(0.001, 2.0, 2.0)])
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    assert labels.truncated[0] == pytest.approx(0.5, abs=0.02)
    assert labels.amodal_px[0][0] == 0.0
    assert labels.amodal_full_px[0][0] < -5.0
    assert labels.in_view[0] == pytest.approx(0.5, abs=0.02)


def test_what_reaches_to_the_camera_is_seen_by_the_part_that_is_in_the_picture():
    """Of a long box along the axis, from behind the camera on, what lies ahead is seen."""
    objects = boxes_at((4.0, 0.0, 1.5), sizes=[(12.0, 0.4, 0.4)])
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    assert labels.truncated[0] > 0.9
    # It spans x from -2 to 10 m: in the picture from where 0.2 m fit into half of the height.
    near_m = 0.2 / (60.0 / WIDE.fy_px)
    assert labels.in_view[0] == pytest.approx((10.0 - near_m) / 12.0, abs=0.1)
    assert labels.visible_fraction[0] == pytest.approx(labels.in_view[0])


def test_what_is_behind_is_left_out_and_what_is_around_is_cut():
    objects = boxes_at((-5.0, 0.0, 1.0), (0.5, 0.0, 0.0), sizes=[(1, 1, 1), (8.0, 3.0, 1.0)])
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    assert labels.names == ("box1",)
    assert np.isfinite(labels.amodal_full_px).all()


def test_hidden_things_are_told_as_hidden():
    objects = boxes_at((20.0, 0.0, 1.5), (4.0, 0.0, 1.5), sizes=[(1, 1, 1), (0.1, 3.0, 3.0)])
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    row = labels.names.index("box0")
    assert labels.visible_px[row] == 0
    assert labels.occluded[row] == 1.0
    assert labels.visible_fraction[row] == 0.0
    assert labels.box_px[row].tolist() == [0, 0, 0, 0]


def test_key_points_are_seen_hidden_or_not_there():
    objects = boxes_at(
        (10.0, 0.0, 1.5),
        (5.0, -1.5, 1.5),
        sizes=[(0.1, 4.0, 2.0), (0.1, 2.0, 3.0)],
        key_points=[(1, (10.0, 1.0, 1.5)), (1, (10.0, -1.9, 1.5)), (1, (-3.0, 0.0, 1.0))],
    )
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    assert labels.key_point_state.tolist() == [2, 1, 0]
    expected, inside = project_points(WIDE, np.array([-1.0, 0.0, 10.0]))
    assert inside
    np.testing.assert_allclose(labels.key_point_px[0], expected)


@given(st.integers(0, 10_000), st.booleans())
def test_tight_boxes_against_a_plain_search(seed, large):
    rng = np.random.default_rng(seed)
    ids = np.array([3, 9, 4, 70], np.int32) + (2**30 if large else 0)
    image = rng.choice([0, *ids.tolist(), 5], size=(7, 9), p=[0.6, 0.1, 0.1, 0.1, 0.05, 0.05])
    image = image.astype(np.int32)
    visible, boxes = boxes_of_ids(image, ids)
    for row, number in enumerate(ids.tolist()):
        ys, xs = np.nonzero(image == number)
        assert visible[row] == len(ys)
        expected = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] if len(ys) else [0] * 4
        assert boxes[row].tolist() == expected


def test_no_objects_make_no_labels():
    objects = boxes_at((5.0, 0.0, 1.0)).chosen(np.zeros(1, bool))
    labels = label_picture(objects, WIDE, CAMERA, *drawn(objects, WIDE))
    assert len(labels.names) == 0
    assert labels.visible_fraction.shape == (0,)


def test_labels_of_a_real_street(street):
    """Tight boxes lie in amodal ones, points of the LiDAR lie in the boxes of their things."""
    from fleetloop.datasets.labels import camera_labels, range_labels

    seen = 0
    for number in range(street.count("front")):
        labels = camera_labels(street, "front", number)
        assert "robot" not in labels.names
        shown = labels.visible_px > 0
        seen += int(shown.sum())
        assert np.all(labels.box_px[shown, :2] >= labels.amodal_px[shown, :2] - 1.5)
        assert np.all(labels.box_px[shown, 2:] <= labels.amodal_px[shown, 2:] + 1.5)
        assert np.all((labels.visible_fraction >= 0) & (labels.visible_fraction <= 1))
        image = street.sample("front", number, ["instance"]).data["instance"]
        assert labels.visible_px.sum() <= np.count_nonzero(image)
    assert seen > 5
    labels = range_labels(street, "lidar", 0)
    assert labels.points.sum() > 100
    sample = street.sample("lidar", 0)
    for row in np.flatnonzero(labels.points):
        if labels.objects.names[row] == "robot":
            continue
        mine = sample.data["valid"] & (sample.data["instance"] == labels.objects.instance_id[row])
        truth = sample.data["point_true_m"][mine].astype(float)
        pose = Pose(
            labels.sensor_T_object.position_m[row], labels.sensor_T_object.quaternion_xyzw[row]
        ).inverse()
        inside = np.abs(pose.transform_points(truth) - labels.objects.box_center_m[row])
        # Ranges have noise of a few centimetres.
        assert np.mean(np.all(inside <= 0.5 * labels.objects.box_size_m[row] + 0.15, axis=1)) > 0.98


def test_labels_say_what_is_missing(made_up, tmp_path):
    from fleetloop.datasets.labels import camera_labels, range_labels
    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.datasets.recording import RecordedEpisode

    writer = EpisodeWriter(tmp_path)
    made_up.write(writer)
    episode = RecordedEpisode(writer.path(made_up.meta.episode_id))
    with pytest.raises(ConfigError, match="no lens"):
        camera_labels(episode, "eye", 0)
    with pytest.raises(ConfigError, match="label `instance`"):
        range_labels(episode, "lidar", 0)


def test_kitti_has_no_place_for_less_than_a_pixel():
    """Its boxes end a pixel earlier: a person 300 m away, half a pixel wide, would have none."""
    from fleetloop.datasets.export.kitti.frames import label_lines

    objects = boxes_at((10.0, 0.0, 1.5), (300.0, 40.0, 1.5), sizes=[(1, 1, 1), (0.5, 0.5, 3.0)])
    instance, depth_m = drawn(objects, WIDE)
    far = project_points(WIDE, np.array([-40.0, 0.0, 300.0]))[0].astype(int)
    instance[far[1], far[0]] = 2
    labels = label_picture(objects, WIDE, CAMERA, instance, depth_m)
    assert labels.visible_px[1] > 0
    (line,) = label_lines(labels, [43])
    left, top, right, below = map(float, line.split()[4:8])
    assert right > left
    assert below > top
