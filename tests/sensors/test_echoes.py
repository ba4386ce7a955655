"""Echoes: loops against plain NumPy, spots at edges, several returns, mixed pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.beams import BeamTable
from fleetloop.envs.sensors.echoes import (
    RETURN_MODES,
    choose_echoes,
    group_echoes,
    sub_rays,
)
from fleetloop.envs.sensors.lidar import Lidar, LidarConfig
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Cylinder, Plane


def plain_echoes(range_m, power, separation_m):
    """Echoes of one ray: [(range, power, strongest contribution)], from near to far."""
    order = [k for k in np.argsort(range_m, kind="stable") if power[k] > 0.0]
    groups = []
    for k in order:
        if groups and range_m[k] - range_m[groups[-1][-1]] <= separation_m:
            groups[-1].append(k)
        else:
            groups.append([k])
    result = []
    for group in groups:
        light = power[group].astype(float)
        mean = float((light * range_m[group]).sum() / light.sum())
        result.append((mean, light.sum(), group[int(np.argmax(light))]))
    return result


def plain_choice(light, seen, mode):
    """First and second report of one ray."""
    places = [e for e in range(len(light)) if seen[e]]
    if not places:
        return None, None
    strongest = max(places, key=lambda e: light[e])
    if mode == "first":
        return places[0], None
    if mode == "last":
        return places[-1], None
    if mode == "strongest" or len(places) == 1:
        return strongest, None
    if places[-1] != strongest:
        return strongest, places[-1]
    return strongest, max((e for e in places if e != strongest), key=lambda e: light[e])


@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 39), separation_m=st.floats(0.1, 5.0),
    empty=st.floats(0.0, 1.0),
)  # fmt: skip
def test_loops_equal_plain_numpy(seed, count, separation_m, empty):
    rng = np.random.default_rng(seed)
    range_m = rng.uniform(0.5, 30.0, (count, 17)).astype(np.float32)
    power = rng.uniform(0.1, 3.0, (count, 17)).astype(np.float32)
    power[rng.random(power.shape) < empty] = 0.0
    echoes = group_echoes(range_m, power, np.float32(separation_m))
    alive = rng.random(17) > 0.2
    for mode in RETURN_MODES:
        first, second = choose_echoes(echoes.begin, echoes.power, alive, 1.0, mode)
        for ray in range(17):
            mine = slice(echoes.begin[ray], echoes.begin[ray + 1])
            expected = plain_echoes(range_m[:, ray], power[:, ray], np.float32(separation_m))
            np.testing.assert_allclose(
                np.stack([echoes.range_m[mine], echoes.power[mine]], axis=1),
                np.array([e[:2] for e in expected]).reshape(-1, 2), rtol=1e-5,
            )  # fmt: skip
            assert list(echoes.source[mine]) == [e[2] for e in expected]
            light = echoes.power[mine]
            wanted = plain_choice(light, light >= 1.0, mode) if alive[ray] else (None, None)
            found = [int(e) - mine.start if e >= 0 else None for e in (first[ray], second[ray])]
            assert tuple(found) == wanted


@pytest.mark.parametrize("count", [1, 7, 19, 37])
def test_sub_rays_share_the_disc_evenly(count):
    points = sub_rays(count)
    assert points.shape == (count, 2)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-12)
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() < 1.0
    # Moments of an even disc: <r^2> = 1/2, the same along every axis.
    if count > 1:
        assert np.mean(radius**2) == pytest.approx(0.5, abs=0.08)
        np.testing.assert_allclose(
            np.cov(points.T, bias=True), np.eye(2) * np.mean(radius**2) / 2, atol=1e-9
        )


def test_other_numbers_of_sub_rays_are_refused():
    with pytest.raises(ConfigError, match="1, 7, 19 or 37"):
        sub_rays(9)


def one_beam(separation_m: float = 1.0) -> BeamTable:
    """A single beam ahead with a wide spot."""
    return BeamTable(
        elevations_rad=(0.0,), azimuth_from_rad=-0.01, azimuth_to_rad=0.01, azimuths=1,
        divergence_rad=(0.02, 0.02), separation_m=separation_m,
    )  # fmt: skip


def edge(near_m: float, far_m: float) -> Scene:
    """A wall behind, and one before it that hides what lies to the left of the beam's axis."""
    scene, grey = Scene(), Material(lidar_reflectivity=0.4)
    scene.add(Box((0.1, 50, 50)), (far_m + 0.1, 0, 0), material=grey, instance_id=2)
    # Its edge lies a hair to the right of the axis: no ray runs along it.
    where = (near_m + 0.1, 25.0 - 1e-4, 0)
    scene.add(Box((0.1, 25, 50)), where, material=grey, instance_id=1)
    return scene


def shares(count: int) -> tuple[float, float]:
    left = (sub_rays(count)[:, 0] > -1e-3).mean()
    return left, 1.0 - left


def lidar(returns, count=19, separation_m=1.0) -> Lidar:
    return Lidar(
        LidarConfig(
            name="x", beams=one_beam(separation_m), sub_rays=count, returns=returns, noise=False,
            sweep_s=0.0,
        )
    )  # fmt: skip


@pytest.mark.parametrize("count", [7, 19, 37])
@pytest.mark.parametrize(
    ("returns", "expected"), [("first", 6.0), ("last", 18.0), ("strongest", 6.0)]
)
def test_an_edge_gives_the_return_that_was_asked_for(look, returns, expected, count):
    data = look(lidar(returns, count), edge(6.0, 18.0))
    assert float(data["range_m"][0, 0]) == pytest.approx(expected, rel=1e-3)
    assert data["instance"][0, 0] == (1 if expected == 6.0 else 2)


def test_an_edge_gives_two_returns_in_dual_mode(look):
    data = look(lidar("dual"), edge(6.0, 18.0))
    assert float(data["range_m"][0, 0]) == pytest.approx(6.0, rel=1e-3)
    assert float(data["second_range_m"][0, 0]) == pytest.approx(18.0, rel=1e-3)
    assert (data["instance"][0, 0], data["second_instance"][0, 0]) == (1, 2)
    # Each sees its share of the spot, as if it were darker.
    for name, share in zip(("intensity", "second_intensity"), shares(19), strict=True):
        assert float(data[name][0, 0]) == pytest.approx(0.4 * share, abs=0.51 / 255.0)


def test_a_flat_wall_has_no_second_return(look):
    scene = Scene()
    scene.add(Box((0.1, 50, 50)), (9.1, 0, 0), material=Material(lidar_reflectivity=0.4))
    data = look(lidar("dual"), scene)
    assert data["valid"].all()
    assert not data["second_valid"].any()
    assert not data["second_range_m"].any()


def test_a_shallow_edge_gives_one_mixed_pixel_between(look):
    near, far = 6.0, 6.8
    data = look(lidar("dual"), edge(near, far))
    left, right = shares(19)
    weights = np.array([left / near**2, right / far**2])
    mixed = float((weights * [near, far]).sum() / weights.sum())
    assert near + 0.1 < mixed < far - 0.1
    assert float(data["range_m"][0, 0]) == pytest.approx(mixed, rel=2e-3)
    assert not data["second_valid"].any()


def test_wires_thinner_than_the_spot_are_seen_by_their_share(look):
    scene = Scene()
    scene.add(Cylinder(0.01, 10.0), (10.0, 0.0, 0.0), material=Material(lidar_reflectivity=0.9))
    thin = look(lidar("strongest", 37), scene)
    line = look(lidar("strongest", 1), scene)
    assert thin["valid"].all()
    assert line["valid"].all()
    assert float(line["intensity"][0, 0]) > 0.85
    # A wire of 2 cm in a spot of 20 cm: 4 / pi of a tenth of the disc, coarsely sampled.
    assert float(thin["intensity"][0, 0]) < 0.4 * float(line["intensity"][0, 0])


def test_a_spot_on_the_road_is_long_and_its_range_is_the_middle(look):
    scene = Scene()
    scene.add(Plane(), (0, 0, -1.8), material=Material(lidar_reflectivity=0.4))
    table = BeamTable(
        elevations_rad=(-0.06,), azimuth_from_rad=-0.01, azimuth_to_rad=0.01, azimuths=1,
        divergence_rad=(0.003, 0.006), separation_m=2.0,
    )  # fmt: skip
    sensor = Lidar(
        LidarConfig(name="x", beams=table, sub_rays=37, noise=False, sweep_s=0.0, returns="dual")
    )
    data = look(sensor, scene)
    assert float(data["range_m"][0, 0]) == pytest.approx(1.8 / math.sin(0.06), rel=0.02)
    assert not data["second_valid"].any()
