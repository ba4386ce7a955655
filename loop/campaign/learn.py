"""Stage `train`: a brain from all clips of an arm so far; stage `shadow`: it beside the last one.

In shadow both brains answer the same logged observations, and neither acts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json
from fleetloop.loop.campaign.config import LearnConfig
from fleetloop.loop.campaign.drivers import BRAIN, brain_folder
from fleetloop.loop.campaign.label import shards_in
from fleetloop.loop.campaign.sense import ROWS, SIGNALS, said_by
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart

REPORT = "training.json"
SHADOW = "shadow.json"
LESSONS = "lessons.json"
_FIRST_WORST = 12


def _plan_train(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [JobPlan(name=BRAIN, call="fleetloop.loop.campaign.learn:train_one", args=options)]


def train_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Trains from the shards of all inputs called `shards...`, beginning with `brain` if given."""
    from fleetloop.agents.brain.config import brain_preset
    from fleetloop.agents.brain.inputs import InputSpec
    from fleetloop.agents.training.config import TrainConfig
    from fleetloop.agents.training.imitation import REPORT as TRAIN_REPORT
    from fleetloop.agents.training.imitation import train

    learn = from_json(LearnConfig, args["learn"])
    spec = from_json(InputSpec, args["spec"])
    first = bool(args["first"])
    config = TrainConfig(
        spec=spec,
        brain=brain_preset(learn.brain),
        steps=learn.first_steps if first else learn.next_steps,
        batch=learn.batch,
        rate=learn.rate if first else learn.next_rate,
    )
    shards = [
        shard for name in sorted(inputs) if name.startswith("shards")
        for shard in shards_in(inputs[name])
    ]  # fmt: skip
    losses: list[dict[str, float]] = []

    def on_step(step: int, steps: int, mean: Mapping[str, float]) -> None:
        report(step / steps)
        if step * 40 // steps > (step - 10) * 40 // steps:
            losses.append({"step": step} | {name: float(value) for name, value in mean.items()})

    done = train(
        config,
        shards,
        out / BRAIN,
        init=brain_folder(inputs["brain"]) if "brain" in inputs else None,
        seed=args["seed"],
        progress=on_step,
    )
    # Processor time is told elsewhere: results hold none, so that they can be compared.
    (out / BRAIN / TRAIN_REPORT).unlink()
    told = {
        "steps": done.steps,
        "rows": done.rows,
        "shards": len(shards),
        "weights_sha256": done.weights_sha256,
        "first_loss": dict(done.first_loss),
        "last_loss": dict(done.last_loss),
        "curve": losses,
    }
    (out / REPORT).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def _plan_shadow(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [JobPlan(name="shadow", call="fleetloop.loop.campaign.learn:shadow", args=options)]


def shadow(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Lets candidate and champion answer the same rows, and tells where they differ.

    Also scores the candidate's three lessons on these rows, which it may have learnt from in part:
    the report says so.
    """
    from fleetloop.agents.brain.inputs import InputSpec
    from fleetloop.agents.lessons import lesson_scores

    spec = from_json(InputSpec, args["spec"])
    folders = sorted(path.parent for path in inputs["rows"].glob(f"*/{ROWS}"))
    by_task: dict[str, list[dict[str, npt.NDArray[Any]]]] = {}
    worst: list[dict[str, Any]] = []
    for number, folder in enumerate(folders):
        report(number / len(folders))
        with np.load(folder / ROWS, allow_pickle=False) as file:
            rows = {name: file[name] for name in file.files}
        with np.load(folder / SIGNALS, allow_pickle=False) as file:
            t_s = file["t_s"]
        new = said_by(inputs["candidate"], rows, spec.horizon)
        old = said_by(inputs["champion"], rows, spec.horizon)
        assert new is not None
        assert old is not None
        wanted = rows["action"][:, 0]
        gap = np.abs(new["action"] - old["action"]).max(axis=1)
        part = {
            "gap": gap,
            "new_error": np.abs(new["action"] - wanted).max(axis=1),
            "old_error": np.abs(old["action"] - wanted).max(axis=1),
            "answer": new["answer"],
            "label": rows["answer"],
            "known": rows["known"],
        }
        task = spec.tasks[int(rows["task"][0])].task if len(gap) else ""
        by_task.setdefault(task, []).append(part)
        if len(gap):
            row = int(gap.argmax())
            worst.append({"episode": folder.name, "task": task, "t_s": round(float(t_s[row]), 3),
                          "gap": round(float(gap[row]), 4)})  # fmt: skip
    tasks = {}
    lessons = {}
    for task, parts in sorted(by_task.items()):
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        tasks[task] = {
            "rows": len(joined["gap"]),
            "mean_gap": float(joined["gap"].mean()),
            "large_gap": float((joined["gap"] > 0.25).mean()),
            "candidate_error": float(joined["new_error"].mean()),
            "champion_error": float(joined["old_error"].mean()),
        }
        lessons[task] = lesson_scores(joined["answer"], joined["label"], joined["known"])
    worst.sort(key=lambda entry: (-entry["gap"], entry["episode"]))
    told = {"tasks": tasks, "worst": worst[:_FIRST_WORST]}
    (out / SHADOW).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    (out / LESSONS).write_text(json.dumps(lessons, indent=1, sort_keys=True) + "\n")


def _weight(options: Mapping[str, Any]) -> float:
    learn = options["learn"]
    steps = learn["first_steps"] if options["first"] else learn["next_steps"]
    return float(steps) * TRAIN_STEP_WEIGHT


TRAIN_STEP_WEIGHT = 0.01
"""A batch against an episode, for the bar alone; the probe of a machine tells it better."""

TRAIN = StageKind(name="train", version=1, plan=_plan_train, weight=_weight)
SHADOW_KIND = StageKind(name="shadow", version=1, plan=_plan_shadow)
