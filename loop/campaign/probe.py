"""How fast this machine is, and how much of a campaign fits into the time.

A short probe drives each task for some steps and trains for some batches. From that follow the
costs of an episode and of a batch, and from these the counts. The counts are frozen in the
campaign's config before it begins; nothing in a result depends on the clock after that.

All workers probe at the same time: two that share a core's caches and units take up to half as much
processor time again as one alone, and a campaign has them all at work.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.agents.experts import EXPERTS
from fleetloop.core.config import from_json, to_json
from fleetloop.loop.campaign.config import CampaignConfig, TaskRow
from fleetloop.loop.fleet.base import Fleet, Job, JobError, ReportPart

PROBE_STEPS = 25
PROBE_BATCHES = 12
PROBE_SEED = 2_024


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """Processor time of a task on this machine.

    Attributes:
        build_s: What a worker does before the first step of an episode: environment and world.
        step_s: A step of the expert, with its record.
        act_s: A decision of the brain, beside that.
        row_s: Reading a row from a log, with labels.
        steps: Of an episode of the expert.
        learner_steps: Of one of a brain that is still learning: failures may be long or short.
    """

    build_s: float
    step_s: float
    act_s: float
    row_s: float
    steps: int
    learner_steps: int

    @property
    def expert_s(self) -> float:
        """An episode of the expert, recorded."""
        return self.build_s + self.step_s * self.steps

    @property
    def brain_s(self) -> float:
        """An episode of the brain."""
        return self.build_s + (self.step_s + self.act_s) * self.learner_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a campaign is made of.

    Attributes:
        tasks: By name.
        batch_s: Training on one batch.
    """

    tasks: Mapping[str, TaskCost]
    batch_s: float


def input_spec_of(rows: Sequence[TaskRow], horizon: int) -> Mapping[str, Any]:
    """What a brain for these tasks is shown, as JSON."""
    from fleetloop.agents.brain.inputs import input_spec, task_inputs
    from fleetloop.envs.registration import make_env

    inputs = []
    for row in rows:
        env = make_env(row.task, **row.options("train"))
        inputs.append(task_inputs(env))
        env.close()
    found: Mapping[str, Any] = to_json(input_spec(*inputs, horizon=horizon))
    return found


def probe(
    config: CampaignConfig, typical_steps: Mapping[str, tuple[int, int]], fleet: Fleet
) -> Costs:
    """Measures a config's tasks and training, in some seconds, on all workers at once.

    Args:
        config: Its counts do not matter.
        typical_steps: Length of an episode of the expert and of a learner, by task.
        fleet: Has nothing else to do.

    Raises:
        JobError: A worker could not do it.
    """
    args = {"config": to_json(config), "steps": to_json(dict(typical_steps))}
    for number in range(fleet.workers):
        call = "fleetloop.loop.campaign.probe:probe_here"
        fleet.submit(Job(name=f"probe/{number}", call=call, args=args))
    found: list[Costs] = []
    while len(found) < fleet.workers:
        end = fleet.wait()
        if end is None or end.error:
            raise JobError(f"The probe failed: {'no worker' if end is None else end.error}")
        found.append(from_json(Costs, end.value))
    return mean_costs(found)


def mean_costs(found: Sequence[Costs]) -> Costs:
    """Means of what several workers measured."""

    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    tasks = {}
    for name, cost in found[0].tasks.items():
        own = [each.tasks[name] for each in found]
        tasks[name] = replace(
            cost,
            build_s=mean(each.build_s for each in own),
            step_s=mean(each.step_s for each in own),
            act_s=mean(each.act_s for each in own),
            row_s=mean(each.row_s for each in own),
        )
    return Costs(tasks=tasks, batch_s=mean(each.batch_s for each in found))


def probe_here(args: Mapping[str, Any], report: ReportPart) -> dict[str, Any]:
    """What one worker measures: `Costs` as JSON."""
    config = from_json(CampaignConfig, args["config"])
    with tempfile.TemporaryDirectory(prefix="fleetloop-probe-") as place:
        folder = Path(place)
        tasks = {}
        shards = []
        for number, row in enumerate(config.tasks):
            steps, learner_steps = args["steps"][row.task]
            cost, shard = _probe_task(config, row, folder / str(number))
            tasks[row.task] = replace(cost, steps=steps, learner_steps=learner_steps)
            shards.append(shard)
        batch_s, acts = _probe_brain(config, shards, folder / "brain")
    tasks = {name: replace(cost, act_s=acts) for name, cost in tasks.items()}
    told: dict[str, Any] = to_json(Costs(tasks=tasks, batch_s=batch_s))
    return told


def expected_s(config: CampaignConfig, costs: Costs) -> dict[str, float]:
    """Processor time of a campaign by kind of stage."""
    arms, rounds = len(config.arms), config.rounds
    driving = sum(arm != "expert" for arm in config.arms)
    tests = 1 + sum(1 <= number < rounds for number in config.test_rounds) + arms
    total = {"collect": 0.0, "trigger, mine, label": 0.0, "evaluate": 0.0, "film": 0.0}
    for row in config.tasks:
        cost = costs.tasks[row.task]
        # Both arms that drive begin with the same brain: their first round is one and the same.
        driven = row.round_episodes * (driving * rounds - max(driving - 1, 0))
        shown = row.round_episodes * (rounds if "expert" in config.arms else 0)
        total["collect"] += cost.expert_s * (row.first_episodes + shown) + cost.brain_s * driven
        total["trigger, mine, label"] += (
            cost.row_s * cost.steps * (row.first_episodes + row.round_episodes * rounds * arms)
        )
        dev = row.dev_cases * (1 + rounds + 2)
        frozen = config.promote.scenarios * rounds * (rounds + 1) // 2
        total["evaluate"] += cost.brain_s * (dev + frozen + row.test_cases * tests)
        total["film"] += cost.brain_s * config.films / len(config.tasks)
    learn = config.learn
    total["train"] = costs.batch_s * (learn.first_steps + arms * rounds * learn.next_steps)
    return total


def scaled(config: CampaignConfig, factor: float) -> CampaignConfig:
    """A config with counts so many times as large, within what makes sense."""

    def count(value: int, least: int) -> int:
        return max(least, round(value * factor))

    rows = tuple(
        replace(
            row,
            first_episodes=count(row.first_episodes, 2),
            round_episodes=count(row.round_episodes, 2),
            round_frames=count(row.round_frames, 40),
            dev_cases=count(row.dev_cases, 4),
            test_cases=count(row.test_cases, 4),
        )
        for row in config.tasks
    )
    learn = replace(
        config.learn,
        first_steps=count(config.learn.first_steps, 20),
        next_steps=count(config.learn.next_steps, 20),
    )
    return replace(config, tasks=rows, learn=learn)


def fitted(config: CampaignConfig, costs: Costs, cpu_s: float) -> CampaignConfig:
    """The largest of the configs `scaled` by 0.05 to 5000 whose expected time is within a bound."""
    factors = np.geomspace(0.05, 5000.0, 600)
    best = scaled(config, float(factors[0]))
    for factor in factors.tolist():
        candidate = scaled(config, factor)
        if sum(expected_s(candidate, costs).values()) > cpu_s:
            break
        best = candidate
    return best


def _probe_task(config: CampaignConfig, row: TaskRow, folder: Path) -> tuple[TaskCost, Path]:
    from fleetloop.agents.brain.inputs import InputSpec
    from fleetloop.agents.rollout import rollout
    from fleetloop.agents.training.shards import make_shard
    from fleetloop.datasets.log.writer import EpisodeWriter
    from fleetloop.envs.registration import make_env

    expert = EXPERTS.get(row.task)()
    # The first episode compiles kernels and fills caches: it is not measured. Places are made once
    # for each worker, and episodes are many.
    env = make_env(row.task, **row.options("train"))
    rollout(env, expert, PROBE_SEED, max_steps=2)
    env.close()
    begun = time.process_time()
    env = make_env(row.task, **row.options("train"))
    try:
        env.reset(seed=PROBE_SEED)
        build_s = time.process_time() - begun
        begun = time.process_time()
        env.reset(seed=PROBE_SEED)
        reset_s = time.process_time() - begun
        with EpisodeWriter(folder) as writer:
            begun = time.process_time()
            done = rollout(env, expert, PROBE_SEED, [writer], max_steps=PROBE_STEPS)
            # The world is built anew by the rollout.
            spent_s = time.process_time() - begun - min(build_s, reset_s)
            step_s = spent_s / done.steps
            log = writer.path(env.episode_meta(expert.name).episode_id)
    finally:
        env.close()
    shard = folder / f"{row.task.split('/')[-1]}.npz"
    spec = from_json(InputSpec, config.spec)
    make_shard(log, shard, spec)
    begun = time.process_time()
    make_shard(log, shard, spec)
    row_s = (time.process_time() - begun) / done.steps
    cost = TaskCost(
        build_s=build_s, step_s=max(step_s, 1e-4), act_s=0.0, row_s=row_s, steps=0, learner_steps=0
    )
    return cost, shard


def _probe_brain(
    config: CampaignConfig, shards: Sequence[Path], folder: Path
) -> tuple[float, float]:
    """Processor time of a batch, and of a decision."""
    import torch

    from fleetloop.agents.brain.checkpoint import load_brain
    from fleetloop.agents.brain.config import brain_preset
    from fleetloop.agents.brain.inputs import InputSpec
    from fleetloop.agents.brain.network import tensors
    from fleetloop.agents.brain.policy import one_thread
    from fleetloop.agents.training.config import TrainConfig
    from fleetloop.agents.training.imitation import train
    from fleetloop.agents.training.shards import load_shard

    spec = from_json(InputSpec, config.spec)
    marks: list[float] = []
    train(
        TrainConfig(spec=spec, brain=brain_preset(config.learn.brain), batch=config.learn.batch,
                    steps=2 * PROBE_BATCHES),
        shards, folder, progress=lambda step, steps, mean: marks.append(time.process_time()),
    )  # fmt: skip
    batch_s = (marks[1] - marks[0]) / 10 if len(marks) > 1 else 0.05
    brain, _ = load_brain(folder)
    brain.eval()
    rows = load_shard(shards[0], spec)
    one = tensors({name: array[:1] for name, array in rows.items()})
    with torch.inference_mode(), one_thread():
        brain(one)
        begun = time.process_time()
        for _ in range(10):
            brain(one)
    return batch_s, (time.process_time() - begun) / 10
