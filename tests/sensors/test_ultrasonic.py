"""Ultrasonic: first echo, cone, blind zone, warm air, soft walls, neighbours, faults."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.base import Fault, Surroundings
from fleetloop.envs.sensors.sound import speed_of_sound_m_s
from fleetloop.envs.sensors.ultrasonic import (
    BIAS_JUMP_M,
    BLOCKED_DB,
    Ultrasonic,
    UltrasonicConfig,
    answer,
    pulse_sums,
)
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Cylinder

HARD = Material(sound_absorption=0.0)
AIR_20 = Surroundings(temperature_c=20.0)


def sonar(**options) -> Ultrasonic:
    plain = {"noise": False, "resolution_m": 0.0}
    return Ultrasonic(UltrasonicConfig(name="x", **{**plain, **options}))


def wall_at(x_m: float, material: Material = HARD, turned_rad: float = 0.0) -> Scene:
    """A wall across x at that distance, turned about the upright through its middle."""
    scene = Scene()
    middle = np.array([x_m, 0.0]) + np.array([math.cos(turned_rad), math.sin(turned_rad)])
    turn = (0.0, 0.0, math.sin(0.5 * turned_rad), math.cos(0.5 * turned_rad))
    scene.add(Box((1.0, 60.0, 60.0)), (*middle, 0.0), turn, material=material, semantic=6)
    return scene


@pytest.mark.parametrize("x_m", [0.2, 0.5, 1.0, 2.5, 5.0])
def test_a_wall_is_as_far_as_it_is(look, x_m):
    data = look(sonar(), wall_at(x_m), surroundings=AIR_20)
    assert data["valid"]
    # The cone's nearest rays are half a step off the axis; the echo needs a part of the pulse.
    assert data["range_m"] == pytest.approx(x_m, abs=0.02)
    assert data["range_m"] >= x_m - 1e-4
    assert data["semantic"] == 6


def test_a_hard_wall_is_just_heard_at_wall_m(look):
    for wall_m in (2.0, 4.0):
        sensor = sonar(wall_m=wall_m)
        near = look(sensor, wall_at(0.97 * wall_m), surroundings=AIR_20)
        assert near["valid"]
        assert near["strength_db"] < 1.5
        assert not look(sensor, wall_at(1.03 * wall_m), surroundings=AIR_20)["valid"]


def test_the_first_of_two_echoes_is_reported(look):
    scene = wall_at(4.0)
    scene.add(Cylinder(0.05, 4.0), (1.5, 0.3, 0.0), material=HARD, instance_id=77)
    data = look(sonar(), scene, surroundings=AIR_20)
    # Of the pole the nearest point to the sensor.
    assert data["range_m"] == pytest.approx(math.hypot(1.5, 0.3) - 0.05, abs=0.03)
    assert data["instance"] == 77


@given(degrees=st.floats(-60.0, 60.0))
@settings(max_examples=15)
def test_a_pole_anywhere_in_the_cone_is_at_its_distance(look, degrees):
    scene = Scene()
    angle = math.radians(degrees)
    where = (1.2 * math.cos(angle), 1.2 * math.sin(angle), 0.0)
    scene.add(Cylinder(0.08, 1.0), where, material=HARD)
    data = look(sonar(), scene, surroundings=AIR_20)
    if abs(degrees) < 40.0:
        assert data["valid"]
    if data["valid"]:
        assert data["range_m"] == pytest.approx(1.12, abs=0.03)


def test_what_is_beside_the_cone_is_not_heard(look):
    scene = Scene()
    scene.add(Box((0.2, 0.2, 1.0)), (0.0, 1.0, 0.0), material=HARD)
    scene.add(Box((0.2, 0.2, 1.0)), (-1.0, 0.0, 0.0), material=HARD)
    scene.add(Box((1.0, 1.0, 0.1)), (0.3, 0.0, 1.2), material=HARD)
    assert not look(sonar(), scene, surroundings=AIR_20)["valid"]


def test_an_echo_weakens_across_the_cone_as_the_pattern_says(look):
    """Two equal small plates that face the sensor: on the axis and off it."""
    levels = []
    for degrees in (0.0, 35.0):
        scene, angle = Scene(), math.radians(degrees)
        where = (1.5 * math.cos(angle), 1.5 * math.sin(angle), 0.0)
        turn = (0.0, 0.0, math.sin(0.5 * angle), math.cos(0.5 * angle))
        scene.add(Box((0.02, 0.15, 0.15)), where, turn, material=HARD)
        levels.append(float(look(sonar(), scene, surroundings=AIR_20)["strength_db"]))
    assert levels[0] - levels[1] == pytest.approx(35.0 * (35.0 / 70.0) ** 2, abs=0.7)


def test_nothing_is_heard_while_the_membrane_rings(look):
    scene = Scene()
    scene.add(Box((0.01, 0.05, 0.05)), (0.10, 0.0, 0.0), material=HARD)
    assert not look(sonar(), scene, surroundings=AIR_20)["valid"]
    later = sonar(range_min_m=0.05)
    assert look(later, scene, surroundings=AIR_20)["range_m"] == pytest.approx(0.09, abs=0.01)


def test_a_slanted_wall_is_quieter_and_soon_silent(look):
    levels = []
    for degrees in (0.0, 15.0, 30.0, 50.0):
        data = look(
            sonar(half_angles_rad=(0.1, 0.1)), wall_at(3.0, turned_rad=math.radians(degrees)),
            surroundings=AIR_20,
        )  # fmt: skip
        levels.append(float(data["strength_db"]) if data["valid"] else -math.inf)
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[1] + 1.0
    assert levels[-1] == -math.inf


def test_a_surface_answers_most_when_it_faces_and_never_with_nothing():
    cosine = (np.arange(20_000) + 0.5) / 20_000
    facing = answer(cosine)
    assert (np.diff(facing[cosine > 0.75]) > 0.0).all()
    assert facing.argmax() == len(facing) - 1
    assert (facing > 0.0).all()


@pytest.mark.parametrize("name", ["cloth", "metal", "foliage", "snow"])
def test_soft_materials_swallow_their_share(look, name):
    absorbed = MATERIALS.get(name).sound_absorption
    hard, soft = (
        float(look(sonar(), wall_at(2.0, m), surroundings=AIR_20)["strength_db"])
        for m in (HARD, Material(sound_absorption=absorbed))
    )
    assert hard - soft == pytest.approx(-10.0 * math.log10(1.0 - absorbed), abs=1e-3)
    preset = look(sonar(), wall_at(2.0, MATERIALS.get(name)), surroundings=AIR_20)
    assert float(preset["strength_db"]) == pytest.approx(soft, abs=1e-3)


def test_cloth_is_not_heard_as_far_as_a_hard_wall(look):
    cloth = MATERIALS.get("cloth")
    assert look(sonar(wall_m=4.0), wall_at(3.8), surroundings=AIR_20)["valid"]
    assert not look(sonar(wall_m=4.0), wall_at(3.8, cloth), surroundings=AIR_20)["valid"]


@pytest.mark.parametrize("truth_c", [-15.0, 5.0, 35.0])
def test_a_wrong_temperature_stretches_ranges(look, truth_c):
    air = Surroundings(temperature_c=truth_c)
    knows = look(sonar(), wall_at(2.0), surroundings=air)["range_m"]
    guesses = look(sonar(assumed_temperature_c=20.0), wall_at(2.0), surroundings=air)["range_m"]
    ratio = speed_of_sound_m_s(20.0) / speed_of_sound_m_s(truth_c)
    assert guesses / knows == pytest.approx(ratio, rel=1e-5)
    assert abs(ratio - 1.0) > 0.02


def test_noise_and_steps(look):
    sensor = sonar(noise=True, resolution_m=0.01)
    found = [float(look(sensor, wall_at(2.0), seed=s)["range_m"]) for s in range(200)]
    assert np.std(found) == pytest.approx(math.hypot(0.005, 0.01 / math.sqrt(12.0)), rel=0.3)
    steps = np.array(found) / 0.01
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def neighbourly(**options) -> Ultrasonic:
    beside = (Pose.of(0.0, 0.5), Pose.of(0.0, -0.5))
    return sonar(neighbours=beside, crosstalk_probability=1.0, **options)


def test_crosstalk_brings_echoes_of_pings_that_were_not_its_own(look):
    heard = [look(neighbourly(), wall_at(3.0), seed=s, surroundings=AIR_20) for s in range(60)]
    wrong = [d for d in heard if d["crosstalk"]]
    right = [d for d in heard if d["valid"] and not d["crosstalk"]]
    assert len(wrong) > 10
    assert len(right) > 10
    for data in right:
        assert data["range_m"] == pytest.approx(3.0, abs=0.02)
    # A later ping cannot be first: foreign echoes come before the own one, spread evenly.
    ranges = np.array([float(d["range_m"]) for d in wrong])
    assert (ranges < 3.02).all()
    assert ranges.std() > 0.3
    for data in heard:
        assert data["semantic"] == (6 if data["valid"] else 0)


def test_crosstalk_happens_as_often_as_it_should(look):
    for probability in (0.0, 0.3):
        sensor = sonar(neighbours=(Pose.of(0.0, 0.3),), crosstalk_probability=probability)
        wrong = [look(sensor, wall_at(5.4), seed=s)["crosstalk"] for s in range(150)]
        # Half of the pings come late enough to be before the wall's own echo.
        assert np.mean(wrong) == pytest.approx(0.5 * probability, abs=0.1)


def test_a_neighbours_way_is_emitter_surface_sensor(look):
    """Its ping at the same time would arrive as if from the middle of the two ways."""
    points, wall_m, apart_m = np.array([[2.0, 0.25, 0.0]]), 2.0, 0.5
    sensor = neighbourly()
    range_m = np.linalg.norm(points, axis=1)
    way, energy = sensor._foreign(
        points, range_m, np.array([[-1.0, 0.0, 0.0]]), Pose.of(0.0, apart_m), np.ones(1), 0.0
    )
    assert way[0] == pytest.approx(math.hypot(wall_m, 0.5 * apart_m))
    # Half way between the two, the wall is a mirror: the answer is that of facing it.
    expected = answer(np.ones(1)) / range_m**2
    gain = 10.0 ** (-0.05 * 35.0 * (math.degrees(math.atan2(0.25, 2.0)) / 70.0) ** 2)
    assert energy[0] == pytest.approx(float(expected[0]) * gain, rel=1e-3)


def test_faults_do_what_their_labels_say(look):
    sound = look(sonar(), wall_at(1.0), surroundings=AIR_20)
    for severity in (0.25, 0.5):
        fault = Fault(kind="blocked_membrane", severity=severity)
        weak = look(sonar(), wall_at(1.0), surroundings=AIR_20, faults=(fault,))
        lost = float(sound["strength_db"] - weak["strength_db"])
        assert lost == pytest.approx(BLOCKED_DB * severity, abs=0.01)
    blocked = (Fault(kind="blocked_membrane"),)
    assert not look(sonar(), wall_at(3.0), surroundings=AIR_20, faults=blocked)["valid"]
    jump = (Fault(kind="bias_jump", severity=0.5),)
    found = {
        round(float(look(sonar(), wall_at(1.0), surroundings=AIR_20, faults=jump, seed=s)["range_m"]
                    - sound["range_m"]), 4)
        for s in range(8)
    }  # fmt: skip
    assert found == {0.5 * BIAS_JUMP_M, -0.5 * BIAS_JUMP_M}


@given(
    st.lists(st.tuples(st.floats(0.1, 5.0), st.floats(0.0, 2.0)), min_size=1, max_size=30),
    st.floats(0.01, 0.3),
)
def test_sums_over_a_pulse_equal_the_plain_ones(arrivals, pulse_m):
    range_m, level = (np.array(column) for column in zip(*arrivals, strict=True))
    ordered, sums = pulse_sums(range_m, level, pulse_m)
    np.testing.assert_array_equal(ordered, np.sort(range_m))
    order = np.argsort(range_m, kind="stable")
    for place, until in enumerate(ordered):
        before = order[: place + 1]
        inside = before[range_m[before] > until - pulse_m]
        assert sums[place] == pytest.approx(level[inside].sum(), abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"range_min_m": 6.0},
        {"range_min_m": -0.1},
        {"half_angles_rad": (0.0, 0.5)},
        {"half_angles_rad": (0.5, 1.6)},
        {"wall_m": 0.0},
        {"cycles": 0},
        {"frequency_hz": -1.0},
        {"resolution_m": -0.1},
        {"humidity": 1.2},
        {"crosstalk_probability": -0.1},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        sonar(**wrong)
