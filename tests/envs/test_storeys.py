"""Roads above each other: wheels, truth, referee and expert know on which one the car is."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts.drive import DriveExpert
from fleetloop.agents.rollout import rollout
from fleetloop.core.frames import rotation_from_quaternion
from fleetloop.envs.ground import STOREY_M, RasterGround
from fleetloop.envs.maps.ground_raster import Cover, ground_raster
from fleetloop.envs.maps.opendrive.source import OPENDRIVE, OpenDriveConfig
from fleetloop.envs.registration import make_env
from fleetloop.envs.robots.car_params import CarParams
from fleetloop.envs.robots.chassis import COM, LINEAR, QUATERNION, at_rest, roll
from fleetloop.envs.robots.planar import pack_chassis
from fleetloop.envs.robots.wheels import initial_state, pack

BRIDGE_M = 6.0
HALF_M = 90.0


def road(number, heading, height_m):
    lane = (
        '<lane id="{}" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>'
        '<speed sOffset="0" max="14"/></lane>'
    )
    x, y = -HALF_M * np.cos(heading), -HALF_M * np.sin(heading)
    return (
        f'<road id="{number}" length="{2 * HALF_M}" junction="-1"><link/><planView>'
        f'<geometry s="0" x="{x}" y="{y}" hdg="{heading}" length="{2 * HALF_M}"><line/></geometry>'
        f'</planView><elevationProfile><elevation s="0" a="{height_m}" b="0" c="0" d="0"/>'
        f'</elevationProfile><lanes><laneSection s="0"><left>{lane.format(1)}</left><center>'
        f'<lane id="0" type="none"/></center><right>{lane.format(-1)}</right></laneSection></lanes>'
        f"</road>"
    )


def crossing(folder, low_m, high_m, angle=1.2):
    path = folder / "crossing.xodr"
    path.write_text(
        '<?xml version="1.0"?><OpenDRIVE><header revMajor="1"/>'
        f"{road(1, 0.0, low_m)}{road(2, angle, high_m)}</OpenDRIVE>"
    )
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = crossing(tmp_path_factory.mktemp("storeys"), 0.0, BRIDGE_M)
    return OPENDRIVE.build(OpenDriveConfig(path=str(path))).freeze()


@pytest.fixture(scope="module")
def ground(network):
    return RasterGround(ground_raster(network))


def test_each_road_is_the_ground_at_its_own_height(network, ground):
    points = network.lanes.xyz_m
    np.testing.assert_allclose(ground.heights_m(points), points[:, 2], atol=0.02)
    assert [ground.cover_at(point) for point in points[::7]] == [Cover.ROAD] * len(points[::7])
    assert set(np.round(points[:, 2]).tolist()) == {0.0, BRIDGE_M}


@pytest.mark.parametrize("gap_m", [0.35, 0.6, 1.5])
def test_roads_that_come_close_leave_no_step(tmp_path, gap_m):
    path = crossing(tmp_path, 0.0, gap_m)
    close = OPENDRIVE.build(OpenDriveConfig(path=str(path))).freeze()
    ground = RasterGround(ground_raster(close))
    points = close.lanes.xyz_m
    np.testing.assert_allclose(ground.heights_m(points), points[:, 2], atol=0.02)


def test_without_a_height_it_is_the_lowest_road(ground):
    assert ground.heights_m(np.array([[0.0, 0.0]]))[0] == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("height_m", np.linspace(-1.0, BRIDGE_M + 1.0, 9))
def test_where_they_cross_the_nearer_one_counts(ground, height_m):
    nearer = BRIDGE_M if height_m > 0.5 * BRIDGE_M else 0.0
    rng = np.random.default_rng(int(10 * height_m) + 50)
    points = np.column_stack([rng.uniform(-2.0, 2.0, (40, 2)), np.full(40, height_m)])
    np.testing.assert_allclose(ground.heights_m(points), nearer, atol=0.02)


def test_a_bridge_is_level_to_its_edge_and_beyond_it_there_is_the_road_below(network, ground):
    lanes = network.lanes
    bridge = np.flatnonzero(lanes.xyz_m[lanes.begin[:-1], 2] > 1.0)
    for lane in bridge:
        rows = lanes.rows(int(lane))
        normal = np.column_stack(
            [np.sin(lanes.heading_rad[rows]), -np.cos(lanes.heading_rad[rows])]
        )
        edge = lanes.xyz_m[rows].copy()
        edge[:, :2] += (lanes.width_right_m[rows] - 0.1)[:, None] * normal
        middle = slice(40, -40)
        np.testing.assert_allclose(ground.heights_m(edge)[middle], BRIDGE_M, atol=0.05)


@pytest.mark.parametrize("dt_s", [0.01, 1 / 240])
@pytest.mark.parametrize("lane", range(4))
def test_a_car_stays_on_its_road_through_the_crossing(network, ground, lane, dt_s):
    params, lanes = CarParams(), network.lanes
    rows = lanes.rows(lane)
    start, heading = lanes.xyz_m[rows][0], float(lanes.heading_rad[rows][0])
    forward = np.array([np.cos(heading), np.sin(heading), 0.0])
    place = start + 6.0 * forward + [0.0, 0.0, params.com_z_m]
    body = at_rest(place, np.array([0.0, 0.0, np.sin(heading / 2), np.cos(heading / 2)]))
    body[LINEAR : LINEAR + 3] = 14.0 * forward
    wheels, wrench = initial_state(), np.zeros(6)
    wheels[:4] = 14.0 / params.wheel_radius_m
    packed, chassis = pack(params), pack_chassis(params)
    for _ in range(round(11.0 / dt_s / 5)):
        roll(packed, chassis, body, ground.raster, np.array([0.0, 0.12, 1.0]), np.zeros(3), dt_s, 5,
             wheels, wrench)  # fmt: skip
        if (body[COM : COM + 2] - start[:2]) @ forward[:2] > 2 * HALF_M - 8.0:
            break
        up = rotation_from_quaternion(body[QUATERNION : QUATERNION + 4])[2, 2]
        assert body[COM + 2] - start[2] == pytest.approx(params.com_z_m, abs=0.08)
        assert up > 0.999
    assert (body[COM : COM + 2] - start[:2]) @ forward[:2] > HALF_M + 10.0, "beyond the crossing"


@pytest.mark.parametrize("physics", ["fast", "full"])
def test_the_expert_drives_over_and_under_with_traffic_on_both(tmp_path, physics):
    path = crossing(tmp_path, 0.0, BRIDGE_M)
    env = make_env(
        "fleetloop/Drive-v0",
        obs_mode="state",
        physics=physics,
        rig=[],
        task_options={
            "map": {"source": str(path)},
            "route_m": [120.0, 170.0],
            "traffic": {"vehicles": 8},
        },
    )
    levels = set()
    for seed in range(4):
        outcome = rollout(env, DriveExpert(), seed)
        assert outcome.success, (seed, outcome.cause)
        levels.add(round(float(env.task.route.xyz_m[0, 2])))
        base = env.robot.state().links["base"].world_T_link.position_m
        assert base[2] == pytest.approx(env.task.route.xyz_m[0, 2], abs=0.1)
    assert levels == {0, round(BRIDGE_M)}
    env.close()


def test_who_is_on_the_other_road_is_not_there(tmp_path):
    env = make_env(
        "fleetloop/Drive-v0",
        obs_mode="state",
        physics="fast",
        rig=[],
        task_options={
            "map": {"source": str(crossing(tmp_path, 0.0, BRIDGE_M))},
            "route_m": [60.0, 170.0],
            "traffic": {"vehicles": 10},
        },
    )
    env.reset(seed=1)
    world = env.task.world
    z_m = world.traffic.poses()[:, 2]
    for height_m in (0.0, BRIDGE_M):
        _, there = world.bodies(height_m)
        np.testing.assert_array_equal(
            there[: len(z_m)], (np.abs(z_m - height_m) < 1.0) & world.traffic.present
        )
    assert STOREY_M < 0.5 * BRIDGE_M
    env.close()
