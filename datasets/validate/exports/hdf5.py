"""Minari and robomimic: rows of one length an episode, finite numbers, counts that add up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.core.errors import MissingDependencyError
from fleetloop.datasets.lineage import Lineage
from fleetloop.datasets.validate.base import Finding


def check_minari(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks `main_data.hdf5` against `metadata.json`."""
    (place,) = (path.parent for path in folder.glob("*/*/data/metadata.json"))
    told = json.loads((place / "metadata.json").read_text())
    if told["jpeg_encoding"] is not False:
        yield _error("minari", "metadata", "pictures are said to be JPEG")
    with _opened(place / "main_data.hdf5") as file:
        steps = 0
        for number in range(told["total_episodes"]):
            group = file[f"episode_{number}"]
            count = int(group.attrs["total_steps"])
            steps += count
            yield from _rows("minari", f"episode {number}", group, "observations", count + 1)
            for name in ("actions", "rewards", "terminations", "truncations"):
                if len(group[name]) != count:
                    yield _error("minari", f"episode {number} {name}", "is not one row a step")
        if steps != told["total_steps"] or len(file) != len(lineage.episodes):
            yield _error("minari", "metadata", "its counts are not those of the file")


def check_robomimic(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Checks `demos.hdf5`."""
    with _opened(folder / "demos.hdf5") as file:
        total = 0
        for name, demo in file["data"].items():
            count = int(demo.attrs["num_samples"])
            total += count
            for part in ("obs", "next_obs"):
                if part in demo:
                    yield from _rows("robomimic", name, demo, part, count)
            if not len(demo["actions"]) == len(demo["rewards"]) == len(demo["dones"]) == count:
                yield _error("robomimic", name, "actions, rewards and dones differ in length")
            elif demo["dones"][-1] != 1:
                yield _error("robomimic", name, "never ends")
        if total != file["data"].attrs["total"] or len(file["data"]) != len(lineage.episodes):
            yield _error("robomimic", "data", "its counts do not add up")


def _rows(check: str, where: str, group: Any, name: str, count: int) -> Iterator[Finding]:  # noqa: ANN401
    found: list[tuple[str, Any]] = []

    def visit(path: str, item: Any) -> None:  # noqa: ANN401 - an HDF5 object
        if hasattr(item, "shape"):
            found.append((path, item))

    group[name].visititems(visit)
    for path, data in found:
        if len(data) != count:
            yield _error(check, f"{where} {path}", f"has {len(data)} rows, not {count}")
        elif data.dtype.kind == "f" and not np.isfinite(data[-1]).all():
            yield _error(check, f"{where} {path}", "holds NaN or infinity")


def _opened(path: Path) -> Any:  # noqa: ANN401 - an HDF5 file
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "Looking into HDF5 needs h5py: pip install 'fleetloop[minari]'."
        ) from error
    return h5py.File(path, "r")


def _error(check: str, where: str, message: str) -> Finding:
    return Finding(severity="error", check=check, where=where, message=message)
