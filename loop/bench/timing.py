"""Costs of calls in CPU and wall time, and the rows in which they are reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SIZES = ((84, 84), (320, 240), (640, 480), (1280, 960))
QUICK_SIZES = ((84, 84),)
PICTURE = "rgb+depth+ids, shadows"
DEPTH = "depth+ids"
LIDAR = "lidar"
OURS = "fleetloop"
PYBULLET = "PyBullet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Time of one call, the smallest of several.

    Attributes:
        cpu_ms: Of all threads of the process.
        wall_ms: As a clock on the wall sees it.
    """

    cpu_ms: float
    wall_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure.

    Attributes:
        scene: "A" or "B", see `scenes`.
        what: What is computed.
        size: "640x480", "32x1024".
        who: Whose it is.
        cost: Of one frame or scan.
        note: What is not alike in a rival's figure.
    """

    scene: str
    what: str
    size: str
    who: str
    cost: Cost
    note: str = ""


def cheapest(call: Callable[[], object], repeats: int) -> Cost:
    """Smallest CPU and wall time of some calls, after one to warm up.

    Other work on a machine only ever adds time: the smallest is nearest to the truth.
    """
    call()
    cpu_s = wall_s = float("inf")
    for _ in range(max(repeats, 1)):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        wall_s = min(wall_s, time.perf_counter() - wall)
        cpu_s = min(cpu_s, time.process_time() - cpu)
    return Cost(cpu_ms=cpu_s * 1e3, wall_ms=wall_s * 1e3)
