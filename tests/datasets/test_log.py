"""The log: nothing is lost, foreign tools can read it, damage is told and mended."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from fleetloop.core.config import to_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import (
    ConfigError,
    DamagedFileError,
    SchemaError,
    StateError,
    StorageError,
)
from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.log.reader import EpisodeLog
from fleetloop.datasets.log.repair import repair
from fleetloop.datasets.log.writer import EpisodeWriter


@pytest.fixture
def lossless(made_up, tmp_path):
    """A whole lossless log on disk."""
    writer = EpisodeWriter(tmp_path, lossless=True)
    made_up.write(writer)
    return writer.path(made_up.meta.episode_id)


def test_a_lossless_log_gives_back_every_byte(made_up, lossless):
    log = EpisodeLog(lossless)
    back = list(log.records())
    assert [type(r) for r in back] == [type(r) for r in made_up.records]
    assert made_up.digest(back) == made_up.digest(made_up.records) == log.outcome.digest
    assert log.meta == made_up.meta
    assert log.schemas == made_up.schemas
    assert log.outcome == made_up.outcome


def test_logs_without_the_goal_at_the_reset_are_read(made_up, tmp_path, monkeypatch):
    """Logs of before that field: what they say is read, and the goal at the reset is empty."""

    def former(value):
        data = to_json(value)
        return {k: v for k, v in data.items() if k != "goal"} if value is meta else data

    meta = replace(made_up.meta, goal={"point_m": [1.0, 2.0]})
    writer = EpisodeWriter(tmp_path, lossless=True)
    with monkeypatch.context() as patched:
        patched.setattr("fleetloop.datasets.log.writer.to_json", former)
        made_up.write_as(writer, meta)
    path = writer.path(meta.episode_id)
    with path.open("rb") as file:
        (told,) = [
            m.metadata for m in make_reader(file).iter_metadata() if m.name == "fleetloop.episode"
        ]
    assert "goal" not in json.loads(told["meta"])
    log = EpisodeLog(path)
    assert log.meta == replace(meta, goal={})
    assert made_up.digest(list(log.records())) == made_up.digest(made_up.records)


def test_what_is_read_cannot_be_written_to(lossless):
    for record in EpisodeLog(lossless).records():
        if isinstance(record, Objects | Dynamics):
            arrays = record.arrays()
        else:
            arrays = record.data if isinstance(record, Sample) else record.truth
        assert all(not array.flags.writeable for array in arrays.values())


def test_by_default_only_camera_pictures_lose_anything(made_up, tmp_path):
    writer = EpisodeWriter(tmp_path)
    smooth = np.add.outer(np.arange(24) * 4, np.arange(32) * 3).astype(np.uint8)
    picture = np.stack([smooth, smooth[::-1], 255 - smooth], axis=-1)
    made_up.records = [
        replace(r, data={**r.data, "rgb": picture})
        if isinstance(r, Sample) and r.sensor == "eye"
        else r
        for r in made_up.records
    ]
    made_up.write(writer)
    back = list(EpisodeLog(writer.path(made_up.meta.episode_id)).records())
    for before, after in zip(made_up.records, back, strict=True):
        if not isinstance(before, Sample):
            continue
        for name, array in before.data.items():
            if name == "rgb":
                error = np.abs(array.astype(int) - after.data[name].astype(int))
                assert 0 < error.mean() < 4.0
            else:
                assert array.tobytes() == after.data[name].tobytes()


def test_a_sensor_that_never_delivered_is_still_described(lossless):
    episode = EpisodeLog(lossless).episode()
    assert episode.samples["never"] == ()
    assert len(episode.samples["lidar"]) == 4


def test_foreign_readers_see_foxglove_messages(lossless, made_up):
    found = {}
    with lossless.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for schema, channel, _, message in reader.iter_decoded_messages():
            found.setdefault(channel.topic, (schema.name, message))
    kinds = {topic: kind for topic, (kind, _) in found.items()}
    assert kinds["/sensor/eye/rgb"] == "foxglove.RawImage"
    assert kinds["/sensor/eye/depth_m"] == "foxglove.RawImage"
    assert kinds["/sensor/lidar/point_m"] == "foxglove.PointCloud"
    assert kinds["/sensor/gnss/fix"] == "foxglove.LocationFix"
    assert kinds["/boxes"] == "foxglove.SceneUpdate"
    assert kinds["/objects"] == "fleetloop.Objects"
    boxes = found["/boxes"][1]
    assert [e.id for e in boxes.entities] == ["1", "2", "3"]
    assert boxes.entities[0].cubes[0].pose.position.x == pytest.approx(1.4)
    assert {m.key: m.value for m in boxes.entities[2].metadata}["class"] == "person"
    assert kinds["/tf"] == "foxglove.FrameTransform"
    assert kinds["/events"] == "foxglove.Log"
    assert kinds["/sensor/eye"] == "fleetloop.Capture"
    sample = next(r for r in made_up.records if isinstance(r, Sample) and r.sensor == "lidar")
    cloud = found["/sensor/lidar/point_m"][1]
    names = [field.name for field in cloud.fields]
    assert names[:3] == ["x", "y", "z"]
    assert set(names) == {"x", "y", "z", "range_m", "valid"}
    offsets = {field.name: field.offset for field in cloud.fields}
    bytes_of_rows = np.frombuffer(cloud.data, np.uint8).reshape(-1, cloud.point_stride)
    x = bytes_of_rows[:, offsets["x"] : offsets["x"] + 4].copy().view(np.float32)[:, 0]
    np.testing.assert_array_equal(x, sample.data["point_m"][..., 0].ravel())
    stamp = cloud.timestamp
    assert stamp.seconds * 10**9 + stamp.nanos == sample.t_capture_ns


def test_times_of_capture_and_arrival_are_those_of_the_messages(lossless, made_up):
    first = next(r for r in made_up.records if isinstance(r, Sample) and r.sensor == "eye")
    with lossless.open("rb") as stream:
        reader = make_reader(stream)
        _, _, message = next(iter(reader.iter_messages(topics="/sensor/eye")))
    assert (message.publish_time, message.log_time) == (first.t_capture_ns, first.t_arrival_ns)


def test_an_open_episode_has_a_name_of_its_own_until_it_is_whole(made_up, tmp_path):
    with EpisodeWriter(tmp_path) as writer:
        made_up.write(writer, end=False)
        path = writer.path(made_up.meta.episode_id)
        assert not path.exists()
        assert path.with_name(path.name + ".part").exists()
        writer.end(made_up.outcome)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_existing_episode_is_never_overwritten(made_up, lossless):
    before = lossless.read_bytes()
    with pytest.raises(StorageError, match="exists already"):
        made_up.write(EpisodeWriter(lossless.parent))
    assert lossless.read_bytes() == before


@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_cut_log_is_told_and_repaired_up_to_a_whole_step(part, made_up, tmp_path):
    # Many small chunks, as in a long recording.
    writer = EpisodeWriter(tmp_path / "whole", lossless=True, chunk_bytes=4096)
    made_up.write(writer)
    whole = writer.path(made_up.meta.episode_id).read_bytes()
    cut = tmp_path / "cut.mcap.part"
    cut.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DamagedFileError, match="repair"):
        EpisodeLog(cut)
    result = repair(cut, tmp_path / "mended.mcap")
    log = EpisodeLog(tmp_path / "mended.mcap")
    assert log.meta == made_up.meta
    back = list(log.records())
    assert back == [] or isinstance(back[-1], Step)
    assert made_up.digest(back) == made_up.digest(made_up.records[: len(back)])
    assert sum(isinstance(r, Step) for r in back) == result.steps
    assert result.damage
    if part >= 0.9:
        assert result.steps >= 2


def test_a_whole_log_survives_repair_unchanged(lossless, made_up, tmp_path):
    result = repair(lossless, tmp_path / "same.mcap")
    log = EpisodeLog(tmp_path / "same.mcap")
    assert (result.damage, result.ended, result.lost_messages) == ("", True, 0)
    assert made_up.digest(log.records()) == log.outcome.digest


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits_never_pass_as_data(seed, lossless, made_up, tmp_path):
    rng = np.random.default_rng(seed)
    damaged = bytearray(lossless.read_bytes())
    place = int(rng.integers(8, len(damaged) - 8))
    damaged[place] ^= 1 << int(rng.integers(8))
    path = tmp_path / "bad.mcap"
    path.write_bytes(damaged)
    try:
        back = list(EpisodeLog(path).records())
    except DamagedFileError:
        return
    # A bit that no reader looks at, such as one of an index, may pass; the data is then the same.
    assert made_up.digest(back) == made_up.digest(made_up.records)


@pytest.mark.parametrize("contents", [b"", b"not a log", b"\x89MCAP0\r\n", os.urandom(4096)])
def test_foreign_bytes_are_told(contents, tmp_path):
    path = tmp_path / "foreign.mcap"
    path.write_bytes(contents)
    with pytest.raises(DamagedFileError):
        EpisodeLog(path)
    with pytest.raises(DamagedFileError):
        repair(path, tmp_path / "out.mcap")
    assert not (tmp_path / "out.mcap").exists()


def test_a_full_disk_is_told_and_loses_nothing_that_was_whole(made_up, lossless, monkeypatch):
    before = lossless.read_bytes()

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    real = open

    def full_open(path, mode="r", *rest, **named):
        return Full(path, "w") if str(path).endswith(".part") else real(path, mode, *rest, **named)

    monkeypatch.setattr("builtins.open", full_open)
    writer = EpisodeWriter(lossless.parent / "more")
    with pytest.raises(StorageError, match="No space left"):
        made_up.write(writer)
    assert lossless.read_bytes() == before


def test_data_that_breaks_its_schema_never_gets_into_a_log(made_up, tmp_path):
    sample = next(r for r in made_up.records if isinstance(r, Sample) and r.sensor == "gnss")
    with EpisodeWriter(tmp_path) as writer:
        with pytest.raises(StateError, match="begin"):
            writer.add_sample(sample)
        writer.begin(made_up.meta, made_up.schemas)
        with pytest.raises(SchemaError):
            writer.add_sample(replace(sample, data={"latitude_rad": np.zeros(())}))
        with pytest.raises(StateError, match="was not announced"):
            writer.add_sample(replace(sample, sensor="stranger"))


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "with space"])
def test_episode_names_cannot_leave_the_folder(name, tmp_path):
    with pytest.raises(ConfigError, match="file name"):
        EpisodeWriter(tmp_path).path(name)


def test_kill_9_at_any_moment_leaves_a_readable_recording(made_up, tmp_path):
    """A real process is killed while it writes; what it left is repaired and read."""
    script = textwrap.dedent(
        """
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("made_up", sys.argv[1])
        made = importlib.util.module_from_spec(spec)
        sys.modules["made_up"] = made
        spec.loader.exec_module(made)
        from dataclasses import replace
        from fleetloop.datasets.log.writer import EpisodeWriter
        writer = EpisodeWriter(sys.argv[2], lossless=True, chunk_bytes=4096)
        kept = made.MadeUp()
        writer.begin(kept.meta, kept.schemas)
        print("begun", flush=True)
        while True:
            for record in kept.records:
                made.added(writer, record)
        """
    )
    conftest = str(__file__).replace("test_log.py", "conftest.py")
    for round_number, delay_s in enumerate((0.05, 0.2, 0.4)):
        folder = tmp_path / str(round_number)
        process = subprocess.Popen(
            [sys.executable, "-c", script, conftest, str(folder)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"begun\n"
            try:
                process.wait(delay_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.wait()
        part = folder / "made-up-7.mcap.part"
        result = repair(part, folder / "mended.mcap")
        back = list(EpisodeLog(folder / "mended.mcap").records())
        assert sum(isinstance(r, Step) for r in back) == result.steps > 0
