"""The rig: rates, phases, latency, drops, history, faults, exact restore; own sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import Pose, Twist, quaternion_from_rotation_vector
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.path import LinkTrack, SensorPath
from fleetloop.envs.rig import SensorRig
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import Fault, LinkState, RobotState, SensorConfig, Surroundings

RATE = TickRate(240)
ZERO = np.zeros(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterConfig(SensorConfig):
    KIND: ClassVar[str] = "test_counter"
    scan_s: float = 0.0


class Counter:
    """Reports how often it was captured, when, one random number, and where it is."""

    CONFIG = CounterConfig
    MODALITY = "state"
    schema = Schema(
        {
            "count": Field(shape=(1,), dtype="int64", unit="1"),
            "t_ns": Field(shape=(1,), dtype="int64", unit="ns"),
            "noise": Field(shape=(1,), dtype="float64", unit="1"),
            "x_m": Field(shape=(1,), dtype="float64", unit="m"),
        }
    )

    def __init__(self, config: CounterConfig) -> None:
        self.config = config

    @property
    def scan_s(self):
        return self.config.scan_s

    def initial_state(self, rng):
        return {"count": np.zeros(1, np.int64)}

    def views(self, capture, state, rng):
        return ()

    def measure(self, capture, traced, state, rng):
        data = {
            "count": state["count"],
            "t_ns": np.array([capture.t_ns]),
            "noise": rng.normal(size=1),
            "x_m": capture.world_T_sensor.position_m[:1],
        }
        return data, {"count": state["count"] + 1}


if "test_counter" not in SENSORS:
    SENSORS.add("test_counter", Counter)


def robot_at(x_m: float, speed_m_s: float = 0.0) -> RobotState:
    link = LinkState(
        world_T_link=Pose.of(x_m),
        twist=Twist(np.array([speed_m_s, 0, 0]), ZERO),
        acceleration_m_s2=ZERO,
        angular_acceleration_rad_s2=ZERO,
        force_n=ZERO,
        torque_nm=ZERO,
    )
    empty = np.zeros(0)
    return RobotState(
        links={"base": link},
        joint_names=(),
        joint_position_rad=empty,
        joint_velocity_rad_s=empty,
        joint_torque_nm=empty,
    )


def run(rig: SensorRig, ticks: range, observe=None) -> list:
    samples = []
    for tick in ticks:
        samples += rig.capture(tick, robot_at(tick / 240), Surroundings(), None, first=tick == 0)
        if observe is not None:
            observe(tick, rig.newest(RATE.ns(tick)))
    return samples


def rig_of(*configs: CounterConfig, seed: int = 7) -> SensorRig:
    rig = SensorRig(configs, RATE)
    rig.reset(seed, robot_at(0.0))
    return rig


def test_each_sensor_keeps_its_own_rate_and_phase():
    rig = rig_of(
        CounterConfig(name="fast", rate_hz=120), CounterConfig(name="slow", rate_hz=10, phase=0.5)
    )
    samples = run(rig, range(241))
    fast = [s.t_capture_ns for s in samples if s.sensor == "fast"]
    slow = [s.t_capture_ns for s in samples if s.sensor == "slow"]
    assert fast == [RATE.ns(t) for t in range(0, 241, 2)]
    # At the reset every sensor captures once; then the phase holds.
    assert slow == [0] + [RATE.ns(t) for t in range(12, 241, 24)]
    assert [s.seq for s in samples if s.sensor == "slow"] == list(range(len(slow)))


def test_the_first_observation_is_complete_and_fresh():
    rig = rig_of(CounterConfig(name="late", rate_hz=1, phase=0.5, latency_s=0.4, jitter_s=0.2))
    run(rig, range(1))
    (sample,) = rig.newest(0)["late"]
    assert (sample.t_capture_ns, sample.t_arrival_ns, sample.seq) == (0, 0, 0)


def test_samples_arrive_after_latency_and_jitter_in_order():
    config = CounterConfig(name="s", rate_hz=60, latency_s=0.05, jitter_s=0.1)
    rig = rig_of(config)
    seen = {}

    def observe(tick, newest):
        seen[tick] = newest["s"][-1]

    samples = run(rig, range(480), observe)
    arrivals = [s.t_arrival_ns for s in samples]
    assert arrivals == sorted(arrivals)
    delays_s = np.array([(s.t_arrival_ns - s.t_capture_ns) * 1e-9 for s in samples[1:]])
    assert delays_s.min() >= 0.05
    assert delays_s.max() <= 0.15 + 1e-9
    assert delays_s.std() > 0.01
    for tick, sample in seen.items():
        arrived = [s for s in samples if s.t_arrival_ns <= RATE.ns(tick)]
        assert sample is arrived[-1]


def test_drops_leave_a_gap_in_the_sequence_and_no_trace():
    rig = rig_of(CounterConfig(name="s", rate_hz=240, drop_probability=0.3))
    samples = run(rig, range(2000))
    assert 0.65 < len(samples) / 2000 < 0.75
    # The sensor itself counted on: dropped samples were captured and lost.
    assert all(int(s.data["count"][0]) == s.seq for s in samples)


def test_history_holds_the_newest_samples_oldest_first():
    rig = rig_of(CounterConfig(name="s", rate_hz=240, history=3))
    run(rig, range(1))
    assert len(rig.newest(0)["s"]) == 1
    run(rig, range(1, 10))
    assert [s.seq for s in rig.newest(RATE.ns(9))["s"]] == [7, 8, 9]


def test_a_new_sensor_never_shifts_anothers_noise():
    alone = run(rig_of(CounterConfig(name="a", rate_hz=24)), range(240))
    with_other = run(
        rig_of(CounterConfig(name="b", rate_hz=240), CounterConfig(name="a", rate_hz=24)),
        range(240),
    )
    mine = [s.data["noise"][0] for s in with_other if s.sensor == "a"]
    assert mine == [s.data["noise"][0] for s in alone]
    other_seed = run(rig_of(CounterConfig(name="a", rate_hz=24), seed=8), range(240))
    assert mine != [s.data["noise"][0] for s in other_seed]


def test_a_restored_rig_goes_on_the_same_and_may_be_restored_again():
    rig = rig_of(
        CounterConfig(name="a", rate_hz=48, latency_s=0.1, jitter_s=0.1, drop_probability=0.2),
        CounterConfig(name="b", rate_hz=30, history=4),
    )
    run(rig, range(100))
    snapshot = rig.snapshot()
    futures = []
    for _ in range(3):
        samples = run(rig, range(100, 300))
        newest = {name: [s.seq for s in row] for name, row in rig.newest(RATE.ns(299)).items()}
        futures.append(([(s.sensor, s.seq, s.t_arrival_ns, s.data["noise"][0]) for s in samples],
                        newest))  # fmt: skip
        rig.restore(snapshot)
    assert futures[0] == futures[1] == futures[2]


def test_a_frozen_sensor_repeats_its_last_data_with_fresh_stamps():
    fault = Fault(kind="frozen", start_s=0.5, end_s=0.75)
    samples = run(rig_of(CounterConfig(name="s", rate_hz=240, faults=(fault,))), range(240))
    frozen = [s for s in samples if s.faults]
    assert {s.faults for s in frozen} == {("frozen",)}
    assert [s.seq for s in frozen] == list(range(120, 180))
    assert {int(s.data["count"][0]) for s in frozen} == {119}
    assert [s.t_capture_ns for s in frozen] == [RATE.ns(t) for t in range(120, 180)]
    assert int(samples[180].data["count"][0]) == 180


def test_a_time_offset_delivers_old_data_as_new():
    fault = Fault(kind="time_offset", start_s=0.5, severity=0.6)
    samples = run(rig_of(CounterConfig(name="s", rate_hz=240, faults=(fault,))), range(240))
    late = [s.t_capture_ns - int(s.data["t_ns"][0]) for s in samples if s.seq > 130]
    assert set(late) <= {RATE.ns(t) - RATE.ns(t - 3) for t in range(120, 240)}


def test_a_dropping_fault_drops_by_its_severity():
    fault = Fault(kind="dropped", start_s=1.0, severity=0.5)
    samples = run(rig_of(CounterConfig(name="s", rate_hz=240, faults=(fault,))), range(2240))
    later = [s for s in samples if s.t_capture_ns >= 10**9]
    assert 0.45 < len(later) / 2000 < 0.55
    assert len(samples) - len(later) == 240


def test_a_misaligned_mount_turns_by_its_severity_and_is_stable():
    sound = run(rig_of(CounterConfig(name="s", rate_hz=10)), range(240))
    for severity in (0.25, 1.0):
        fault = Fault(kind="misaligned", severity=severity)
        wrong = run(rig_of(CounterConfig(name="s", rate_hz=10, faults=(fault,))), range(240))
        errors = [
            good.world_T_sensor.inverse() @ bad.world_T_sensor
            for good, bad in zip(sound, wrong, strict=True)
        ]
        angles = [2 * np.arccos(np.clip(e.quaternion_xyzw[3], -1, 1)) for e in errors]
        np.testing.assert_allclose(angles, severity * 0.087, rtol=1e-6)
        shifts = [np.linalg.norm(e.position_m) for e in errors]
        np.testing.assert_allclose(shifts, severity * 0.05, rtol=1e-6)
        assert all(s.faults == ("misaligned",) for s in wrong)


def test_scans_begin_before_their_reference_instant():
    samples = run(rig_of(CounterConfig(name="s", rate_hz=10, scan_s=0.1)), range(25))
    assert {s.t_capture_ns - s.t_capture_start_ns for s in samples} == {10**8}


def test_paths_follow_a_helix_between_ticks_and_before_the_first():
    speed, turn, dt = 3.0, 0.8, 1 / 240
    track = LinkTrack(window_s=0.1)
    track.clear(Twist(np.array([speed, 0, 0]), np.array([0, 0, turn])))
    for tick in range(240):
        t = tick * dt
        track.add(t, np.array([speed * t, 0, 0]), quaternion_from_rotation_vector([0, 0, turn * t]))
    path = SensorPath(track, Pose.of(0.5, 0.0, 1.0), 239 * dt)
    offsets = np.linspace(-0.1, 0.0, 33)
    position, rotation = path.at(offsets)
    times = 239 * dt + offsets
    expected = np.stack(
        [speed * times + 0.5 * np.cos(turn * times), 0.5 * np.sin(turn * times), 0 * times + 1], 1
    )
    np.testing.assert_allclose(position, expected, atol=1e-9)
    np.testing.assert_allclose(np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]), turn * times)
    assert len(track.times_s) <= 0.1 / dt + 3

    fresh = LinkTrack(window_s=0.1)
    fresh.clear(track.first_twist)
    fresh.add(0.0, np.zeros(3), np.array([0.0, 0, 0, 1]))
    position, _ = SensorPath(fresh, Pose.identity(), 0.0).at(np.array([-0.1, 0.0]))
    np.testing.assert_allclose(position, [[-0.3, 0, 0], [0, 0, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([CounterConfig(name="s"), CounterConfig(name="s")], "unique"),
        ([CounterConfig(name="s", rate_hz=7)], "Nearest that do"),
        ([CounterConfig(name="s", rate_hz=1000)], "faster than physics"),
    ],
)
def test_impossible_rigs_are_refused(configs, message):
    with pytest.raises(ConfigError, match=message):
        SensorRig(configs, RATE)


def test_a_missing_link_and_a_missing_reset_are_named():
    rig = SensorRig([CounterConfig(name="s", link="head")], RATE)
    with pytest.raises(StateError, match="reset"):
        rig.capture(0, robot_at(0), Surroundings(), None, first=True)
    with pytest.raises(ConfigError, match="'head'; the robot has: base"):
        rig.reset(0, robot_at(0))
