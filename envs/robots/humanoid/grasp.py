"""Whether a hand has taken hold of a thing: by the forces of both fingers, or by where they are.

Where there is an engine both fingers have to press on the thing from both sides, each with more
than `PINCH_N`; the tie that then holds it is the grasp aid of `holding`. Without an engine the
fingers have to be closed about it.
"""

from __future__ import annotations

import numpy as np

from fleetloop.core.frames import FloatArray, Pose, quaternion_conjugate, quaternion_multiply
from fleetloop.envs.robots.humanoid.holding import GRIP_POINT_M, Held
from fleetloop.envs.robots.humanoid.links import SIDES
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Stage, Thing

PINCH_N = 5.0
"""With which each finger has to press."""

_PLAY_M = 0.008  # what fingers are farther apart than the thing is wide, and still let it go
_NEAR_M = 0.022  # without an engine: how far off the middle of the grip a thing may be
_HIGH_M = 0.030


def pinched(stage: Stage, robot: Humanoid, side: int, thing: Thing, half_m: float) -> bool:
    """Whether a hand's fingers hold a thing between them just now.

    Args:
        stage: Where.
        robot: Whose hand.
        side: 0 is the left one.
        thing: The thing, which has a body.
        half_m: Half of its width.
    """
    if robot.control.openings_m[side] > half_m:
        return False
    if thing.body is None:
        return False
    if stage.physics == "fast":
        hand = robot.hand_pose(side).inverse()
        gap = hand.transform_points(stage.world.pose(thing.body)[0]) - GRIP_POINT_M
        return bool(np.hypot(gap[0], gap[1]) < _NEAR_M and abs(gap[2]) < _HIGH_M)
    pressed = {}
    for name in ("finger", "thumb"):
        link = robot.articulation.links[f"{SIDES[side]}_{name}"]
        forces = [
            contact.force_n for contact in stage.world.contacts(thing.body)
            if contact.other == robot.body and contact.other_link == link
        ]  # fmt: skip
        pressed[name] = np.sum(forces, axis=0) if forces else np.zeros(3)
    one, other = pressed["finger"], pressed["thumb"]
    strong = min(float(np.linalg.norm(one)), float(np.linalg.norm(other))) > PINCH_N
    return strong and float(one @ other) < 0.0


def held_as_it_is(
    stage: Stage, robot: Humanoid, side: int, thing: Thing, mass_kg: float, half_m: float,
    drop_m: float,
) -> Held:  # fmt: skip
    """What `Holding.take` needs to tie a thing to a hand just where it is between the fingers.

    Args:
        stage, robot, side, thing, half_m: As of `pinched`.
        mass_kg: Its mass.
        drop_m: How far below the grip it ends.
    """
    assert thing.body is not None
    hand = robot.hand_pose(side)
    place = Pose(*stage.world.pose(thing.body))
    grip: FloatArray = place.inverse().transform_points(hand.transform_points(GRIP_POINT_M))
    turn = quaternion_multiply(quaternion_conjugate(place.quaternion_xyzw), hand.quaternion_xyzw)
    return Held(
        thing=thing, body_m=grip, body_q_hand=turn, mass_kg=mass_kg, drop_m=drop_m,
        lets_go_m=half_m + _PLAY_M, max_force_n=80.0,
    )  # fmt: skip
