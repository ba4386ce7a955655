"""A good recording passes; every defect that is planted is found by the check that is for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.dynamics import Dynamics
from fleetloop.core.frames import Pose
from fleetloop.core.objects import Objects
from fleetloop.core.types import Sample, Step
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording
from fleetloop.datasets.validate import CHECKS
from fleetloop.datasets.validate.reprojection import compare
from fleetloop.datasets.validate.run import told, validate, validate_log


def rewritten(episode, folder, change=None, meta=None, outcome=None, lossless=False, lanes=None):
    """The log again with each record as `change` leaves it; None leaves it out."""
    writer = EpisodeWriter(folder, lossless=lossless)
    meta = meta or episode.meta
    writer.begin(meta, episode.schemas)
    if episode.lanes is not None:
        writer.add_lanes(lanes or episode.lanes)
    for record in episode.log.records():
        kept = change(record) if change else record
        if kept is not None:
            writer.add(kept)
    writer.end(outcome or episode.outcome)
    return validate_log(writer.path(meta.episode_id))


def errors(report) -> set[tuple[str, str]]:
    """(check, where) of all errors; `where` up to the first blank."""
    return {(f.check, f.where.split()[0]) for f in report.findings if f.severity == "error"}


def of(record, sensor) -> bool:
    return isinstance(record, Sample) and record.sensor == sensor


def test_a_good_recording_passes_and_its_figures_are_told(street):
    report = validate_log(street.path)
    assert report.findings == ()
    figures = report.measures
    assert figures["clock_error_us"] < 1.0
    assert figures["step_clock_error_us"] < 1.0
    assert figures["reprojection_error_px"] < 0.5
    assert figures["reprojection_agreeing_pct"] > 80.0
    assert figures["box_excess_px"] < 2.0
    assert figures["points_in_their_box_pct"] > 99.0
    assert figures["mount_error_mm"] < 1e-6
    assert figures["lanes_on_road_pct"] > 95.0
    assert figures["contacts_per_record"] > 3.0
    assert report.samples["front"] == 6
    assert any("ok" in line for line in told(report))


def test_all_checks_take_a_recording_without_labels_or_lens(made_up, tmp_path):
    writer = EpisodeWriter(tmp_path, lossless=True)
    made_up.write(writer)
    report = validate_log(writer.path("made-up-7"))
    # Its hash, outcome, first times and poses are made up, and nothing else is wrong.
    assert {check for check, _ in errors(report)} == {"episode", "clocks", "mounts"}


def test_lanes_that_lie_elsewhere_are_found(street, tmp_path):
    shifted = street.lanes.point_m + np.array([0.0, 0.0, 0.6], np.float32)
    aside = replace(street.lanes, point_m=shifted * np.array([1.03, 1.03, 1.0], np.float32))
    report = rewritten(street, tmp_path, lanes=aside)
    assert ("lanes", "front") in errors(report)


def test_a_missing_sample_is_found(street, tmp_path):
    report = rewritten(street, tmp_path, lambda r: None if of(r, "imu") and r.seq == 30 else r)
    assert errors(report) == {("counts", "imu")}


def test_a_sensor_that_stops_early_is_found(street, tmp_path):
    report = rewritten(street, tmp_path, lambda r: None if of(r, "wheels") and r.seq > 20 else r)
    assert errors(report) == {("counts", "wheels")}


def test_dropped_samples_are_no_error_where_they_are_configured(street, tmp_path):
    config = dict(street.meta.config)
    config["sensors"] = [
        {**s, "drop_probability": 0.3} if s["name"] == "imu" else s for s in config["sensors"]
    ]
    from fleetloop.core.config import config_hash

    meta = replace(street.meta, config=config, config_hash=config_hash(config))
    report = rewritten(
        street, tmp_path / "some",
        lambda r: None if of(r, "imu") and r.seq % 3 == 2 else r, meta,
    )  # fmt: skip
    assert errors(report) == set()
    assert any(f.severity == "note" and "were dropped" in f.message for f in report.findings)
    report = rewritten(
        street, tmp_path / "most",
        lambda r: None if of(r, "imu") and r.seq % 9 != 0 else r, meta,
    )  # fmt: skip
    assert ("counts", "imu") in errors(report)


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ({"t_capture_ns": 3_000, "t_arrival_ns": 3_000}, "off their rate"),
        ({"t_arrival_ns": 5_000_000}, "latency and jitter"),
    ],
)
def test_a_clock_that_is_off_is_found(shift, words, street, tmp_path):
    def change(record):
        if of(record, "lidar") and record.seq == 3:
            return replace(record, **{k: getattr(record, k) + v for k, v in shift.items()})
        return record

    report = rewritten(street, tmp_path, change)
    assert ("clocks", "lidar") in errors(report)
    assert any(words in f.message for f in report.findings)


def test_a_first_sample_that_is_stale_is_found(street, tmp_path):
    report = rewritten(street, tmp_path, lambda r: None if of(r, "gnss") and r.seq == 0 else r)
    assert ("clocks", "gnss") in errors(report)


def with_data(record, **data):
    return replace(record, data={**record.data, **data})


@pytest.mark.parametrize(("value", "words"), [(0, "black picture"), (255, "white picture")])
def test_an_empty_picture_is_found(value, words, street, tmp_path):
    def change(record):
        if of(record, "front") and record.seq == 2:
            return with_data(record, rgb=np.full_like(record.data["rgb"], value))
        return record

    report = rewritten(street, tmp_path, change)
    assert errors(report) == {("pictures", "front")}
    assert any(words in f.message for f in report.findings)


def test_a_black_picture_of_a_blocked_lens_is_as_labelled(street, tmp_path):
    def change(record):
        if of(record, "front") and record.seq == 2:
            dark = with_data(record, rgb=np.zeros_like(record.data["rgb"]))
            return replace(dark, faults=("blocked_lens",))
        return record

    report = rewritten(street, tmp_path, change)
    assert errors(report) == set()
    assert [f.severity for f in report.findings] == ["note"]


def test_a_frozen_sensor_is_found(street, tmp_path):
    from fleetloop.core.types import frozen_array

    kept = {}

    def change(record):
        if not of(record, "lidar"):
            return record
        if record.seq == 2:
            kept.update(record.data)
        moved = Pose(record.world_T_sensor.position_m + record.seq, np.array([0, 0, 0, 1.0]))
        if record.seq == 3:
            same = {name: frozen_array(array) for name, array in kept.items()}
            return replace(record, data=same, world_T_sensor=moved)
        return replace(record, world_T_sensor=moved)

    report = rewritten(street, tmp_path, change)
    assert ("pictures", "lidar") in errors(report)


def test_values_at_a_bound_are_told(street, tmp_path):
    high = street.schemas["imu"]["specific_force_m_s2"].bounds[1]

    def change(record):
        if of(record, "imu"):
            return with_data(record, specific_force_m_s2=np.full(3, high, np.float32))
        return record

    report = rewritten(street, tmp_path, change)
    assert [(f.check, f.where) for f in report.findings] == [("values", "imu.specific_force_m_s2")]


def test_steps_that_do_not_follow_are_found(street, tmp_path):
    report = rewritten(
        street, tmp_path / "a", lambda r: None if isinstance(r, Step) and r.index == 2 else r
    )
    assert ("episode", "step") in errors(report)

    def change(record):
        if isinstance(record, Step) and record.index == 1:
            return replace(record, terminated=True)
        return record

    assert ("episode", "step") in errors(rewritten(street, tmp_path / "b", change))


@pytest.mark.parametrize("wrong", [{"steps": 9}, {"duration_s": 9.0}, {"total_reward": 1e3}])
def test_an_outcome_that_the_steps_do_not_bear_out_is_found(wrong, street, tmp_path):
    outcome = replace(street.outcome, **wrong)
    assert errors(rewritten(street, tmp_path, outcome=outcome)) == {("episode", "outcome")}


def test_another_configuration_than_the_hashed_one_is_found(street, tmp_path):
    meta = replace(street.meta, config={**street.meta.config, "control_hz": 10.5})
    assert ("episode", "metadata") in errors(rewritten(street, tmp_path, meta=meta))


def test_bytes_that_are_not_what_was_sensed_are_found(made_up, tmp_path):
    writer = EpisodeWriter(tmp_path / "good", lossless=True)
    made_up.write(writer)
    good = validate_log(writer.path("made-up-7"))
    assert ("episode", "digest") not in errors(good)
    touched = made_up.records[1]
    made_up.records[1] = with_data(touched, exposure_s=np.float32(0.5).reshape(()))
    outcome = type(made_up)().outcome
    writer = EpisodeWriter(tmp_path / "bad", lossless=True)
    made_up.write(writer, end=False)
    writer.end(outcome)
    assert ("episode", "digest") in errors(validate_log(writer.path("made-up-7")))


def moved_camera(shift_m=0.0, turn_rad=0.0):
    def change(record):
        if of(record, "front"):
            wrong = record.world_T_sensor @ Pose.of(shift_m, 0.0, 0.0, pitch_rad=turn_rad)
            return replace(record, world_T_sensor=wrong)
        return record

    return change


def test_a_camera_that_is_turned_is_found_in_pixels(street, tmp_path):
    """A turn of 0.4 degrees about the optical frame's y moves the picture by f tan(0.4 deg)."""
    turn = np.deg2rad(0.4)
    report = rewritten(street, tmp_path, moved_camera(turn_rad=turn))
    assert {("mounts", "front"), ("reprojection", "lidar")} <= errors(report)
    expected = street.calibration.sensors["front"].lens.fx_px * np.tan(turn)
    assert report.measures["reprojection_error_px"] == pytest.approx(expected, rel=0.3)
    assert report.measures["mount_error_mrad"] == pytest.approx(turn * 1e3, rel=1e-6)


def test_boxes_that_are_elsewhere_are_found(street, tmp_path):
    def change(record):
        if isinstance(record, Objects) and record.complete:
            return replace(record, position_m=record.position_m + np.array([0.0, 0.0, 1.5]))
        return record

    report = rewritten(street, tmp_path, change)
    assert {check for check, _ in errors(report)} >= {"boxes"}
    assert report.measures["box_excess_px"] > 5.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mass_kg": -1.0}, "a mass is negative"),
        ({"kinetic_j": -1.0}, "a kinetic energy is negative"),
        ({"friction": 11.0}, "a friction coefficient is out of range"),
        ({"has_battery": False}, "energy is drawn without a battery"),
        ({"contact_normal": 0.7}, "not of length one"),
        ({"contact_normal_n": -5.0}, "a normal force pulls"),
        ({"contact_friction_n": 9e4}, "more than its coefficient allows"),
        ({"contact_instance": 4711}, "something that is not there"),
        ({"contact_has_force": False}, "a force that is not known"),
        ({"mass_kg": 900.0}, "a mass changes"),
    ],
)
def test_dynamics_that_break_mechanics_are_found(change, told, street, tmp_path):
    """In the fourth record, one number of the last row."""
    seen = []

    def broken(record):
        if not isinstance(record, Dynamics):
            return record
        seen.append(record)
        if len(seen) != 4:
            return record
        ((name, value),) = change.items()
        array = getattr(record, name).copy()
        array[-1] = value
        return replace(record, **{name: array})

    report = rewritten(street, tmp_path, broken)
    assert errors(report) == {("dynamics", "dynamics")}
    assert any(told in finding.message for finding in report.findings)


def test_a_robot_that_nothing_bears_is_told(street, tmp_path):
    def light(record):
        if isinstance(record, Dynamics):
            return replace(record, contact_normal_n=record.contact_normal_n * 0.2,
                           contact_friction_n=record.contact_friction_n * 0.2)  # fmt: skip
        return record

    report = rewritten(street, tmp_path, light)
    assert errors(report) == set()
    assert ["by 0.20 of its weight" in f.message for f in report.findings] == [True]


def test_the_shift_is_recovered_from_a_plane_and_a_wall():
    """A closed form: a floor and two walls, seen with a known shift of the picture."""
    from fleetloop.core.frames import BASE_T_OPTICAL
    from fleetloop.core.lens import Lens

    lens = Lens.of_fov(320, 240, 1.2)
    camera = Pose.of(0.0, 0.0, 1.5) @ BASE_T_OPTICAL
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))

    def depth(shift):
        rays = camera.transform_vectors(lens.unproject(np.stack([columns, rows], -1) - shift))
        with np.errstate(divide="ignore", invalid="ignore"):
            floor = np.where(rays[..., 2] < 0, -1.5 / rays[..., 2], np.inf)
            left = np.where(rays[..., 1] > 0, 4.0 / rays[..., 1], np.inf)
            right = np.where(rays[..., 1] < 0, -5.0 / rays[..., 1], np.inf)
        return np.minimum.reduce([floor, left, right, np.full_like(floor, 60.0)])

    rng = np.random.default_rng(0)
    pixels = rng.uniform([5, 5], [314, 234], size=(4000, 2))
    rays = camera.transform_vectors(lens.unproject(pixels))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.minimum.reduce(
            [
                np.where(rays[:, 2] < 0, -1.5 / rays[:, 2], np.inf),
                np.where(rays[:, 1] > 0, 4.0 / rays[:, 1], np.inf),
                np.where(rays[:, 1] < 0, -5.0 / rays[:, 1], np.inf),
                np.full(len(rays), 60.0),
            ]
        )
    points = camera.position_m + rays * t[:, None]
    for shift in ((0.0, 0.0), (1.0, 0.0), (0.0, -0.8), (-0.5, 0.5)):
        found, _, agreeing = compare(lens, camera, depth(np.array(shift)), points)
        np.testing.assert_allclose(found, shift, atol=0.05)
        assert agreeing > 0.9


def test_damage_and_unfinished_logs_are_findings(street, tmp_path):
    data = bytearray(street.path.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.mcap").write_bytes(data)
    (tmp_path / "b.mcap").write_bytes(street.path.read_bytes())
    (tmp_path / "c.mcap").write_bytes(street.path.read_bytes())
    (tmp_path / "d.mcap.part").write_bytes(b"")
    seen = []
    report = validate(Recording(tmp_path), seen.append)
    assert [e.file for e in report.episodes] == ["a.mcap", "b.mcap", "c.mcap", "d.mcap.part"]
    assert ("integrity", "file") in errors(report.episodes[0])
    assert "is also in" in report.episodes[2].findings[0].message or (
        "is also in" in report.episodes[1].findings[0].message
    )
    assert report.errors >= 2
    assert report.episodes[3].findings[0].severity == "warning"
    assert len(seen) == 4


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_silent_on_a_good_recording(name, street):
    check = CHECKS.get(name)(street)
    for record in street.log.records():
        check.add(record)
    assert list(check.finish()) == []
    assert all(np.isfinite(value) for value in check.measures().values())
