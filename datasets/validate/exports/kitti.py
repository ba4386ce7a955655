"""KITTI: as many of everything as there are frames, and lines of the right length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding

_OXTS = 30
_LABEL = 15


def check(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks raw drives and the benchmark's folders."""
    drives = sorted(folder.glob("*/*_drive_*_sync"))
    if len(drives) != len(lineage.episodes):
        yield _error("drives", f"{len(drives)} drives of {len(lineage.episodes)} episodes")
    frames = 0
    for drive in drives:
        pictures = len(list((drive / "image_02" / "data").glob("*.png")))
        frames += pictures
        for name in ("image_02", "oxts", "velodyne_points"):
            if not (drive / name).exists():
                continue
            files = len(list((drive / name / "data").iterdir()))
            stamps = (drive / name / "timestamps.txt").read_text().splitlines()
            if not files == len(stamps) == pictures:
                yield _error(f"{drive.name}/{name}", f"{files} files, {len(stamps)} times")
            if stamps != sorted(stamps):
                yield _error(f"{drive.name}/{name}", "times do not rise")
        for path in (drive / "oxts" / "data").iterdir():
            if len(path.read_text().split()) != _OXTS:
                yield _error(f"{drive.name}/oxts/{path.name}", f"has not {_OXTS} numbers")
        for path in (drive / "velodyne_points").glob("data/*.bin"):
            if path.stat().st_size % 16:
                yield _error(f"{drive.name}/{path.name}", "is no list of four floats a point")
    for name in ("image_2", "calib", "label_2"):
        files = len(list((folder / "training" / name).iterdir()))
        if files != frames:
            yield _error(f"training/{name}", f"{files} files for {frames} frames")
    for path in (folder / "training" / "label_2").iterdir():
        for line in path.read_text().splitlines():
            if len(line.split()) != _LABEL:
                yield _error(f"label_2/{path.name}", f"a line has not {_LABEL} entries")


def _error(where: str, message: str) -> Finding:
    return Finding(severity="error", check="kitti", where=where, message=message)
