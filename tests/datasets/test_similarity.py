"""Likeness of frames and episodes: what it must not mind, must tell apart, and finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fleetloop.core.errors import ConfigError, UnknownNameError
from fleetloop.core.types import Sample
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording
from fleetloop.datasets.similarity import (
    FRAME_EMBEDDERS,
    Alike,
    PictureEmbedder,
    PointEmbedder,
    alike,
    frames_of,
    likeness,
)


def street(height=120, width=160, sun=1.0, shift=0):
    """Sky above, road below, a bright wall at one side."""
    image = np.zeros((height, width, 3))
    image[: height // 2] = (120, 160, 220)
    image[height // 2 :] = (80, 80, 80)
    image[height // 4 : height // 2, shift : shift + width // 5] = (200, 120, 60)
    return (sun * image).astype(np.uint8)


def of(image):
    return PictureEmbedder().embed({"rgb": image})


@pytest.mark.parametrize("name", list(FRAME_EMBEDDERS))
def test_vectors_have_length_one_and_a_size_of_their_own(name, street_data):
    embedder = FRAME_EMBEDDERS.get(name)()
    vectors = [embedder.embed(data) for data in street_data[name]]
    assert len({vector.shape for vector in vectors}) == 1
    for vector in vectors:
        assert np.linalg.norm(vector) == pytest.approx(1.0)
        assert float(vector @ vector) == pytest.approx(1.0)


@pytest.fixture
def street_data():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, 9, 3)) * 20.0
    return {
        "picture": [{"rgb": street()}, {"rgb": street(48, 64)}, {"rgb": street(10, 10)}],
        "points": [{"point_m": points, "valid": rng.random((4, 9)) < 0.7}] * 2,
    }


@given(hnp.arrays(np.uint8, (24, 32, 3)), hnp.arrays(np.uint8, (24, 32, 3)))
def test_likeness_is_symmetric_and_bounded(one, two):
    a, b = of(one), of(two)
    assert float(a @ b) == float(b @ a)
    assert -1.0 - 1e-9 <= float(a @ b) <= 1.0 + 1e-9


def test_the_size_of_a_picture_hardly_counts():
    assert float(of(street()) @ of(street(480, 640))) > 0.95


def test_night_and_another_place_are_less_alike_than_a_little_motion():
    here = of(street())
    moved, night, mirrored = of(street(shift=6)), of(street(sun=0.1)), of(street()[:, ::-1])
    assert float(here @ moved) > 0.95
    assert float(here @ moved) > float(here @ mirrored) > float(here @ night)


@given(st.integers(0, 100))
def test_points_do_not_mind_their_order_and_mind_where_things_are(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 3)) * [10.0, 3.0, 1.0]
    seen = np.ones(200, bool)
    mixed = rng.permutation(200)
    embed = PointEmbedder().embed
    one = embed({"point_m": points, "valid": seen})
    assert float(one @ embed({"point_m": points[mixed], "valid": seen})) == pytest.approx(1.0)
    turned = points[:, [1, 0, 2]]
    assert float(one @ embed({"point_m": turned, "valid": seen})) < 0.9
    assert not embed({"point_m": points, "valid": ~seen}).any()


def test_likeness_of_episodes_is_that_of_the_best_matches():
    wanted = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert likeness(wanted, np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])) == 1.0
    assert likeness(wanted, np.array([[1.0, 0.0]])) == 0.5
    assert likeness(wanted, np.zeros((0, 0))) == -1.0


@pytest.fixture
def recording(made_up, tmp_path):
    """Days with the wall at the left, the right, and a night; two frames each change."""
    looks = {
        "left": street(24, 32), "right": street(24, 32)[:, ::-1], "night": street(24, 32, sun=0.1)
    }  # fmt: skip
    for name, look in looks.items():
        made_up.records = [
            replace(r, data={**r.data, "rgb": look.copy()})
            if isinstance(r, Sample) and r.sensor == "eye"
            else r
            for r in made_up.records
        ]
        writer = EpisodeWriter(tmp_path / "data", lossless=True)
        made_up.write_as(writer, replace(made_up.meta, episode_id=name))
    return Recording(tmp_path / "data")


def test_more_of_the_same_is_found(recording):
    paths = {path.stem: path for path in recording.paths}
    told = []
    found = alike(recording.paths, Alike(log=paths["left"]), on_episode=lambda p, s: told.append(s))
    assert [path.stem for path, _ in found] == ["left", "right", "night"]
    assert found[0][1] == pytest.approx(1.0)
    assert sorted(told, reverse=True) == [score for _, score in found]
    one = alike(recording.paths, Alike(log=paths["night"], t_s=0.2), most=1)
    assert [path.stem for path, _ in one] == ["night"]
    bar = found[1][1]
    kept = alike(recording.paths, Alike(log=paths["left"]), at_least=bar)
    assert [path.stem for path, _ in kept] == ["left", "right"]
    by_points = alike(recording.paths, Alike(log=paths["left"], by="points"))
    assert [score for _, score in by_points] == pytest.approx([1.0] * 3)


def test_episodes_without_the_sensor_come_last(recording, made_up, tmp_path):
    made_up.records = [
        r for r in made_up.records if not (isinstance(r, Sample) and r.sensor == "eye")
    ]
    writer = EpisodeWriter(tmp_path / "data")
    made_up.write_as(writer, replace(made_up.meta, episode_id="blind"))
    blind = writer.path("blind")
    (*_, last) = alike([*recording.paths, blind], Alike(log=recording.paths[0]))
    assert last == (blind, -1.0)
    assert frames_of(recording[0]).shape[0] == 1  # half a second at two a second
    with pytest.raises(ConfigError, match="no sensor"):
        alike(recording.paths, Alike(log=blind))


def test_bad_requests_are_told(recording):
    log = recording.paths[0]
    assert Alike.parse(f"{log}@0.25") == Alike(log=log, t_s=0.25)
    assert Alike.parse(str(log)) == Alike(log=Path(log))
    for text, why in (("a@x", "no number"), ("a@-1", "0 or more"), ("a@nan", "0 or more")):
        with pytest.raises(ConfigError, match=why):
            Alike.parse(text)
    with pytest.raises(ConfigError, match="ends at"):
        alike([], Alike(log=log, t_s=99.0))
    with pytest.raises(ConfigError, match="-1 to 1"):
        alike([], Alike(log=log), at_least=1.5)
    with pytest.raises(ConfigError, match="1 or more"):
        alike([], Alike(log=log), most=0)
    with pytest.raises(UnknownNameError, match="pictures"):
        alike([], Alike(log=log, by="pictures"))
