"""COCO: ids, boxes within the pictures, and run lengths that count what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding


def check(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks the annotations against the images."""
    told = json.loads((folder / "annotations" / "instances.json").read_text())
    images = {image["id"]: image for image in told["images"]}
    categories = {category["id"] for category in told["categories"]}
    for kind in ("images", "annotations", "categories"):
        ids = [row["id"] for row in told[kind]]
        if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
            yield _error(kind, "ids repeat or begin below 1")
    for image in told["images"]:
        if not (folder / "images" / image["file_name"]).is_file():
            yield _error(image["file_name"], "is not there")
    for row in told["annotations"]:
        where = f"annotation {row['id']}"
        if row["image_id"] not in images or row["category_id"] not in categories:
            yield _error(where, "names an image or category that is not there")
            continue
        image = images[row["image_id"]]
        left, top, width, height = row["bbox"]
        if not (left >= 0 and left + width <= image["width"]):
            yield _error(where, f"its box {row['bbox']} leaves the image")
        if not (top >= 0 and top + height <= image["height"]):
            yield _error(where, f"its box {row['bbox']} leaves the image")
        runs = run_lengths(row["segmentation"]["counts"])
        size = image["height"] * image["width"]
        if sum(runs) != size or sum(runs[1::2]) != row["area"]:
            yield _error(where, "its mask does not fill the image, or its area is another")


def run_lengths(text: str) -> list[int]:
    """Counts of a compressed mask [cocoapi, `rleFrString`]."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            code = ord(text[place]) - 48
            value |= (code & 0x1F) << shift
            more = bool(code & 0x20)
            place += 1
            shift += 5
            if not more and code & 0x10:
                value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def _error(where: str, message: str) -> Finding:
    return Finding(severity="error", check="coco", where=where, message=message)
