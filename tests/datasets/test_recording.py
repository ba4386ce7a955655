"""Random access gives what reading in order gives; calibration, resampling, exports."""

from __future__ import annotations

import json
import math
import pickle
import tarfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mcap.reader import make_reader

from fleetloop.core.config import to_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import (
    ConfigError,
    DamagedFileError,
    MissingDependencyError,
    StorageError,
    UnknownNameError,
)
from fleetloop.core.frames import BASE_T_OPTICAL, Pose
from fleetloop.core.lens import Lens
from fleetloop.core.spec import Field
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.calibration import ATTACHMENT
from fleetloop.datasets.export import EXPORTERS
from fleetloop.datasets.export.base import export, make_exporter
from fleetloop.datasets.export.webdataset import WebDataset
from fleetloop.datasets.lineage import read_lineage
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode, Recording, file_sha256
from fleetloop.datasets.resample import align, fixed_times_ns, policy_of, report, resample

LENS = Lens.of_fov(32, 24, 1.0, distortion=(0.1, -0.02, 0.001, 0.0, 0.0))


@pytest.fixture
def recorded(made_up, tmp_path):
    """A log of many small chunks, so that samples straddle their borders."""
    eye = {
        "kind": "camera",
        "name": "eye",
        "link": "head",
        "link_T_sensor": to_json(BASE_T_OPTICAL),
        "rate_hz": 10.0,
        "latency_s": 0.03,
        "readout_s": 0.02,
        "lens": to_json(LENS),
        "imager": {"gamma": True},
    }
    meta = replace(made_up.meta, config={"sensors": [eye]})
    writer = EpisodeWriter(tmp_path / "data", lossless=True, chunk_bytes=2048)
    made_up.write_as(writer, meta)
    return RecordedEpisode(writer.path(meta.episode_id))


def same(first: Sample, second: Sample) -> bool:
    return (
        (first.sensor, first.seq, first.faults) == (second.sensor, second.seq, second.faults)
        and first.t_arrival_ns == second.t_arrival_ns
        and first.data.keys() == second.data.keys()
        and all(first.data[n].tobytes() == second.data[n].tobytes() for n in first.data)
    )


def test_random_access_gives_what_reading_in_order_gives(recorded, made_up):
    in_order = {name: [] for name in made_up.schemas}
    for record in made_up.records:
        if isinstance(record, Sample):
            in_order[record.sensor].append(record)
    for number in (3, 0, 2, 1, -1):
        for name in ("lidar", "eye", "gnss"):
            assert same(recorded.sample(name, number), in_order[name][number])
    assert recorded.count("never") == 0
    for name, rows in in_order.items():
        assert all(map(same, recorded.samples(name), rows))
        assert recorded.times_ns(name).tolist() == [r.t_capture_ns for r in rows]
        assert recorded.times_ns(name, "arrived").tolist() == [r.t_arrival_ns for r in rows]
    steps = [r for r in made_up.records if isinstance(r, Step)]
    assert [s.t_ns for s in recorded.steps()] == [s.t_ns for s in steps]
    assert [e.kind for e in recorded.events()] == ["collision"]


def test_only_what_is_asked_for_is_decoded(recorded, made_up):
    sample = recorded.sample("eye", 1, ["exposure_s", "instance"])
    assert list(sample.data) == ["instance", "exposure_s"]
    assert recorded.sample("eye", 1, []).data == {}
    with pytest.raises(UnknownNameError, match="Did you mean 'depth_m'"):
        recorded.sample("eye", 1, ["depth"])
    with pytest.raises(UnknownNameError):
        recorded.sample("ear", 0)
    with pytest.raises(ConfigError, match="4 samples"):
        recorded.sample("eye", 4)


def test_times_find_samples_and_steps(recorded):
    assert recorded.number_at("eye", 2) == -1
    assert recorded.number_at("eye", 3) == 0
    assert recorded.number_at("eye", 200_000_002) == 1
    assert recorded.number_at("eye", 200_000_003, "arrived") == 1
    # A step acts until its own time: what is seen at that time is for the next one.
    assert recorded.step_after(0) == 0
    assert recorded.step_after(99_999_999) == 0
    assert recorded.step_after(100_000_000) == 1
    assert recorded.step_after(400_000_000) is None


def test_objects_are_all_there_at_every_instant(recorded):
    assert recorded.objects_at(2) is None
    for number in range(4):
        objects = recorded.objects_at(number * 100_000_000 + 50)
        assert set(objects.names) == {"robot", "house", "person"}
        row = objects.row("robot")
        assert objects.position_m[row, 0] == number
        assert objects.key_point_names == ("nose", "left_knee")
        pose = recorded.base_pose_at(number * 100_000_000 + 50)
        assert pose.position_m.tolist() == [number, 0.5, 0.0]


def test_an_episode_goes_to_a_worker_process(recorded):
    first = recorded.sample("lidar", 2)
    twin = pickle.loads(pickle.dumps(recorded))
    assert same(twin.sample("lidar", 2), first)
    recorded.close()
    assert same(recorded.sample("lidar", 2), first)


def test_memory_is_bounded(recorded):
    for sensor in ("eye", "lidar"):
        for _ in recorded.samples(sensor):
            assert len(recorded._index._chunks) <= 6


def test_a_flipped_bit_never_comes_back_as_a_sample(recorded, made_up, tmp_path):
    data = recorded.path.read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(40):
        damaged = bytearray(data)
        damaged[int(rng.integers(8, len(data) - 8))] ^= 1 << int(rng.integers(8))
        path = tmp_path / "bad.mcap"
        path.write_bytes(damaged)
        try:
            episode = RecordedEpisode(path)
            assert all(map(same, episode.samples("lidar"), recorded.samples("lidar")))
        except DamagedFileError:
            told += 1
    assert told > 10


def test_calibration_is_in_the_log_for_everyone(recorded, tmp_path):
    eye = recorded.calibration.sensors["eye"]
    assert (eye.kind, eye.link, eye.scan_s, eye.latency_s) == ("camera", "head", 0.02, 0.03)
    assert eye.lens == LENS
    assert eye.options == {"imager": {"gamma": True}}
    np.testing.assert_array_equal(eye.link_T_sensor.matrix, BASE_T_OPTICAL.matrix)
    assert recorded.calibration.sensors["lidar"].lens is None
    with recorded.path.open("rb") as stream:
        reader = make_reader(stream)
        stored = {a.name: json.loads(a.data) for a in reader.iter_attachments()}
        topics = {channel.topic for _, channel, _ in reader.iter_messages()}
    assert stored[ATTACHMENT]["sensors"]["eye"]["lens"]["fx_px"] == LENS.fx_px
    assert "/sensor/eye/calibration" in topics
    repair(recorded.path, tmp_path / "mended.mcap")
    assert RecordedEpisode(tmp_path / "mended.mcap").calibration.sensors["eye"].lens == LENS


def test_a_recording_is_a_folder_of_logs(recorded, tmp_path):
    recording = Recording(recorded.path.parent)
    assert [e.meta.episode_id for e in recording] == ["made-up-7"]
    assert len(Recording(recorded.path)) == 1
    with pytest.raises(StorageError, match=r"no \.mcap"):
        Recording(tmp_path / "empty")


times = hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 1000)).map(np.sort)


@given(times, times)
def test_nearest_and_hold_against_a_plain_search(source, wanted):
    nearest, hold = align(source, wanted, "nearest"), align(source, wanted, "hold")
    for position, time in enumerate(wanted.tolist()):
        distances = np.abs(source - time)
        assert distances[nearest.number[position]] == distances.min()
        before = [n for n, t in enumerate(source.tolist()) if t <= time]
        assert hold.number[position] == (before[-1] if before else -1)
    assert np.all(hold.shift_ns <= 0)


@given(times, times)
def test_a_line_is_interpolated_exactly(source, wanted):
    field = Field(shape=(), dtype="float64", unit="m")
    alignment = align(source, wanted, "interpolate")
    found = resample(3.0 * source - 7.0, alignment, "x_m", field)
    clipped = np.clip(wanted, source[0], source[-1])
    np.testing.assert_allclose(found, 3.0 * clipped - 7.0, atol=1e-9)


def test_angles_take_the_shorter_way_and_quaternions_turn_evenly():
    alignment = align([0, 100], [25, 50, 75], "interpolate")
    yaw = resample(
        np.array([3.0, -3.0]), alignment, "yaw_rad", Field(shape=(), dtype="float64", unit="rad")
    )
    gap = 2 * math.pi - 6.0
    np.testing.assert_allclose(yaw, 3.0 + gap * np.array([0.25, 0.5, 0.75]), atol=1e-12)
    turn = np.stack([Pose.of(yaw_rad=a).quaternion_xyzw for a in (0.0, 2.0)])
    found = resample(
        turn, alignment, "base_quaternion_xyzw", Field(shape=(4,), dtype="float64", unit="1")
    )
    expected = [Pose.of(yaw_rad=a).quaternion_xyzw for a in (0.5, 1.0, 1.5)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_report_counts_what_was_lost():
    told = report(align([0, 10, 20, 30, 40], [0, 1, 38], "nearest"), 5)
    assert (told.wanted, told.missing, told.repeated, told.unused) == (3, 0, 1, 3)
    assert told.largest_shift_s == pytest.approx(2e-9)
    late = report(align([50], [0, 60], "hold"), 1)
    assert (late.missing, late.unused) == (1, 0)
    assert report(align([], [0, 1], "nearest"), 0).missing == 2


def test_policies_follow_from_what_a_field_is():
    number = Field(shape=(3,), dtype="float32", unit="m/s")
    picture = Field(shape=(24, 32, 3), dtype="uint8", unit="sRGB")
    assert policy_of("v", number, causal=False) == "interpolate"
    assert policy_of("v", number, causal=True) == "hold"
    assert policy_of("rgb", picture, causal=False) == "nearest"
    assert policy_of("id", Field(shape=(), dtype="int32", unit="id"), causal=False) == "nearest"


def test_fixed_times_never_drift():
    times = fixed_times_ns(5, 3_600_000_000_005, 30.0)
    assert len(times) == 108_001
    assert times[-1] == 3_600_000_000_005
    assert times[1] == 5 + 33_333_333
    with pytest.raises(ConfigError, match="a number > 0"):
        fixed_times_ns(0, 1, 0.0)


@pytest.mark.parametrize("name", EXPORTERS)
def test_options_that_no_format_knows_are_told(name):
    with pytest.raises(ConfigError, match="has no field 'nonsense'"):
        make_exporter(EXPORTERS.get(name), {"nonsense": 1})


def test_a_missing_package_is_told_in_one_line():
    class Needy(WebDataset):
        NEEDS = ("no_such_package",)
        EXTRA = "needy"

    with pytest.raises(MissingDependencyError, match=r"pip install 'fleetloop\[needy\]'"):
        make_exporter(Needy, {})


def frames_of(out):
    """The frames of all shards: files by extension, by key."""
    frames = {}
    for shard in sorted(out.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                key, _, extension = entry.name.partition(".")
                frames.setdefault(key, {})[extension] = tar.extractfile(entry).read()
    return frames


def test_webdataset_holds_every_byte_of_the_log(recorded, tmp_path):
    told = export(
        "webdataset", WebDataset, Recording(recorded.path), tmp_path / "out", {"reference": "eye"}
    )
    frames = frames_of(told.out)
    assert told.frames == len(frames) == 4
    for number, (key, files) in enumerate(sorted(frames.items())):
        assert key == f"made-up-7-{number:06d}"
        lidar = recorded.sample("lidar", number)
        found = np.load(BytesIO(files["lidar.point_m.npy"]))
        assert found.tobytes() == lidar.data["point_m"].tobytes()
        about = json.loads(files["json"])
        assert about["sensors"]["lidar"]["t_capture_ns"] == lidar.t_capture_ns
        assert about["action"] == recorded.step(number).action.tolist()
    lineage = read_lineage(told.out)
    episode = lineage.episodes[0]
    assert episode.source.sha256 == file_sha256(recorded.path)
    assert (episode.source.t_first_ns, episode.source.t_last_ns) == (3, 400_000_000)
    assert {s.source for s in episode.signals} >= {"eye.rgb", "lidar.point_m", "step.action"}
    assert any(d.source == "never" for d in episode.dropped)
    assert not list(tmp_path.glob("*.part"))


def test_jpegs_are_passed_on_as_they_are(made_up, tmp_path):
    writer = EpisodeWriter(tmp_path / "data")
    made_up.write(writer)
    episode = RecordedEpisode(writer.path(made_up.meta.episode_id))
    told = export("webdataset", WebDataset, Recording(episode.path), tmp_path / "out", {})
    files = sorted(frames_of(told.out).items())[2][1]
    assert files["eye.rgb.jpg"] == episode.encoded("eye", 2, "rgb")[1]
    assert told.lossy == ("eye.rgb: JPEG in the log",)


def test_without_labels_nothing_privileged_leaves(recorded, tmp_path):
    told = export(
        "webdataset", WebDataset, Recording(recorded.path), tmp_path / "out", {"labels": False}
    )
    names = {name for files in frames_of(told.out).values() for name in files}
    assert not names & {"eye.instance.npy", "eye.semantic.npy"}
    assert any(line.startswith("eye.instance") for line in told.dropped)


def test_a_stopped_export_goes_on_with_the_next_episode(made_up, tmp_path):
    for number in range(3):
        meta = replace(made_up.meta, episode_id=f"e{number}")
        made_up.write_as(EpisodeWriter(tmp_path / "data"), meta)
    recording = Recording(tmp_path / "data")

    def stop(number):
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export("webdataset", WebDataset, recording, tmp_path / "out", {}, stop)
    assert not (tmp_path / "out").exists()
    with pytest.raises(StorageError, match="unfinished export"):
        export("webdataset", WebDataset, recording, tmp_path / "out", {"causal": True})
    told = export("webdataset", WebDataset, recording, tmp_path / "out", {})
    assert (told.episodes, told.resumed) == (3, 2)
    plain = export("webdataset", WebDataset, recording, tmp_path / "plain", {})
    assert plain.resumed == 0
    for path in sorted((tmp_path / "plain").rglob("*")):
        twin = tmp_path / "out" / path.relative_to(tmp_path / "plain")
        assert twin.read_bytes() == path.read_bytes()
    with pytest.raises(StorageError, match="exists already"):
        export("webdataset", WebDataset, recording, tmp_path / "out", {})


def test_an_export_of_logs_that_changed_is_not_gone_on_with(made_up, tmp_path):
    writer = EpisodeWriter(tmp_path / "data")
    made_up.write(writer)
    recording = Recording(tmp_path / "data")

    def stop(number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export("webdataset", WebDataset, recording, tmp_path / "out", {}, stop)
    recording.paths[0].unlink()
    made_up.write(EpisodeWriter(tmp_path / "data", lossless=True))
    with pytest.raises(StorageError, match="has changed"):
        export("webdataset", WebDataset, recording, tmp_path / "out", {})


def test_dynamics_come_back_and_by_number(recorded, made_up):
    kept = [r for r in made_up.records if isinstance(r, Dynamics)]
    assert recorded.log.tells_dynamics
    assert recorded.dynamics_times_ns.tolist() == [record.t_ns for record in kept]
    in_order = recorded.log.episode().dynamics
    for number, before in enumerate(kept):
        for after in (recorded.dynamics_record(number), in_order[number]):
            assert after.names == before.names
            assert after.contact_parts == before.contact_parts
            assert (after.complete, after.contacts_found) == (before.complete, 2)
            for name, array in before.arrays().items():
                assert after.arrays()[name].tobytes() == array.tobytes()


def test_logs_without_dynamics_are_read(made_up, tmp_path):
    made_up.records = [r for r in made_up.records if not isinstance(r, Dynamics)]
    made_up.write(EpisodeWriter(tmp_path))
    (episode,) = Recording(tmp_path)
    assert not episode.log.tells_dynamics
    assert len(episode.dynamics_times_ns) == 0
    assert episode.log.episode().dynamics == ()
