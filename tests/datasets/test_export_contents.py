"""What exports hold, against the log itself, closed forms and plain NumPy."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.datasets.export.base import export
from fleetloop.datasets.export.coco import Coco, rle_of
from fleetloop.datasets.export.kitti.exporter import Kitti
from fleetloop.datasets.export.kitti.frames import EARTH_M, LATITUDE_DEG
from fleetloop.datasets.export.lerobot.running import PictureStats, RunningStats, merged
from fleetloop.datasets.export.lerobot.video import (
    DEPTH_LEVELS,
    DEPTH_MIN_M,
    DEPTH_SHIFT_M,
    picture_format,
    quantized,
)
from fleetloop.datasets.export.nuscenes.clouds import count_in_box, deskewed, lidar_points
from fleetloop.datasets.export.nuscenes.exporter import NuScenes
from fleetloop.datasets.export.rlds.tfrecord import varint
from fleetloop.datasets.export.rows import Rows, columns_of, observation_times_ns
from fleetloop.datasets.labels import project_points
from fleetloop.datasets.validate.exports.coco import run_lengths


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_give_the_mask_back(mask):
    told = rle_of(mask)
    flat = np.concatenate(
        [np.full(n, k % 2 == 1) for k, n in enumerate(run_lengths(told["counts"]))]
    )
    assert told["size"] == list(mask.shape)
    np.testing.assert_array_equal(flat.reshape(mask.shape, order="F"), mask)


@given(st.integers(-(2**63), 2**63 - 1))
def test_varints_are_protobufs(value):
    told = Int64Value(value=value).SerializeToString()
    assert told == (b"\x08" + varint(value) if value else b"")


def test_a_record_is_framed_as_tensorflow_does(tmp_path):
    pytest.importorskip("google_crc32c")
    from fleetloop.datasets.export.rlds.tfrecord import EpisodeSpool, read_records

    with EpisodeSpool({"a/b": "bytes", "x": "float", "n": "int"}, tmp_path) as spool:
        for number in (1, -2):
            spool.add("a/b", b"text")
            spool.add("x", np.array([0.5 * number, 2.0]))
            spool.add("n", np.array(number))
        length = spool.write(tmp_path / "one")
    (record,) = read_records(tmp_path / "one")
    assert len(record) == length
    fields = dict(_map_entries(record))
    assert fields[b"a/b"] == b"\x0a" + bytes([12]) + b"\x0a\x04text\x0a\x04text"
    assert fields[b"x"][4:] == struct.pack("<4f", 0.5, 2.0, -1.0, 2.0)
    data = bytearray((tmp_path / "one").read_bytes())
    data[20] ^= 1
    (tmp_path / "one").write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        list(read_records(tmp_path / "one"))


def _map_entries(message: bytes):
    """Keys and values of the one map in a `tf.train.Example`, decoded by hand."""

    def number(data, place):
        value = shift = 0
        while True:
            value |= (data[place] & 0x7F) << shift
            shift, place = shift + 7, place + 1
            if data[place - 1] < 0x80:
                return value, place

    _, place = number(message, 1)
    while place < len(message):
        size, place = number(message, place + 1)
        entry, place = message[place : place + size], place + size
        key_size, at = number(entry, 1)
        key, at = entry[at : at + key_size], at + key_size
        _, at = number(entry, at + 1)
        yield key, entry[at:]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 999))
def test_statistics_are_numpys_however_they_come(blocks, seed):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(3.0, 2.0, (n, 2)) for n in blocks]
    running = RunningStats((2,))
    for block in rows:
        running.add(block)
    told, whole = running.result(), np.concatenate(rows)
    np.testing.assert_allclose(told["mean"], whole.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(told["std"], whole.std(axis=0), atol=1e-9)
    np.testing.assert_allclose(told["q10"], np.quantile(whole, 0.1, axis=0), atol=1e-9)
    parts = []
    for block in rows:
        one = RunningStats((2,))
        one.add(block)
        parts.append(one.result())
    both = merged(parts)
    np.testing.assert_allclose(both["mean"], whole.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(both["std"], whole.std(axis=0), atol=1e-9)
    assert both["min"] == told["min"]
    assert both["count"] == [len(whole)]


def test_picture_statistics_are_of_full_scale():
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    stats = PictureStats(1)
    assert stats.wants_next()
    stats.add(picture)
    told = stats.result()
    values = picture.reshape(-1, 3) / 255.0
    np.testing.assert_allclose(np.ravel(told["mean"]), values.mean(axis=0))
    np.testing.assert_allclose(np.ravel(told["std"]), values.std(axis=0))
    np.testing.assert_allclose(np.ravel(told["q50"]), np.quantile(values, 0.5, axis=0), atol=0.01)
    assert np.shape(told["mean"]) == (3, 1, 1)


def test_depth_comes_back_within_half_a_level():
    depth = np.geomspace(0.02, 80.0, 500, dtype=np.float32).reshape(20, 25)
    levels = quantized(depth, 80.0)
    low, high = math.log(DEPTH_MIN_M + DEPTH_SHIFT_M), math.log(80.0 + DEPTH_SHIFT_M)
    step = (high - low) / DEPTH_LEVELS
    back = np.exp(low + levels * step) - DEPTH_SHIFT_M
    assert np.abs(np.log(back + DEPTH_SHIFT_M) - np.log(depth + DEPTH_SHIFT_M)).max() < 0.51 * step
    assert quantized(np.full((1, 1), 500.0, np.float32), 80.0) == DEPTH_LEVELS


def test_pictures_that_a_codec_cannot_take_are_told():
    with pytest.raises(ConfigError, match="pictures=png"):
        picture_format("eye", (24, 32, 3), 10, codec="av1", crf=0, gop=2)
    with pytest.raises(ConfigError, match="none of: av1, h264"):
        picture_format("eye", (64, 64, 3), 10, codec="vp9", crf=0, gop=2)


def test_a_sweep_is_taken_to_one_instant():
    """A wall seen from a sensor that drives towards it is flat again."""
    offset = np.linspace(-0.1, 0.0, 50).astype(np.float32)
    speed_m_s = 10.0
    wall_x = 20.0 - speed_m_s * (0.1 + offset)  # distance from where it was then
    points = np.stack([wall_x, np.linspace(-5, 5, 50), np.zeros(50)], axis=-1)[None]
    path = (Pose.of(0.0), Pose.of(1.0), 0.1)
    flat = deskewed(points, offset, path)
    np.testing.assert_allclose(flat[0, :, 0], 19.0, atol=1e-6)
    assert deskewed(points, offset, None) is points


def test_points_in_a_turned_box():
    pose = Pose.of(3.0, 1.0, 0.5, yaw_rad=0.5)
    local = np.array([[0.9, 0.4, 0.0], [1.1, 0.0, 0.0], [0.0, -0.5, 0.2], [0.0, 0.0, 0.6]])
    assert count_in_box(pose.transform_points(local), pose, np.array([2.0, 1.0, 1.0])) == 2


def test_nuscenes_chains_lead_to_the_true_poses(fleet, tmp_path):
    """From the files alone, points fall into the pictures where the log puts them: below 0.5 px."""
    export("nuscenes", NuScenes, fleet, tmp_path / "out", {})
    place = tmp_path / "out" / "v1.0-fleetloop"
    tables = {p.stem: json.loads(p.read_text()) for p in place.glob("*.json")}
    by = {n: {row["token"]: row for row in rows} for n, rows in tables.items() if n != "splits"}
    episode = fleet[0]
    scene = tables["scene"][0]
    shift = np.array(json.loads((tmp_path / "out" / "scenes.json").read_text())[0]["shift_m"])

    def pose(row):
        w, x, y, z = row["rotation"]
        return Pose(np.array(row["translation"]), np.array([x, y, z, w]))

    def chain(channel):
        data = next(
            row for row in tables["sample_data"]
            if row["sample_token"] == scene["first_sample_token"] and row["is_key_frame"]
            and f"/{channel}/" in row["filename"]
        )  # fmt: skip
        calibration = by["calibrated_sensor"][data["calibrated_sensor_token"]]
        return data, pose(by["ego_pose"][data["ego_pose_token"]]) @ pose(calibration), calibration

    lidar, global_T_lidar, _ = chain("LIDAR_TOP")
    camera, global_T_camera, calibration = chain("CAM_FRONT")
    raw = np.fromfile(tmp_path / "out" / lidar["filename"], np.float32).reshape(-1, 5)
    world = global_T_lidar.transform_points(raw[:, :3].astype(np.float64)) - shift
    sample = episode.sample("front", 0, ())
    truth, seen = project_points(
        episode.calibration.sensors["front"].lens,
        sample.world_T_sensor.inverse().transform_points(world),
    )
    local = global_T_camera.inverse().transform_points(world + shift)
    matrix = np.array(calibration["camera_intrinsic"])
    pixels = (local / local[:, 2:]) @ matrix.T
    assert seen.sum() > 100
    assert np.abs(pixels[seen, :2] + 0.5 - truth[seen]).max() < 0.5
    np.testing.assert_array_equal(raw, lidar_points(episode, "lidar", 0))
    assert camera["timestamp"] == lidar["timestamp"]


def test_kittis_path_is_the_true_path(fleet, tmp_path):
    """Through pykitti's Mercator formula [pykitti.utils.pose_from_oxts_packet]."""
    export("kitti", Kitti, fleet, tmp_path / "out", {})
    drive = tmp_path / "out" / "2020_01_01" / "2020_01_01_drive_0001_sync"
    episode = fleet[0]
    scale = math.cos(math.radians(LATITUDE_DEG))
    places = []
    for path in sorted((drive / "oxts" / "data").iterdir()):
        latitude, longitude, altitude = map(float, path.read_text().split()[:3])
        east = scale * math.radians(longitude) * EARTH_M
        north = scale * EARTH_M * math.log(math.tan(math.radians(90.0 + latitude) / 2.0))
        places.append([east, north, altitude])
    told = np.array(places) - places[0]
    truth = np.array([episode.base_pose_at(t).position_m for t in episode.times_ns("lidar")])
    np.testing.assert_allclose(told, truth - truth[0], atol=1e-6)
    assert len(told) == episode.count("lidar")


def test_rows_are_what_the_agent_observed(tmp_path):
    """Each row is the environment's own observation at that step, field by field."""
    from fleetloop.agents.policy import RandomPolicy
    from fleetloop.agents.rollout import rollout
    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.datasets.recording import Recording
    from fleetloop.envs.registration import make_env

    env = make_env("fleetloop/LaneFollow-v0", obs_mode="state")
    seen = []

    class Watching(RandomPolicy):
        def act(self, observation, state):
            seen.append({name: value.copy() for name, value in observation.items()})
            return super().act(observation, state)

    policy = Watching(env.action_space.low, env.action_space.high)
    with EpisodeWriter(tmp_path, lossless=True) as writer:
        rollout(env, policy, seed=4, sinks=[writer], max_steps=4)
    env.close()
    episode = Recording(tmp_path)[0]
    columns, _ = columns_of(episode, labels=False, largest=100_000)
    rows = list(Rows(episode, columns, observation_times_ns(episode)))
    assert len(rows) == len(seen) + 1
    for row, observation in zip(rows, seen, strict=False):
        for column in columns:
            told = observation[f"{column.sensor}/{column.name}"]
            np.testing.assert_array_equal(row[column.key].astype(told.dtype), told)


def test_coco_tells_tracks_and_pictures_of_the_log(fleet, tmp_path):
    export("coco", Coco, fleet, tmp_path / "out", {})
    told = json.loads((tmp_path / "out" / "annotations" / "instances.json").read_text())
    assert len(told["images"]) == sum(episode.count("front") for episode in fleet)
    stored = fleet[0].encoded("front", 0, "rgb")[1]
    assert (tmp_path / "out" / "images" / told["images"][0]["file_name"]).read_bytes() == stored
    instance = fleet[0].sample("front", 0, ["instance"]).data["instance"]
    first = [a for a in told["annotations"] if a["image_id"] == 1]
    assert first
    for annotation in first:
        assert annotation["area"] == np.count_nonzero(instance == annotation["track_id"])
