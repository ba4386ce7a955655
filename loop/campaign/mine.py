"""Stage `mine`: which frames are worth a label, within a budget, without the same moment twice.

`triggers` takes the clips round the highest scores, each trigger up to its quota, leaves out what
looks like something that is taken already, and fills a part of the budget with plain frames
against forgetting. `random` takes clips of the same length anywhere; `all` takes everything. Of
each task all arms get the same number of frames, if there are so many.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json, to_json
from fleetloop.core.rng import child_generator
from fleetloop.core.scenario import Scenario, write_scenario
from fleetloop.loop.campaign.collect import episodes_in
from fleetloop.loop.campaign.config import ClipConfig
from fleetloop.loop.campaign.sense import HITS, ROWS, SIGNALS
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart
from fleetloop.loop.triggers.base import windows

CLIPS = "clips.json"
SCENARIOS = "scenarios"
_DIGEST_PX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A piece of an episode.

    Attributes:
        episode: Job name in the stage that collected it.
        first, stop: First row, and row after the last.
        row: The moment that it is about; `first` for a clip that no trigger named.
        trigger: Why it was taken: a trigger's name, `plain`, `random` or `all`.
        score: Of the trigger there.
    """

    episode: str
    first: int
    stop: int
    row: int
    trigger: str
    score: float = 0.0

    @property
    def frames(self) -> int:
        """How many rows."""
        return self.stop - self.first


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Episode:
    """What mining knows of an episode.

    Attributes:
        name: Job name.
        task: Registered name.
        t_s: Time of each row, (n,).
        hits: `(trigger, row, score)`.
        look: An embedding of each row, (n, d), of length 1 each.
    """

    name: str
    task: str
    t_s: npt.NDArray[np.float64]
    hits: Sequence[tuple[str, int, float]]
    look: npt.NDArray[np.float32]


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [JobPlan(name="clips", call="fleetloop.loop.campaign.mine:mine", args=options)]


def mine(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Chooses clips, and freezes failures as scenarios."""
    config = from_json(ClipConfig, args["clips"])
    collected = episodes_in(inputs["logs"])
    episodes = [
        _episode(name, told["task"], inputs["rows"] / name, looks=args["how"] == "triggers")
        for name, _, told in collected
    ]
    clips: list[Clip] = []
    for task in sorted({episode.task for episode in episodes}):
        own = [episode for episode in episodes if episode.task == task]
        rng = child_generator(args["seed"], "mine", task)
        if args["how"] == "all":
            clips += [whole(episode) for episode in own]
        elif args["how"] == "random":
            clips += random_clips(own, config, args["frames"][task], rng, "random")
        else:
            clips += triggered_clips(own, config, args["frames"][task], rng)
    told = {"clips": [to_json(clip) for clip in clips]}
    (out / CLIPS).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    if args.get("scenarios", 0):
        freeze_failures(args, collected, out / SCENARIOS)


def whole(episode: Episode) -> Clip:
    """All of an episode."""
    return Clip(episode=episode.name, first=0, stop=len(episode.t_s), row=0, trigger="all")


def triggered_clips(
    episodes: Sequence[Episode], config: ClipConfig, frames: int, rng: np.random.Generator
) -> list[Clip]:
    """Clips round hits, best first by turns of the triggers, then plain ones.

    Args:
        episodes: Of one task.
        config: Windows, quotas, what counts as the same.
        frames: Budget.
        rng: Chooses the plain frames.
    """
    taken = {episode.name: np.zeros(len(episode.t_s), np.bool_) for episode in episodes}
    kept_looks: list[npt.NDArray[np.float32]] = []
    clips: list[Clip] = []
    wanted = round(frames * (1.0 - config.plain_part))
    quota = round(frames * config.quota_part)
    used: dict[str, int] = {}
    queues = _queues(episodes)
    while queues and sum(used.values()) < wanted:
        for trigger in list(queues):
            if not queues[trigger] or used.get(trigger, 0) >= quota:
                del queues[trigger]
                continue
            episode, row, score = queues[trigger].pop(0)
            if taken[episode.name][row] or _known(episode.look[row], kept_looks, config.similarity):
                continue
            left = min(wanted - sum(used.values()), quota - used.get(trigger, 0))
            for first, stop in _free(episode, row, config, taken[episode.name], left):
                clips.append(
                    Clip(episode=episode.name, first=first, stop=stop, row=row, trigger=trigger,
                         score=score)
                )  # fmt: skip
                taken[episode.name][first:stop] = True
                used[trigger] = used.get(trigger, 0) + stop - first
            kept_looks.append(episode.look[row])
            if sum(used.values()) >= wanted:
                break
    plain = frames - sum(used.values())
    return clips + random_clips(episodes, config, plain, rng, "plain", taken)


def random_clips(
    episodes: Sequence[Episode],
    config: ClipConfig,
    frames: int,
    rng: np.random.Generator,
    why: str,
    taken: Mapping[str, npt.NDArray[np.bool_]] | None = None,
) -> list[Clip]:
    """Clips of a trigger's length round rows that are drawn evenly, until the budget is used."""
    taken = taken or {e.name: np.zeros(len(e.t_s), np.bool_) for e in episodes}
    rows = [(episode, row) for episode in episodes for row in range(len(episode.t_s))]
    clips: list[Clip] = []
    left = frames
    for place in rng.permutation(len(rows)).tolist():
        if left <= 0:
            break
        episode, row = rows[place]
        if taken[episode.name][row]:
            continue
        for first, stop in _free(episode, row, config, taken[episode.name], left):
            clips.append(Clip(episode=episode.name, first=first, stop=stop, row=row, trigger=why))
            taken[episode.name][first:stop] = True
            left -= stop - first
    return clips


def freeze_failures(
    args: Mapping[str, Any], collected: Sequence[tuple[str, Path, Mapping[str, Any]]], out: Path
) -> list[Scenario]:
    """Writes failed episodes as scenarios: of each task the first so many, causes by turns."""
    frozen: list[Scenario] = []
    for task in sorted({told["task"] for _, _, told in collected}):
        by_cause: dict[str, list[Mapping[str, Any]]] = {}
        for _, _, told in collected:
            if told["task"] == task and not told["outcome"]["success"]:
                by_cause.setdefault(told["outcome"]["cause"], []).append(told)
        queues = [by_cause[cause] for cause in sorted(by_cause)]
        chosen: list[Mapping[str, Any]] = []
        while any(queues) and len(chosen) < args["scenarios"]:
            for queue in queues:
                if queue and len(chosen) < args["scenarios"]:
                    chosen.append(queue.pop(0))
        for told in chosen:
            short = task.split("/")[-1]
            frozen.append(
                Scenario(
                    name=f"{short} {told['seed']}: {told['outcome']['cause']}",
                    task=task,
                    seed=told["seed"],
                    env=args["envs"][task],
                    max_steps=args["max_steps"][task],
                    why=told["outcome"]["cause"],
                    found_by=told["policy"],
                    digest=told["outcome"]["digest"],
                )
            )
            write_scenario(frozen[-1], out / f"{short}-{frozen[-1].key}.json")
    return frozen


def read_clips(folder: Path) -> list[Clip]:
    """What a stage of this kind chose."""
    data = json.loads((folder / "clips" / CLIPS).read_text())
    return [from_json(Clip, entry) for entry in data["clips"]]


def look_of(rows: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """An embedding of what the robot saw and felt, (n, d), each of length 1.

    The first camera's picture, 8 x 8, less the mean over the episode, beside the goal and the
    action that the expert wants: moments count as the same only if they also ask for the same.
    """
    image = rows["image"][:, 0].astype(np.float32) / 255.0
    size = image.shape[1] // _DIGEST_PX
    cut = image[:, : size * _DIGEST_PX, : size * _DIGEST_PX]
    small = cut.reshape(len(image), _DIGEST_PX, size, _DIGEST_PX, size, 3).mean(axis=(2, 4))
    flat = small.reshape(len(image), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    wanted = rows["action"][:, 0].astype(np.float32)
    look = np.concatenate([flat, wanted], axis=1)
    length = np.linalg.norm(look, axis=1, keepdims=True)
    return np.asarray(look / np.maximum(length, 1e-6), np.float32)


def _episode(name: str, task: str, folder: Path, *, looks: bool) -> Episode:
    with np.load(folder / SIGNALS, allow_pickle=False) as file:
        t_s = file["t_s"]
    look = np.zeros((len(t_s), 1), np.float32)
    if looks:
        with np.load(folder / ROWS, allow_pickle=False) as file:
            look = look_of({key: file[key] for key in ("image", "action")})
    found = [
        (str(hit["trigger"]), int(hit["row"]), float(hit["score"]))
        for hit in json.loads((folder / HITS).read_text())
    ]
    return Episode(name=name, task=task, t_s=t_s, hits=found, look=look)


def _queues(episodes: Sequence[Episode]) -> dict[str, list[tuple[Episode, int, float]]]:
    """Hits by trigger, highest score first; ties go by episode and row."""
    queues: dict[str, list[tuple[Episode, int, float]]] = {}
    for episode in episodes:
        for trigger, row, score in episode.hits:
            queues.setdefault(trigger, []).append((episode, row, score))
    for queue in queues.values():
        queue.sort(key=lambda hit: (-hit[2], hit[0].name, hit[1]))
    return dict(sorted(queues.items()))


def _known(
    look: npt.NDArray[np.float32], kept: Sequence[npt.NDArray[np.float32]], similarity: float
) -> bool:
    return any(float(look @ other) > similarity for other in kept)


def _free(
    episode: Episode,
    row: int,
    config: ClipConfig,
    taken: npt.NDArray[np.bool_],
    most: int,
) -> list[tuple[int, int]]:
    """The part of the window round a row that is not taken, at most so many frames of it."""
    if most <= 0:
        return []
    first, stop = windows([row], episode.t_s, config.pre_s, config.post_s)[0]
    free = np.flatnonzero(~taken[first:stop]) + first
    if not len(free):
        return []
    # What is nearest to the moment is kept, should the budget end within the window.
    order = np.argsort(np.abs(free - row), kind="stable")[:most]
    chosen = np.sort(free[order])
    breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(chosen, breaks)]


KIND = StageKind(name="mine", version=1, plan=_plan)
