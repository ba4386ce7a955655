"""What the hands hold by a tie of the physics: tools that are strapped on, and the grasp aid.

PyBullet's friction between two small pads lets things creep [measured: 31 mm in 6 s at 40 N a pad].
A tie holds them still. It is an aid and no cheat about whether a thing is held: it gives way beyond
a force, and who made it takes it away when the fingers let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fleetloop.core.errors import StateError
from fleetloop.core.frames import (
    FloatArray,
    Pose,
    cross,
    quaternion_conjugate,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    rotate,
)
from fleetloop.envs.robots.humanoid.glide import swing
from fleetloop.envs.robots.humanoid.links import GRIP_M, SIDES
from fleetloop.envs.stage import Stage, Thing

if TYPE_CHECKING:
    from fleetloop.envs.articulation import Articulation

HAND_COM_M = np.array([0.0, 0.0, -0.05])
"""Centre of mass in the hand's frame, to which the physics refers ties."""

SMOOTH_S = 0.02
"""Time constant by which brittle things feel forces."""

GRAVITY_M_S2 = 9.80665
_BAG_INERTIA = 1.15  # a bag's pendulum is so much longer than from its grip to its middle
_BAG_DAMPING_1_S = 0.35
_KNOCK_N_M = 4000.0  # force of a knock without an engine, by its depth

GRIP_POINT_M = np.array([0.0, 0.0, -GRIP_M])
"""Point between the finger pads, hand's frame."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Held:
    """One thing in one hand.

    Attributes:
        thing: What.
        body_m: The point of the thing, in its own frame, that is at the grip.
        mass_kg: Its mass.
        body_q_hand: Axes of the hand in those of the thing, xyzw (4,).
        turns: Whether it swings about the grip, as a bag by its handle does.
        max_force_n: What the tie bears.
        drop_m: How far below the grip it ends.
        lets_go_m: Fingers that are sent farther apart than this from the middle let it fall.
    """

    thing: Thing
    body_m: FloatArray
    mass_kg: float
    body_q_hand: FloatArray = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))
    turns: bool = False
    max_force_n: float = 200.0
    lets_go_m: float = 0.035
    drop_m: float = 0.0


class Holding:
    """What both hands of one robot hold.

    Args:
        stage: Where.
        number: The robot's body in the world.
        body: The same with its joints, where there is an engine.
    """

    def __init__(self, stage: Stage, number: int, body: Articulation | None) -> None:
        self._stage = stage
        self._number = number
        self._body = body
        # Without an engine: tilts of what swings, their rates, and the grip's last velocity.
        self._swing = np.zeros((2, 4))
        self._grip_m_s = np.zeros((2, 3))
        self._grip_m = np.zeros((2, 3))
        self._held: list[Held | None] = [None, None]
        self._ties: list[int] = [-1, -1]
        self._known: list[Held] = []
        # Velocities of the centres of mass after the last two ticks.
        self._velocity_m_s = np.zeros((2, 2, 3))
        # Knocks on what both hands hold: smoothed, and the largest since the last action.
        self._knocks_n = np.zeros((2, 2))

    @property
    def bodies(self) -> frozenset[int]:
        """The robot's own and those of all that is held."""
        held = [h.thing.body for h in self._held if h is not None and h.thing.body is not None]
        return frozenset([self._number, *held])

    def of(self, side: int) -> Held | None:
        """What a hand holds; 0 is the left one."""
        return self._held[side]

    def take(self, side: int, held: Held) -> None:
        """Ties a thing to a hand where it is.

        Raises:
            StateError: The hand is full, or the thing has no body.
        """
        if self._held[side] is not None:
            raise StateError(f"The {SIDES[side]} hand holds something already: release it first.")
        if held.thing.body is None:
            raise StateError(f"{held.thing.name} has no body and cannot be held.")
        if not any(held is known for known in self._known):
            self._known.append(held)
        linear, _ = self._stage.world.com_velocity(held.thing.body)
        self._velocity_m_s[:, side] = linear
        self._swing[side] = 0.0
        self._grip_m_s[side] = 0.0
        grip = Pose(*self._stage.world.pose(held.thing.body)).transform_points(held.body_m)
        self._grip_m[side] = grip
        self._hold(side, held, held.thing.body)

    def release(self, side: int) -> None:
        """Lets go; nothing happens if the hand is empty."""
        held = self._held[side]
        if held is None or held.thing.body is None:
            return
        if self._body is not None:
            self._body.detach(self._ties[side])
            self._body.ignore(held.thing.body, self._links(side), ignored=False)
        self._held[side], self._ties[side] = None, -1

    def grip_pose(self, hand: Pose, held: Held) -> Pose:
        """Where a thing is when it is held upright in a hand at a pose."""
        turn = quaternion_multiply(hand.quaternion_xyzw, quaternion_conjugate(held.body_q_hand))
        return Pose(hand.transform_points(GRIP_POINT_M) - rotate(turn, held.body_m), turn)

    def wrenches(self, into: FloatArray) -> None:
        """Writes `contact_wrench` and `load_wrench` of both hands, (2, 2, 6); once a tick."""
        for side, held in enumerate(self._held):
            if held is None:
                into[:, side] = 0.0
            else:
                into[0, side] = self.contact_wrench(side)
                into[1, side] = self.load_wrench(side)

    def contact_wrench(self, side: int) -> FloatArray:
        """Sum of the contact forces on what a hand holds, (6,), as of a body; once a tick."""
        held = self._held[side]
        if held is None or held.thing.body is None:
            return np.zeros(6)
        if self._body is None:
            return np.zeros(6)
        # Of its own hand's links it feels nothing, see `_links`; a leg that knocks it counts.
        wrench = self._stage.bullet.contact_wrench(held.thing.body)
        self._knock(side, float(np.linalg.norm(wrench[:3])))
        return wrench

    def load_wrench(self, side: int) -> FloatArray:
        """What weight and inertia of what is held put on the hand, (6,), as of a body."""
        held = self._held[side]
        if held is None or held.thing.body is None:
            return np.zeros(6)
        if self._body is None:
            force = np.array([0.0, 0.0, -held.mass_kg * GRAVITY_M_S2])
            return np.concatenate([force, cross(self._grip_m[side], force)])
        world = self._stage.bullet
        force = held.mass_kg * (self._velocity_m_s[1, side] - self._velocity_m_s[0, side])
        force /= world.rate.dt_s
        force[2] -= held.mass_kg * world.gravity_m_s2
        position, quaternion = world.com_pose(held.thing.body)
        if held.turns:
            position = position + rotate(quaternion, held.body_m)
        return np.concatenate([force, cross(position, force)])

    def after_tick(self) -> None:
        """Reads how what is held moves."""
        for side, held in enumerate(self._held):
            if held is not None and held.thing.body is not None:
                self._velocity_m_s[1, side] = self._velocity_m_s[0, side]
                self._velocity_m_s[0, side], _ = self._stage.world.com_velocity(held.thing.body)

    @property
    def knock_n(self) -> FloatArray:
        """Largest smoothed contact forces on what both hands hold since the last action, (2,)."""
        return np.asarray(self._knocks_n[1].copy())

    def begin(self, openings_m: FloatArray) -> None:
        """A new action: peaks start anew, and what the fingers let go of falls."""
        self._knocks_n[1] = 0.0
        for side, held in enumerate(self._held):
            if held is not None and openings_m[side] > held.lets_go_m:
                self.release(side)

    def _knock(self, side: int, force_n: float) -> None:
        dt_s = self._stage.world.rate.dt_s
        mean = self._knocks_n[0, side]
        mean += dt_s / (dt_s + SMOOTH_S) * (force_n - mean)
        self._knocks_n[0, side] = mean
        self._knocks_n[1, side] = max(self._knocks_n[1, side], mean)

    def follow(self, hands: Sequence[Pose], ticks: int, dt_s: float) -> None:
        """Moves what is held along, where there is no engine.

        Args:
            hands: Where both hands are after the ticks.
            ticks, dt_s: How many went by, and how long each was.
        """
        span = ticks * dt_s
        for side, held in enumerate(self._held):
            if held is None or held.thing.body is None:
                continue
            grip = hands[side].transform_points(GRIP_POINT_M)
            velocity = (grip - self._grip_m[side]) / span
            accel = (velocity - self._grip_m_s[side]) / span
            self._grip_m[side], self._grip_m_s[side] = grip, velocity
            turn = quaternion_multiply(
                hands[side].quaternion_xyzw, quaternion_conjugate(held.body_q_hand)
            )
            if held.turns:
                length = float(held.body_m[2]) * _BAG_INERTIA
                swing(self._swing[side], accel[:2], GRAVITY_M_S2, length, _BAG_DAMPING_1_S,
                      ticks, dt_s)  # fmt: skip
                level = Pose.of(0.0, 0.0, yaw_rad=float(hands[side].yaw_rad)).quaternion_xyzw
                # A tilt along x is a turn about y, and back.
                tilt = np.array([self._swing[side, 1], -self._swing[side, 0], 0.0])
                turn = quaternion_multiply(quaternion_from_rotation_vector(tilt), level)
            place = Pose(grip - rotate(turn, held.body_m), turn)
            old, _ = self._stage.world.pose(held.thing.body)
            self._stage.world.set_pose(held.thing.body, place)
            linear = (place.position_m - old) / span
            self._stage.world.set_com_velocity(held.thing.body, linear, np.zeros(3))
            depths = [
                -c.distance_m for c in self._stage.world.contacts(held.thing.body)
                if c.other not in self.bodies
            ]  # fmt: skip
            if held.turns and depths:
                self._knock(side, _KNOCK_N_M * max(depths))

    def drops_m(self) -> FloatArray:
        """How far below the grips the lowest point of what is held is, (2,)."""
        return np.array([0.0 if h is None else h.drop_m for h in self._held])

    def snapshot(self) -> FloatArray:
        """All that changes, (38,)."""
        numbers = [-1 if h is None else self._place_of(h) for h in self._held]
        changing = (self._velocity_m_s, self._knocks_n, self._swing, self._grip_m_s, self._grip_m)
        return np.concatenate([numbers, *(array.ravel() for array in changing)])

    def restore(self, snapshot: FloatArray) -> None:
        """Goes back, after the world was restored."""
        for side in range(2):
            number = int(snapshot[side])
            wanted = None if number < 0 else self._known[number]
            if self._held[side] is not wanted:
                self.release(side)
                if wanted is not None and wanted.thing.body is not None:
                    self._hold(side, wanted, wanted.thing.body)
        self._velocity_m_s = snapshot[2:14].reshape(2, 2, 3).copy()
        self._knocks_n = snapshot[14:18].reshape(2, 2).copy()
        self._swing = snapshot[18:26].reshape(2, 4).copy()
        self._grip_m_s, self._grip_m = snapshot[26:].reshape(2, 2, 3).copy()

    def _place_of(self, held: Held) -> int:
        return next(n for n, known in enumerate(self._known) if known is held)

    def _hold(self, side: int, held: Held, body: int) -> None:
        self._held[side] = held
        if self._body is None:
            return
        self._ties[side] = self._body.attach(
            f"{SIDES[side]}_hand", body, GRIP_POINT_M - HAND_COM_M, held.body_m,
            turns=held.turns, max_force_n=held.max_force_n, body_q_link=held.body_q_hand,
        )  # fmt: skip
        self._body.ignore(body, self._links(side))

    def _links(self, side: int) -> list[str]:
        """Links beyond the wrist, which what is held passes through."""
        return [f"{SIDES[side]}_{part}" for part in ("hand", "finger", "thumb")]


class Pressing:
    """How hard both hands press on the outside, since the last action and now.

    Attributes:
        row: Sum over time and duration of both forces, peaks, smoothed forces, (7,).
    """

    def __init__(self) -> None:
        self.row = np.zeros(7)

    def begin(self) -> None:
        """A new action: means and peaks start anew."""
        self.row[:5] = 0.0

    @property
    def mean_n(self) -> FloatArray:
        """Mean forces up on both hands since the last action, (2,)."""
        return np.asarray(self.row[0:2] / max(self.row[2], 1e-9))

    @property
    def peak_n(self) -> FloatArray:
        """Largest of them, smoothed with 20 ms as a brittle thing feels it, (2,)."""
        return np.asarray(self.row[3:5].copy())
