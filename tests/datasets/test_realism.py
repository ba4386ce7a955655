"""Statistics beside real ones: known signals give known figures, nothing is guessed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.core.types import Episode, EpisodeMeta, Sample
from fleetloop.datasets.realism import REAL, Real, band_density, compare, kind_of

META = EpisodeMeta(
    episode_id="e", seed=0, task="t", robot="r", config={}, config_hash="", policy="p", versions={}
)


def episode(name, rows, poses=None, hz=100.0) -> Episode:
    fields = {
        key: Field(shape=np.shape(value), dtype=str(np.asarray(value).dtype), unit="1")
        for key, value in rows[0].items()
    }
    samples = tuple(
        Sample(
            sensor=name, seq=k, t_capture_start_ns=round(k / hz * 1e9),
            t_capture_ns=round(k / hz * 1e9), t_arrival_ns=round(k / hz * 1e9),
            world_T_sensor=Pose.of(*(poses[k] if poses is not None else (0, 0, 0))),
            data={key: np.asarray(value) for key, value in row.items()},
        )
        for k, row in enumerate(rows)
    )  # fmt: skip
    return Episode(
        meta=META, schemas={name: Schema(fields)}, steps=(), samples={name: samples}, outcome=None
    )


def figures(*episodes):
    return {(row.real.sensor, row.real.what): row for row in compare(episodes)}


def test_white_noise_has_a_flat_density():
    series = np.random.default_rng(0).normal(scale=0.3, size=60_000)
    for low, high in ((1.0, 5.0), (5.0, math.inf)):
        # One-sided: variance over half the rate.
        expected = 0.3 * math.sqrt(2.0 / 100.0)
        assert band_density(series, 100.0, low, high) == pytest.approx(expected, rel=0.05)


def test_a_tone_shows_in_its_own_band_alone():
    series = np.sin(2 * np.pi * 20.0 * np.arange(8192) / 100.0)
    assert band_density(series, 100.0, 1.0, 5.0) < 1e-2 * band_density(series, 100.0, 5.0, 50.0)
    assert math.isnan(band_density(series[:100], 100.0, 1.0, 5.0))


def test_an_inertial_unit_of_known_noise_gives_known_figures():
    rng = np.random.default_rng(1)
    rows = [
        {
            "specific_force_m_s2": (np.rint(rng.normal(size=3) * 0.3 / 0.002) * 0.002),
            "angular_rate_rad_s": rng.normal(size=3) * 0.01,
        }
        for _ in range(4000)
    ]
    found = figures(episode("imu", rows))
    assert found["imu", "acceleration, sample to sample"].ours == pytest.approx(0.3, rel=0.05)
    assert found["imu", "step of acceleration"].ours == pytest.approx(0.002, rel=1e-6)
    assert found["imu", "turning, sample to sample"].ours == pytest.approx(0.01, rel=0.05)
    assert {sensor for sensor, _ in found} == {"imu"}, "what has no sensor is left out"


def test_a_receiver_with_a_known_offset_is_measured_against_its_true_place():
    rng = np.random.default_rng(2)
    poses = [(3.0 * k, 2.0, 1.0) for k in range(200)]
    error = np.array([0.6, -0.8, 2.0]) + np.cumsum(rng.normal(size=(200, 3)) * 1e-3, axis=0)
    rows = [
        {"position_world_m": np.array(p) + e, "valid": np.array(True)}
        for p, e in zip(poses, error, strict=True)
    ]
    found = figures(episode("gnss", rows, poses))
    assert found["gnss", "offset, horizontal"].ours == pytest.approx(1.0, abs=0.05)
    assert found["gnss", "offset, vertical"].ours == pytest.approx(2.0, abs=0.05)
    assert found["gnss", "correlation of neighbours"].ours > 0.9


def test_a_lidar_on_a_plain_gives_its_percentiles():
    rng = np.random.default_rng(3)
    range_m = rng.uniform(5.0, 55.0, (32, 200)).astype(np.float32)
    valid = rng.random(range_m.shape) < 0.8
    direction = np.zeros((32, 200, 3), np.float32)
    direction[..., 0], direction[..., 2] = math.cos(0.1), -math.sin(0.1)
    row = {
        "range_m": range_m, "intensity": np.full_like(range_m, 0.25), "valid": valid,
        "point_m": range_m[..., None] * direction,
        "semantic": np.where(range_m < 30.0, 1, 6).astype(np.uint8),
    }  # fmt: skip
    row["intensity"] = (range_m / 100.0).astype(np.float32)
    found = figures(episode("roof", [row, row]))
    assert found["lidar 32", "returns a sweep"].ours == valid.sum()
    assert found["lidar 32", "range, 50 %"].ours == pytest.approx(np.median(range_m[valid]))
    assert found["lidar 32", "lowest beam"].ours == pytest.approx(-math.degrees(0.1), abs=1e-3)
    assert found["lidar 32", "range-intensity correlation"].ours == pytest.approx(1.0)
    assert not found["lidar 32", "range-intensity correlation"].agrees
    assert found["lidar 32", "on the ground"].ours == pytest.approx((range_m[valid] < 30).mean())


def test_the_median_over_drives_is_taken():
    def wheels(step):
        return episode(
            "wheels", [{"speed_m_s": np.arange(4) * step * k, "pulses": 1} for k in range(3)]
        )

    found = figures(wheels(0.1), wheels(0.5), wheels(0.2))
    row = found["wheels", "apart from their mean"]
    assert row.episodes == 3
    assert row.ours == figures(wheels(0.2))["wheels", "apart from their mean"].ours


def test_a_factor_of_two_or_a_distance_decides():
    by_factor = Real(sensor="s", what="w", unit="1", low=1.0, high=3.0)
    assert [by_factor.agrees(x) for x in (0.49, 0.5, 2.0, 6.0, 6.1)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    by_distance = Real(sensor="s", what="w", unit="1", low=-0.2, high=-0.2, within=0.1)
    assert [by_distance.agrees(x) for x in (-0.31, -0.29, -0.11, 0.0)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_every_real_figure_is_named_once_and_other_sensors_are_nothing():
    names = [(real.sensor, real.what) for real in REAL]
    assert len(set(names)) == len(names)
    assert kind_of(Schema({"rgb": Field(shape=(2, 2, 3), dtype="uint8", unit="sRGB")})) is None
