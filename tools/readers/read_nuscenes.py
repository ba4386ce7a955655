"""The nuScenes devkit: tables, points in boxes, LiDAR into cameras, detection of truth by truth."""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box

VERSION, SPLIT = "v1.0-fleetloop", "fleetloop"
nusc = NuScenes(version=VERSION, dataroot=sys.argv[1], verbose=False)

for table in nusc.table_names:
    tokens = [row["token"] for row in getattr(nusc, table)]
    assert len(tokens) == len(set(tokens)), f"tokens of {table} repeat"
for row in nusc.sample_data:
    assert (Path(nusc.dataroot) / row["filename"]).is_file(), row["filename"]
    for way, back in (("next", "prev"), ("prev", "next")):
        if row[way]:
            assert nusc.get("sample_data", row[way])[back] == row["token"]
for scene in nusc.scene:
    chain, token = [], scene["first_sample_token"]
    while token:
        chain.append(nusc.get("sample", token))
        token = chain[-1]["next"]
    stamps = [sample["timestamp"] for sample in chain]
    assert len(chain) == scene["nbr_samples"]
    assert stamps == sorted(set(stamps))
    assert chain[-1]["token"] == scene["last_sample_token"]

counted = projected = 0
for sample in nusc.sample:
    for channel, data in sample["data"].items():
        if not channel.startswith("LIDAR"):
            continue
        cloud = LidarPointCloud.from_file(nusc.get_sample_data_path(data)).points
        assert cloud.shape[0] == 4
        assert np.isfinite(cloud).all()
        if channel == "LIDAR_TOP":
            _, boxes, _ = nusc.get_sample_data(data)
            for box in boxes:
                told = nusc.get("sample_annotation", box.token)["num_lidar_pts"]
                assert abs(int(points_in_box(box, cloud[:3]).sum()) - told) <= 1, (box, told)
                counted += 1
        for camera in sample["data"]:
            if camera.startswith("CAM"):
                pixels, depth, picture = nusc.explorer.map_pointcloud_to_image(
                    data, sample["data"][camera]
                )
                assert (pixels[0] <= picture.size[0]).all()
                assert (depth > 0).all()
                projected += pixels.shape[1]
for area in nusc.map:
    mask = area["mask"]
    assert mask.mask().dtype == np.uint8
    assert set(np.unique(mask.mask())) <= {0, 255}
for scene in nusc.scene:
    log = nusc.get("log", scene["log_token"])
    (area,) = [row for row in nusc.map if log["token"] in row["log_tokens"]]
    sample = nusc.get("sample", scene["first_sample_token"])
    data = nusc.get("sample_data", next(iter(sample["data"].values())))
    here = nusc.get("ego_pose", data["ego_pose_token"])["translation"]
    assert area["mask"].is_on_mask(np.array(here[:1]), np.array(here[1:2])).all()

score = None
# The devkit leaves out truth that no sensor's point lies on, and would count it as found in vain.
annotations = [
    a for a in nusc.sample_annotation
    if category_to_detection_name(a["category_name"]) and a["num_lidar_pts"] + a["num_radar_pts"]
]  # fmt: skip
if annotations and all("LIDAR_TOP" in sample["data"] for sample in nusc.sample):
    results = {sample["token"]: [] for sample in nusc.sample}
    attributes = {row["token"]: row["name"] for row in nusc.attribute}
    for a in annotations:
        velocity = nusc.box_velocity(a["token"])[:2]
        results[a["sample_token"]].append({
            "sample_token": a["sample_token"], "translation": a["translation"], "size": a["size"],
            "rotation": a["rotation"], "velocity": np.nan_to_num(velocity).tolist(),
            "detection_name": category_to_detection_name(a["category_name"]),
            "detection_score": 1.0,
            "attribute_name": attributes[a["attribute_tokens"][0]] if a["attribute_tokens"] else "",
        })  # fmt: skip
    uses = {
        f"use_{name}": name == "lidar" for name in ("camera", "lidar", "radar", "map", "external")
    }
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(io.StringIO()):
        path = Path(place) / "results.json"
        path.write_text(json.dumps({"meta": uses, "results": results}))
        run = DetectionEval(
            nusc, config_factory("detection_cvpr_2019"), str(path), SPLIT, place, verbose=False
        )
        metrics, _ = run.evaluate()
        present = {box.detection_name for box in run.gt_boxes.all}
    # Thresholds of distance below 10 cm do not exist: every class that is there is found whole.
    for name in present:
        assert metrics.mean_dist_aps[name] > 0.99, (name, metrics.mean_dist_aps[name])
    score = ", ".join(f"{name} {metrics.mean_dist_aps[name]:.3f}" for name in sorted(present))
print(
    f"{len(nusc.scene)} scenes, {len(nusc.sample)} samples, {counted} boxes counted, "
    f"{projected} points projected, AP {score or 'not asked: no LiDAR or no nuScenes class'}"
)
