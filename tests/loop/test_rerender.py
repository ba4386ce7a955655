"""Other senses, the same motion: to the last bit, and told if it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, StateError, StorageError
from fleetloop.core.types import Step
from fleetloop.datasets.lineage import read_lineage
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.datasets.validate.run import validate_log
from fleetloop.loop.record import RecordPlan, record
from fleetloop.loop.replay import replay
from fleetloop.loop.rerender import NewSenses, rerender


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A short drive seen by one small camera."""
    plan = RecordPlan(
        out=tmp_path_factory.mktemp("small"),
        task="fleetloop/LaneFollow-v0",
        episodes=1,
        seed=4,
        max_steps=5,
        env_options={"rig": "front64"},
    )
    return record(plan, lambda n, s: None, lambda n, r: None)[0].path


def test_another_rig_sees_the_same_drive(small, tmp_path):
    (path,) = rerender(Recording(small), tmp_path / "front", NewSenses(rig="front"))
    old, new = RecordedEpisode(small), RecordedEpisode(path)
    assert "lidar" not in old.schemas
    assert new.count("lidar") == 6
    assert new.schemas["front"]["rgb"].shape == (240, 320, 3)
    for before, after in zip(old.steps(), new.steps(), strict=True):
        assert before.action.tobytes() == after.action.tobytes()
        assert before.truth["s_m"].tobytes() == after.truth["s_m"].tobytes()
    # A sensor that both have measures the same bytes: its noise is its own.
    pairs = list(zip(old.samples("gnss"), new.samples("gnss"), strict=True))
    assert len(pairs) > 3
    for first, second in pairs:
        assert {name: array.tobytes() for name, array in first.data.items()} == {
            name: array.tobytes() for name, array in second.data.items()
        }
    assert new.meta.policy == old.meta.policy == "expert"
    assert validate_log(path).errors == 0
    lineage = read_lineage(tmp_path / "front")
    assert lineage.episodes[0].source.sha256 == old.sha256
    assert replay(path, on_step=lambda step: None).difference == ""


def test_another_light_changes_pictures_and_nothing_else(small, tmp_path):
    light = {"sun_elevation_rad": 0.05, "fog_visibility_m": 30.0}
    (path,) = rerender(Recording(small), tmp_path / "fog", NewSenses(light=light))
    old, new = RecordedEpisode(small), RecordedEpisode(path)
    first, second = (e.sample("front", 3).data["rgb"].astype(float) for e in (old, new))
    assert np.abs(first - second).mean() > 10.0
    # Fog takes the contrast out of what is far.
    assert second.std() < first.std()
    assert new.meta.config["light"]["fog_visibility_m"] == 30.0
    for sensor in ("imu", "wheels", "gnss"):
        for one, other in zip(old.samples(sensor), new.samples(sensor), strict=True):
            assert all(one.data[n].tobytes() == other.data[n].tobytes() for n in one.data)
    assert replay(path, on_step=lambda step: None).difference == ""
    # Going on finds it there.
    before = path.read_bytes()
    rerender(Recording(small), tmp_path / "fog", NewSenses(light=light))
    assert path.read_bytes() == before


def test_labels_are_added_to_a_camera_that_had_none(small, tmp_path):
    senses = NewSenses(labels=("depth_m", "instance"))
    (path,) = rerender(Recording(small), tmp_path / "labels", senses)
    new = RecordedEpisode(path)
    assert {"depth_m", "instance"} <= set(new.schemas["front"])
    picture = new.sample("front", 2, ["rgb"]).data["rgb"]
    assert picture.tobytes() == RecordedEpisode(small).sample("front", 2).data["rgb"].tobytes()


def test_motion_that_differs_is_told_and_not_kept(small, tmp_path):
    old = RecordedEpisode(small)
    with EpisodeWriter(tmp_path / "touched") as writer:
        writer.begin(old.meta, old.schemas)
        for record_ in old.log.records():
            if isinstance(record_, Step):
                truth = dict(record_.truth)
                if record_.index == 3:
                    truth["s_m"] = np.nextafter(truth["s_m"], np.inf)
                writer.add_step(replace(record_, truth=truth))
        writer.end(old.outcome)
        touched = writer.path(old.meta.episode_id)
    with pytest.raises(StateError, match="'s_m' of step 3"):
        rerender(Recording(touched), tmp_path / "out", NewSenses(rig="front"))
    assert not list((tmp_path / "out").glob("*.mcap"))


def test_mistakes_are_told(small, tmp_path):
    with pytest.raises(ConfigError, match="fog"):
        rerender(Recording(small), tmp_path / "a", NewSenses(light={"fog": 3}))
    with pytest.raises(StorageError, match="recording itself"):
        rerender(Recording(small.parent), small.parent, NewSenses(rig="front"))
