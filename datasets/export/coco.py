"""COCO: pictures with masks, boxes and key points, as pycocotools reads them.

A picture of a camera with instance labels is an image; each thing of which a pixel is seen is an
annotation: run-length mask, tight box, and beside COCO's own keys the box of the whole thing
(`amodal_bbox`), how much of it is seen, and a track. Ids begin at 1: COCOeval takes 0 for none.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.semantics import DYNAMIC_CLASSES, SURFACE_CLASSES, SemanticClass
from fleetloop.datasets.export.base import EpisodePart
from fleetloop.datasets.labels import CameraLabels, camera_labels
from fleetloop.datasets.lineage import Dropped, Signal, stored_loss
from fleetloop.datasets.recording import RecordedEpisode

ANNOTATIONS = "annotations/instances.json"

COCO_POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's key points of a person, in its order."""

_SKELETON = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9],
    [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
_WITH_POINTS = (SemanticClass.PERSON, SemanticClass.ROBOT)
_ROWS = "rows"
_TRACKS = 1_000_000
"""Instance ids of episodes are this far apart, so that tracks stay unique."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoOptions:
    """What to put in.

    Attributes:
        every: Each so manieth picture of a camera.
        smallest_px: Things with fewer pixels are left out.
        own: Whether the robot's own body is annotated, where its camera sees it.
    """

    every: int = 1
    smallest_px: int = 1
    own: bool = False

    def __post_init__(self) -> None:
        if self.every < 1 or self.smallest_px < 1:
            raise ConfigError(
                f"every is {self.every}, smallest_px {self.smallest_px}: use 1 or more."
            )


class Coco:
    """See the module."""

    OPTIONS: ClassVar[type[CocoOptions]] = CocoOptions
    NEEDS: ClassVar[tuple[str, ...]] = ()
    EXTRA: ClassVar[str] = ""

    def __init__(self, options: CocoOptions) -> None:
        self.options = options

    def add_episode(self, episode: RecordedEpisode, number: int, staging: Path) -> EpisodePart:
        """Writes the pictures, and a line for each image and annotation."""
        cameras = _cameras(episode)
        rows = staging / _ROWS
        rows.mkdir(exist_ok=True)
        (staging / "images").mkdir(exist_ok=True)
        images = annotations = 0
        with (
            (rows / f"{number:06d}.images").open("w") as image_rows,
            (rows / f"{number:06d}.annotations").open("w") as annotation_rows,
        ):
            for sensor, field in cameras.items():
                for k in range(0, episode.count(sensor), self.options.every):
                    image = _image(episode, sensor, field, k, number, staging)
                    image_rows.write(json.dumps({"id": images} | image) + "\n")
                    for told in self._annotations(episode, sensor, k, number):
                        annotation_rows.write(json.dumps({"image_id": images} | told) + "\n")
                        annotations += 1
                    images += 1
        return EpisodePart(
            frames=images,
            signals=tuple(_signals(episode, cameras)),
            dropped=tuple(_dropped(episode, cameras)),
            memory={"images": images, "annotations": annotations},
        )

    def finish(self, parts: Sequence[EpisodePart], staging: Path) -> None:
        """Joins the lines into COCO's one file, numbering images and annotations from 1."""
        target = staging / ANNOTATIONS
        rows = staging / _ROWS
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            new = target.with_name(target.name + ".tmp")
            with new.open("w") as out:
                head = {
                    "info": {"description": "Recorded by fleetloop.", "version": "1.0",
                             "year": 2020, "contributor": "", "url": "", "date_created": ""},
                    "licenses": [],
                    "categories": list(_categories()),
                }  # fmt: skip
                out.write(json.dumps(head)[:-1])
                for kind in ("images", "annotations"):
                    out.write(f',\n"{kind}": [')
                    out.writelines(_numbered(parts, rows, kind))
                    out.write("\n]")
                out.write("}\n")
            os.replace(new, target)
        shutil.rmtree(rows, ignore_errors=True)

    def _annotations(
        self, episode: RecordedEpisode, sensor: str, k: int, number: int
    ) -> Iterator[dict[str, Any]]:
        labels = camera_labels(episode, sensor, k, own=self.options.own)
        instance = episode.sample(sensor, k, ["instance"]).data["instance"]
        for row in range(len(labels.names)):
            semantic = SemanticClass(int(labels.semantic[row]))
            pixels = int(labels.visible_px[row])
            if pixels < self.options.smallest_px or semantic in SURFACE_CLASSES:
                continue
            identity = int(labels.instance_id[row])
            left, top, right, bottom = labels.box_px[row].tolist()
            whole = labels.amodal_px[row].tolist()
            told: dict[str, Any] = {
                "category_id": int(semantic),
                "segmentation": rle_of(instance == identity),
                "area": pixels,
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
                "amodal_bbox": [whole[0], whole[1], whole[2] - whole[0], whole[3] - whole[1]],
                "visible_fraction": float(labels.visible_fraction[row]),
                "occluded": float(labels.occluded[row]),
                "truncated": float(labels.truncated[row]),
                "distance_m": float(labels.distance_m[row]),
                "track_id": number * _TRACKS + identity,
                "name": labels.names[row],
            }
            yield told | _points(labels, identity, semantic)


def rle_of(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (height, width) as COCO's compressed run lengths, counts as text.

    Runs go down the columns and begin with zeros; each count is told as the difference from
    the last but one, five bits a character [cocoapi, `rleEncode` and `rleToString`].
    """
    flat = np.asarray(mask, order="F").ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    counts = np.diff(bounds).tolist()
    if flat[0]:
        counts.insert(0, 0)
    text = []
    for number, count in enumerate(counts):
        left = count - counts[number - 2] if number > 2 else count
        more = True
        while more:
            bits = left & 0x1F
            left >>= 5
            more = left != -1 if bits & 0x10 else left != 0
            text.append(chr((bits | 0x20 if more else bits) + 48))
    return {"size": list(mask.shape), "counts": "".join(text)}


def _cameras(episode: RecordedEpisode) -> dict[str, str]:
    """Field of the picture by camera, of those whose pictures can be labelled.

    Raises:
        ConfigError: There is none.
    """
    found = {}
    for sensor in episode.sensors("instance"):
        schema = episode.schemas[sensor]
        picture = next((n for n, f in schema.items() if f.unit == "sRGB" and len(f.shape) == 3), "")
        if picture and episode.count(sensor) and episode.calibration.sensors[sensor].lens:
            found[sensor] = picture
    if not found:
        raise ConfigError(
            f"{episode.path} has no camera with the label `instance`: COCO needs one."
        )
    return found


def _image(
    episode: RecordedEpisode, sensor: str, field: str, k: int, number: int, staging: Path
) -> dict[str, Any]:
    """Writes a picture, the log's own JPEG where it has one, and tells of it."""
    import cv2

    stored = episode.encoded(sensor, k, field)
    sample = episode.sample(sensor, k, () if stored else [field])
    if stored is None:
        picture = cv2.cvtColor(sample.data[field], cv2.COLOR_RGB2BGR)
        data = cv2.imencode(".png", picture)[1].tobytes()
    else:
        data = stored[1]
    name = f"{number:06d}_{sensor}_{k:06d}.{'png' if stored is None else 'jpg'}"
    (staging / "images" / name).write_bytes(data)
    height, width = episode.schemas[sensor][field].shape[:2]
    return {
        "file_name": name,
        "height": height,
        "width": width,
        "license": 0,
        "date_captured": "",
        "t_capture_ns": sample.t_capture_ns,
        "sensor": sensor,
        "episode_id": episode.meta.episode_id,
        "faults": list(sample.faults),
    }


def _points(labels: CameraLabels, identity: int, semantic: SemanticClass) -> dict[str, Any]:
    """Key points in COCO's order, of classes that have them."""
    if semantic not in _WITH_POINTS:
        return {}
    own = np.flatnonzero(labels.key_point_instance == identity).tolist()
    rows = {labels.key_point_names[k]: k for k in own}
    flat: list[float] = []
    for name in COCO_POINTS:
        k = rows.get(name)
        state = 0 if k is None else int(labels.key_point_state[k])
        x, y = labels.key_point_px[k].tolist() if state else (0.0, 0.0)
        flat += [x, y, state]
    return {"keypoints": flat, "num_keypoints": sum(state > 0 for state in flat[2::3])}


def _categories() -> Iterator[dict[str, Any]]:
    for semantic in SemanticClass:
        if semantic in SURFACE_CLASSES:
            continue
        told: dict[str, Any] = {
            "id": int(semantic),
            "name": semantic.name.lower(),
            "supercategory": "mover" if semantic in DYNAMIC_CLASSES else "thing",
        }
        if semantic in _WITH_POINTS:
            told |= {"keypoints": list(COCO_POINTS), "skeleton": _SKELETON}
        yield told


def _numbered(parts: Sequence[EpisodePart], rows: Path, kind: str) -> Iterator[str]:
    """Lines of all episodes with ids that count on from one to the next."""
    first_image, identity, lead = 1, 1, "\n"
    for number, part in enumerate(parts):
        with (rows / f"{number:06d}.{kind}").open() as lines:
            for line in lines:
                told = json.loads(line)
                if kind == "images":
                    told["id"] += first_image
                else:
                    told = {"id": identity} | told
                    told["image_id"] += first_image
                identity += 1
                yield lead + json.dumps(told)
                lead = ",\n"
        first_image += part.memory["images"]


def _signals(episode: RecordedEpisode, cameras: dict[str, str]) -> Iterator[Signal]:
    for sensor, field in cameras.items():
        loss = stored_loss(episode, sensor, field)
        yield Signal(source=f"{sensor}.{field}", target="images", lossy=loss)
        yield Signal(source=f"{sensor}.instance", target="annotations: segmentation, bbox")
        if "depth_m" in episode.schemas[sensor]:
            yield Signal(
                source=f"{sensor}.depth_m", target="annotations: occluded",
                lossy="only how much of each thing is blocked",
            )  # fmt: skip
    yield Signal(
        source="objects", target="annotations: amodal_bbox, keypoints, track_id",
        lossy="projected into the pictures",
    )  # fmt: skip


def _dropped(episode: RecordedEpisode, cameras: dict[str, str]) -> Iterator[Dropped]:
    for sensor, schema in episode.schemas.items():
        if sensor not in cameras:
            yield Dropped(source=sensor, reason="no camera with the label `instance`")
            continue
        for name in schema:
            if name not in (cameras[sensor], "instance", "depth_m"):
                yield Dropped(source=f"{sensor}.{name}", reason="COCO has no place for it")
    for source in ("step.action", "step.reward_terms", "step.goal", "step.truth", "step.events"):
        yield Dropped(source=source, reason="COCO has no place for it")
