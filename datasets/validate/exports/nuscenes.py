"""nuScenes: tokens that resolve, chains in time, files that are there, boxes that have a size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding

_LINKS = {
    "sample": {"scene_token": "scene"},
    "sample_data": {"sample_token": "sample", "ego_pose_token": "ego_pose",
                    "calibrated_sensor_token": "calibrated_sensor"},
    "calibrated_sensor": {"sensor_token": "sensor"},
    "sample_annotation": {"sample_token": "sample", "instance_token": "instance",
                          "visibility_token": "visibility"},
    "instance": {"category_token": "category", "first_annotation_token": "sample_annotation",
                 "last_annotation_token": "sample_annotation"},
    "scene": {"log_token": "log", "first_sample_token": "sample", "last_sample_token": "sample"},
}  # fmt: skip
_TABLES = (*_LINKS, "ego_pose", "sensor", "visibility", "category", "log", "map", "attribute")
_MOST_TOLD = 10

Rows = dict[str, dict[str, Any]]


def check(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks the thirteen tables against each other and against the files."""
    (place,) = folder.glob("v1.0-*")
    tables: dict[str, Rows] = {}
    for name in _TABLES:
        rows = json.loads((place / f"{name}.json").read_text())
        tables[name] = {row["token"]: row for row in rows}
        if len(tables[name]) != len(rows):
            yield _error(name, "tokens repeat")
    findings = chain(_links(tables), _chains(tables), _files(folder, tables), _boxes(tables))
    yield from islice(findings, _MOST_TOLD)
    if len(tables["scene"]) != len(lineage.episodes):
        yield _error("scene", f"{len(tables['scene'])} scenes of {len(lineage.episodes)} episodes")


def _links(tables: dict[str, Rows]) -> Iterator[Finding]:
    for name, links in _LINKS.items():
        for token, row in tables[name].items():
            for key, target in links.items():
                if row[key] not in tables[target]:
                    yield _error(f"{name} {token}", f"{key} names nothing in {target}")


def _chains(tables: dict[str, Rows]) -> Iterator[Finding]:
    for name in ("sample", "sample_data", "sample_annotation"):
        rows = tables[name]
        for token, row in rows.items():
            following = rows.get(row["next"]) if row["next"] else None
            if row["next"] and (following is None or following["prev"] != token):
                yield _error(f"{name} {token}", "its next does not lead back")
            elif (
                following is not None
                and name != "sample_annotation"
                and following["timestamp"] <= row["timestamp"]
            ):
                yield _error(f"{name} {token}", "time does not rise to its next")
    for token, row in tables["sample_data"].items():
        if tables["ego_pose"][row["ego_pose_token"]]["timestamp"] != row["timestamp"]:
            yield _error(f"sample_data {token}", "its ego pose is of another time")


def _files(folder: Path, tables: dict[str, Rows]) -> Iterator[Finding]:
    for token, row in tables["sample_data"].items():
        path = folder / row["filename"]
        if not path.is_file():
            yield _error(f"sample_data {token}", f"{row['filename']} is not there")
        elif row["filename"].endswith(".pcd.bin") and path.stat().st_size % 20:
            yield _error(f"sample_data {token}", "is no list of five floats a point")
    for token, row in tables["map"].items():
        if not (folder / row["filename"]).is_file():
            yield _error(f"map {token}", f"{row['filename']} is not there")


def _boxes(tables: dict[str, Rows]) -> Iterator[Finding]:
    for token, row in tables["sample_annotation"].items():
        if not min(row["size"]) > 0.0:
            yield _error(f"sample_annotation {token}", f"its size is {row['size']}")
        if abs(sum(value * value for value in row["rotation"]) - 1.0) > 1e-6:
            yield _error(f"sample_annotation {token}", "its rotation is no unit quaternion")


def _error(where: str, message: str) -> Finding:
    return Finding(severity="error", check="nuscenes", where=where, message=message)
