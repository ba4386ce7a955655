"""How often the humanoid's experts succeed, over seeds that nobody tuned on; failures by cause.

    python benchmarks/humanoid_experts.py Wipe --first 20000 --count 100

Prints a line an episode and a table at the end, and writes both as JSON if `--out` says where.
Seeds below 1000 were looked at while tasks and experts were written: take others.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import rollout
from fleetloop.core.types import Step
from fleetloop.envs.env import RobotEnv
from fleetloop.envs.registration import make_env


def run(env: RobotEnv, task: str, seed: int) -> dict[str, object]:
    """One episode of a task's expert: outcome, and what its last event told."""
    steps: list[Step] = []
    outcome = rollout(env, EXPERTS.get(task)(), seed, on_step=steps.append)
    last = steps[-1]
    found: dict[str, object] = {
        "seed": seed, "success": outcome.success, "cause": outcome.cause, "steps": outcome.steps,
    }  # fmt: skip
    if "force_stats" in last.truth:
        contact, total, square, right = (float(v) for v in last.truth["force_stats"])
        mean = total / max(contact, 1.0)
        found |= {
            "mean_force_n": round(mean, 3),
            "sd_force_n": round(float(np.sqrt(max(square / max(contact, 1.0) - mean**2, 0.0))), 3),
            "in_band": round(right / max(contact, 1.0), 4),
            "coverage": round(float(last.truth["coverage"]), 4),
        }
    return found


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", help="Stand, Walk, Wipe, Carry, Pick, Handover")
    parser.add_argument("--first", type=int, default=20_000, help="first seed")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--physics", default=None, help="`fast` for the kinematic mode")
    parser.add_argument("--out", type=Path, default=None, help="JSON file")
    options = parser.parse_args()
    task = f"fleetloop/Humanoid{options.task}-v0"
    more = {} if options.physics is None else {"physics": options.physics}
    env = make_env(task, obs_mode="state", **more)
    rows = []
    began = time.process_time()
    for number in range(options.count):
        rows.append(run(env, task, options.first + number))
        spent = time.process_time() - began
        left = spent / (number + 1) * (options.count - number - 1)
        print(json.dumps(rows[-1]), f"{left:.0f} s left", file=sys.stderr, flush=True)
    env.close()
    table = summary(rows)
    print(json.dumps(table, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps({"task": task, "summary": table, "episodes": rows}))


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Success, causes, and means of what was measured."""
    causes = Counter(str(row["cause"]) for row in rows)
    table: dict[str, object] = {
        "episodes": len(rows),
        "success": sum(bool(row["success"]) for row in rows) / len(rows),
        "causes": dict(causes.most_common()),
    }
    for name in ("steps", "mean_force_n", "sd_force_n", "in_band", "coverage"):
        values = [float(str(row[name])) for row in rows if name in row]
        if values:
            table[name] = {"mean": round(float(np.mean(values)), 3),
                           "worst": [min(values), max(values)]}  # fmt: skip
    return table


if __name__ == "__main__":
    main()
