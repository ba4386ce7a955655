"""Stage `trigger`: an episode's decisions as rows, the expert and two brains in shadow, and hits.

Nothing is simulated: what the robot saw is made again from the log, the expert says from the logged
truth what it would have done, and the brains say what they would.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json, to_json
from fleetloop.core.objects import EGO, Objects
from fleetloop.loop.campaign.collect import episodes_in
from fleetloop.loop.campaign.drivers import brain_folder
from fleetloop.loop.campaign.signals import Signals
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart
from fleetloop.loop.triggers import TRIGGERS
from fleetloop.loop.triggers.base import Hit, hits

ROWS = "rows.npz"
HITS = "hits.json"
SIGNALS = "signals.npz"

_SENSED = ("speed_m_s",)
_IN_THE_WAY_M = 1.2
"""Half the width of the band in front of the robot in which things are in its way."""


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [
        JobPlan(
            name=name,
            call="fleetloop.loop.campaign.sense:sense_one",
            args={
                "spec": options["spec"],
                "triggers": options["triggers"],
                "cooldown_s": options["cooldown_s"],
                "log": log.relative_to(inputs["logs"]).as_posix(),
            },
        )
        for name, log, _ in episodes_in(inputs["logs"])
    ]


def sense_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Makes the rows of one log, and asks all triggers."""
    from fleetloop.agents.brain.inputs import InputSpec
    from fleetloop.agents.observe import moments
    from fleetloop.agents.training.shards import expert_actions, rows_of
    from fleetloop.datasets.log.reader import EpisodeLog

    spec = from_json(InputSpec, args["spec"])
    log = EpisodeLog(inputs["logs"] / args["log"])
    seen = list(moments(log))
    report(0.5)
    rows = rows_of(log, seen, spec)
    np.savez(out / ROWS, allow_pickle=False, **rows)
    brain = said_by(inputs.get("brain"), rows, spec.horizon)
    before = said_by(inputs.get("previous"), rows, spec.horizon)
    width = len(spec.of(log.meta.task).actions)
    signals = Signals(
        task=log.meta.task,
        robot=log.meta.robot,
        t_s=np.array([moment.step.t_ns for moment in seen]) * 1e-9,
        done=rows["done"][:, :width],
        acted=rows["acted"],
        expert=expert_actions(log, seen),
        brain=None if brain is None else brain["action"][:, :width],
        previous=None if before is None else before["action"][:, :width],
        spread=None if brain is None else brain["spread"][:, :width].max(axis=1),
        answer=None if brain is None else brain["answer"],
        label=rows["answer"],
        known=rows["known"],
        events=[tuple(event.kind for event in moment.step.events) for moment in seen],
        truth=_stacked([moment.step.truth for moment in seen]),
        sensed=_stacked(
            [
                {k: v for k, v in moment.observation.items() if k.split("/")[-1] in _SENSED}
                for moment in seen
            ]
        ),
        near=np.array([time_to_collision_s(moment.objects) for moment in seen]),
        outcome=log.outcome,
    )
    found = _asked(signals, args["triggers"], args["cooldown_s"])
    (out / HITS).write_text(json.dumps([to_json(hit) for hit in found], indent=1) + "\n")
    _keep_signals(out, signals, brain)


def said_by(
    stage: Path | None, rows: Mapping[str, npt.NDArray[Any]], horizon: int
) -> dict[str, npt.NDArray[Any]] | None:
    """What a brain says to rows: `action` (n, a), its `spread` (n, a), `answer` (n, ANSWERS).

    None without a brain. Answers that are probabilities are logits here.
    """
    if stage is None:
        return None
    import torch

    from fleetloop.agents.brain.checkpoint import load_brain
    from fleetloop.agents.brain.network import tensors
    from fleetloop.agents.brain.policy import one_thread

    brain, _ = load_brain(brain_folder(stage))
    brain.eval()
    parts: dict[str, list[npt.NDArray[Any]]] = {"action": [], "spread": [], "answer": []}
    with torch.inference_mode(), one_thread():
        for start in range(0, len(rows["task"]), 128):
            batch = tensors({name: a[start : start + 128] for name, a in rows.items()})
            said = brain(batch)
            chunk = brain.norms.plain("action", said["action"], batch["task"]).numpy()
            parts["action"].append(chunk[:, 0])
            parts["answer"].append(
                brain.norms.plain("answer", said["answer"], batch["task"]).numpy()
            )
            if "log_variance" in said:
                spread = torch.exp(0.5 * said["log_variance"])
                wide = spread * brain.norms.action_spread[batch["task"]].unsqueeze(1)
                parts["spread"].append(wide.numpy()[:, 0])
            else:
                parts["spread"].append(np.zeros_like(chunk[:, 0]))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def time_to_collision_s(objects: Objects | None) -> float:
    """Seconds to the first contact with anything in the way if both keep their velocity.

    A thing is in the way if its middle passes within 1.2 m of the line on which the robot moves
    relative to it. Infinity where nothing is.
    """
    row = None if objects is None else objects.row(EGO)
    if objects is None or row is None:
        return float("inf")
    others = np.arange(len(objects.names)) != row
    gap_m = (objects.position_m[others] - objects.position_m[row])[:, :2]
    closing = (objects.linear_m_s[row] - objects.linear_m_s[others])[:, :2]
    speed = np.linalg.norm(closing, axis=1)
    moves = speed > 0.1
    if not moves.any():
        return float("inf")
    gap_m, closing, speed = gap_m[moves], closing[moves], speed[moves]
    size_m = 0.5 * np.minimum(objects.box_size_m[others][moves, 0],
                              objects.box_size_m[others][moves, 1])  # fmt: skip
    own_m = 0.5 * float(objects.box_size_m[row, 0])
    along = (gap_m * closing).sum(axis=1) / speed
    across = np.abs(gap_m[:, 0] * closing[:, 1] - gap_m[:, 1] * closing[:, 0]) / speed
    hits_it = (along > 0.0) & (across < _IN_THE_WAY_M + size_m) & (size_m < 5.0)
    if not hits_it.any():
        return float("inf")
    left_m = np.maximum((along - own_m - size_m)[hits_it], 0.0)
    return float((left_m / speed[hits_it]).min())


def _asked(signals: Signals, thresholds: Mapping[str, float], cooldown_s: float) -> list[Hit]:
    found: list[Hit] = []
    for name in sorted(thresholds):
        found += hits(name, TRIGGERS.get(name), signals, float(thresholds[name]), cooldown_s)
    return found


def _stacked(rows: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name, (n, ...), of the names that all rows have in one shape."""
    if not rows:
        return {}
    result = {}
    for name in rows[0]:
        values = [np.asarray(row[name]) for row in rows if name in row]
        if len(values) == len(rows) and len({value.shape for value in values}) == 1:
            result[name] = np.stack(values)
    return result


def _keep_signals(
    out: Path, signals: Signals, brain: Mapping[str, npt.NDArray[Any]] | None
) -> None:
    """What later stages ask for: times, and what the driving brain said."""
    kept: dict[str, npt.NDArray[Any]] = {"t_s": signals.t_s}
    if brain is not None:
        kept |= {"answer": brain["answer"], "action": brain["action"]}
    np.savez(out / SIGNALS, allow_pickle=False, **kept)


KIND = StageKind(name="trigger", version=1, plan=_plan)
