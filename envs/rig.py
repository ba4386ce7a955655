"""The sensor rig: rates, phases, latency, jitter, drops, history and faults, once for all sensors.

A rig captures in two halves, so that the rays of many sensors, and of many worlds, can be traced
in one call: `request` collects the views of all sensors that are due, `finish` turns what they hit
into samples. `capture` does both for one world.

At a reset every sensor captures once and delivers at once, so the first observation is complete
and never stale. From then on captures follow the schedule, and a sample becomes part of the
observation when it has arrived: capture + latency + jitter, never before its predecessor.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import Schedule, TickRate, ns_from_s
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.frames import Pose, quaternion_from_rotation_vector
from fleetloop.core.rng import child_generator
from fleetloop.core.types import Sample, frozen_array
from fleetloop.envs.path import LinkTrack, SensorPath
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import (
    Buffers,
    Capture,
    Fault,
    RobotState,
    Sensor,
    SensorConfig,
    State,
    Surroundings,
)
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.tracer import trace
from fleetloop.envs.trace.view import View

MISALIGNMENT_RAD = 0.087
"""Turn of a `misaligned` mount at severity 1: five degrees."""

MISALIGNMENT_M = 0.05
"""Shift of a `misaligned` mount at severity 1."""

TIME_OFFSET_CAPTURES = 5
"""How many captures the data of a `time_offset` fault is late at severity 1; at least one."""


@dataclass(slots=True)
class _Channel:
    """All that changes about one sensor."""

    noise: np.random.Generator
    timing: np.random.Generator
    state: State
    wrong_mount: Pose
    seq: int = 0
    last_arrival_ns: int = 0
    in_flight: deque[Sample] = field(default_factory=deque)
    arrived: deque[Sample] = field(default_factory=deque)
    recent: deque[Mapping[str, npt.NDArray[Any]]] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class RigSnapshot:
    """The state of a rig; restoring may be repeated."""

    channels: Mapping[str, _Channel]
    tracks: Mapping[str, LinkTrack]


@dataclass(frozen=True, slots=True)
class Pending:
    """Captures that wait for their rays.

    Attributes:
        jobs: What to trace, to be handed to `trace`.
    """

    jobs: tuple[tuple[Scene, View], ...]
    captures: tuple[tuple[str, Capture, int], ...]
    first: bool


class SensorRig:
    """The sensors of one robot.

    Args:
        configs: One per sensor, names unique.
        rate: Physics rate; every sensor's rate must divide it.

    Raises:
        ConfigError: Names that repeat, an unknown kind, a rate that does not divide.
    """

    def __init__(self, configs: Sequence[SensorConfig], rate: TickRate) -> None:
        names = [config.name for config in configs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"Two sensors are called {twice[0]!r}: names must be unique.")
        self.rate = rate
        self.sensors: dict[str, Sensor] = {
            config.name: SENSORS.get(config.KIND)(config) for config in configs
        }
        self.schedules = {config.name: _schedule(config, rate) for config in configs}
        self._latency_ns = {c.name: ns_from_s(c.latency_s) for c in configs if c.jitter_s == 0.0}
        self._scan_ns = {name: ns_from_s(sensor.scan_s) for name, sensor in self.sensors.items()}
        self._scan_ticks = {
            name: math.ceil(sensor.scan_s * rate.hz - 1e-9) + 1
            for name, sensor in self.sensors.items()
            if sensor.scan_s > 0.0
        }
        # What does not change from capture to capture, looked up once.
        self._plans = tuple(self.schedules.items())
        self._keeps = {c.name: _kept_captures(c) for c in configs}
        self._at_link = {c.name for c in configs if _is_identity(c.link_T_sensor)}
        self._windows: dict[str, float] = {}
        for sensor in self.sensors.values():
            link = sensor.config.link
            self._windows[link] = max(self._windows.get(link, 0.0), sensor.scan_s)
        self._channels: dict[str, _Channel] = {}
        self._tracks: dict[str, LinkTrack] = {}

    @property
    def tracked_links(self) -> tuple[str, ...]:
        """Links whose pose `track` needs at physics ticks, since scans take time."""
        return tuple(link for link, window in self._windows.items() if window > 0.0)

    def next_tracked(self, tick: int) -> int | None:
        """The first tick after this one at which `track` has to be called.

        A scan looks back no farther than its duration: ticks before it need no poses. None where no
        scan takes time.
        """
        return min(
            (max(tick + 1, _next(self.schedules[name], tick) - ticks)
             for name, ticks in self._scan_ticks.items()),
            default=None,
        )  # fmt: skip

    def reset(self, seed: int, robot: RobotState) -> None:
        """Starts an episode; follow it with a first `capture`.

        Raises:
            ConfigError: A sensor is mounted on a link that the robot does not have.
        """
        for sensor in self.sensors.values():
            if sensor.config.link not in robot.links:
                raise ConfigError(
                    f"The sensor {sensor.config.name!r} is mounted on the link "
                    f"{sensor.config.link!r}; the robot has: {', '.join(robot.links)}."
                )
        self._channels = {name: _start(s, seed) for name, s in self.sensors.items()}
        self._tracks = {}
        for link, window in self._windows.items():
            track = LinkTrack(window_s=window)
            track.clear(robot.links[link].twist)
            self._tracks[link] = track

    def track(self, tick: int, poses: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Notes where the `tracked_links` are; called at least from `next_tracked` on."""
        for link, (position_m, quaternion_xyzw) in poses.items():
            self._tracks[link].add(tick / self.rate.hz, position_m, quaternion_xyzw)

    def due(self, tick: int) -> tuple[str, ...]:
        """Sensors that capture at this tick."""
        return tuple(
            [
                name
                for name, plan in self._plans
                if tick >= plan.phase_ticks and (tick - plan.phase_ticks) % plan.period_ticks == 0
            ]
        )

    def next_due(self, tick: int) -> int | None:
        """The first tick after this one at which a sensor captures; None without sensors."""
        return min([_next(plan, tick) for _, plan in self._plans], default=None)

    def looks(self, names: Sequence[str]) -> bool:
        """Whether one of these sensors may ask for rays."""
        return any(self.sensors[name].config.looks for name in names)

    def request(
        self,
        tick: int,
        robot: RobotState,
        surroundings: Surroundings,
        scene: Scene | None,
        *,
        first: bool = False,
    ) -> Pending:
        """Collects the rays of all captures that are due at this tick.

        Args:
            tick: Physics tick; the world must stand at it.
            robot: Its true state.
            surroundings: Air, place, weather.
            scene: Shapes and light at this tick, if the world has any.
            first: All sensors capture, whatever their phase, and deliver at once.

        Raises:
            StateError: `reset` was not called yet.
        """
        if not self._channels and self.sensors:
            raise StateError("The rig has not been reset: call reset before capturing.")
        jobs: list[tuple[Scene, View]] = []
        captures: list[tuple[str, Capture, int]] = []
        for name in self.sensors if first else self.due(tick):
            sensor, channel = self.sensors[name], self._channels[name]
            capture = self._capture(sensor, channel, tick, robot, surroundings, scene)
            views = sensor.views(capture, channel.state, channel.noise)
            if views and scene is None:
                raise ConfigError(
                    f"The sensor {name!r} looks at shapes, but this world has no scene: choose a "
                    "task with one, or an observation mode without cameras and range sensors."
                )
            jobs.extend((scene, view) for view in views if scene is not None)
            captures.append((name, capture, len(views)))
        return Pending(tuple(jobs), tuple(captures), first)

    def finish(self, pending: Pending, traced: Sequence[Buffers]) -> list[Sample]:
        """Turns what was hit into samples, in the order of the rig; dropped ones are left out."""
        samples: list[Sample] = []
        position = 0
        for name, capture, count in pending.captures:
            sensor, channel = self.sensors[name], self._channels[name]
            buffers = traced[position : position + count]
            position += count
            data, channel.state = sensor.measure(capture, buffers, channel.state, channel.noise)
            sensor.schema.check(data, name)
            sample = self._sample(sensor, channel, capture, data, first=pending.first)
            if sample is not None:
                channel.in_flight.append(sample)
                samples.append(sample)
        return samples

    def capture(
        self,
        tick: int,
        robot: RobotState,
        surroundings: Surroundings,
        scene: Scene | None,
        *,
        first: bool = False,
        threads: int = 1,
    ) -> list[Sample]:
        """Does `request`, traces, and does `finish`."""
        pending = self.request(tick, robot, surroundings, scene, first=first)
        return self.finish(pending, trace(pending.jobs, threads=threads))

    def newest(self, t_ns: int) -> dict[str, tuple[Sample, ...]]:
        """The newest samples that arrived by `t_ns`, `history` of each sensor, oldest first."""
        result = {}
        for name, channel in self._channels.items():
            while channel.in_flight and channel.in_flight[0].t_arrival_ns <= t_ns:
                channel.arrived.append(channel.in_flight.popleft())
            keep = self.sensors[name].config.history
            while len(channel.arrived) > keep:
                channel.arrived.popleft()
            result[name] = tuple(channel.arrived)
        return result

    def snapshot(self) -> RigSnapshot:
        """Copies the whole state: noise, schedules' positions, samples on their way."""
        tracks = {link: track.copy() for link, track in self._tracks.items()}
        return RigSnapshot(_copy_channels(self._channels), tracks)

    def restore(self, snapshot: RigSnapshot) -> None:
        """Goes back to a snapshot of this rig.

        Raises:
            StateError: The snapshot is of a rig with other sensors.
        """
        if snapshot.channels.keys() != self._channels.keys():
            raise StateError(
                f"The snapshot is of a rig with the sensors {', '.join(snapshot.channels)}; this "
                f"one has {', '.join(self._channels)}."
            )
        self._channels = _copy_channels(snapshot.channels)
        self._tracks = {link: track.copy() for link, track in snapshot.tracks.items()}

    def _capture(
        self,
        sensor: Sensor,
        channel: _Channel,
        tick: int,
        robot: RobotState,
        surroundings: Surroundings,
        scene: Scene | None,
    ) -> Capture:
        config = sensor.config
        link = robot.links[config.link]
        t_ns = self.rate.ns(tick)
        active = {f.kind: f for f in config.faults if _is_active(f, t_ns)} if config.faults else {}
        mount = config.link_T_sensor
        if "misaligned" in active:
            mount = mount @ _scaled(channel.wrong_mount, active["misaligned"].severity)
            world_T_sensor = link.world_T_link @ mount
        elif config.name in self._at_link:
            world_T_sensor = link.world_T_link
        else:
            world_T_sensor = link.world_T_link @ mount
        track = self._tracks[config.link]
        if not track.times_s or track.times_s[-1] < tick / self.rate.hz:
            # The first capture of an episode, or a link that no scan needs tracked.
            pose = link.world_T_link
            track.add(tick / self.rate.hz, pose.position_m, pose.quaternion_xyzw)
        return Capture(
            t_ns=t_ns,
            seq=channel.seq,
            world_T_sensor=world_T_sensor,
            path=SensorPath(track, mount, tick / self.rate.hz),
            link=link,
            link_T_sensor=mount,
            robot=robot,
            surroundings=surroundings,
            scene=scene,
            faults=active,
        )

    def _sample(
        self,
        sensor: Sensor,
        channel: _Channel,
        capture: Capture,
        data: Mapping[str, npt.NDArray[Any]],
        *,
        first: bool,
    ) -> Sample | None:
        config = sensor.config
        # Drawn for every capture, used or not, so that one option never shifts another's numbers.
        delay, chance, fault_chance = channel.timing.random(3)
        fresh = {name: frozen_array(array) for name, array in data.items()}
        fresh = _held_back(channel, fresh, capture.faults, self._keeps[config.name])
        seq, channel.seq = channel.seq, channel.seq + 1
        latency_ns = self._latency_ns.get(config.name)
        if latency_ns is None:
            latency_ns = ns_from_s(config.latency_s + delay * config.jitter_s)
        arrival_ns = capture.t_ns if first else capture.t_ns + latency_ns
        arrival_ns = max(arrival_ns, channel.last_arrival_ns)
        dropped = "dropped" in capture.faults
        dropped = dropped and fault_chance < capture.faults["dropped"].severity
        if not first and (dropped or chance < config.drop_probability):
            return None
        channel.last_arrival_ns = arrival_ns
        return Sample(
            sensor=config.name,
            seq=seq,
            t_capture_start_ns=capture.t_ns - self._scan_ns[config.name],
            t_capture_ns=capture.t_ns,
            t_arrival_ns=arrival_ns,
            world_T_sensor=capture.world_T_sensor,
            data=fresh,
            faults=tuple(sorted(capture.faults)),
        )


def _schedule(config: SensorConfig, rate: TickRate) -> Schedule:
    period = rate.period_ticks(config.rate_hz, f"rate of sensor {config.name!r}")
    # The nearest tick but for those of the next period: 0.29 of 100 ticks is 28.999... in floats.
    return Schedule(period, min(round(config.phase * period), period - 1))


def _next(plan: Schedule, tick: int) -> int:
    return plan.phase_ticks + (plan.sequence(tick) + 1) * plan.period_ticks


def _start(sensor: Sensor, seed: int) -> _Channel:
    name = sensor.config.name
    mount = child_generator(seed, "sensor", name, "mount")
    turn, shift = mount.normal(size=3), mount.normal(size=3)
    turn *= MISALIGNMENT_RAD / np.linalg.norm(turn)
    shift *= MISALIGNMENT_M / np.linalg.norm(shift)
    return _Channel(
        noise=child_generator(seed, "sensor", name, "noise"),
        timing=child_generator(seed, "sensor", name, "timing"),
        state=sensor.initial_state(child_generator(seed, "sensor", name, "build")),
        wrong_mount=Pose(shift, quaternion_from_rotation_vector(turn)),
    )


def _is_active(fault: Fault, t_ns: int) -> bool:
    # Times of ticks are rounded down to whole nanoseconds: so are those of a fault, lest one that
    # begins at a tick begins at the next.
    begun = math.floor(fault.start_s * 1e9) <= t_ns
    return begun and (math.isinf(fault.end_s) or t_ns < math.floor(fault.end_s * 1e9))


def _scaled(pose: Pose, severity: float) -> Pose:
    x, y, z, w = pose.quaternion_xyzw
    half = np.arctan2(np.sqrt(x * x + y * y + z * z), w)
    axis = np.array([x, y, z]) / max(float(np.sin(half)), 1e-12)
    turned = quaternion_from_rotation_vector(2.0 * half * severity * axis)
    return Pose(severity * pose.position_m, turned)


def _kept_captures(config: SensorConfig) -> int:
    """How many captures `_held_back` needs.

    Kept from the start if it will be needed: the first late capture is late by the whole time.
    """
    lags = any(fault.kind == "time_offset" for fault in config.faults)
    return TIME_OFFSET_CAPTURES + 1 if lags else 1


def _is_identity(pose: Pose) -> bool:
    turned = pose.quaternion_xyzw.tolist() != [0.0, 0.0, 0.0, 1.0]
    return not turned and not pose.position_m.any()


def _held_back(
    channel: _Channel,
    fresh: dict[str, npt.NDArray[Any]],
    faults: Mapping[str, Fault],
    keep: int,
) -> dict[str, npt.NDArray[Any]]:
    """Data that a `frozen` or `time_offset` fault delivers instead of the fresh one."""
    if "frozen" in faults and channel.recent:
        return dict(channel.recent[-1])
    channel.recent.append(fresh)
    while len(channel.recent) > keep:
        channel.recent.popleft()
    if "time_offset" in faults:
        late = max(1, round(faults["time_offset"].severity * TIME_OFFSET_CAPTURES))
        return dict(channel.recent[max(0, len(channel.recent) - 1 - late)])
    return fresh


def _copy_channels(channels: Mapping[str, _Channel]) -> dict[str, _Channel]:
    # Samples are immutable and shared; generators, states and queues are copied.
    return {
        name: replace(
            channel,
            noise=copy.deepcopy(channel.noise),
            timing=copy.deepcopy(channel.timing),
            state={key: value.copy() for key, value in channel.state.items()},
            in_flight=deque(channel.in_flight),
            arrived=deque(channel.arrived),
            recent=deque(channel.recent),
        )
        for name, channel in channels.items()
    }
