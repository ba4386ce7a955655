"""How much the humanoid bears on its feet: pushes, slippery floors, steps, slopes, random driving.

The long ones say what they measured: `pytest -m long -s tests/robots/test_humanoid_robust.py`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.core.clock import TickRate
from fleetloop.core.frames import Pose
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.homes.room import build_floor
from fleetloop.envs.robots.humanoid.actions import SPEED_M_S
from fleetloop.envs.robots.humanoid.config import HumanoidConfig
from fleetloop.envs.robots.humanoid.robot import Humanoid
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box

HZ = Humanoid.physics_hz
PUSH_S = 0.1
DIRECTIONS = range(0, 360, 45)


class Course:
    """A humanoid with noisy senses, on a floor with slabs on it."""

    def __init__(self, friction=0.8, seed=0, slabs=()) -> None:
        self.stage = Stage(TickRate(HZ))
        build_floor(self.stage, friction)
        for number, (half_m, place) in enumerate(slabs):
            shape = Box(half_m)
            self.stage.add(
                f"slab_{number}",
                place,
                looks=[Look(shape=shape, material=MATERIALS.get("wood"),
                            semantic=SemanticClass.FLOOR)],
                parts=[Part(shape=shape, body_T_part=Pose.identity())],
                substance=Substance(friction=friction),
            )  # fmt: skip
        self.robot = Humanoid(HumanoidConfig())
        self.robot.spawn(self.stage, Pose.identity(), np.random.default_rng(seed))

    def run(self, seconds, speeds_m_s=(0.0, 0.0, 0.0)) -> bool:
        """Goes on; returns whether it is still on its feet."""
        action = np.zeros(len(self.robot.action_spec.names), np.float32)
        action[:3] = np.divide(speeds_m_s, SPEED_M_S)
        self.robot.command(action)
        for _ in range(round(10 * seconds)):
            self.robot.advance(HZ // 10)
            if self.robot.fall_cause:
                return False
        return True

    def push(self, impulse_ns, degrees) -> None:
        turn = math.radians(degrees)
        self.robot.push(impulse_ns / PUSH_S * np.array([math.cos(turn), math.sin(turn), 0]), PUSH_S)

    @property
    def place_m(self):
        return self.robot.state().links["base"].world_T_link.position_m

    def close(self) -> None:
        self.stage.close()


@pytest.fixture
def course():
    made = []

    def make(**options):
        made.append(Course(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.long
@pytest.mark.parametrize("degrees", DIRECTIONS)
def test_standing_bears_30_n_s(course, degrees):
    robot = course(seed=degrees)
    assert robot.run(0.5)
    robot.push(30.0, degrees)
    assert robot.run(5.0), robot.robot.fall_cause


@pytest.mark.long
@pytest.mark.parametrize("speed", [0.4, 0.55])
@pytest.mark.parametrize("degrees", DIRECTIONS)
def test_walking_bears_20_n_s(course, degrees, speed):
    robot = course(seed=1000 + degrees)
    assert robot.run(3.0 + degrees / 900.0, (speed, 0.0, 0.0))
    robot.push(20.0, degrees)
    assert robot.run(4.0, (speed, 0.0, 0.0)), robot.robot.fall_cause


@pytest.mark.long
@pytest.mark.parametrize("friction", [0.6, 0.8, 1.0, 1.2])
def test_it_walks_and_turns_on_floors_of_any_friction(course, friction):
    robot = course(friction=friction, seed=7)
    for speeds in ((0.5, 0.0, 0.0), (0.3, 0.0, 0.5), (0.0, 0.15, 0.0), (0.5, 0.0, -0.5), (0, 0, 0)):
        assert robot.run(4.0, speeds), (speeds, robot.robot.fall_cause)


@pytest.mark.long
@pytest.mark.parametrize("height_m", [0.01, 0.02])
@pytest.mark.parametrize("shift_m", [0.0, 0.07, 0.14])
def test_it_walks_onto_slabs_and_down_from_them(course, height_m, shift_m):
    half = 0.5 * height_m
    slabs = [((0.5, 2.0, half), Pose.of(x + shift_m, 0.0, half)) for x in (1.3, 3.2)]
    robot = course(seed=3, slabs=slabs)
    assert robot.run(13.0, (0.4, 0.0, 0.0)), robot.robot.fall_cause
    assert robot.place_m[0] > 3.9 + shift_m


def hill(degrees):
    """Two slabs that lean on one another, from x = 1 m, 2 m up and 2 m down."""
    turn, half, thick = math.radians(degrees), 1.0, 0.1
    along, up = half * math.cos(turn), half * math.sin(turn)
    found = []
    for number, sign in enumerate((-1.0, 1.0)):
        middle = Pose.of(1.0 + (1 + 2 * number) * along, 0.0, up, pitch_rad=sign * turn)
        found.append(((half, 2.0, thick), middle @ Pose.of(0.0, 0.0, -thick)))
    return found


@pytest.mark.long
@pytest.mark.parametrize("degrees", [2.5, 5.0])
def test_it_walks_over_a_hill(course, degrees):
    robot = course(seed=5, slabs=hill(degrees))
    assert robot.run(16.0, (0.4, 0.0, 0.0)), (robot.place_m, robot.robot.fall_cause)
    assert robot.place_m[0] > 5.0


def drive_about(robot, rng, seconds=60.0):
    """Random speeds, stops and pushes of up to 12 N s; returns whether it is still upright."""
    for _ in range(round(seconds / 3.0)):
        speeds = rng.uniform((-0.15, -0.12, -0.5), (0.55, 0.12, 0.5)) * (rng.random() > 0.2)
        impulse, degrees, wait_s = rng.uniform(4.0, 12.0), rng.uniform(0.0, 360.0), 1.5
        if not robot.run(wait_s, speeds):
            return False
        if rng.random() < 0.5:
            robot.push(impulse, degrees)
        if not robot.run(3.0 - wait_s, speeds):
            return False
    return True


@pytest.mark.long
@pytest.mark.parametrize("seed", range(7100, 7120))
def test_a_minute_of_random_driving_with_pushes_ends_upright(course, seed):
    # Seeds 7000 to 7009 were looked at when faults were sought; these were not.
    rng = np.random.default_rng(seed)
    robot = course(friction=float(rng.uniform(0.6, 1.2)), seed=seed)
    assert drive_about(robot, rng), robot.robot.fall_cause


def test_a_fall_is_told_before_the_body_lies_and_with_its_cause(course):
    robot = course()
    assert robot.run(0.3)
    robot.push(120.0, 90.0)
    assert not robot.run(3.0)
    assert robot.robot.fall_cause in ("tilt", "height", "balance")
    assert robot.place_m[2] > 0.4
