"""What can be chosen by name: tasks, robots with their rigs, sensors, formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fleetloop.agents.experts import EXPERTS
from fleetloop.core.config import from_json
from fleetloop.datasets.export import EXPORTERS
from fleetloop.envs.registration import ROBOTS, TASKS
from fleetloop.envs.sensors import SENSORS

Row = tuple[str, str]


def tasks() -> Iterator[Row]:
    """Each task with its robot, its rig, and whether it has an expert."""
    for name in TASKS:
        task = TASKS.get(name)
        expert = "with an expert" if name in EXPERTS else "without an expert"
        yield name, f"{_summary(task)} ({task.ROBOT}, rig {task.RIG}, {expert})"


def robots() -> Iterator[Row]:
    """Each robot."""
    for name in ROBOTS:
        yield name, _summary(ROBOTS.get(name))


def rigs() -> Iterator[Row]:
    """Each rig of each robot with its sensors."""
    for name in ROBOTS:
        robot_class = ROBOTS.get(name)
        robot = robot_class(from_json(robot_class.CONFIG, {}))
        for rig, sensors in robot.rigs.items():
            yield f"{name}: {rig}", ", ".join(sensor.name for sensor in sensors)


def sensors() -> Iterator[Row]:
    """Each kind of sensor with the observation modes that it is in."""
    for name in SENSORS:
        sensor = SENSORS.get(name)
        yield name, f"{_summary(sensor.CONFIG)} (modality {sensor.MODALITY})"


def formats() -> Iterator[Row]:
    """Each export format, its options, and the extra that it needs."""
    for name in EXPORTERS:
        kind = EXPORTERS.get(name)
        options = ", ".join(kind.OPTIONS.__dataclass_fields__)
        extra = f"; extra {kind.EXTRA}" if kind.EXTRA else ""
        yield name, f"{_summary(kind)} (options {options}{extra})"


LISTS: Mapping[str, Callable[[], Iterator[Row]]] = {
    "tasks": tasks,
    "robots": robots,
    "rigs": rigs,
    "sensors": sensors,
    "formats": formats,
}


def _summary(thing: type) -> str:
    """The first sentence of what a class, or else its module, says of itself."""
    import sys

    text = thing.__doc__ or ""
    if text.startswith("See the module"):
        text = sys.modules[thing.__module__].__doc__ or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
