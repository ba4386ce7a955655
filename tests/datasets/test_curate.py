"""Statistics, hashes, merging, splitting without leaks, filtering, cards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError, StorageError, UnknownNameError
from fleetloop.core.types import Sample
from fleetloop.datasets.card import card
from fleetloop.datasets.content import dataset_hash, episode_hash
from fleetloop.datasets.curate import Query, Where, merge, place_logs, select, split
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.datasets.stats import Spread, statistics
from fleetloop.datasets.weather import light_of


def recorded(made_up, folder, count=8, scenes=None, **writer):
    """Episodes of their own seeds; `scenes` lets several share one world."""
    for number in range(count):
        scene = number if scenes is None else number % scenes
        meta = replace(made_up.meta, episode_id=f"e{number}", seed=scene, draws={"tree": scene},
                       policy="expert" if number % 2 else "random")  # fmt: skip
        type(made_up)(seed=number).write_as(EpisodeWriter(folder, lossless=True, **writer), meta)
    return Recording(folder)


def test_the_hash_is_of_what_is_said_not_of_the_file(made_up, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    made_up.write(EpisodeWriter(small, lossless=True, chunk_bytes=1000))
    made_up.write(EpisodeWriter(large, lossless=True))
    first, second = Recording(small)[0], Recording(large)[0]
    assert first.sha256 != second.sha256
    assert episode_hash(first) == episode_hash(second)
    repair(first.path, tmp_path / "mended.mcap")
    assert episode_hash(RecordedEpisode(tmp_path / "mended.mcap")) == episode_hash(first)
    touched = made_up.records[1]
    assert isinstance(touched, Sample)
    made_up.records[1] = replace(touched, t_arrival_ns=touched.t_arrival_ns + 1)
    made_up.write(EpisodeWriter(tmp_path / "other", lossless=True))
    assert episode_hash(Recording(tmp_path / "other")[0]) != episode_hash(first)
    assert dataset_hash([("a", "1"), ("b", "2")]) == dataset_hash([("b", "2"), ("a", "1")])
    assert dataset_hash([("a", "1"), ("b", "2")]) != dataset_hash([("a", "2"), ("b", "1")])


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=0, max_size=5), min_size=1, max_size=9))
def test_spread_against_numpy(rows):
    spread = Spread()
    for row in rows:
        spread.add(np.array(row))
    flat = np.concatenate([np.array(row) for row in rows])
    assert spread.count == len(flat)
    if len(flat):
        assert spread.mean == pytest.approx(flat.mean(), abs=1e-9)
        assert spread.std == pytest.approx(flat.std(), abs=1e-6)
        assert (spread.low, spread.high) == (flat.min(), flat.max())


def test_statistics_count_everything(made_up, tmp_path):
    recording = recorded(made_up, tmp_path / "data", 3)
    found = statistics(recording)
    assert len(found.episodes) == 3
    assert found.success_rate == 1.0
    assert found.sensors["eye"].samples == 12
    assert found.sensors["eye"].faulty == 3
    assert found.sensors["eye"].privileged == ("instance", "semantic")
    assert found.episodes[0].events == {"collision": 1}
    assert found.objects == {"building": 3, "car": 3, "person": 3}
    values = [s.data["exposure_s"] for e in recording for s in e.samples("eye", ["exposure_s"])]
    assert found.sensors["eye"].spread["exposure_s"].mean == pytest.approx(np.mean(values))
    assert "rgb" not in found.sensors["eye"].spread
    again = statistics(recording)
    assert again.content == found.content


def test_the_card_says_what_one_needs_to_know(made_up, tmp_path):
    text = card(
        statistics(recorded(made_up, tmp_path / "d", 3)), title="Streets", licence="CC-BY-4.0"
    )
    for words in ("# Streets", "CC-BY-4.0", "3 simulated episodes", "collision 3", "Known limits",
                  "| eye |", "*instance*", "Seeds: 0-2", "e1.mcap"):  # fmt: skip
        assert words in text, words


def test_merging_keeps_bytes_and_counts_the_same_once(made_up, tmp_path):
    first = recorded(made_up, tmp_path / "a", 2)
    second = recorded(made_up, tmp_path / "b", 3)
    done = merge([first, second], tmp_path / "out")
    assert [p.name for p in done] == ["e0.mcap", "e1.mcap", "e2.mcap"]
    assert done[0].read_bytes() == first.paths[0].read_bytes()
    meta = replace(made_up.meta, episode_id="e0", seed=99)
    made_up.write_as(EpisodeWriter(tmp_path / "c"), meta)
    with pytest.raises(StorageError, match="different episodes of one name"):
        merge([first, Recording(tmp_path / "c")], tmp_path / "more")
    with pytest.raises(StorageError, match="exists already"):
        merge([first], tmp_path / "out")
    with pytest.raises(StorageError, match="No episode"):
        place_logs([], tmp_path / "none")


@pytest.mark.parametrize("by", ["scene", "seed"])
def test_a_split_never_divides_a_scene(by, made_up, tmp_path):
    recording = recorded(made_up, tmp_path / "data", 12, scenes=5)
    done = split(recording, {"train": 3, "val": 1, "test": 1}, by=by)
    assert done.leaks == ()
    placed = [path for paths in done.parts.values() for path in paths]
    assert sorted(placed) == sorted(recording.paths)
    assert all(done.parts.values())
    assert split(recording, {"train": 3, "val": 1, "test": 1}, by=by) == done
    others = [split(recording, {"train": 3, "val": 1, "test": 1}, by=by, seed=s) for s in range(5)]
    assert any(other.parts != done.parts for other in others)


def test_leaks_are_told(made_up, tmp_path):
    recording = recorded(made_up, tmp_path / "data", 12, scenes=2)
    done = split(recording, {"train": 1, "test": 1}, by="episode")
    assert any(leak.startswith("scene") for leak in done.leaks)
    assert any(leak.startswith("draws") for leak in done.leaks)


def test_parts_that_cannot_be_are_told(made_up, tmp_path):
    recording = recorded(made_up, tmp_path / "data", 2)
    with pytest.raises(ConfigError, match="2 groups"):
        split(recording, {"a": 1, "b": 1, "c": 1})
    with pytest.raises(ConfigError, match="positive"):
        split(recording, {"a": 1, "b": 0})


@pytest.mark.parametrize("drawn", ["weather", "light"])
def test_queries_find_weather_and_time_as_worlds_draw_them(drawn, made_up, tmp_path):
    lights = {
        "rainy": {"rain_mm_h": 8.0, "wetness": 0.9, "cloudiness": 0.9, "sun_elevation_rad": 0.8},
        "starry": {"sun_elevation_rad": -0.5},
        "plain": {},
    }
    for name, light in lights.items():
        meta = replace(made_up.meta, episode_id=name, draws={drawn: light})
        made_up.write_as(EpisodeWriter(tmp_path), meta)
    recording = Recording(tmp_path)

    def names(**query):
        return [path.stem for path in select(recording, Query(**query))]

    assert names(weathers=("rain", "clouds")) == ["rainy"]
    assert names(weathers=("dry",)) == ["plain", "starry"]
    assert names(times=("night",)) == ["starry"]
    assert names(times=("day",), weathers=("wet",)) == ["rainy"]
    assert light_of(recording[1])["rain_mm_h"] == 8.0
    with pytest.raises(UnknownNameError, match="hail"):
        Query(weathers=("hail",))


def test_queries_find_what_they_say(made_up, tmp_path):
    recording = recorded(made_up, tmp_path / "data", 4)

    def names(**query):
        return [path.stem for path in select(recording, Query(**query))]

    assert names(policy="expert") == ["e1", "e3"]
    assert names(events=("collision",)) == ["e0", "e1", "e2", "e3"]
    assert names(events=("off_road",)) == []
    assert names(success=False) == []
    assert names(min_steps=5) == []
    means = {
        e.path.stem: np.mean([s.data["exposure_s"] for s in e.samples("eye", ["exposure_s"])])
        for e in recording
    }
    bar = float(np.median(list(means.values())))
    kept = names(where=(Where.parse(f"eye.exposure_s mean > {bar}"),))
    assert kept == [name for name, mean in means.items() if mean > bar]
    assert 0 < len(kept) < 4
    assert names(where=(Where.parse("nobody.x max > 1"),)) == []
    with pytest.raises(UnknownNameError, match="exposure_s"):
        names(where=(Where.parse("eye.exposure max > 1"),))
    for text in ("eye.exposure_s", "eye.x max = 3", "max > 3", "eye.x max > 1e"):
        with pytest.raises(ConfigError, match="condition"):
            Where.parse(text)
