"""The Gymnasium environment: wires a task, a robot, a stage and a sensor rig together.

No physics, no sensor and no reward is computed here; this file says only in which order things
happen. Within one `step`: what moves by itself moves, then robot and world advance from capture to
capture. After the last tick the task judges, and the observation is what has arrived by then.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from fleetloop.core.clock import TickRate
from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.dynamics import Dynamics
from fleetloop.core.errors import ConfigError, StateError
from fleetloop.core.lane_lines import LaneLines
from fleetloop.core.objects import Objects
from fleetloop.core.rng import MAX_SEED, check_seed, child_generator
from fleetloop.core.spec import Schema
from fleetloop.core.types import EpisodeMeta, Sample, Step, frozen_array
from fleetloop.core.versions import installed_versions
from fleetloop.envs.bodies import Physics
from fleetloop.envs.dynamics import DynamicsBook
from fleetloop.envs.render import FollowCamera, render_following
from fleetloop.envs.rig import RigSnapshot, SensorRig
from fleetloop.envs.robots.base import Advancing, Robot, check_physics
from fleetloop.envs.sensors import SENSORS
from fleetloop.envs.sensors.base import SensorConfig
from fleetloop.envs.spaces import SEPARATOR, as_observed, observable, observation_space
from fleetloop.envs.stage import Stage, StageSnapshot
from fleetloop.envs.tasks.base import Laned, Living, Task, Verdict
from fleetloop.envs.trace.light import Light

ObsMode = Literal["state", "camera", "range", "all"]
"""Sensors of the robot's own body are in every mode; cameras and range sensors join by name."""

_MODALITIES: dict[str, tuple[str, ...]] = {
    "state": ("state",),
    "camera": ("state", "camera"),
    "range": ("state", "range"),
    "all": ("state", "camera", "range"),
}

TrueRecord = Sample | Objects | Dynamics
"""What recorders get beside the steps."""

Observation = dict[str, npt.NDArray[Any]]
Action = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvConfig:
    """What is fixed for the life of an environment.

    Attributes:
        task: Registered name, for the records.
        robot: Registered name, for the records.
        task_options, robot_options: Configs of both as plain JSON, for the records.
        sensors: The whole rig.
        obs_mode: Which sensors run. What does not run costs nothing and is not recorded.
        light: Fields of `Light` (sun, clouds, fog, rain, wetness, snow) that differ from what the
            task sets. Light is seen, never felt: the motion stays the same to the last bit.
        control_hz: Steps per second of simulated time; must divide the physics rate.
        physics_hz: Ticks per second.
        physics: `full`, or `fast` without an engine, for robots that support it.

    Raises:
        ConfigError: A value is out of range.
    """

    task: str
    robot: str
    sensors: tuple[SensorConfig, ...]
    task_options: Mapping[str, Any] = field(default_factory=dict)
    robot_options: Mapping[str, Any] = field(default_factory=dict)
    obs_mode: ObsMode = "all"
    light: Mapping[str, Any] = field(default_factory=dict)
    control_hz: float = 10.0
    physics_hz: int = 240
    physics: Physics = "full"

    def __post_init__(self) -> None:
        if self.physics not in get_args(Physics):
            raise ConfigError(
                f"The physics {self.physics!r} is none of: {', '.join(get_args(Physics))}."
            )
        if self.obs_mode not in get_args(ObsMode):
            raise ConfigError(
                f"The obs_mode {self.obs_mode!r} is none of: {', '.join(get_args(ObsMode))}."
            )
        TickRate(self.physics_hz).period_ticks(self.control_hz, "control rate")
        from_json(Light, dict(self.light))


@dataclass(frozen=True, slots=True)
class EnvSnapshot:
    """Everything that changes in an environment, bodies, noise and samples on their way included.

    Valid within the episode and process in which it was taken.
    """

    stage: StageSnapshot
    robot: Mapping[str, npt.NDArray[Any]]
    task: Mapping[str, npt.NDArray[Any]]
    rig: RigSnapshot
    step_index: int
    ended: bool
    np_random: np.random.Generator


class RobotEnv(gym.Env[Observation, Action]):
    """A robot with sensors at a task.

    Args:
        config: What is fixed.
        task: The task.
        robot: The robot.
        render_mode: `"rgb_array"` for pictures of a following camera, or None.
        threads: Threads that trace rays. No part of the config, since results do not depend on it.

    Attributes:
        last_samples: What the last `reset` or `step` captured, for recorders.
        last_records: The same with the true objects of each instant at which something looked, in
            the order in which it happened.
        tells_dynamics: Whether `last_records` hold masses, contacts and energies too, from the next
            reset on; only recorders need them.
        last_step: The last step with everything that happened, None after a reset.
        draws: Every random draw that shaped this episode's world.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        config: EnvConfig,
        task: Task,
        robot: Robot,
        render_mode: str | None = None,
        *,
        threads: int = 1,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ConfigError(
                f"The render_mode {render_mode!r} is none of: rgb_array. There is no window; "
                "record and view instead."
            )
        if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 64:
            raise ConfigError(f"threads is {threads!r}: use a whole number from 1 to 64.")
        check_physics(config.robot, robot, config.physics)
        self.config = config
        self.render_mode = render_mode
        self.threads = threads
        self.task = task
        self.robot = robot
        self.rate = TickRate(config.physics_hz)
        self._ticks_per_step = self.rate.period_ticks(config.control_hz, "control rate")
        self.rig = SensorRig(_sensors_of_mode(config), self.rate)
        self.stage = Stage(self.rate, config.physics)
        self._observed = {name: tuple((f"{name}{SEPARATOR}{key}", key)
                                      for key in observable(sensor.schema))
                          for name, sensor in self.rig.sensors.items()}  # fmt: skip
        self._goal_schema = task.goal_schema
        self._goals = tuple((f"goal{SEPARATOR}{key}", key) for key in observable(self._goal_schema))
        self._living = task if isinstance(task, Living) else None
        self._advance = robot.advance if isinstance(robot, Advancing) else self._tick_by_tick
        spec = robot.action_spec
        self.action_space = gym.spaces.Box(spec.low, spec.high, dtype=np.float32)
        spaces = {name: (s.schema, s.config.history) for name, s in self.rig.sensors.items()}
        # Gymnasium types a Dict space by any values, not by the arrays that it holds.
        self.observation_space = cast(
            "gym.spaces.Space[Observation]", observation_space(spaces, self._goal_schema)
        )
        self.last_samples: tuple[Sample, ...] = ()
        self.last_records: tuple[TrueRecord, ...] = ()
        self.last_step: Step | None = None
        self.tells_dynamics = False
        self._dynamics: DynamicsBook | None = None
        self.draws: dict[str, Any] = {}
        self._first_goal: dict[str, npt.NDArray[Any]] = {}
        self.episode_seed = 0
        self._step_index = -1
        self._ended = True

    @property
    def t_ns(self) -> int:
        """Simulated time since the reset."""
        return self.rate.ns(self.stage.world.tick)

    @property
    def schemas(self) -> dict[str, Schema]:
        """Schema of every sensor that runs."""
        return {name: sensor.schema for name, sensor in self.rig.sensors.items()}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Builds the world of a new episode.

        Args:
            seed: Everything random follows from it. None takes the next of this environment's own
                sequence, which follows from the last seed that was given.
            options: None are known.

        Raises:
            ConfigError: A bad seed, or options.
            StateError: The environment was closed.
        """
        if options:
            raise ConfigError(f"reset knows no options, got {sorted(options)}.")
        self._check_open()
        super().reset(seed=None if seed is None else check_seed(seed))
        drawn = int(self.np_random.integers(0, MAX_SEED))
        self.episode_seed = drawn if seed is None else int(seed)
        self.draws = {}
        self.stage.clear()
        start = self.task.build(
            self.stage, child_generator(self.episode_seed, "task", self.config.task), self.draws
        )
        self.robot.spawn(
            self.stage, start, child_generator(self.episode_seed, "robot", self.config.robot)
        )
        self.task.begin(self.stage, self.robot)
        if self.config.light:
            seen = to_json(self.stage.scene.light) | dict(self.config.light)
            self.stage.scene.light = from_json(Light, seen)
        self.rig.reset(self.episode_seed, self.robot.state())
        self._dynamics = DynamicsBook(self.stage, self.robot) if self.tells_dynamics else None
        self._step_index, self._ended, self.last_step = -1, False, None
        self._pose_looks()
        self._keep(self._capture(first=True, looks=True))
        self._first_goal = self._goal()
        return self._observation(), self._info(None)

    def step(self, action: npt.ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Acts for one control period.

        Raises:
            StateError: Before the first reset, after the episode's end, or after `close`.
            ConfigError: An action of another shape, or one that is not finite.
        """
        self._check_open()
        if self._ended:
            raise StateError("The episode has not begun or is over: call reset before step.")
        applied = self.robot.action_spec.checked(action)
        self.robot.command(applied)
        end = self.stage.world.tick + self._ticks_per_step
        if self._living is not None:
            self._living.advance(self.stage, self.robot, self.t_ns, self.rate.ns(end))
        records: list[TrueRecord] = []
        while self.stage.world.tick < end:
            records.extend(self._to_next_capture(end))
        if self._dynamics is not None and not self._dynamics.has(self.t_ns):
            records.append(self._dynamics.publish(self.t_ns))
        self._step_index += 1
        verdict = self.task.judge(self.stage, self.robot, self.t_ns)
        truncated = not verdict.terminated and self.t_ns >= self.task.max_duration_s * 1e9
        self._ended = verdict.terminated or truncated
        self._keep(records)
        self.last_step = Step(
            index=self._step_index,
            t_ns=self.t_ns,
            action=frozen_array(applied),
            reward_terms=dict(verdict.reward_terms),
            terminated=verdict.terminated,
            truncated=truncated,
            events=verdict.events,
            truth=self._truth(),
            goal={name: frozen_array(array) for name, array in self._goal().items()},
        )
        info = self._info(verdict)
        return self._observation(), self.last_step.reward, verdict.terminated, truncated, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """A picture from behind and above the robot, (480, 640, 3) uint8 sRGB.

        Raises:
            StateError: Before the first reset.
        """
        if self.render_mode is None:
            return None
        if not self.stage.things:
            raise StateError("There is nothing to render yet: call reset first.")
        self._pose_looks()
        base = self.robot.state().links["base"].world_T_link
        camera: FollowCamera = getattr(self.robot, "followed_by", FollowCamera())
        return render_following(self.stage.scene, base, camera, threads=self.threads)

    def snapshot(self) -> EnvSnapshot:
        """Keeps everything, to come back to within this episode."""
        self._check_open()
        if self._ended and self._step_index < 0:
            raise StateError("There is nothing to keep yet: call reset first.")
        return EnvSnapshot(
            stage=self.stage.snapshot(),
            robot=self.robot.snapshot(),
            task=self.task.snapshot(),
            rig=self.rig.snapshot(),
            step_index=self._step_index,
            ended=self._ended,
            np_random=copy.deepcopy(self.np_random),
        )

    def restore(self, snapshot: EnvSnapshot) -> Observation:
        """Goes back to a snapshot of this episode and returns the observation of that moment.

        Raises:
            StateError: The snapshot's episode is over.
        """
        self.stage.restore(snapshot.stage)
        self.robot.restore(snapshot.robot)
        self.task.restore(snapshot.task)
        self.rig.restore(snapshot.rig)
        self._pose_looks()
        self._step_index, self._ended = snapshot.step_index, snapshot.ended
        self.np_random = copy.deepcopy(snapshot.np_random)
        self._keep(())
        self.last_step = None
        return self._observation()

    def episode_meta(self, policy: str, seed: int | None = None) -> EpisodeMeta:
        """What is needed to make this episode again.

        Args:
            policy: Name of what acts.
            seed: Of an episode to come, whose draws are not known yet; None for the present one.
        """
        name = self.config.task.split("/")[-1]
        return EpisodeMeta(
            episode_id=f"{name}-{self.episode_seed if seed is None else seed}",
            seed=self.episode_seed if seed is None else seed,
            task=self.config.task,
            robot=self.config.robot,
            config=to_json(self.config),
            config_hash=config_hash(self.config),
            policy=policy,
            versions=installed_versions(),
            draws=dict(self.draws) if seed is None else {},
            goal={n: a.tolist() for n, a in self._first_goal.items()} if seed is None else {},
        )

    def lane_lines(self) -> LaneLines | None:
        """Lanes of this episode's world, privileged; None where a task has none."""
        return self.task.lane_lines(self.stage) if isinstance(self.task, Laned) else None

    def close(self) -> None:
        """Gives the physics client back. Closing twice does no harm."""
        self.stage.close()

    def _check_open(self) -> None:
        if self.stage.world.closed:
            raise StateError("This environment is closed: make a new one.")

    def _keep(self, records: Sequence[TrueRecord]) -> None:
        self.last_records = tuple(records)
        self.last_samples = tuple(r for r in self.last_records if isinstance(r, Sample))

    def _to_next_capture(self, end: int) -> Sequence[TrueRecord]:
        """Advances until something captures, at the latest to a tick; returns what did."""
        tick = self.stage.world.tick
        tracked = self.rig.tracked_links
        marks = (self.rig.next_due(tick), self.rig.next_tracked(tick) if tracked else None)
        until = min([end, *(mark for mark in marks if mark is not None)])
        self._advance(until - tick)
        if tracked:
            self.rig.track(until, self.robot.link_poses(tracked))
        names = self.rig.due(until)
        if not names:
            return ()
        looks = self.rig.looks(names)
        if looks:
            self._pose_looks()
        return self._capture(first=False, looks=looks)

    def _tick_by_tick(self, ticks: int) -> None:
        for _ in range(ticks):
            self.robot.before_tick()
            self.stage.world.step()
            self.robot.after_tick()

    def _pose_looks(self) -> None:
        self.stage.sync()
        self.robot.pose_looks()
        if self._living is not None:
            self._living.pose_looks(self.stage, self.t_ns)

    def _capture(self, *, first: bool, looks: bool) -> list[TrueRecord]:
        truths: list[TrueRecord] = [self.stage.objects(self.t_ns)] if looks else []
        if looks and self._dynamics is not None and self._dynamics.due(self.t_ns):
            truths.append(self._dynamics.publish(self.t_ns))
        return truths + self.rig.capture(
            self.stage.world.tick,
            self.robot.state(),
            self.stage.surroundings,
            self.stage.scene,
            first=first,
            threads=self.threads,
        )

    def _observation(self) -> Observation:
        result: Observation = {}
        for sensor, samples in self.rig.newest(self.t_ns).items():
            history = self.rig.sensors[sensor].config.history
            if history == 1:
                newest = samples[-1].data
                for key, name in self._observed[sensor]:
                    result[key] = as_observed(newest[name].copy())
                continue
            # The first sample stands in for those before it, so that the shape never changes.
            padded = (samples[0],) * (history - len(samples)) + samples
            for key, name in self._observed[sensor]:
                result[key] = as_observed(np.stack([sample.data[name] for sample in padded]))
        goal = self._goal() if self.last_step is None else self.last_step.goal
        for key, name in self._goals:
            result[key] = as_observed(goal[name].copy())
        return result

    def _goal(self) -> dict[str, npt.NDArray[Any]]:
        goal = self.task.goal(self.stage, self.robot)
        self._goal_schema.check(goal, "goal")
        return goal

    def _truth(self) -> dict[str, npt.NDArray[Any]]:
        truth = self.task.truth(self.stage, self.robot)
        return {name: frozen_array(value) for name, value in truth.items()}

    def _info(self, verdict: Verdict | None) -> dict[str, Any]:
        truth = self._truth() if self.last_step is None else self.last_step.truth
        info: dict[str, Any] = {"t_ns": self.t_ns, "episode_seed": self.episode_seed}
        info["truth"] = dict(truth)
        if verdict is not None:
            info["reward_terms"] = dict(verdict.reward_terms)
            info["success"] = verdict.success
            info["cause"] = verdict.cause
            info["events"] = [to_json(event) for event in verdict.events]
        return info


def _sensors_of_mode(config: EnvConfig) -> tuple[SensorConfig, ...]:
    wanted = _MODALITIES[config.obs_mode]
    return tuple(sensor for sensor in config.sensors if SENSORS.get(sensor.KIND).MODALITY in wanted)
