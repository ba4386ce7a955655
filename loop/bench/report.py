"""Rows of figures against what is asked: ratios, a JSON file, a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleetloop.loop.bench.agreement import Agreement
from fleetloop.loop.bench.timing import DEPTH, LIDAR, OURS, PICTURE, PYBULLET, Row

# How many times less CPU time than PyBullet's own: the project's promise.
_ASKED: dict[tuple[str, str], dict[str, float]] = {
    ("A", PICTURE): {"84x84": 20, "320x240": 20, "640x480": 20, "1280x960": 20},
    ("B", PICTURE): {"84x84": 15, "320x240": 10, "640x480": 8, "1280x960": 8},
    ("A", DEPTH): {"84x84": 20, "320x240": 20, "640x480": 20, "1280x960": 20},
    ("B", DEPTH): {"84x84": 12, "320x240": 12, "640x480": 12, "1280x960": 12},
    ("A", LIDAR): {"32x1024": 200},
    ("B", LIDAR): {"32x1024": 40},
}


def asked(row: Row) -> float | None:
    """The ratio that is asked of ours in a row of PyBullet's, None in others."""
    if row.who != PYBULLET:
        return None
    return _ASKED.get((row.scene, row.what), {}).get(row.size)


def ratio(row: Row, rows: Sequence[Row]) -> float | None:
    """CPU time of a row over that of ours for the same; None for rows without one of ours."""
    for ours in rows:
        same = (ours.scene, ours.what, ours.size) == (row.scene, row.what, row.size)
        if same and ours.who == OURS and row is not ours:
            return row.cost.cpu_ms / ours.cost.cpu_ms
    return None


def short(rows: Sequence[Row]) -> list[Row]:
    """Rows of PyBullet's in which less than the asked ratio was reached."""
    found = []
    for row in rows:
        wanted, got = asked(row), ratio(row, rows)
        if wanted is not None and got is not None and got < wanted:
            found.append(row)
    return found


def save(path: Path, rows: Sequence[Row], agreements: Sequence[Agreement]) -> None:
    """Writes everything as JSON, with the machine that it was measured on."""
    told: dict[str, Any] = {
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "rows": [{**asdict(row), "ratio": ratio(row, rows), "asked": asked(row)} for row in rows],
        "agreement": [asdict(agreement) for agreement in agreements],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(told, indent=1) + "\n")
    part.replace(path)


def markdown(rows: Sequence[Row]) -> str:
    """A table for documents: our CPU time, and how many times as much each other one takes."""
    others = sorted({_label(row) for row in rows if row.who not in (OURS, PYBULLET)})
    names = [PYBULLET, *others]
    heads = ["scene", "what", "size", "fleetloop, CPU ms", *(f"{name}, x" for name in names)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for ours in rows:
        if ours.who != OURS:
            continue
        times = dict.fromkeys(names, "")
        for row in rows:
            same = (ours.scene, ours.what, ours.size) == (row.scene, row.what, row.size)
            found = ratio(row, rows) if same else None
            if found is not None and _label(row) in times:
                wanted = asked(row)
                told = f"{found:.1f}" if found < 10 else f"{found:.0f}"
                times[_label(row)] = told if wanted is None else f"{told} ({wanted:.0f})"
        cells = [ours.scene, ours.what, ours.size, f"{ours.cost.cpu_ms:.2f}", *times.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _label(row: Row) -> str:
    return f"{row.who} ({row.note.split(';')[0]})" if row.note else row.who


def plot(path: Path, rows: Sequence[Row]) -> None:
    """Draws CPU time against picture size for both scenes, one line for each renderer.

    Raises:
        ImportError: matplotlib is not there.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panes = pyplot.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    for pane, scene in zip(panes, ("A", "B"), strict=True):
        lines: dict[str, list[tuple[int, float]]] = {}
        for row in rows:
            if row.scene == scene and row.what == PICTURE:
                width, height = (int(side) for side in row.size.split("x"))
                lines.setdefault(_label(row), []).append((width * height, row.cost.cpu_ms))
        for label, points in lines.items():
            bold = 2.5 if label == OURS else 1.0
            pane.loglog(*zip(*points, strict=True), marker="o", label=label, linewidth=bold)
        pane.set_title(f"Scene {scene}: RGB + depth + ids")
        pane.set_xlabel("pixels")
        pane.grid(visible=True, which="both", alpha=0.3)
    panes[0].set_ylabel("CPU time of a frame, ms")
    panes[1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
