"""Recorded traffic: road users that move as they once did, whatever happens around them.

A third kind of traffic beside that of `Traffic` and an empty road: poses by time, interpolated
between the recorded steps. Recorded road users give way to nobody; `in_the_way` tells when one of
them and an external vehicle are in the same place.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError

Floats = npt.NDArray[np.float64]


class RoadUser(enum.IntEnum):
    """What is on the road; the first four are those of `VehicleKind`."""

    CAR = 0
    VAN = 1
    TRUCK = 2
    BUS = 3
    EXTERNAL = 4
    BICYCLE = 5
    MOTORCYCLE = 6
    PEDESTRIAN = 7


HEIGHTS_M = {
    RoadUser.CAR: 1.5,
    RoadUser.VAN: 2.4,
    RoadUser.TRUCK: 3.2,
    RoadUser.BUS: 3.0,
    RoadUser.EXTERNAL: 1.5,
    RoadUser.BICYCLE: 1.75,
    RoadUser.MOTORCYCLE: 1.5,
    RoadUser.PEDESTRIAN: 1.75,
}
"""Recordings from above hold no heights: usual ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Tracks of road users, (n, steps); what is not present is zero.

    Attributes:
        name: For people.
        licence: Of the data.
        step_s: Time between steps.
        ids: The source's own, (n,).
        kinds: `RoadUser`, (n,).
        size_m: Length, width, height, (n, 3).
        xy_m: Middles, (n, steps, 2).
        heading_rad: (n, steps).
        speed_m_s: As recorded, (n, steps).
        present: (n, steps).
        notes: What was guessed or left out, one sentence each.
    """

    name: str
    licence: str
    step_s: float
    ids: tuple[str, ...]
    kinds: npt.NDArray[np.int32]
    size_m: Floats
    xy_m: Floats
    heading_rad: Floats
    speed_m_s: Floats
    present: npt.NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def duration_s(self) -> float:
        """Time from the first to the last step."""
        return float(self.step_s * (self.present.shape[1] - 1))


def check_recording(recording: Recording) -> list[str]:
    """What is doubtful in a recording, one sentence each; empty if nothing is.

    Jumps (a speed between two steps above 70 m/s, or 4 m/s and 40 % off the recorded ones),
    headings that are 60 degrees off the direction of a fast motion, and tracks with holes.
    """
    found = []
    for row, name in enumerate(recording.ids):
        steps = np.flatnonzero(recording.present[row])
        if len(steps) != steps[-1] - steps[0] + 1:
            found.append(f"Obstacle {name} is missing for a time within its track.")
        pairs = steps[:-1][np.diff(steps) == 1]
        if len(pairs) == 0:
            continue
        move = recording.xy_m[row, pairs + 1] - recording.xy_m[row, pairs]
        speed = np.hypot(move[:, 0], move[:, 1]) / recording.step_s
        told = 0.5 * np.abs(recording.speed_m_s[row, pairs] + recording.speed_m_s[row, pairs + 1])
        off = np.abs(speed - told)
        jumps = (speed > 70.0) | ((off > 4.0) & (off > 0.4 * np.maximum(speed, told)))
        if jumps.any():
            first = int(np.argmax(jumps))
            found.append(
                f"Obstacle {name} jumps at step {int(pairs[first])}: it moves at "
                f"{speed[first]:.1f} m/s and says {told[first]:.1f} m/s."
            )
        way = np.arctan2(move[:, 1], move[:, 0]) - recording.heading_rad[row, pairs]
        wrong = (np.cos(way) < 0.5) & (speed > 3.0)
        if wrong.any():
            found.append(f"Obstacle {name} moves sideways at step {int(pairs[np.argmax(wrong)])}.")
    return found


class RecordedTraffic:
    """Plays a recording, with the methods of `Traffic`.

    Args:
        recording: What happened.

    Attributes:
        t_s: Time since its first step. Beyond its end all are gone.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.t_s = 0.0
        self._externals = np.zeros((0, 7))

    def reset(self, seed: int) -> None:
        """Goes back to the begin; nothing is drawn."""
        del seed
        self.t_s = 0.0
        self._externals = np.zeros((0, 7))

    def step(self, duration_s: float) -> None:
        """Advances by a time.

        Raises:
            ConfigError: The time is not positive.
        """
        if not duration_s > 0.0:
            raise ConfigError(f"Traffic cannot be advanced by {duration_s} s: use a positive time.")
        self.t_s += duration_s

    def set_externals(
        self, poses: npt.ArrayLike, speed_m_s: npt.ArrayLike, size_m: npt.ArrayLike
    ) -> None:
        """Tells where external vehicles are, as for `Traffic`; nobody reacts to them."""
        del speed_m_s
        pose, size = np.asarray(poses, np.float64), np.asarray(size_m, np.float64)
        self._externals = np.concatenate([pose.reshape(-1, 4), size.reshape(-1, 3)], axis=1)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Who is there now, (n,): at the steps before and after."""
        low, high, _ = self._between()
        if low >= self.recording.present.shape[1]:
            return np.zeros(len(self.recording.ids), dtype=bool)
        return np.asarray(self.recording.present[:, low] & self.recording.present[:, high])

    def poses(self) -> Floats:
        """x, y, z (0) and heading of the middle of each, (n, 4); zeros for those not there."""
        low, high, share = self._between()
        out = np.zeros((len(self.recording.ids), 4))
        here = self.present
        if not here.any():
            return out
        xy, heading = self.recording.xy_m, self.recording.heading_rad
        out[here, :2] = xy[here, low] + share * (xy[here, high] - xy[here, low])
        turn = heading[here, high] - heading[here, low]
        turn = np.arctan2(np.sin(turn), np.cos(turn))
        out[here, 3] = heading[here, low] + share * turn
        return out

    def speeds(self) -> Floats:
        """Speed of each, (n,), 0 for those who are not there."""
        low, high, share = self._between()
        here = self.present
        out = np.zeros(len(here))
        if here.any():
            speed = self.recording.speed_m_s
            out[here] = speed[here, low] + share * (speed[here, high] - speed[here, low])
        return out

    def in_the_way(self) -> list[tuple[int, int]]:
        """Pairs (road user, external vehicle) that overlap now."""
        from fleetloop.envs.traffic.audit import are_apart, rectangles

        poses, sizes, found = self.poses(), self.recording.size_m, []
        boxes = rectangles(poses, sizes[:, 0], sizes[:, 1])
        for row, external in enumerate(self._externals):
            box = rectangles(external[None, :4], external[4:5], external[5:6])
            hit = self.present & ~are_apart(boxes, np.repeat(box, len(boxes), axis=0))
            found += [(int(user), row) for user in np.flatnonzero(hit)]
        return found

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Copies all that changes."""
        return {"clock": np.array([self.t_s]), "externals": self._externals.copy()}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Goes back to a snapshot of this recording."""
        self.t_s = float(snapshot["clock"][0])
        self._externals = snapshot["externals"].copy()

    def _between(self) -> tuple[int, int, float]:
        """The steps before and after now, and how far between them it is."""
        place = self.t_s / self.recording.step_s
        # Sums of steps miss a whole number by rounding.
        nearest = round(place)
        place = float(nearest) if abs(place - nearest) < 1e-6 else place
        low = int(place)
        last = self.recording.present.shape[1] - 1
        if low > last or (low == last and place > last):
            return last + 1, last + 1, 0.0
        return low, min(low + 1, last) if place > low else low, place - low
