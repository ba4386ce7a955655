"""Films hold every picture at its time."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, MissingDependencyError, UnknownNameError
from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Sample
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.view.film import write_film


def test_a_film_holds_every_picture_at_its_time(street, tmp_path):
    av = pytest.importorskip("av")
    assert write_film(street, "", tmp_path / "drive.mp4") == 6
    with av.open(str(tmp_path / "drive.mp4")) as film:
        frames = list(film.decode(video=0))
    times = street.times_ns("front") * 1e-9
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=6e-4)
    for number, frame in enumerate(frames):
        picture = street.sample("front", number, ["rgb"]).data["rgb"].astype(float)
        error = frame.to_ndarray(format="rgb24").astype(float) - picture
        assert 10 * np.log10(255.0**2 / np.mean(error**2)) > 28.0, "PSNR in dB"
    assert not list(tmp_path.glob("*.part"))


def test_a_long_film_keeps_its_times_and_gaps(made_up, tmp_path):
    """More frames than an encoder looks ahead, of an odd size, with two dropped among them."""
    av = pytest.importorskip("av")
    schema = Schema({"rgb": Field(shape=(33, 47, 3), dtype="uint8", unit="sRGB")})
    writer = EpisodeWriter(tmp_path)
    writer.begin(made_up.meta, {"eye": schema})
    times = [n * 33_333_333 for n in range(120) if n not in (50, 51)]
    for number, t_ns in enumerate(times):
        writer.add_sample(
            Sample(
                sensor="eye", seq=number, t_capture_start_ns=t_ns, t_capture_ns=t_ns,
                t_arrival_ns=t_ns, world_T_sensor=Pose.identity(),
                data={"rgb": np.full((33, 47, 3), 2 * number, np.uint8)},
            )
        )  # fmt: skip
    writer.end(made_up.outcome)
    episode = RecordedEpisode(writer.path(made_up.meta.episode_id))
    assert write_film(episode, "eye", tmp_path / "film.mp4") == 118
    with av.open(str(tmp_path / "film.mp4")) as film:
        frames = list(film.decode(video=0))
    assert (frames[0].width, frames[0].height) == (46, 32)
    np.testing.assert_allclose([f.time for f in frames], np.array(times) * 1e-9, atol=6e-4)
    means = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    np.testing.assert_allclose(means, 2 * np.arange(118), atol=3.0)


def test_a_film_may_be_slower(street, tmp_path):
    av = pytest.importorskip("av")
    write_film(street, "front", tmp_path / "slow.mp4", speed=0.25)
    with av.open(str(tmp_path / "slow.mp4")) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert times[-1] == pytest.approx(4 * (street.times_ns("front")[-1]) * 1e-9, abs=2e-3)


def test_mistakes_are_told(street, tmp_path):
    pytest.importorskip("av")
    with pytest.raises(UnknownNameError, match="Did you mean 'front'"):
        write_film(street, "frnt", tmp_path / "x.mp4")
    with pytest.raises(ConfigError, match="speed"):
        write_film(street, "", tmp_path / "x.mp4", speed=0.0)


def test_without_pyav_the_remedy_is_told(street, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"fleetloop\[film\]"):
        write_film(street, "", tmp_path / "x.mp4")
