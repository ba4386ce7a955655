"""The rig against a plain model: any schedule, delay, drop, fault, look and restore."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleetloop.core.clock import TickRate
from fleetloop.core.errors import StateError
from fleetloop.core.frames import Pose, Twist, quaternion_from_rotation_vector
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.path import LinkTrack, SensorPath
from fleetloop.envs.rig import TIME_OFFSET_CAPTURES, SensorRig
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import Fault, LinkState, RobotState, SensorConfig, Surroundings

RATE = TickRate(240)
PERIODS = (1, 2, 3, 5, 8, 12, 24, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickConfig(SensorConfig):
    KIND: ClassVar[str] = "test_tick"
    scan_s: float = 0.0


class Tick:
    """Reports the time of its capture and where it was then, straight from its path."""

    CONFIG = TickConfig
    MODALITY = "state"
    schema = Schema(
        {
            "t_ns": Field(shape=(1,), dtype="int64", unit="ns"),
            "x_m": Field(shape=(3,), dtype="float64", unit="m"),
        }
    )

    def __init__(self, config: TickConfig) -> None:
        self.config = config

    @property
    def scan_s(self):
        return self.config.scan_s

    def initial_state(self, rng):
        return {}

    def views(self, capture, state, rng):
        return ()

    def measure(self, capture, traced, state, rng):
        position, _ = capture.path.at(np.array([0.0]))
        return {"t_ns": np.array([capture.t_ns]), "x_m": position[0]}, state


if "test_tick" not in SENSORS:
    SENSORS.add("test_tick", Tick)


def place(tick: int) -> Pose:
    t = tick / RATE.hz
    return Pose(
        np.array([3.0 * t, t * t, 0.0]), quaternion_from_rotation_vector(np.array([0, 0, 0.7 * t]))
    )


def robot(tick: int) -> RobotState:
    zero, empty = np.zeros(3), np.zeros(0)
    link = LinkState(
        world_T_link=place(tick), twist=Twist(np.array([3.0, 0, 0]), np.array([0, 0, 0.7])),
        acceleration_m_s2=zero, angular_acceleration_rad_s2=zero, force_n=zero, torque_nm=zero,
    )  # fmt: skip
    return RobotState(
        links={"base": link}, joint_names=(), joint_position_rad=empty,
        joint_velocity_rad_s=empty, joint_torque_nm=empty,
    )  # fmt: skip


def advance(rig, tick):
    """As the environment does it."""
    pose = place(tick)
    if tick > 0 and rig.tracked_links:
        rig.track(tick, {"base": (pose.position_m, pose.quaternion_xyzw)})
    return rig.capture(tick, robot(tick), Surroundings(), None, first=tick == 0)


fault_windows = st.lists(
    st.tuples(
        st.sampled_from(["frozen", "dropped", "misaligned", "time_offset"]),
        st.integers(0, 120), st.integers(1, 120), st.sampled_from([0.05, 0.5, 1.0]),
    ),
    max_size=3, unique_by=lambda window: window[0],
)  # fmt: skip


def faults_of(windows) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            kind=kind, start_s=begin / RATE.hz, end_s=(begin + length) / RATE.hz, severity=severity
        )
        for kind, begin, length, severity in windows
    )


@st.composite
def configs(draw, name):
    period = draw(st.sampled_from(PERIODS))
    return TickConfig(
        name=name,
        rate_hz=RATE.hz / period,
        phase=draw(st.integers(0, period - 1)) / period,
        latency_s=draw(st.sampled_from([0.0, 0.01, 0.2])),
        jitter_s=draw(st.sampled_from([0.0, 0.02, 0.3])),
        drop_probability=draw(st.sampled_from([0.0, 0.3])),
        history=draw(st.integers(1, 4)),
        faults=faults_of(draw(fault_windows)),
        scan_s=draw(st.sampled_from([0.0, 0.5])) * period / RATE.hz,
    )


def captured(config, until_tick) -> list[int]:
    """Ticks of all captures: the one at the reset, then the schedule's."""
    period = round(RATE.hz / config.rate_hz)
    begin = round(config.phase * period)
    later = range(max(begin, 1), until_tick + 1)
    return [0, *(t for t in later if (t - begin) % period == 0)]


class RigMachine(RuleBasedStateMachine):
    """Steps, looks, keeps and goes back in any order; the samples tell what must hold."""

    @initialize(a=configs("a"), b=configs("b"), seed=st.integers(0, 5))
    def begin(self, a, b, seed):
        self.configs = {"a": a, "b": b}
        self.rig = SensorRig([a, b], RATE)
        self.rig.reset(seed, robot(0))
        self.tick, self.samples = 0, advance(self.rig, 0)
        self.kept = None
        assert [s.sensor for s in self.samples] == ["a", "b"]
        assert all(s.t_arrival_ns == 0 for s in self.samples)

    @rule(count=st.integers(1, 60))
    def step(self, count):
        for _ in range(count):
            self.tick += 1
            if self.rig.due(self.tick):
                self.samples += advance(self.rig, self.tick)
            elif self.rig.tracked_links:
                pose = place(self.tick)
                self.rig.track(self.tick, {"base": (pose.position_m, pose.quaternion_xyzw)})

    @rule()
    def keep(self):
        self.kept = (self.rig.snapshot(), self.tick, list(self.samples))

    @rule()
    def go_back(self):
        """What came after a snapshot comes again, to the last bit."""
        if self.kept is None:
            return
        snapshot, tick, samples = self.kept
        until, before = self.tick, self.samples
        self.rig.restore(snapshot)
        self.tick, self.samples = tick, list(samples)
        if until > tick:
            self.step(until - tick)
        assert [self.told(s) for s in self.samples] == [self.told(s) for s in before]

    @staticmethod
    def told(sample):
        data = tuple(array.tobytes() for array in sample.data.values())
        return (sample.sensor, sample.seq, sample.t_capture_ns, sample.t_arrival_ns,
                sample.faults, sample.world_T_sensor.position_m.tobytes(), data)  # fmt: skip

    @invariant()
    def looks_show_the_newest_that_arrived(self):
        now_ns = RATE.ns(self.tick)
        newest = self.rig.newest(now_ns)
        for name, config in self.configs.items():
            mine = [s for s in self.samples if s.sensor == name]
            arrived = [s for s in mine if s.t_arrival_ns <= now_ns]
            assert list(newest[name]) == arrived[-config.history :]
            assert newest[name], "an observation is never empty"

    @invariant()
    def captures_follow_the_schedule(self):
        for name, config in self.configs.items():
            due = captured(config, self.tick)
            mine = [s for s in self.samples if s.sensor == name]
            assert [s.t_capture_ns for s in mine] == [RATE.ns(due[s.seq]) for s in mine]
            losing = config.drop_probability > 0.0 or "dropped" in [f.kind for f in config.faults]
            assert losing or len(mine) == len(due)
            arrivals = [s.t_arrival_ns for s in mine]
            assert arrivals == sorted(arrivals)
            for s in mine[1:]:
                assert s.t_arrival_ns >= s.t_capture_ns + round(config.latency_s * 1e9) - 1

    @invariant()
    def faults_are_labelled_and_do_what_they_say(self):
        for name, config in self.configs.items():
            mine = [s for s in self.samples if s.sensor == name]
            for s in mine:
                tick = RATE.tick_at_or_after(s.t_capture_ns)
                active = {f.kind: f for f in config.faults if _covers(f, tick)}
                assert s.faults == tuple(sorted(active))
                lag_ns = s.t_capture_ns - int(s.data["t_ns"][0])
                if not active.keys() & {"frozen", "time_offset"}:
                    assert lag_ns == 0
                if set(active) == {"time_offset"} and not _has(config, "frozen"):
                    late = max(1, round(active["time_offset"].severity * TIME_OFFSET_CAPTURES))
                    due = captured(config, tick)
                    then = due[max(0, len(due) - 1 - late)]
                    assert int(s.data["t_ns"][0]) == RATE.ns(then)
                wrong_m = np.linalg.norm(s.world_T_sensor.position_m - place(tick).position_m)
                expected = 0.05 * active["misaligned"].severity if "misaligned" in active else 0.0
                assert wrong_m == pytest.approx(expected, abs=1e-9)

    @invariant()
    def a_path_at_its_end_is_the_present_place(self):
        for s in self.samples:
            if not s.faults:
                np.testing.assert_allclose(
                    s.data["x_m"], s.world_T_sensor.position_m, atol=1e-9, rtol=0
                )


def _covers(fault: Fault, tick: int) -> bool:
    """In whole ticks, as it was meant."""
    begin, end = round(fault.start_s * RATE.hz), round(fault.end_s * RATE.hz)
    return begin <= tick < end


def _has(config: SensorConfig, kind: str) -> bool:
    return kind in [fault.kind for fault in config.faults]


RigMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=12, deadline=None, derandomize=True, database=None
)
TestRig = RigMachine.TestCase


@given(period=st.sampled_from([*PERIODS, 100, 240]), data=st.data())
def test_a_phase_that_means_a_whole_tick_is_that_tick(period, data):
    shift = data.draw(st.integers(0, period - 1))
    config = TickConfig(name="s", rate_hz=RATE.hz / period, phase=float(Fraction(shift, period)))
    rig = SensorRig([config], RATE)
    assert [t for t in range(1, 2 * period + 1) if rig.due(t)] == [
        t for t in range(1, 2 * period + 1) if t >= shift and (t - shift) % period == 0
    ]


@given(
    times=st.lists(st.integers(1, 400), min_size=2, max_size=30, unique=True),
    window_s=st.floats(0.0, 1.0), offsets=st.lists(st.floats(-1.0, 0.0), min_size=1, max_size=9),
)  # fmt: skip
def test_a_path_is_what_interpolation_of_all_its_poses_gives(times, window_s, offsets):
    """What is forgotten is never asked for, and order of asking does not matter."""
    track = LinkTrack(window_s=window_s)
    track.clear(Twist(np.array([3.0, 0.0, 0.0]), np.zeros(3)))
    times = sorted(times)
    for tick in times:
        track.add(tick / 240, place(tick).position_m, place(tick).quaternion_xyzw)
    now = times[-1] / 240
    asked = np.maximum(np.array(offsets), max(-window_s, (times[0] - times[-1]) / 240))
    position, _ = SensorPath(track, Pose.identity(), now).at(asked)
    known = np.array(times) / 240
    for axis in range(2):
        values = [place(tick).position_m[axis] for tick in times]
        np.testing.assert_allclose(
            position[:, axis], np.interp(now + asked, known, values), atol=1e-9
        )


def test_the_same_instant_twice_is_one_pose():
    """A first capture notes the pose; whoever tracks the same tick then does no harm."""
    track = LinkTrack(window_s=0.1)
    track.clear(Twist.zero())
    for x in (1.0, 2.0):
        track.add(0.5, np.array([x, 0, 0]), np.array([0.0, 0, 0, 1]))
    position, _ = track.at(np.array([0.5]))
    np.testing.assert_array_equal(position, [[2.0, 0, 0]])
    with pytest.raises(StateError, match="earlier"):
        track.add(0.4, np.zeros(3), np.array([0.0, 0, 0, 1]))


def test_a_snapshot_of_another_rig_is_refused():
    rigs = [SensorRig([TickConfig(name=name)], RATE) for name in ("one", "other")]
    for rig in rigs:
        rig.reset(0, robot(0))
    with pytest.raises(StateError, match="one"):
        rigs[1].restore(rigs[0].snapshot())
