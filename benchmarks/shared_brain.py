"""One brain for two bodies against a specialist for each, at equal total steps of training.

    python benchmarks/shared_brain.py --out runs/shared --steps 600 --cases 40

All three see the same expert episodes; the shared brain is shown as many batches as both
specialists together, half of each batch from either body. Held-out seeds are the same for all.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from fleetloop.agents.brain.config import brain_preset
from fleetloop.agents.brain.policy import BrainPolicy
from fleetloop.agents.evaluate import Case, CaseResult, compare, evaluate, summarise
from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import rollout
from fleetloop.agents.training.config import TrainConfig
from fleetloop.agents.training.gather import logs_of, make_shards, spec_of_logs
from fleetloop.agents.training.imitation import train
from fleetloop.core.config import to_json
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.envs.registration import make_env
from fleetloop.loop.campaign.presets import rows_of

TASKS = {row.task: row.options("train") for row in rows_of(("car", "humanoid"))}
RATE = 2e-3


def record(task: str, out: Path, episodes: int) -> Path:
    """Expert episodes of a task, those that are not there yet."""
    env = make_env(task, **TASKS[task])
    with EpisodeWriter(out) as writer:
        for seed in range(episodes):
            name = f"{task.split('/')[-1]}-{seed}"
            if not writer.path(name).exists():
                rollout(env, EXPERTS.get(task)(), seed, [writer])
    env.close()
    return out


def measure(brain: Path, task: str, cases: int) -> list[CaseResult]:
    """Held-out cases of a task."""
    chosen = [Case(task=task, seed=1_000_000 + number, env=TASKS[task]) for number in range(cases)]
    policy = BrainPolicy.load(brain, task)
    return evaluate(lambda *_: policy, chosen)


def main() -> None:
    """Records, trains, measures, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--steps", type=int, default=600, help="of each specialist")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--brain", default="cnn")
    options = parser.parse_args()
    folders = {
        task: record(task, options.out / f"logs-{number}", options.episodes)
        for number, task in enumerate(TASKS)
    }
    learn = partial(TrainConfig, brain=brain_preset(options.brain), rate=RATE)
    both = logs_of(list(folders.values()))
    spec = spec_of_logs(both, horizon=4)
    shards = make_shards(both, options.out / "shards", spec)
    shared = options.out / "shared"
    train(learn(spec=spec, steps=2 * options.steps), shards, shared)
    table = {}
    for number, (task, folder) in enumerate(folders.items()):
        logs = logs_of([folder])
        own = spec_of_logs(logs, horizon=4)
        special = options.out / f"special-{number}"
        parts = make_shards(logs, options.out / f"shards-{number}", own)
        train(learn(spec=own, steps=options.steps), parts, special)
        results = {name: measure(path, task, options.cases)
                   for name, path in (("specialist", special), ("shared", shared))}  # fmt: skip
        test = compare(results["specialist"], results["shared"])[task]
        rows = {name: summarise(found)[0] for name, found in results.items()}
        for name, row in rows.items():
            print(
                f"{task:28} {name:10} {100 * row.success.value:4.0f} % "
                f"[{100 * row.success.low:.0f}, {100 * row.success.high:.0f}] of {row.cases}, "
                f"progress {100 * row.progress.value:.0f} %"
            )
        print(f"{task:28} difference {100 * test.difference:+.0f} points, p = {test.p:.2g}")
        table[task] = {name: to_json(row) for name, row in rows.items()} | {"test": to_json(test)}
    (options.out / "table.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
