"""Stage `film`: failures on test cases once more, with pictures of their last seconds."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.config import from_json
from fleetloop.core.scenario import Scenario, write_scenario
from fleetloop.loop.campaign.drivers import driver
from fleetloop.loop.campaign.judge import read_results
from fleetloop.loop.campaign.stage import JobPlan, StageKind
from fleetloop.loop.fleet.base import ReportPart

FRAMES = 6
FILM = "film.json"
SCENARIO = "scenario.json"
_APART_S = 0.5
_WIDTH_PX = 280
_QUALITY = 82


def _plan(options: Mapping[str, Any], inputs: Mapping[str, Path]) -> Sequence[JobPlan]:
    by_reason: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in read_results(inputs["results"]):
        result = entry["result"]
        if not result["success"]:
            by_reason.setdefault((result["task"], result["cause"]), []).append(entry)
    queues = [by_reason[reason] for reason in sorted(by_reason)]
    chosen: list[dict[str, Any]] = []
    while any(queues) and len(chosen) < options["count"]:
        for queue in queues:
            if queue and len(chosen) < options["count"]:
                chosen.append(queue.pop(0))
    return [
        JobPlan(
            name=f"f{number:02d}",
            call="fleetloop.loop.campaign.films:film_one",
            args={"case": entry["case"], "result": entry["result"]},
        )
        for number, entry in enumerate(chosen)
    ]


def film_one(
    args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, report: ReportPart
) -> None:
    """Runs a case again, which comes out the same, and keeps pictures up to its end."""
    import cv2

    from fleetloop.agents.evaluate import Case
    from fleetloop.envs.registration import make_env

    case = from_json(Case, args["case"])
    result = args["result"]
    env = make_env(case.task, render_mode="rgb_array", **case.env)
    strip: deque[tuple[float, npt.NDArray[np.uint8]]] = deque(maxlen=FRAMES)
    try:
        policy = driver("brain", case.task, env, inputs["brain"])
        observation, _ = env.reset(seed=case.seed)
        state = policy.init(case.seed)
        every = max(1, round(_APART_S * env.config.control_hz))
        first = result["steps"] - 1 - every * (FRAMES - 1)
        for step in range(result["steps"]):
            action, state = policy.act(observation, state)
            observation, _, terminated, truncated, info = env.step(action)
            if step >= max(first, 0) and (step - first) % every == 0:
                picture = env.render()
                assert picture is not None
                strip.append((env.t_ns * 1e-9, picture))
            report((step + 1) / result["steps"])
            if terminated or truncated:
                break
        cause = info["cause"] or ("time" if truncated else "max_steps")
    finally:
        env.close()
    for number, (_, picture) in enumerate(strip):
        height = round(picture.shape[0] * _WIDTH_PX / picture.shape[1])
        small = cv2.resize(picture, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(out / f"{number}.jpg"), np.ascontiguousarray(small[:, :, ::-1]),
                    [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])  # fmt: skip
    scenario = Scenario(
        name=f"{case.task.split('/')[-1]} {case.seed}: {result['cause']}",
        task=case.task,
        seed=case.seed,
        env=case.env,
        max_steps=case.max_steps,
        why=result["cause"],
        found_by=result["policy"],
        digest=result["digest"],
    )
    write_scenario(scenario, out / SCENARIO)
    told = {"times_s": [round(t_s, 3) for t_s, _ in strip], "cause": cause,
            "task": case.task, "seed": case.seed, "same_end": cause == result["cause"]}  # fmt: skip
    (out / FILM).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


KIND = StageKind(name="film", version=2, plan=_plan)
