"""What the brain is shown of an observation, as arrays of fixed size: the same for every body.

An `InputSpec` is made from the schemas of environments, holds names of observable fields only, and
is stored with what was learned from it. `encode` is the one way in: shards are made with it and
policies act through it, so that training and acting cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from fleetloop.core.config import config_hash
from fleetloop.core.errors import ConfigError, SchemaError
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.camera import CameraConfig
from fleetloop.envs.spaces import SEPARATOR, observable

if TYPE_CHECKING:
    from fleetloop.envs.env import RobotEnv

Arrays = Mapping[str, npt.NDArray[Any]]

BEAMS = 64
"""Sectors that every range sensor's beams are pooled into, from its first column to its last."""

EXTRINSICS = 9
"""Numbers that say how a camera is mounted: position (3) m, optical axis (3), half the field of
view across and down (2) rad, age of the frame in captures."""

REQUEST = 384
"""Width of a sentence embedding: that of the MiniLM and e5-small families."""

CLEAR_M = 0.3
"""Points of a LiDAR that lie lower over the ground of the robot's base are no obstacles."""

_CLOSENESS_M = 5.0
_HAND = "link_pose"

BODY_FIELDS: Mapping[str, Mapping[str, float]] = {
    "imu": {"specific_force_m_s2": 0.5, "angular_rate_rad_s": 0.05},
    "wheel_speed": {"speed_m_s": 0.5},
    "steering_angle": {"angle_rad": 0.05},
    "joint_encoder": {"position_rad": 0.05, "velocity_rad_s": 0.2},
    "link_pose": {"position_m": 0.01},
    "force_torque": {"force_n": 10.0},
    "contact": {"contact": 0.1},
}
"""Fields of the robot's own senses that the brain is shown, by kind of sensor, each with the least
spread that it is normalised by: a joint that never moved in training would else be a loud source of
noise, and the first drive in which it moves would be far from anything learnt. Absolute positions
are left out on purpose: a place learnt by heart is of no use in another town."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInput:
    """One picture.

    Attributes:
        key: Of the observation.
        age: 0 for the newest of a history, 1 for the one before.
        history: Length of the sensor's history; 1 has no leading dimension.
        shape: (height, width) as the sensor gives it.
        extrinsics: `EXTRINSICS` numbers.
    """

    key: str
    age: int
    history: int
    shape: tuple[int, int]
    extrinsics: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeInput:
    """One sensor of ranges.

    Attributes:
        sensor: Its name.
        shape: Of its `range_m`: (columns,) or (rows, columns).
        height_m: Of the sensor over the base's ground, which tells obstacles from ground.
    """

    sensor: str
    shape: tuple[int, ...]
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorInput:
    """Numbers that are shown as they are.

    Attributes:
        key: Of the observation.
        shape: Without a history, of which the newest is taken.
        history: As in `CameraInput`.
        least: Spread that it is normalised by at the least, in its own unit.
    """

    key: str
    shape: tuple[int, ...]
    history: int = 1
    least: float = 0.0

    @property
    def size(self) -> int:
        """How many."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachInput:
    """A place that the goal tells, as seen from a hand: their difference, shown beside the goal.

    A network would have to learn to subtract two numbers of some decimetres to within a centimetre;
    that is the same for all places and tasks, so it is done before it.

    Attributes:
        place: Key of the goal, (3,) m in the robot's base.
        hand: Key of the hand's place, likewise.
        history: Of the hand's sensor.
    """

    place: str
    hand: str
    history: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInputs:
    """What is shown, and what is answered, at one task.

    Attributes:
        task, robot: Registered names.
        control_hz: Decisions a second.
        cameras, ranges, proprioception, goal: Inputs in their order.
        reach: Shown behind the goal.
        actions: Names of the numbers that the body takes.
        action_low, action_high: Their bounds.
    """

    task: str
    robot: str
    control_hz: float
    cameras: tuple[CameraInput, ...]
    ranges: tuple[RangeInput, ...]
    proprioception: tuple[VectorInput, ...]
    goal: tuple[VectorInput, ...]
    actions: tuple[str, ...]
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    reach: tuple[ReachInput, ...] = ()

    @property
    def goal_size(self) -> int:
        """Numbers of the goal, and of what is shown behind it."""
        return sum(entry.size for entry in self.goal) + 3 * len(self.reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """All that one brain is shown.

    Attributes:
        tasks: Sorted by name; each has a number of its own, its place here.
        image_px: Pictures are square, of this size.
        horizon: Length of an action chunk.

    Raises:
        ConfigError: A task comes twice, or bodies of one name differ in their actions.
    """

    tasks: tuple[TaskInputs, ...]
    image_px: int = 64
    horizon: int = 8

    def __post_init__(self) -> None:
        names = [task.task for task in self.tasks]
        if not names or sorted(set(names)) != names:
            raise ConfigError(f"The tasks {names} must be at least one, sorted, each once.")
        for task in self.tasks:
            if self.actions_of(task.robot) != task.actions:
                raise ConfigError(
                    f"The robot {task.robot!r} takes {task.actions} at {task.task}, and "
                    f"{self.actions_of(task.robot)} at another task: one brain has one head a body."
                )

    @property
    def robots(self) -> tuple[str, ...]:
        """Bodies, sorted; each has a number of its own, its place here."""
        return tuple(sorted({task.robot for task in self.tasks}))

    def actions_of(self, robot: str) -> tuple[str, ...]:
        """Names of the numbers that a body takes."""
        return next(task.actions for task in self.tasks if task.robot == robot)

    @property
    def cameras(self) -> int:
        """Slots for pictures."""
        return max(len(task.cameras) for task in self.tasks)

    @property
    def ranges(self) -> int:
        """Slots for range sensors."""
        return max(len(task.ranges) for task in self.tasks)

    @property
    def proprioception(self) -> int:
        """Numbers of the body's own senses, at the most."""
        return max(sum(v.size for v in task.proprioception) for task in self.tasks)

    @property
    def goal(self) -> int:
        """Numbers of a goal, at the most."""
        return max(task.goal_size for task in self.tasks)

    @property
    def actions(self) -> int:
        """Numbers of an action, at the most."""
        return max(len(task.actions) for task in self.tasks)

    def of(self, task: str) -> TaskInputs:
        """What is shown at a task.

        Raises:
            SchemaError: The brain was not made for it.
        """
        for entry in self.tasks:
            if entry.task == task:
                return entry
        known = ", ".join(entry.task for entry in self.tasks)
        raise SchemaError(f"This brain knows {known}, not {task!r}: train it on that task too.")

    def number(self, task: str) -> int:
        """A task's place in `tasks`."""
        return self.tasks.index(self.of(task))

    def digest(self) -> str:
        """Hash of all that it says."""
        return config_hash(self)


def task_inputs(env: RobotEnv) -> TaskInputs:
    """What an environment lets an agent see, and takes from it."""
    cameras: list[CameraInput] = []
    ranges: list[RangeInput] = []
    body: list[VectorInput] = []
    hands: list[tuple[str, int]] = []
    for name, sensor in env.rig.sensors.items():
        fields = observable(sensor.schema)
        config = sensor.config
        if isinstance(config, CameraConfig):
            cameras.extend(_cameras(name, config, fields["rgb"]))
        elif sensor.MODALITY == "range" and "range_m" in fields and config.history == 1:
            height_m = float(config.link_T_sensor.position_m[2])
            ranges.append(RangeInput(sensor=name, shape=fields["range_m"].shape, height_m=height_m))
        if config.KIND == _HAND and fields["position_m"].frame == "base":
            hands.append((f"{name}{SEPARATOR}position_m", config.history))
        for field, least in BODY_FIELDS.get(config.KIND, {}).items():
            body.append(
                VectorInput(
                    key=f"{name}{SEPARATOR}{field}",
                    shape=fields[field].shape,
                    history=config.history,
                    least=least,
                )
            )
    spec = env.robot.action_spec
    return TaskInputs(
        task=env.config.task,
        robot=env.config.robot,
        control_hz=env.config.control_hz,
        cameras=tuple(cameras),
        ranges=tuple(ranges),
        proprioception=tuple(body),
        goal=_goal(env.task.goal_schema),
        actions=spec.names,
        action_low=tuple(spec.low.tolist()),
        action_high=tuple(spec.high.tolist()),
        reach=_reach(env.task.goal_schema, hands),
    )


def input_spec(*tasks: TaskInputs, image_px: int = 64, horizon: int = 8) -> InputSpec:
    """A spec of these tasks, sorted."""
    ordered = tuple(sorted(tasks, key=lambda task: task.task))
    return InputSpec(tasks=ordered, image_px=image_px, horizon=horizon)


def encode(spec: InputSpec, task: str, observation: Arrays) -> dict[str, npt.NDArray[Any]]:
    """An observation as the brain takes it.

    Args:
        spec: What is shown.
        task: At which task.
        observation: By key. What the spec does not name is not looked at.

    Returns:
        `image` (cameras, image_px, image_px, 3) uint8; `beams` (ranges, 64) float32, closeness
        from 0 (nothing, or no return) to 1 (touching); `proprioception` and `goal`, float32, zeros
        where a task has fewer than the spec's most.

    Raises:
        SchemaError: A key is missing or has another shape.
    """
    inputs = spec.of(task)
    image = np.zeros((spec.cameras, spec.image_px, spec.image_px, 3), np.uint8)
    for slot, camera in enumerate(inputs.cameras):
        image[slot] = _picture(camera, observation, spec.image_px)
    beams = np.zeros((spec.ranges, BEAMS), np.float32)
    for slot, entry in enumerate(inputs.ranges):
        beams[slot] = _closeness(entry, observation)
    return {
        "image": image,
        "beams": beams,
        "proprioception": _vector(inputs.proprioception, observation, spec.proprioception),
        "goal": _goal_numbers(inputs, observation, spec.goal),
    }


def _cameras(name: str, config: CameraConfig, field: Field) -> list[CameraInput]:
    pose = config.link_T_sensor
    axis = pose.transform_vectors(np.array([0.0, 0.0, 1.0]))
    lens = config.lens
    half = (0.5 * lens.width_px / lens.fx_px, 0.5 * lens.height_px / lens.fy_px)
    mount = [*pose.position_m.tolist(), *axis.tolist(), *np.arctan(half).tolist()]
    mount = [round(float(number), 6) for number in mount]
    return [
        CameraInput(
            key=f"{name}{SEPARATOR}rgb",
            age=age,
            history=config.history,
            shape=(field.shape[0], field.shape[1]),
            extrinsics=(*mount, float(age)),
        )
        for age in range(config.history)
    ]


def _goal(schema: Schema) -> tuple[VectorInput, ...]:
    return tuple(
        VectorInput(key=f"goal{SEPARATOR}{name}", shape=field.shape)
        for name, field in observable(schema).items()
    )


def _reach(schema: Schema, hands: Sequence[tuple[str, int]]) -> tuple[ReachInput, ...]:
    return tuple(
        ReachInput(place=f"goal{SEPARATOR}{name}", hand=hand, history=history)
        for name, field in observable(schema).items()
        if field.shape == (3,) and field.frame == "base" and field.unit == "m"
        for hand, history in hands
    )


def _goal_numbers(inputs: TaskInputs, observation: Arrays, width: int) -> npt.NDArray[np.float32]:
    result = _vector(inputs.goal, observation, width)
    place = sum(entry.size for entry in inputs.goal)
    for entry in inputs.reach:
        hand = _got(observation, entry.hand, (3,), entry.history)
        hand = hand if entry.history == 1 else hand[-1]
        result[place : place + 3] = _got(observation, entry.place, (3,), 1) - hand
        place += 3
    return result


def _picture(camera: CameraInput, observation: Arrays, size: int) -> npt.NDArray[np.uint8]:
    array = _got(observation, camera.key, (*camera.shape, 3), camera.history)
    picture = array if camera.history == 1 else array[-1 - camera.age]
    if camera.shape == (size, size):
        return picture
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _closeness(entry: RangeInput, observation: Arrays) -> npt.NDArray[np.float32]:
    """The nearest obstacle in each of `BEAMS` sectors, (64,): 1 / (1 + range / 5 m)."""
    range_m = _got(observation, f"{entry.sensor}{SEPARATOR}range_m", entry.shape, 1)
    seen = _got(observation, f"{entry.sensor}{SEPARATOR}valid", entry.shape, 1).astype(bool)
    if len(entry.shape) == 2:
        point_m = _got(observation, f"{entry.sensor}{SEPARATOR}point_m", (*entry.shape, 3), 1)
        seen &= point_m[..., 2] + entry.height_m > CLEAR_M
    near = np.where(seen, 1.0 / (1.0 + range_m / _CLOSENESS_M), 0.0).astype(np.float32)
    near = near.reshape(-1, entry.shape[-1]).max(axis=0)
    if len(near) < BEAMS:
        return near[np.arange(BEAMS) * len(near) // BEAMS]
    starts = np.arange(BEAMS) * len(near) // BEAMS
    return np.asarray(np.maximum.reduceat(near, starts), np.float32)


def _vector(
    inputs: tuple[VectorInput, ...], observation: Arrays, width: int
) -> npt.NDArray[np.float32]:
    result = np.zeros(width, np.float32)
    place = 0
    for entry in inputs:
        array = _got(observation, entry.key, entry.shape, entry.history)
        newest = array if entry.history == 1 else array[-1]
        result[place : place + entry.size] = newest.reshape(-1)
        place += entry.size
    return result


def _got(observation: Arrays, key: str, shape: tuple[int, ...], history: int) -> npt.NDArray[Any]:
    wanted = (shape or (1,)) if history == 1 else (history, *shape)
    if key not in observation:
        raise SchemaError(
            f"The brain wants {key!r}, which the observation does not have: it has "
            f"{', '.join(sorted(observation))}. Use the rig and obs_mode it was trained with."
        )
    if observation[key].shape != wanted:
        raise SchemaError(
            f"The brain wants {key!r} of shape {wanted}, got {observation[key].shape}: use the "
            "rig it was trained with."
        )
    return observation[key]
