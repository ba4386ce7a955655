"""Labels of one frame from what the log holds: boxes in pictures, boxes in space, key points.

Tight boxes come from the instance image, amodal ones from the true 3-D box, seen through the lens.
Image boxes are (left, top, right, bottom) in pixels, where pixel k covers k to k + 1.

How much of a thing can be seen is measured on the rays of its 3-D box. A ray that meets something
before it enters the box is blocked; `occluded` is their part. What leaves the image is `truncated`,
as KITTI has it: the part of the amodal box's area outside [Geiger et al. 2012]. Of something within
arm's reach that area is nearly all outside, however much is seen, so the visible fraction counts
the volume of the 3-D box instead: the part of it that is in the picture, less what is blocked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.objects import EGO, Objects
from fleetloop.datasets.recording import RecordedEpisode

NEAR_M = 0.05
"""What is nearer to a pinhole is cut off before it is projected."""

_EDGE_POINTS = 9
_LARGEST_TABLE = 1 << 20
_PER_SIDE = 6
_CELLS = np.stack(np.meshgrid(*[(np.arange(_PER_SIDE) + 0.5) / _PER_SIDE - 0.5] * 3), -1).reshape(
    -1, 3
)
"""Middles of the cells of a box, as parts of its size."""
_EDGES = ((0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6),
          (3, 7))  # fmt: skip

Image = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CameraLabels:
    """Objects in one picture, nearest first; m of them.

    Attributes:
        names, instance_id, semantic: As in `Objects`; (m,).
        visible_px: Pixels that show it, (m,); 0 for what is hidden.
        box_px: Tight box around them, (m, 4); zeros where there is none.
        amodal_px: Box of the whole thing, cut to the image, (m, 4).
        amodal_full_px: The same, not cut, (m, 4).
        occluded: Part of its rays that something nearer blocks, (m,), 0 to 1.
        truncated: Part of the amodal box outside the image, (m,), 0 to 1.
        in_view: Part of the 3-D box's volume that is in the picture, hidden or not, (m,), 0 to 1.
        distance_m: From the camera to the centre of the 3-D box, (m,).
        camera_T_object: Poses of the objects, a batch of m.
        box_center_m, box_size_m: In the object's frame, (m, 3).
        velocity_m_s: Over ground, in the camera's axes, (m, 3).
        key_point_names, key_point_instance: As in `Objects`; k.
        key_point_px: Where they are in the picture, (k, 2).
        key_point_state: (k,), COCO's: 0 not in the picture, 1 hidden, 2 seen.
    """

    names: tuple[str, ...]
    instance_id: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    visible_px: npt.NDArray[np.int64]
    box_px: FloatArray
    amodal_px: FloatArray
    amodal_full_px: FloatArray
    occluded: FloatArray
    truncated: FloatArray
    in_view: FloatArray
    distance_m: FloatArray
    camera_T_object: Pose
    box_center_m: FloatArray
    box_size_m: FloatArray
    velocity_m_s: FloatArray
    key_point_names: tuple[str, ...]
    key_point_instance: npt.NDArray[np.int32]
    key_point_px: FloatArray
    key_point_state: npt.NDArray[np.int64]

    @property
    def visible_fraction(self) -> FloatArray:
        """Part of each thing that the picture shows, (m,), 0 to 1."""
        return np.asarray((1.0 - self.occluded) * self.in_view)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RangeLabels:
    """Objects around one range sensor; m of them.

    Attributes:
        objects: All of them, in the world frame.
        sensor_T_object: Poses in the sensor's frame, a batch of m.
        points: Points on each, (m,).
    """

    objects: Objects
    sensor_T_object: Pose
    points: npt.NDArray[np.int64]


def camera_labels(
    episode: RecordedEpisode,
    sensor: str,
    number: int,
    *,
    classes: Collection[int] | None = None,
    own: bool = False,
) -> CameraLabels:
    """Labels of one picture of a recording.

    Args:
        episode: The recording; it must hold objects.
        sensor: A camera that was recorded with the label `instance`; `depth_m` tells occlusion.
        number: Of the sample.
        classes: `SemanticClass` numbers to keep; all if None.
        own: Whether the robot that carries the camera is labelled too, hands and key points.

    Raises:
        ConfigError: The recording lacks what labels are made of; the message says what.
    """
    lens = episode.calibration.sensors[sensor].lens
    schema = episode.schemas[sensor]
    wanted = [name for name in ("instance", "depth_m") if name in schema]
    if lens is None or "instance" not in wanted:
        raise ConfigError(
            f"{sensor} has no {'lens' if lens is None else 'label `instance`'} in {episode.path}: "
            "record with a camera that has labels=('instance', 'depth_m')."
        )
    sample = episode.sample(sensor, number, wanted)
    objects = episode.objects_at(sample.t_capture_ns)
    if objects is None:
        raise ConfigError(f"{episode.path} holds no true objects: record it anew for labels.")
    keep = np.array([own or name != EGO for name in objects.names], dtype=bool)
    if classes is not None:
        keep &= np.isin(objects.semantic, list(classes))
    return label_picture(
        objects.chosen(keep),
        lens,
        sample.world_T_sensor,
        sample.data["instance"],
        sample.data.get("depth_m"),
    )


def label_picture(
    objects: Objects, lens: Lens, world_T_camera: Pose, instance: Image, depth_m: Image | None
) -> CameraLabels:
    """Labels of one picture.

    Args:
        objects: Candidates; those without a place in the picture are left out.
        lens: Of the camera.
        world_T_camera: Its pose, optical frame.
        instance: (height, width) ids.
        depth_m: (height, width) along the optical axis; without it nothing counts as occluded.
    """
    camera_T_world = world_T_camera.inverse()
    size = (lens.width_px, lens.height_px)
    corners = camera_T_world.transform_points(objects.corners_m())
    full = np.array([_amodal(lens, box) for box in corners]).reshape(-1, 4)
    visible, tight = boxes_of_ids(instance, objects.instance_id)
    cut = np.clip(full, 0.0, np.array([*size, *size], dtype=np.float64))
    area = _area(cut)
    # What can be seen is in the picture, whatever its box says.
    kept = np.flatnonzero((area > 0.0) | (visible > 0))
    distance = np.linalg.norm(camera_T_world.transform_points(objects.centers_m()), axis=-1)
    kept = kept[np.argsort(distance[kept], kind="stable")]
    chosen = np.zeros(len(objects), dtype=bool)
    chosen[kept] = True
    poses = camera_T_world @ objects.world_T_object if len(objects) else Pose.identity()
    occluded = np.zeros(len(objects))
    if depth_m is not None:
        for row in kept.tolist():
            occluded[row] = _occluded(objects, row, poses, lens, depth_m, instance, cut[row])
    full_area = np.maximum(_area(full), 1e-12)
    points = objects.chosen(chosen)
    state, pixels = _key_points(points, lens, camera_T_world, instance)
    return CameraLabels(
        names=tuple(objects.names[row] for row in kept),
        instance_id=objects.instance_id[kept],
        semantic=objects.semantic[kept],
        visible_px=visible[kept],
        box_px=tight[kept],
        amodal_px=cut[kept],
        amodal_full_px=full[kept],
        occluded=occluded[kept],
        truncated=np.clip(1.0 - area / full_area, 0.0, 1.0)[kept],
        in_view=_in_view(objects, kept, poses, lens),
        distance_m=distance[kept],
        camera_T_object=Pose(
            poses.position_m.reshape(-1, 3)[kept], poses.quaternion_xyzw.reshape(-1, 4)[kept]
        ),
        box_center_m=objects.box_center_m[kept],
        box_size_m=objects.box_size_m[kept],
        velocity_m_s=camera_T_world.transform_vectors(objects.linear_m_s[kept]),
        key_point_names=points.key_point_names,
        key_point_instance=points.key_point_instance,
        key_point_px=pixels,
        key_point_state=state,
    )


def range_labels(episode: RecordedEpisode, sensor: str, number: int) -> RangeLabels:
    """Objects around a range sensor, and how many of its points lie on each.

    Raises:
        ConfigError: The sensor was recorded without the label `instance`, or objects are missing.
    """
    schema = episode.schemas[sensor]
    if "instance" not in schema or "valid" not in schema:
        raise ConfigError(f"{sensor} of {episode.path} has no label `instance` of its points.")
    sample = episode.sample(sensor, number, ["instance", "valid"])
    objects = episode.objects_at(sample.t_capture_ns)
    if objects is None:
        raise ConfigError(f"{episode.path} holds no true objects: record it anew for labels.")
    ids = sample.data["instance"][sample.data["valid"]]
    points = np.array([np.count_nonzero(ids == i) for i in objects.instance_id.tolist()])
    return RangeLabels(
        objects=objects,
        sensor_T_object=sample.world_T_sensor.inverse() @ objects.world_T_object,
        points=points.astype(np.int64),
    )


def boxes_of_ids(
    image: Image, ids: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Numbers of pixels (m,) and tight boxes (m, 4) of some ids in an id image."""
    count = len(ids)
    boxes = np.zeros((count, 4))
    if count == 0:
        return np.zeros(0, dtype=np.int64), boxes
    place = _places(image, ids)
    visible = np.bincount(place.ravel(), minlength=count + 1)[:count]
    for row in np.flatnonzero(visible):
        mask = place == row
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes[row] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return visible.astype(np.int64), boxes


def project_points(lens: Lens, points_m: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Pixels (..., 2) of points in the camera frame, and whether they are in the image.

    Coordinates are those of image boxes: the centre of pixel k is at k + 0.5.
    """
    pixels, seen = lens.project(points_m)
    pixels = pixels + 0.5
    inside = (pixels >= 0.0) & (pixels < [lens.width_px, lens.height_px])
    return pixels, seen & inside.all(axis=-1)


def _places(image: Image, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """For each pixel the place of its id in `ids`, or len(ids)."""
    largest = max(int(image.max(initial=0)), int(ids.max(initial=0)))
    if largest < _LARGEST_TABLE and int(image.min(initial=0)) >= 0:
        table = np.full(largest + 1, len(ids), dtype=np.int64)
        table[ids] = np.arange(len(ids))
        return table[image]
    order = np.argsort(ids)
    found = np.minimum(np.searchsorted(ids, image, sorter=order), len(ids) - 1)
    return np.where(ids[order[found]] == image, order[found], len(ids))


def _amodal(lens: Lens, corners_m: FloatArray) -> FloatArray:
    """Box around the projected edges of a 3-D box (8, 3); zeros if it cannot be seen at all."""
    start = corners_m[[a for a, _ in _EDGES]]
    end = corners_m[[b for _, b in _EDGES]]
    if lens.model == "pinhole":
        # Cut each edge at the near plane.
        depth, rise = start[:, 2], end[:, 2] - start[:, 2]
        flat = np.abs(rise) < 1e-12
        at = (NEAR_M - depth) / np.where(flat, 1.0, rise)
        low = np.where(rise > 0, np.clip(at, 0, 1), 0.0)
        high = np.where(rise < 0, np.clip(at, 0, 1), 1.0)
        there = np.maximum(depth, end[:, 2]) > NEAR_M
        low, high = np.where(flat, 0.0, low)[there], np.where(flat, 1.0, high)[there]
        start, end = start[there], end[there]
    else:
        low, high = np.zeros(len(start)), np.ones(len(start))
    if len(start) == 0:
        return np.zeros(4)
    # A lens bends straight edges: their ends alone would not do.
    parts = np.linspace(0.0, 1.0, _EDGE_POINTS)[:, None, None]
    part = low[:, None] + (high - low)[:, None] * parts
    pixels, _ = lens.project(start + part * (end - start))
    flat_px = pixels.reshape(-1, 2) + 0.5
    return np.concatenate([flat_px.min(axis=0), flat_px.max(axis=0)])


def _in_view(
    objects: Objects, rows: npt.NDArray[np.intp], camera_T_object: Pose, lens: Lens
) -> FloatArray:
    """Part of the volume of some 3-D boxes that is in the picture, (m,)."""
    if not len(rows):
        return np.zeros(0)
    local = objects.box_center_m[rows, None] + objects.box_size_m[rows, None] * _CELLS
    poses = Pose(
        camera_T_object.position_m[rows, None], camera_T_object.quaternion_xyzw[rows, None]
    )
    points = poses.transform_points(local)
    _, inside = project_points(lens, points)
    return np.asarray((inside & (points[..., 2] > NEAR_M)).mean(axis=1))


def _area(boxes: FloatArray) -> FloatArray:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1))


def _occluded(
    objects: Objects,
    row: int,
    camera_T_object: Pose,
    lens: Lens,
    depth_m: Image,
    instance: Image,
    box_px: FloatArray,
) -> float:
    """Part of the rays through a thing's 3-D box that something else blocks before it."""
    left, top = np.floor(box_px[:2]).astype(int)
    right, bottom = np.ceil(box_px[2:]).astype(int)
    if right <= left or bottom <= top:
        return 0.0
    # About a thousand rays tell the part to a few per cent.
    step = max(1, int(np.sqrt((right - left) * (bottom - top) / 1024.0)))
    rows, columns = np.mgrid[top:bottom:step, left:right:step].reshape(2, -1)
    directions = lens.unproject(np.stack([columns, rows], axis=-1))
    pose = Pose(camera_T_object.position_m[row], camera_T_object.quaternion_xyzw[row]).inverse()
    origin = pose.position_m - objects.box_center_m[row]
    local = pose.transform_vectors(directions)
    local = np.where(np.abs(local) < 1e-12, 1e-12, local)
    half = 0.5 * objects.box_size_m[row]
    one, other = (-half - origin) / local, (half - origin) / local
    enters = np.minimum(one, other).max(axis=-1)
    leaves = np.maximum(one, other).min(axis=-1)
    through = (leaves > enters) & (leaves > 0.0)
    if not through.any():
        return 0.0
    entry_m = (np.maximum(enters, 0.0) * directions[:, 2])[through]
    seen_m = depth_m[rows, columns][through]
    others = instance[rows, columns][through] != objects.instance_id[row]
    return float(np.count_nonzero(others & (seen_m < entry_m - 1e-3)) / np.count_nonzero(through))


def _key_points(
    objects: Objects, lens: Lens, camera_T_world: Pose, instance: Image
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """States (k,) and pixels (k, 2); a point counts as seen where its own thing is seen."""
    points = camera_T_world.transform_points(objects.key_point_m)
    pixels, inside = project_points(lens, points)
    state = np.zeros(len(points), dtype=np.int64)
    columns, rows = np.floor(pixels[inside]).astype(int).T.reshape(2, -1)
    state[inside] = 1 + (instance[rows, columns] == objects.key_point_instance[inside])
    return state, np.where(inside[:, None], pixels, 0.0)
