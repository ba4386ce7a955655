"""The lines of lanes as they lie on the ground: privileged, recorded once an episode.

Three lines tell a lane: its centre in the direction of travel, and its borders to the left and the
right of that. Lanes side by side tell the border between them twice, once from each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import SchemaError
from fleetloop.core.frames import FloatArray

ROLES = ("center", "left", "right")
"""What a line is to its lane, by number."""

MARKS = (
    "none", "solid", "broken", "solid_solid", "solid_broken", "broken_solid", "broken_broken",
    "dots", "kerb",
)  # fmt: skip
"""What is painted or built on a line, by number; of a double line the nearer half comes first."""

_DTYPES = {
    "lane": "int32",
    "role": "uint8",
    "mark": "uint8",
    "begin": "int64",
    "point_m": "float32",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LaneLines:
    """m lines with p points together.

    Attributes:
        lane: Number of the lane, (m,) int32; its three lines share it.
        role: Place in `ROLES`, (m,) uint8.
        mark: Place in `MARKS`, (m,) uint8; centres have none.
        begin: Line k has the points `begin[k]:begin[k + 1]`, (m + 1,) int64.
        point_m: On the ground, world frame, in the direction of travel, (p, 3) float32.

    Raises:
        SchemaError: Shapes or types are not as promised, or a number is not possible.
    """

    lane: npt.NDArray[np.int32]
    role: npt.NDArray[np.uint8]
    mark: npt.NDArray[np.uint8]
    begin: npt.NDArray[np.int64]
    point_m: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        count, points = len(self.lane), len(self.point_m)
        shapes = {"lane": (count,), "role": (count,), "mark": (count,), "begin": (count + 1,),
                  "point_m": (points, 3)}  # fmt: skip
        for name, array in self.arrays().items():
            if array.dtype != _DTYPES[name] or array.shape != shapes[name]:
                raise SchemaError(
                    f"The {name} of {count} lane lines should be {_DTYPES[name]}{shapes[name]}, "
                    f"got {array.dtype}{array.shape}."
                )
            array.setflags(write=False)
        ordered = bool((np.diff(self.begin) >= 0).all()) and self.begin[[0, -1]].tolist() == [
            0, points,
        ]  # fmt: skip
        if not ordered or not np.isfinite(self.point_m).all():
            raise SchemaError("Lane lines do not share out their points, or one is not finite.")
        if (self.role >= len(ROLES)).any() or (self.mark >= len(MARKS)).any():
            raise SchemaError("A lane line is of a role or mark that is not known.")

    def __len__(self) -> int:
        return len(self.lane)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays by name."""
        return {name: getattr(self, name) for name in _DTYPES}

    def line_m(self, number: int) -> npt.NDArray[np.float32]:
        """Points of a line, (n, 3)."""
        return self.point_m[self.begin[number] : self.begin[number + 1]]


def joined(lines: list[tuple[int, int, int, FloatArray]]) -> LaneLines:
    """Lines from tuples of lane, role, mark and points (n, 3)."""
    points = [np.asarray(line[3], np.float32).reshape(-1, 3) for line in lines]
    return LaneLines(
        lane=np.array([line[0] for line in lines], np.int32),
        role=np.array([line[1] for line in lines], np.uint8),
        mark=np.array([line[2] for line in lines], np.uint8),
        begin=np.concatenate([[0], np.cumsum([len(p) for p in points])]).astype(np.int64),
        point_m=np.concatenate([np.zeros((0, 3), np.float32), *points]),
    )
