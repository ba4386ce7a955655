"""Recorded traffic: what a CommonRoad file says is where the road users are, at every time."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.traffic.commonroad import read_commonroad
from fleetloop.envs.traffic.recording import RecordedTraffic, RoadUser, check_recording

MAPS = Path(os.environ.get("FLEETLOOP_MAPS", Path(__file__).parents[3] / "shared" / "maps"))
SIZE_M = [4.7, 1.85, 1.44]


def state(step, x, y=0.0, heading="0.0", speed=10.0, tag="state"):
    return (
        f"<{tag}><position><point><x>{x}</x><y>{y}</y></point></position>"
        f"<orientation><exact>{heading}</exact></orientation><time><exact>{step}</exact></time>"
        f"<velocity><exact>{speed}</exact></velocity></{tag}>"
    )


def obstacle(number=1, *, first=0, steps=10, kind="car", x0=0.0, y=0.0):
    states = "".join(state(first + k, x0 + k, y) for k in range(1, steps))
    return (
        f'<dynamicObstacle id="{number}"><type>{kind}</type><shape><rectangle><length>4.5</length>'
        f"<width>1.8</width></rectangle></shape>{state(first, x0, y, tag='initialState')}"
        f"<trajectory>{states}</trajectory></dynamicObstacle>"
    )


def scenario(*obstacles, head='timeStepSize="0.1"'):
    return f"<commonRoad {head} commonRoadVersion='2020a'>{''.join(obstacles)}</commonRoad>"


def write(tmp_path, text):
    path = tmp_path / "scene.xml"
    path.write_text(text)
    return path


@pytest.fixture
def played(tmp_path):
    """Two cars one after the other, the second from step 5 on."""
    text = scenario(obstacle(1), obstacle(2, first=5, y=4.0, kind="bus"))
    return RecordedTraffic(read_commonroad(write(tmp_path, text)))


def test_road_users_are_where_the_file_says_and_between_on_the_line(played):
    assert played.recording.kinds.tolist() == [RoadUser.CAR, RoadUser.BUS]
    assert played.recording.size_m[0].tolist() == [4.5, 1.8, 1.5]
    assert played.present.tolist() == [True, False]
    played.step(0.25)
    assert played.poses()[0].tolist() == pytest.approx([2.5, 0.0, 0.0, 0.0])
    assert played.poses()[1].tolist() == [0.0] * 4
    for _ in range(5):
        played.step(0.1)
    assert played.present.tolist() == [True, True]
    assert played.poses()[1].tolist() == pytest.approx([2.5, 4.0, 0.0, 0.0])
    assert played.speeds().tolist() == pytest.approx([10.0, 10.0])
    played.step(0.3)
    assert played.present.tolist() == [False, True]
    played.step(5.0)
    assert not played.present.any()


def test_headings_turn_the_short_way(tmp_path):
    text = scenario(
        obstacle(steps=1).replace("<trajectory>", f"<trajectory>{state(1, 1, 0, -3.1)}")
    )
    text = text.replace("<exact>0.0</exact></orientation>", "<exact>3.1</exact></orientation>")
    text = text.replace("<x>1</x>", "<x>1.0</x>")
    played = RecordedTraffic(read_commonroad(write(tmp_path, text)))
    played.step(0.05)
    assert abs(abs(played.poses()[0, 3]) - np.pi) < 0.01


def test_a_restored_recording_goes_on_the_same(played):
    played.step(0.3)
    kept = played.snapshot()
    played.step(0.3)
    first = played.poses()
    played.restore(kept)
    played.step(0.3)
    np.testing.assert_array_equal(played.poses(), first)
    played.reset(3)
    assert played.t_s == 0.0


def test_an_external_vehicle_changes_nothing_and_is_told(played):
    played.step(0.4)
    alone = played.poses()
    played.set_externals([[6.0, 0.5, 0.0, 0.1]], [0.0], [SIZE_M])
    assert played.in_the_way() == [(0, 0)]
    np.testing.assert_array_equal(played.poses(), alone)
    played.set_externals([[6.0, 9.0, 0.0, 0.1]], [0.0], [SIZE_M])
    assert played.in_the_way() == []


def test_what_stands_is_always_there(tmp_path):
    static = (
        obstacle(7, x0=30.0, steps=1)
        .replace("dynamicObstacle", "staticObstacle")
        .replace("<trajectory></trajectory>", "")
    )
    played = RecordedTraffic(read_commonroad(write(tmp_path, scenario(obstacle(), static))))
    played.step(0.7)
    assert played.present.all()
    assert played.poses()[1, 0] == 30.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<commonRoad", "well-formed"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><commonRoad/>", "entities"),
        ("<OpenDRIVE/>", "commonRoad"),
        (scenario(), "no obstacle"),
        (scenario(obstacle(), head='timeStepSize="0"'), "timeStepSize"),
        (scenario(obstacle().replace("<x>3.0</x>", "<x>nan</x>")), "finite"),
        (scenario(obstacle().replace("<x>3.0</x>", "<x>east</x>")), "number"),
        (
            scenario(obstacle().replace("<exact>4</exact></time>", "<exact>2</exact></time>")),
            "grow",
        ),
        (
            scenario(obstacle().replace("<exact>9</exact></time>", "<exact>9e9</exact></time>")),
            "grow",
        ),
        (scenario(obstacle().replace("rectangle", "star")), "shape"),
        (scenario(obstacle().replace("<length>4.5", "<length>450")), "size"),
        (scenario(obstacle().replace("initialState", "firstState")), "initialState"),
    ],
)
def test_broken_scenarios_are_refused_with_a_reason(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read_commonroad(write(tmp_path, text))


def test_files_that_are_not_there_or_cut_are_refused(tmp_path):
    with pytest.raises(StorageError, match="cannot be read"):
        read_commonroad(tmp_path / "none.xml")
    cut = tmp_path / "cut.xml.gz"
    cut.write_bytes(gzip.compress(scenario(obstacle()).encode())[:-20])
    with pytest.raises(StorageError, match="cannot be read"):
        read_commonroad(cut)


def test_doubtful_tracks_are_told(played):
    good = played.recording
    assert check_recording(good) == []
    jump = good.xy_m.copy()
    jump[0, 5:] += [12.0, 0.0]
    assert "jumps at step 4" in check_recording(replace(good, xy_m=jump))[0]
    aside = np.full_like(good.heading_rad, 1.5)
    assert "sideways" in check_recording(replace(good, heading_rad=aside))[0]
    hole = good.present.copy()
    hole[0, 4] = False
    assert "missing" in check_recording(replace(good, present=hole))[0]


@pytest.mark.skipif(not (MAPS / "commonroad").is_dir(), reason="no real scenarios")
def test_real_scenarios_are_read_and_move_as_they_say():
    for path in sorted((MAPS / "commonroad").glob("*.xml")):
        recording = read_commonroad(path)
        assert len(recording.ids) > 5
        assert recording.duration_s > 1.0
        assert check_recording(recording) == []
        played = RecordedTraffic(recording)
        for _ in range(int(recording.duration_s / 0.07)):
            before, here = played.poses(), played.present
            played.step(0.07)
            both = here & played.present
            moved = np.hypot(*(played.poses() - before)[both, :2].T) / 0.07
            np.testing.assert_allclose(moved, played.speeds()[both], atol=2.5)
