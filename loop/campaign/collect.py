"""Stage `collect`: robots drive, each episode one log in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleetloop.loop.campaign.drivers import driver
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart

EPISODE = "episode.json"


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [
        JobPlan(
            name=f"e{number:05d}",
            call="fleetloop.loop.campaign.collect:collect_one",
            args={**episode, "policy": options["policy"]},
        )
        for number, episode in enumerate(options["episodes"])
    ]


def collect_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Drives one episode, by the expert or by the brain of the input `brain`, and logs it."""
    from fleetloop.agents.rollout import rollout
    from fleetloop.core.config import to_json
    from fleetloop.core.types import Step
    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.envs.registration import make_env

    env = make_env(args["task"], **args["env"])
    try:
        policy = driver(args["policy"], args["task"], env, inputs.get("brain"))
        longest_s = env.task.max_duration_s

        def on_step(step: Step) -> None:
            report(min(step.t_ns * 1e-9 / longest_s, 1.0))

        with EpisodeWriter(out) as writer:
            outcome = rollout(
                env, policy, args["seed"], [writer], max_steps=args["max_steps"], on_step=on_step
            )
            log = writer.path(env.episode_meta(policy.name).episode_id).name
    finally:
        env.close()
    told = {"log": log, "task": args["task"], "seed": args["seed"], "policy": policy.name}
    text = json.dumps(told | {"outcome": to_json(outcome)}, indent=1, sort_keys=True)
    (out / EPISODE).write_text(text + "\n")


def episodes_in(folder: Path) -> list[tuple[str, Path, Mapping[str, Any]]]:
    """Job name, log and outcome of every episode that a stage collected, in order."""
    found = []
    for path in sorted(folder.glob(f"e*/{EPISODE}")):
        told = json.loads(path.read_text())
        found.append((path.parent.name, path.parent / told["log"], told))
    return found


def _weight(options: Mapping[str, Any]) -> float:
    return float(len(options["episodes"]))


KIND = StageKind(name="collect", version=1, plan=_plan, weight=_weight)
