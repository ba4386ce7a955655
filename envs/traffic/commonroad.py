"""Reads the road users of a CommonRoad scenario: who they are, and where at each time.

Formats 2018b (`obstacle` with a role) and 2020a (`dynamicObstacle`, `staticObstacle`) [Althoff,
Koschi and Manzinger 2017, "CommonRoad: Composable benchmarks for motion planning on roads"]. Files
are read bounded and without trust. Of uncertain values the middle is taken, and `notes` says so.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.envs.traffic.recording import HEIGHTS_M, Recording, RoadUser

MAX_BYTES = 64 * 1024 * 1024
MAX_STEPS = 100_000
MAX_OBSTACLES = 5_000

Element = ElementTree.Element

_USERS = {
    "car": RoadUser.CAR,
    "parkedVehicle": RoadUser.CAR,
    "taxi": RoadUser.CAR,
    "priorityVehicle": RoadUser.VAN,
    "truck": RoadUser.TRUCK,
    "bus": RoadUser.BUS,
    "bicycle": RoadUser.BICYCLE,
    "motorcycle": RoadUser.MOTORCYCLE,
    "pedestrian": RoadUser.PEDESTRIAN,
}


def read_commonroad(path: Path) -> Recording:
    """Reads a scenario file, plain or gzip-packed.

    Args:
        path: Of the file.

    Raises:
        StorageError: It cannot be read or is too large.
        ConfigError: It is no CommonRoad scenario, or a value is missing or not finite.
    """
    root = _root(path)
    where = path.name
    step_s = _value(root.get("timeStepSize"), where, "timeStepSize")
    if not 0.001 <= step_s <= 10.0:
        raise ConfigError(f"{where}: timeStepSize is {step_s} s: use 0.001 to 10 s.")
    found = [e for e in root if e.tag in ("obstacle", "dynamicObstacle", "staticObstacle")]
    if not found:
        raise ConfigError(f"{where} holds no obstacle: choose a scenario with traffic in it.")
    if len(found) > MAX_OBSTACLES:
        raise ConfigError(
            f"{where} holds {len(found)} obstacles: at most {MAX_OBSTACLES} are read."
        )
    notes: list[str] = []
    tracks = [_track(element, where, notes) for element in found]
    count = 1 + max(int(track[3][:, 0].max()) for track in tracks)
    states = np.zeros((len(tracks), count, 4))
    present = np.zeros((len(tracks), count), dtype=bool)
    for row, (_, _, _, track, stands) in enumerate(tracks):
        steps = np.arange(count) if stands else track[:, 0].astype(np.int64)
        states[row, steps] = track[:, 1:]
        present[row, steps] = True
    kinds = np.array([track[1] for track in tracks], dtype=np.int32)
    size = np.array([[*track[2], HEIGHTS_M[RoadUser(track[1])]] for track in tracks])
    return Recording(
        name=path.name.split(".")[0],
        licence=_licence(root),
        step_s=step_s,
        ids=tuple(track[0] for track in tracks),
        kinds=kinds,
        size_m=size,
        xy_m=states[:, :, :2],
        heading_rad=states[:, :, 2],
        speed_m_s=states[:, :, 3],
        present=present,
        notes=tuple(dict.fromkeys(notes)),
    )


def _root(path: Path) -> Element:
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise StorageError(f"The scenario {path} cannot be read: {error}.") from error
    if len(data) > MAX_BYTES:
        raise StorageError(f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut the scenario.")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ConfigError(f"{path.name} defines entities, which no scenario needs: remove them.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ConfigError(
            f"{path.name} is no well-formed XML ({error}): the file is cut or damaged; get it anew."
        ) from error
    if root.tag != "commonRoad":
        raise ConfigError(f"{path.name} is <{root.tag}>, not <commonRoad>: choose a scenario.")
    return root


def _track(
    element: Element, where: str, notes: list[str]
) -> tuple[str, int, tuple[float, float], np.ndarray, bool]:
    """Id, kind, size, rows of step, x, y, heading, speed, and whether it stands for ever."""
    name = element.get("id", "")
    where = f"{where}, obstacle {name}"
    word = (element.findtext("type") or "").strip()
    if word not in _USERS:
        notes.append(f"Obstacles of type {word!r} are taken as cars.")
    kind = int(_USERS.get(word, RoadUser.CAR))
    stands = element.tag == "staticObstacle" or (element.findtext("role") or "") == "static"
    first = element.find("initialState")
    if first is None:
        raise ConfigError(f"{where}: there is no <initialState>: add it.")
    rows = [_state(first, where, notes)]
    trajectory = element.find("trajectory")
    states = [] if trajectory is None else trajectory.findall("state")
    if not states and not stands:
        kinds = [e.tag for e in element if e.tag in ("occupancySet", "signalSeries")]
        if "occupancySet" in kinds:
            raise ConfigError(f"{where}: it has an occupancy set: only trajectories are replayed.")
        notes.append("Obstacles without a trajectory are there at their first step only.")
    rows += [_state(state, where, notes) for state in states]
    steps = [row[0] for row in rows]
    if sorted(set(steps)) != steps or steps[0] < 0 or steps[-1] > MAX_STEPS:
        raise ConfigError(
            f"{where}: times are {steps[:3]}...: they must grow, from 0 to {MAX_STEPS} at the most."
        )
    return name, kind, _size(element, where, notes), np.array(rows), stands


def _size(element: Element, where: str, notes: list[str]) -> tuple[float, float]:
    shape = element.find("shape")
    box = None if shape is None else shape.find("rectangle")
    disc = None if shape is None else shape.find("circle")
    if box is not None:
        size = (_number(box, "length", where), _number(box, "width", where))
    elif disc is not None:
        size = (2.0 * _number(disc, "radius", where),) * 2
    else:
        raise ConfigError(f"{where}: its shape is no rectangle and no circle: use one of them.")
    if shape is not None and len(shape) > 1:
        notes.append("Of shapes of several parts the first rectangle or circle is taken.")
    if not (0.05 <= size[0] <= 40.0 and 0.05 <= size[1] <= 10.0):
        raise ConfigError(f"{where}: its size is {size} m: no road user has that; correct it.")
    return size


def _state(
    state: Element, where: str, notes: list[str]
) -> tuple[float, float, float, float, float]:
    """Step, x, y, heading and speed."""
    step = _exact(state, "time", where, notes)
    where = f"{where}, time {step:g}"
    if step != int(step):
        raise ConfigError(f"{where}: times are whole steps: correct it.")
    position = state.find("position")
    point = None if position is None else position.find("point")
    if point is None and position is not None:
        middle = position.find(".//center")
        if middle is not None:
            notes.append("Of uncertain positions the centre is taken.")
        point = middle
    if point is None:
        raise ConfigError(f"{where}: its position is no point: give one.")
    x, y = _number(point, "x", where), _number(point, "y", where)
    heading = _exact(state, "orientation", where, notes)
    speed = 0.0
    if state.find("velocity") is not None:
        speed = _exact(state, "velocity", where, notes)
    return step, x, y, heading, speed


def _exact(state: Element, tag: str, where: str, notes: list[str]) -> float:
    """A value that is exact, or the middle of its interval."""
    element = state.find(tag)
    if element is None:
        raise ConfigError(f"{where}: a state lacks <{tag}>: add it.")
    if element.find("exact") is not None:
        return _number(element, "exact", where)
    low, high = (_number(element, end, where) for end in ("intervalStart", "intervalEnd"))
    notes.append(f"Of intervals of {tag} the middle is taken.")
    return 0.5 * (low + high)


def _number(element: Element, tag: str, where: str) -> float:
    return _value(element.findtext(tag), where, tag)


def _value(word: str | None, where: str, tag: str) -> float:
    try:
        found = float(word or "")
    except ValueError as error:
        raise ConfigError(
            f"{where}: <{tag}> is {word!r}, should be a number: correct it."
        ) from error
    if not math.isfinite(found):
        raise ConfigError(f"{where}: <{tag}> is {word!r}: it must be finite.")
    return found


def _licence(root: Element) -> str:
    source = (root.get("source") or "unknown source").strip()
    return f"CommonRoad scenario by {root.get('affiliation') or 'unknown'}, from {source}"
