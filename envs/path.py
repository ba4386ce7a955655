"""Where a link was in the last moments: what rolling shutters and LiDAR sweeps look back on.

Positions are interpolated linearly between physics ticks and rotations along the great arc. Times
before the oldest known tick (right after a reset) follow the link's twist backwards, as if it had
always moved so: the first sweep of an episode is whole and never stale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import StateError
from fleetloop.core.frames import (
    FloatArray,
    Pose,
    Twist,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotate,
    rotation_from_quaternion,
    slerp,
)


@dataclass(slots=True, kw_only=True)
class LinkTrack:
    """The last poses of one link, at the latest `window_s` ago.

    Attributes:
        window_s: How far back sensors look.
        times_s: Seconds of simulated time, increasing.
        positions_m: (3,) each, world.
        quaternions_xyzw: (4,) each.
        first_twist: Twist at the first pose, for times before it.
    """

    window_s: float
    times_s: list[float] = field(default_factory=list)
    positions_m: list[FloatArray] = field(default_factory=list)
    quaternions_xyzw: list[FloatArray] = field(default_factory=list)
    first_twist: Twist = field(default_factory=Twist.zero)

    def add(self, time_s: float, position_m: FloatArray, quaternion_xyzw: FloatArray) -> None:
        """Adds the newest pose and forgets those that no sensor can ask for any more.

        The same time again replaces the pose.

        Raises:
            StateError: The time is before that of the last pose.
        """
        if self.times_s and time_s <= self.times_s[-1]:
            if time_s < self.times_s[-1]:
                raise StateError(
                    f"A pose at {time_s} s is earlier than the last one at {self.times_s[-1]} s: "
                    "clear the track or restore it first."
                )
            self.positions_m[-1], self.quaternions_xyzw[-1] = position_m, quaternion_xyzw
            return
        self.times_s.append(time_s)
        self.positions_m.append(position_m)
        self.quaternions_xyzw.append(quaternion_xyzw)
        # One pose from before the window stays, so that its begin can be interpolated.
        while len(self.times_s) > 2 and self.times_s[1] < time_s - self.window_s:
            del self.times_s[0], self.positions_m[0], self.quaternions_xyzw[0]

    def clear(self, twist: Twist) -> None:
        """Starts anew; `twist` is the link's motion at the next pose that is added."""
        self.times_s.clear()
        self.positions_m.clear()
        self.quaternions_xyzw.clear()
        self.first_twist = twist

    def copy(self) -> LinkTrack:
        """An independent track with the same poses."""
        return LinkTrack(
            window_s=self.window_s,
            times_s=list(self.times_s),
            positions_m=list(self.positions_m),
            quaternions_xyzw=list(self.quaternions_xyzw),
            first_twist=self.first_twist,
        )

    def at(self, times_s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) and quaternions xyzw (n, 4) at times (n,) up to the newest pose."""
        wanted = np.asarray(times_s, dtype=np.float64)
        known = np.array(self.times_s)
        positions, quaternions = np.array(self.positions_m), np.array(self.quaternions_xyzw)
        before = wanted < known[0]
        if len(known) == 1:
            before = np.ones_like(wanted, dtype=bool)
            result_p = np.repeat(positions, len(wanted), axis=0)
            result_q = np.repeat(quaternions, len(wanted), axis=0)
        else:
            upper = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
            lower = upper - 1
            share = np.clip((wanted - known[lower]) / (known[upper] - known[lower]), 0.0, 1.0)
            result_p = positions[lower] + share[:, None] * (positions[upper] - positions[lower])
            result_q = slerp(quaternions[lower], quaternions[upper], share)
        if before.any():
            earlier_s = np.where(before, wanted - known[0], 0.0)[:, None]
            turn = quaternion_from_rotation_vector(earlier_s * self.first_twist.angular_rad_s)
            back_p = positions[0] + earlier_s * self.first_twist.linear_m_s
            back_q = quaternion_multiply(turn, quaternions[0])
            result_p = np.where(before[:, None], back_p, result_p)
            result_q = np.where(before[:, None], back_q, result_q)
        return result_p, result_q


@dataclass(frozen=True, slots=True, eq=False)
class SensorPath:
    """The past of one sensor: a link's track and the mount. Implements `sensors.base.Path`."""

    track: LinkTrack
    link_T_sensor: Pose
    t_s: float

    def at(self, offset_s: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) in metres and rotations (n, 3, 3), see `sensors.base.Path.at`."""
        position, quaternion = self.track.at(self.t_s + np.asarray(offset_s, dtype=np.float64))
        mounted = quaternion_multiply(quaternion, self.link_T_sensor.quaternion_xyzw)
        shifted = position + rotate(quaternion, self.link_T_sensor.position_m)
        return shifted, rotation_from_quaternion(mounted)
