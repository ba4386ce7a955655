"""Clips by request in a few words: `200 clips of pedestrians at night in rain`.

The language is small and fixed, so that a request means one thing:

    query     = [NUMBER] "clips" {phrase}
    phrase    = "of" THING | "with" EVENT | "at" TIME | "in" WEATHER | "by" ROBOT | "on" TASK
    THING     = pedestrians, cars, trucks, buses, bicycles, motorcycles, dishes, bags, boxes,
                bottles; several with "and"
    EVENT     = a kind of event as it is logged, with spaces for underscores: collision, off road
    TIME      = day, dusk, night
    WEATHER   = rain, snow, fog, wet, dry, clouds
    ROBOT     = car, humanoid;   TASK = a registered name, or its last part

What an episode is like comes from its log: the light that its configuration sets, its events, and
the true objects near the robot.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fleetloop.core.errors import ConfigError
from fleetloop.core.objects import EGO, Objects
from fleetloop.core.semantics import SemanticClass
from fleetloop.datasets.curate import Query, select
from fleetloop.datasets.recording import RecordedEpisode, Recording
from fleetloop.datasets.weather import TIMES, WEATHERS, is_time, is_weather, light_of

THINGS: Mapping[str, tuple[SemanticClass, ...]] = {
    "pedestrians": (SemanticClass.PERSON,),
    "cars": (SemanticClass.CAR,),
    "trucks": (SemanticClass.TRUCK,),
    "buses": (SemanticClass.BUS,),
    "bicycles": (SemanticClass.BICYCLE, SemanticClass.RIDER),
    "motorcycles": (SemanticClass.MOTORCYCLE,),
    "dishes": (SemanticClass.DISH,),
    "bags": (SemanticClass.BAG,),
    "boxes": (SemanticClass.BOX,),
    "bottles": (SemanticClass.BOTTLE,),
}
NEAR_M = 25.0
DEFAULT_COUNT = 100
_WORDS = re.compile(r"(?:(\d+)\s+)?clips?\b(.*)", re.IGNORECASE | re.DOTALL)
_PHRASE = re.compile(r"\s*(of|with|at|in|by|on)\s+(.+?)(?=\s+(?:of|with|at|in|by|on)\s|\s*$)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipQuery:
    """A request, understood.

    Attributes:
        count: Most clips that are wanted.
        things: Names in `THINGS`; one of them at least must be near.
        events: Kinds of events; one of them at least must happen in the clip.
        times, weathers: Names; each must hold.
        robot, task: As recorded; empty for any.
    """

    count: int = DEFAULT_COUNT
    things: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    weathers: tuple[str, ...] = ()
    robot: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClip:
    """A clip that a request found.

    Attributes:
        log: File name.
        t_first_s, t_last_s: What it covers.
        why: What is there, such as `pedestrians at 7.2 m`.
    """

    log: str
    t_first_s: float
    t_last_s: float
    why: str


def parse_query(text: str) -> ClipQuery:
    """Understands a request.

    Raises:
        ConfigError: It is not of the language; the message says which word.
    """
    match = _WORDS.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"The request {text!r} does not begin with a number and 'clips', such as '200 clips of "
            "pedestrians at night in rain'."
        )
    found: dict[str, list[str]] = {}
    rest = match[2]
    place = 0
    while place < len(rest.rstrip()):
        phrase = _PHRASE.match(rest, place)
        if phrase is None:
            raise ConfigError(
                f"The words {rest[place:].strip()!r} of a request are not understood: use of, "
                "with, at, in, by or on."
            )
        words = re.split(r"\s+and\s+|\s*,\s*", phrase[2].strip().lower())
        found.setdefault(phrase[1].lower(), []).extend(words)
        place = phrase.end()
    return ClipQuery(
        count=int(match[1]) if match[1] else DEFAULT_COUNT,
        things=_known("thing", found.get("of", ()), THINGS),
        events=tuple(word.replace(" ", "_") for word in found.get("with", ())),
        times=_known("time", found.get("at", ()), TIMES),
        weathers=_known("weather", found.get("in", ()), WEATHERS),
        robot=_one("by", found.get("by", ())),
        task=_one("on", found.get("on", ())),
    )


def find_clips(
    recording: Recording,
    query: ClipQuery,
    *,
    pre_s: float = 2.5,
    post_s: float = 1.0,
    on_episode: Callable[[int], None] = lambda number: None,
) -> list[FoundClip]:
    """Clips of a recording that a request asks for, in the order of the logs.

    Args:
        recording: Where to look.
        query: What for.
        pre_s, post_s: Of a clip, round the moment that fits.
        on_episode: Told the number of each episode when it is done.
    """
    kept = set(select(recording, Query(robot=query.robot, events=query.events)))
    clips: list[FoundClip] = []
    for number, episode in enumerate(recording):
        if len(clips) < query.count and episode.path in kept and _fits(episode, query):
            clips += _moments(episode, query, pre_s, post_s, query.count - len(clips))
        episode.close()
        on_episode(number)
    return clips


def _fits(episode: RecordedEpisode, query: ClipQuery) -> bool:
    """Whether what holds for a whole episode fits: task, time of day, weather."""
    task = episode.meta.task.lower()
    if query.task and query.task not in (task, task.split("/")[-1], task.split("/")[-1][:-3]):
        return False
    light = light_of(episode)
    return all(is_time(name, light) for name in query.times) and all(
        is_weather(name, light) for name in query.weathers
    )


def _moments(
    episode: RecordedEpisode, query: ClipQuery, pre_s: float, post_s: float, most: int
) -> list[FoundClip]:
    clips: list[FoundClip] = []
    free_s = -math.inf
    for t_s, why in _candidates(episode, query):
        if t_s - pre_s < free_s:
            continue
        clips.append(
            FoundClip(
                log=episode.path.name,
                t_first_s=round(max(t_s - pre_s, 0.0), 3),
                t_last_s=round(t_s + post_s, 3),
                why=why,
            )
        )
        free_s = t_s + post_s
        if len(clips) >= most:
            break
    return clips


def _candidates(episode: RecordedEpisode, query: ClipQuery) -> list[tuple[float, str]]:
    """Times that fit, in order, and why."""
    if query.things:
        wanted = np.array([int(c) for name in query.things for c in THINGS[name]])
        times = episode.objects_times_ns
        found = []
        for t_ns in times.tolist():
            objects = episode.objects_at(t_ns)
            near_m = nearest_m(objects, wanted)
            if near_m < NEAR_M:
                found.append((t_ns * 1e-9, f"{' or '.join(query.things)} at {near_m:.1f} m"))
        return found
    if query.events:
        return [
            (event.t_ns * 1e-9, event.kind.replace("_", " "))
            for event in episode.events()
            if event.kind in query.events
        ]
    times_s = episode.step_times_ns * 1e-9
    return [(float(t_s), "as asked for") for t_s in times_s]


def nearest_m(objects: Objects | None, classes: npt.NDArray[np.int_]) -> float:
    """Distance from the robot to the nearest object of some classes; infinity without one."""
    row = None if objects is None else objects.row(EGO)
    if objects is None or row is None:
        return math.inf
    fits = np.isin(objects.semantic, classes)
    fits[row] = False
    if not fits.any():
        return math.inf
    gap = objects.position_m[fits] - objects.position_m[row]
    return float(np.linalg.norm(gap, axis=1).min())


def place_clips(recording: Recording, clips: Sequence[FoundClip], out: Path) -> list[Path]:
    """Puts the logs that clips are in into a new folder, as `fleetloop filter` does."""
    from fleetloop.datasets.curate import place_logs

    names = {clip.log for clip in clips}
    return place_logs([path for path in recording.paths if path.name in names], out)


def _known(
    kind: str, words: Sequence[str], known: Sequence[str] | Mapping[str, object]
) -> tuple[str, ...]:
    for word in words:
        if word not in known:
            raise ConfigError(f"The {kind} {word!r} of a request is none of: {', '.join(known)}.")
    return tuple(words)


def _one(preposition: str, words: Sequence[str]) -> str:
    if len(words) > 1:
        raise ConfigError(f"A request names {len(words)} things after {preposition!r}: name one.")
    return words[0] if words else ""
