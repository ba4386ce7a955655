"""Stage `evaluate`: a brain on fixed cases; stage `promote`: whether it takes the champion's place.

Cases fix world, traffic and noise by their seeds, so two brains meet the same episodes. A candidate
is promoted unless the paired test on the dev cases finds it worse, or it fails at scenarios that
the champion had solved. Nothing is ever decided on test cases.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleetloop.core.config import from_json, to_json
from fleetloop.core.scenario import read_scenario
from fleetloop.loop.campaign.config import PromoteConfig
from fleetloop.loop.campaign.drivers import BRAIN, brain_folder, driver
from fleetloop.loop.campaign.mine import SCENARIOS
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart

RESULT = "result.json"
DECISION = "decision.json"
DEV = "dev.json"


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    jobs = [
        JobPlan(
            name=f"{case['task'].split('/')[-1]}-{number:04d}",
            call="fleetloop.loop.campaign.judge:evaluate_one",
            args={"case": case, "scenario": "", "ablation": options.get("ablation", "")},
        )
        for number, case in enumerate(options["cases"])
    ]
    known = set()
    for name in sorted(inputs):
        if not name.startswith("scenarios"):
            continue
        for path in sorted((inputs[name] / "clips" / SCENARIOS).glob("*.json")):
            scenario = read_scenario(path)
            if scenario.key in known:
                continue
            known.add(scenario.key)
            case = {
                "task": scenario.task,
                "env": to_json(scenario.env),
                "seed": scenario.seed,
                "max_steps": scenario.max_steps,
                "cluster": "",
            }
            jobs.append(
                JobPlan(
                    name=f"scenario-{scenario.key}",
                    call="fleetloop.loop.campaign.judge:evaluate_one",
                    args={"case": case, "scenario": scenario.key, "ablation": ""},
                )
            )
    return jobs


def evaluate_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Runs one case with the brain of the input `brain`, or the expert without one."""
    from fleetloop.agents.evaluate import Case, run_case
    from fleetloop.envs.registration import make_env

    case = from_json(Case, args["case"])
    env = make_env(case.task, **case.env)
    try:
        who = "brain" if "brain" in inputs else "expert"
        policy = driver(who, case.task, env, inputs.get("brain"), args["ablation"])
        result = run_case(env, policy, case)
    finally:
        env.close()
    told = {"scenario": args["scenario"], "case": args["case"], "result": to_json(result)}
    (out / RESULT).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def read_results(folder: Path) -> list[dict[str, Any]]:
    """All results of a stage of this kind, in the order of the jobs' names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"*/{RESULT}"))]


def _plan_promote(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    return [JobPlan(name=BRAIN, call="fleetloop.loop.campaign.judge:promote", args=options)]


def promote(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Decides, and copies the brain that goes on with what is known of it."""
    config = from_json(
        PromoteConfig, {name: value for name, value in args.items() if name != "gated"}
    )
    if args["gated"]:
        candidate = read_results(inputs["dev"])
        decision = decide(config, _champion_results(inputs["champion_dev"]), candidate)
    else:
        candidate, decision = [], {"promoted": True, "gated": False}
    winner = "candidate" if decision["promoted"] else "champion"
    shutil.copytree(brain_folder(inputs[winner]), out / BRAIN)
    known = candidate if decision["promoted"] else _champion_results(inputs.get("champion_dev"))
    (out / DEV).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    (out / DECISION).write_text(json.dumps(decision, indent=1, sort_keys=True) + "\n")


def decide(
    config: PromoteConfig,
    champion: Sequence[Mapping[str, Any]],
    candidate: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Whether a candidate takes the champion's place.

    Args:
        config: Limits.
        champion, candidate: Results of dev cases and scenarios. Scenarios that the champion has no
            result of are failures of its own.

    Returns:
        `promoted`; by task `paired` tests of the dev cases; `solved` and `lost` scenarios.
    """
    from fleetloop.agents.statistics import mcnemar

    before = {
        entry["result"]["key"]: entry["result"] for entry in champion if not entry["scenario"]
    }
    after = {
        entry["result"]["key"]: entry["result"] for entry in candidate if not entry["scenario"]
    }
    paired = {}
    worse = []
    for task in sorted({result["task"] for result in after.values()}):
        keys = sorted(key for key in after if after[key]["task"] == task and key in before)
        test = mcnemar([before[key]["success"] for key in keys],
                       [after[key]["success"] for key in keys])  # fmt: skip
        paired[task] = to_json(test)
        if test.p < config.significance and test.lost > test.gained:
            worse.append(task)
    was = {entry["scenario"]: entry["result"]["success"] for entry in champion if entry["scenario"]}
    now = {
        entry["scenario"]: entry["result"]["success"] for entry in candidate if entry["scenario"]
    }
    lost = sorted(key for key, success in now.items() if not success and was.get(key, False))
    solved = sorted(key for key, success in now.items() if success and not was.get(key, False))
    return {
        "gated": True,
        "promoted": not worse and len(lost) <= config.may_lose,
        "worse": worse,
        "paired": paired,
        "scenarios": len(now),
        "holds": sum(now.values()),
        "solved": solved,
        "lost": lost,
    }


def _champion_results(stage: Path | None) -> list[dict[str, Any]]:
    """What is known of a champion: results of `evaluate`, or what `promote` has kept."""
    if stage is None:
        return []
    kept = stage / BRAIN / DEV
    if kept.exists():
        data: list[dict[str, Any]] = json.loads(kept.read_text())
        return data
    return read_results(stage)


def _weight(options: Mapping[str, Any]) -> float:
    return float(len(options["cases"]))


EVALUATE = StageKind(name="evaluate", version=1, plan=_plan, weight=_weight)
PROMOTE = StageKind(name="promote", version=1, plan=_plan_promote)
