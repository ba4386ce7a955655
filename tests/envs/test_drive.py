"""Drive: routes are smooth and lawful, the referee counts what it should, looks move rightly."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts.drive import DriveExpert
from fleetloop.agents.rollout import rollout
from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose, Twist
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.ground_raster import Cover, ground_raster
from fleetloop.envs.maps.kinds import Control, LaneKind, SignalState
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.props.fleet import road_user_looks
from fleetloop.envs.props.merge import shared_looks
from fleetloop.envs.registration import make_env
from fleetloop.envs.stage import Look, Stage
from fleetloop.envs.tasks.drive_referee import BAD, Scene2d, Tally, judge_instant
from fleetloop.envs.tasks.drive_route import STEP_M, DriveRoute, Gate, draw_route
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.shapes import Box
from fleetloop.envs.traffic.recording import RoadUser
from fleetloop.envs.troupe import Troupe
from fleetloop.envs.weather import KINDS, WeatherConfig, draw_weather

TOWN = TownConfig(seed=1, blocks_x=2, blocks_y=2)
SMALL = {"map": {"town": {"blocks_x": 2, "blocks_y": 2}, "town_seeds": [1, 2]},
         "route_m": [60.0, 160.0]}  # fmt: skip


@pytest.fixture(scope="module")
def network():
    return open_map("town", TOWN)


@pytest.fixture(scope="module")
def routes(network):
    rng = np.random.default_rng(3)
    return [draw_route(network, (60.0, 400.0), rng) for _ in range(12)]


def test_routes_are_even_smooth_lines_of_the_length_that_was_asked_for(routes):
    for route in routes:
        assert 60.0 <= route.length_m <= 400.0
        inside = route.xyz_m[: int(route.length_m / STEP_M)]
        step = np.linalg.norm(np.diff(inside, axis=0), axis=1)
        assert step == pytest.approx(STEP_M, rel=0.05)
        # No car turns tighter than its turning circle of 11.6 m allows.
        assert np.abs(route.curvature_1_m).max() < 1 / 4.0
        assert np.abs(np.diff(route.heading_rad)).max() < 0.2


def test_routes_stay_on_drive_lanes(network, routes):
    raster = ground_raster(network)
    for route in routes:
        assert (network.lanes.kind[route.lane] == LaneKind.DRIVE).all()
        inside = route.xyz_m[: int(route.length_m / STEP_M), :2]
        cell = np.rint((inside - raster.origin_m) / raster.cell_m).astype(int)
        assert (raster.cover[cell[:, 0], cell[:, 1]] == Cover.ROAD).mean() > 0.99


def test_a_place_on_the_line_is_found_where_it_is(routes):
    route = routes[0]
    for s in np.arange(5.0, route.length_m - 5.0, 17.3):
        row = round(s / STEP_M)
        heading = route.heading_rad[row]
        x, y = route.xyz_m[row, :2] + 0.7 * np.array([-np.sin(heading), np.cos(heading)])
        here, offset, _ = route.locate(x, y, s - 2.0)
        assert here == pytest.approx(row * STEP_M, abs=0.3)
        assert offset == pytest.approx(0.7, abs=0.1)


def test_gates_lie_in_order_with_the_line_before_the_junction(routes):
    gates = [gate for route in routes for gate in route.gates if not gate.crossing]
    assert gates, "some route crosses a junction"
    for gate in gates:
        assert gate.line_m < gate.enter_m < gate.exit_m


def straight(gates=()) -> DriveRoute:
    count = 400
    return DriveRoute(
        xyz_m=np.stack([STEP_M * np.arange(count), np.zeros(count), np.zeros(count)], axis=1),
        heading_rad=np.zeros(count), curvature_1_m=np.zeros(count),
        limit_m_s=np.full(count, 13.9), lane=np.zeros(count, np.int32),
        command=np.zeros(count, np.int32), length_m=150.0, gates=tuple(gates),
    )  # fmt: skip


def gate(control, signal=-1) -> Gate:
    return Gate(line_m=20.0, enter_m=21.0, exit_m=40.0, link=0, control=int(control),
                signal=signal, signal_index=0)  # fmt: skip


def scene(x_m=0.0, speed=10.0, state=SignalState.RED, bodies=None, **changes) -> Scene2d:
    others = np.zeros((0, 7)) if bodies is None else np.array(bodies, dtype=float)
    given = {
        "ego": np.array([x_m, 0.0, 0.0, 2.35, 0.92]), "front_m": 2.3, "speed_m_s": speed,
        "accel": np.zeros(2), "yaw_rate_rad_s": 0.0, "bodies": others,
        "present": np.ones(len(others), bool), "fixed": np.zeros((0, 5)), "on_road": True,
        "against": False, "states": np.array([[int(state)]], np.uint8), "lead": (0.0, 0.0, False),
    }  # fmt: skip
    return Scene2d(**(given | changes))


def drive_past(route, speed=10.0, stop_s=0.0, **scenes):
    """Kinds of events of a car that drives along a route at a speed."""
    tally, kinds, x, waited = Tally.begin(len(route.gates)), [], 0.0, 0.0
    while x < 60.0:
        stands = 16.0 < x < 17.2 and waited < stop_s
        waited += 0.1 * stands
        x += 0.0 if stands else 0.1 * speed
        tally.here_m = x
        now = scene(x, 0.0 if stands else speed, **scenes)
        kinds += [e.kind for e in judge_instant(tally, route, now, 0, 0.1, 60.0)]
    return kinds, tally


def test_red_lights_and_stop_signs_are_counted_once_and_only_if_run():
    light = straight([gate(Control.SIGNAL, signal=0)])
    assert drive_past(light)[0] == ["red_light"]
    assert drive_past(light, state=SignalState.RED_AMBER)[0] == ["red_light"]
    assert drive_past(light, state=SignalState.GREEN)[0] == []
    assert drive_past(light, state=SignalState.AMBER)[0] == []
    sign = straight([gate(Control.STOP)])
    assert drive_past(sign)[0] == ["stop_sign"]
    assert drive_past(sign, stop_s=0.5)[0] == []
    assert drive_past(straight([gate(Control.YIELD)]))[0] == []


def test_collisions_are_told_by_kind():
    car, person = [3.5, 0.5, 1.2, 0.0, 4.5, 1.8, 0.0], [2.5, 0.9, 0.0, 1.0, 0.5, 0.5, 1.0]
    tally = Tally.begin(0)
    events = judge_instant(tally, straight(), scene(bodies=[car, person],
                           fixed=np.array([[-2.0, 1.0, 0.0, 0.2, 0.0]])), 0, 0.1, 60.0)  # fmt: skip
    assert sorted(e.kind for e in events) == ["collision_person", "collision_static",
                                              "collision_vehicle"]  # fmt: skip
    far = [[9.0, 0.0, 0.0, 0.0, 4.5, 1.8, 0.0]]
    assert judge_instant(tally, straight(), scene(bodies=far), 0, 0.1, 60.0) == ()


def test_time_to_collision_comfort_and_standing_follow_their_definitions():
    tally = Tally.begin(0)
    judge_instant(tally, straight(), scene(speed=10.0, lead=(20.0, 5.0, True)), 0, 0.1, 60.0)
    assert tally.min_ttc_s == pytest.approx(4.0)
    assert tally.uncomfortable == 0
    judge_instant(tally, straight(), scene(accel=np.array([-6.0, 0.0])), 0, 0.1, 60.0)
    assert tally.uncomfortable == 1
    assert tally.worst[0] == 6.0
    kinds = []
    for _ in range(40):
        kinds += [e.kind for e in judge_instant(tally, straight(), scene(speed=0.0), 0, 0.1, 3.0)]
    assert set(kinds) == {"stuck"}
    again = Tally.restored(tally.snapshot())
    assert (again.counts == tally.counts).all()
    assert again.counts[BAD.index("stuck")] == len(kinds)


def test_standing_with_a_reason_is_not_being_stuck():
    def kinds(route, seconds=9.0, **scenes):
        tally, found = Tally.begin(len(route.gates)), []
        tally.here_m = 10.0
        for _ in range(round(10 * seconds)):
            now = scene(10.0, 0.0, **scenes)
            found += [e.kind for e in judge_instant(tally, route, now, 0, 0.1, 3.0)]
        return set(found)

    light = straight([gate(Control.SIGNAL, signal=0)])
    assert kinds(light, state=SignalState.RED) == set()
    assert kinds(light, state=SignalState.GREEN) == {"stuck"}
    assert kinds(straight(), lead=(4.0, 0.0, True)) == set()
    assert kinds(straight(), lead=(40.0, 0.0, True)) == {"stuck"}
    assert kinds(straight([gate(Control.STOP)])) == {"stuck"}


def test_a_troupe_moves_looks_as_the_stage_would():
    stage = Stage(TickRate(100), "fast")
    look = Look(shape=Box((1, 0.5, 0.5)), material=MATERIALS.get("plastic"),
                semantic=SemanticClass.CAR, body_T_look=Pose.of(0.7, 0.2, 0.5, yaw_rad=0.4,
                                                                roll_rad=0.3))  # fmt: skip
    one, two = (stage.add(name, Pose.identity(), looks=[look]) for name in ("one", "two"))
    pose = Pose.of(3.0, -2.0, 0.1, yaw_rad=2.2)
    twist = Twist(np.array([1.0, 2.0, 0.0]), np.array([0.0, 0.0, 0.7]))
    stage.place_looks(one, pose, twist)
    Troupe(stage, [two]).move(pose.position_m[None], np.array([2.2]), twist.linear_m_s[None],
                              np.array([0.7]))  # fmt: skip
    first, second = (stage.scene.rows_of(thing.handles) for thing in (one, two))
    for column in stage.scene.motion:
        assert column[first] == pytest.approx(column[second], abs=1e-12)
    objects = stage.objects(0)
    assert objects.position_m[0] == pytest.approx(objects.position_m[1])
    assert objects.linear_m_s[0] == pytest.approx(objects.linear_m_s[1])


@pytest.mark.parametrize("kind", [RoadUser.CAR, RoadUser.VAN, RoadUser.TRUCK, RoadUser.BUS])
def test_merged_looks_are_few_and_as_large_as_before(kind):
    size = {"CAR": (4.5, 1.85, 1.5), "VAN": (5.7, 2.0, 2.4), "TRUCK": (8.1, 2.4, 3.2),
            "BUS": (11.7, 2.5, 3.0)}[kind.name]  # fmt: skip
    stage = Stage(TickRate(100), "fast")
    plain = road_user_looks(int(kind), size, 3)
    stage.add("plain", Pose.identity(), looks=plain)
    stage.add("merged", Pose.identity(), looks=shared_looks(int(kind), size, 3))
    objects = stage.objects(0)
    assert objects.box_size_m[0] == pytest.approx(objects.box_size_m[1], abs=0.02)
    assert objects.box_center_m[0] == pytest.approx(objects.box_center_m[1], abs=0.02)
    joined = shared_looks(int(kind), size, 3)
    assert len(joined) <= 10 < len(plain)
    assert {look.material for look in joined} == {look.material for look in plain}
    assert joined is shared_looks(int(kind), (size[0] + 0.05, *size[1:]), 3), "made once"
    # Normals point outwards: away from the middle of the vehicle, on the whole.
    body = joined[0].shape
    middle = body.vertices_m.mean(axis=0)
    assert (np.einsum("ij,ij->i", body.vertices_m - middle, body.normals) > 0.0).mean() > 0.7


def test_every_weather_can_be_drawn_and_changes_light_and_grip():
    for kind in KINDS:
        draws = {}
        weather = draw_weather(WeatherConfig(kinds=(kind,)), np.random.default_rng(0), draws)
        assert draws["weather"]["kind"] == kind
        assert 0.2 <= weather.grip <= 1.0
    with pytest.raises(ConfigError, match="hail"):
        WeatherConfig(kinds=("hail",))


def test_parked_cars_are_seen_and_stand_in_the_way_of_who_leaves_the_road():
    options = {**SMALL, "traffic": {"vehicles": 3, "parked": 0.9}}
    env = make_env("fleetloop/Drive-v0", physics="fast", obs_mode="state", task_options=options)
    for seed in range(6):
        env.reset(seed=seed)
        parked = env.task.world.traffic.parked
        if len(parked):
            break
    assert len(parked), "no town of these has a lane for parking"
    things = [thing for name, thing in env.stage.things.items() if name.startswith("parked_")]
    assert len(things) == len(parked)
    rows = env.task.world.obstacles[-len(parked) :]
    np.testing.assert_allclose(rows[:, 0], parked["x_m"])
    np.testing.assert_allclose(2.0 * rows[:, 3], parked["length_m"])
    position, _ = env.stage.scene.pose(things[0].handles[0])
    assert np.hypot(position[0] - parked["x_m"][0], position[1] - parked["y_m"][0]) < 0.5
    env.close()


def test_the_weather_changes_nothing_else_of_an_episode():
    after = []
    for kind in KINDS:
        rng = np.random.default_rng(5)
        draw_weather(WeatherConfig(kinds=(kind,)), rng, {})
        after.append(rng.random())
    assert len(set(after)) == 1


def test_the_expert_arrives_and_the_same_episode_comes_out_of_a_restore():
    env = make_env("fleetloop/Drive-v0", physics="fast", obs_mode="state", task_options=SMALL)
    expert = DriveExpert()
    outcome = rollout(env, expert, 2)
    assert outcome.success, outcome
    _, info = env.reset(seed=2)
    trail, kept = [], None
    for number in range(30):
        if number == 12:
            kept = env.snapshot(), info["truth"]
        action, _ = expert.act(info["truth"], None)
        _, reward, _, _, info = env.step(action)
        trail.append((reward, info["truth"]["actor"].tobytes()))
    snapshot, truth = kept
    env.restore(snapshot)
    for number in range(12, 30):
        action, _ = expert.act(truth, None)
        _, reward, _, _, info = env.step(action)
        truth = info["truth"]
        assert (reward, truth["actor"].tobytes()) == trail[number]
    env.close()


def test_bad_options_of_a_drive_are_refused_with_the_remedy():
    for options, words in (
        ({"route_m": [10.0, 20.0]}, "30 m"),
        ({"map": {"town_seeds": [3, 3]}}, "the one after the last"),
        ({"disturbance": 2.0}, "0 to 1"),
    ):
        with pytest.raises(ConfigError, match=words):
            make_env("fleetloop/Drive-v0", task_options=options)
