"""Runs the stages of a campaign on a fleet, and goes on where a stopped or killed run left off.

A stage begins when its inputs are there, so stages that do not need each other share the workers: a
brain is trained while another arm is evaluated. What comes out does not depend on that, since jobs
see nothing but their arguments and the finished folders of other stages.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fleetloop.core.config import to_json
from fleetloop.core.errors import StorageError
from fleetloop.loop.campaign.kinds import STAGES
from fleetloop.loop.campaign.stage import JobPlan, Stage, StageKind, in_order, stage_key
from fleetloop.loop.campaign.store import (
    Manifest,
    StageStore,
    job_part,
    keep_job,
    read_manifest,
    remove_left,
    write_whole,
)
from fleetloop.loop.fleet.base import Fleet, Job, JobEnd, JobError, ReportPart, resolve

COSTS = "costs.jsonl"
INDEX = "index.json"
"""Which folder of `stages/` is the result of which stage, by name."""

_ROUND_S = 0.5


class Watcher(Protocol):
    """Is told how far a campaign is."""

    def stage(self, stage: Stage, state: str) -> None:
        """A stage is `found`, `begun` or `done`."""
        ...

    def part(self, done: float, of: float, running: Sequence[str]) -> None:
        """So much of the expected work is done; these stages are at it."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """A finished stage: its folder and what the manifest says."""

    folder: Path
    manifest: Manifest


@dataclass(slots=True)
class _Active:
    stage: Stage
    kind: StageKind
    key: str
    part: Path
    jobs: Mapping[str, JobPlan]
    waiting: set[str] = field(default_factory=set)


def run_stages(
    stages: Sequence[Stage], out: Path, fleet: Fleet, watcher: Watcher
) -> dict[str, Result]:
    """Runs what is not there yet, and returns all results by the stage's name.

    Args:
        stages: The graph.
        out: Folder of the campaign: results go to `stages/` in it, costs to `costs.jsonl`.
        fleet: Workers. Left as it is.
        watcher: Is told what happens.

    Raises:
        ConfigError: The graph does not hold together.
        JobError: A job failed; what is done is kept.
        StorageError: Another run is at work in this folder, or it cannot be written.
        DamagedFileError: A result that is there was changed.
    """
    order = in_order(stages)
    with _alone_in(out):
        return _Run(order, out, fleet, watcher).to_end()


def do_stage_job(args: Mapping[str, Any], report: ReportPart) -> None:
    """Does one job of a stage in a worker: an empty folder in, a whole one out."""
    stage_part, name = Path(args["stage_part"]), str(args["name"])
    folder = stage_part / name
    if folder.exists():
        return
    part = job_part(stage_part, name)
    inputs = {key: Path(path) for key, path in args["inputs"].items()}
    function: Any = resolve(args["call"])  # a job of a stage takes folders as well
    function(args["args"], inputs, part, report)
    keep_job(part, folder)


class _Run:
    def __init__(self, order: list[Stage], out: Path, fleet: Fleet, watcher: Watcher) -> None:
        self._order = order
        self._out = out
        self._store = StageStore(out / "stages")
        self._fleet = fleet
        self._watcher = watcher
        self._results: dict[str, Result] = {}
        self._active: dict[str, _Active] = {}
        self._weights = {
            stage.name: STAGES.get(stage.kind).weight(stage.options) for stage in order
        }
        # Work that is here to be counted: stages found whole take no time.
        self._of = sum(self._weights.values())
        self._done = 0.0

    def to_end(self) -> dict[str, Result]:
        while len(self._results) < len(self._order):
            self._begin_what_can()
            if len(self._results) == len(self._order):
                break
            end = self._fleet.wait(_ROUND_S)
            if end is not None:
                self._take(end)
            self._tell_part()
        return self._results

    def _begin_what_can(self) -> None:
        begun = True
        while begun:
            begun = False
            for stage in self._order:
                known = stage.name in self._results or stage.name in self._active
                if known or not all(name in self._results for name in stage.inputs.values()):
                    continue
                begun |= self._begin(stage)

    def _begin(self, stage: Stage) -> bool:
        """Begins a stage whose inputs are there; False if it has to wait all the same."""
        kind = STAGES.get(stage.kind)
        inputs = {name: self._results[source] for name, source in stage.inputs.items()}
        digests = {name: result.manifest.digest for name, result in inputs.items()}
        key = stage_key(kind, stage.options, digests)
        there = self._store.find(kind.name, key)
        if there is not None:
            self._keep(stage, Result(self._store.folder(kind.name, key), there))
            self._of -= self._weights[stage.name]
            self._watcher.stage(stage, "found")
            return True
        if any(active.key == key for active in self._active.values()):
            return False  # another stage is making the very same
        folders = {name: result.folder for name, result in inputs.items()}
        part = self._store.begin(kind.name, key)
        jobs = {job.name: job for job in kind.plan(stage.options, folders)}
        active = _Active(stage, kind, key, part, jobs)
        self._active[stage.name] = active
        self._watcher.stage(stage, "begun")
        remove_left(part)
        for job in jobs.values():
            if not (part / job.name).exists():
                active.waiting.add(job.name)
                self._fleet.submit(_fleet_job(stage, job, part, folders))
        if not active.waiting:
            self._finish(active)
        return True

    def _take(self, end: JobEnd) -> None:
        name, _, job = end.name.partition("/")
        active = self._active[name]
        if end.error:
            first, _, trace = end.error.partition("\n")
            self._note({"stage": name, "job": job, "error": trace or first})
            raise JobError(
                f"The job {job} of the stage {name} failed: {first} The trace is in "
                f"{self._out / COSTS}; what is done is kept."
            )
        self._note(
            {
                "stage": name,
                "kind": active.kind.name,
                "job": job,
                "cpu_s": round(end.cpu_s, 4),
                "wall_s": round(end.wall_s, 4),
                "attempts": end.attempts,
            }
        )
        active.waiting.discard(job)
        if not active.waiting:
            self._finish(active)

    def _finish(self, active: _Active) -> None:
        stage = active.stage
        inputs = {name: self._results[source] for name, source in stage.inputs.items()}
        folder = self._store.finish(
            Manifest(
                kind=active.kind.name,
                version=active.kind.version,
                key=active.key,
                options=to_json(stage.options),
                inputs={name: result.folder.name for name, result in inputs.items()},
                input_digests={name: result.manifest.digest for name, result in inputs.items()},
                files={},
                digest="",
            )
        )
        self._keep(stage, Result(folder, read_manifest(folder)))
        del self._active[stage.name]
        self._done += self._weights[stage.name]
        self._watcher.stage(stage, "done")

    def _keep(self, stage: Stage, result: Result) -> None:
        self._results[stage.name] = result
        index = {name: known.folder.name for name, known in sorted(self._results.items())}
        write_whole(self._out / INDEX, json.dumps(index, indent=1) + "\n")

    def _tell_part(self) -> None:
        within = self._fleet.parts_done()
        done = self._done
        for name, active in self._active.items():
            total = sum(job.weight for job in active.jobs.values()) or 1.0
            made = sum(job.weight for job in active.jobs.values() if job.name not in active.waiting)
            for job in active.waiting:
                made += active.jobs[job].weight * within.get(f"{name}/{job}", 0.0)
            done += self._weights[name] * made / total
        self._watcher.part(done, self._of, sorted(self._active))

    def _note(self, line: Mapping[str, Any]) -> None:
        """What a job cost; apart from the results, which hold no time."""
        with (self._out / COSTS).open("a") as stream:
            stream.write(json.dumps(dict(line), sort_keys=True) + "\n")


def _fleet_job(stage: Stage, job: JobPlan, part: Path, folders: Mapping[str, Path]) -> Job:
    return Job(
        name=f"{stage.name}/{job.name}",
        call="fleetloop.loop.campaign.run:do_stage_job",
        args={
            "stage_part": str(part),
            "name": job.name,
            "call": job.call,
            "args": to_json(job.args),
            "inputs": {name: str(folder) for name, folder in folders.items()},
        },
        weight=job.weight,
    )


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Keeps a second run out of a campaign's folder; the lock goes with the process.

    Raises:
        StorageError: Another run holds it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(f"Cannot write into {out}: {error.strerror or error}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"Another run is at work in {out}: wait for its end, or choose another folder."
            ) from error
        yield
    finally:
        os.close(handle)
