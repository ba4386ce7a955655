"""Behaviour cloning on shards: the same seed, shards and versions give the same weights.

Cloning of the expert's own episodes and DAgger differ in the shards alone: in the latter the robot
drove and the expert said afterwards what it would have done.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetloop.agents.brain.torch_need import need_torch
from fleetloop.agents.training.config import TrainConfig
from fleetloop.core.config import config_hash, to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import SchemaError, StateError
from fleetloop.core.rng import child_seed
from fleetloop.core.versions import installed_versions

if TYPE_CHECKING:
    from fleetloop.agents.training.run import Run

Progress = Callable[[int, int, Mapping[str, float]], None]
"""Called with the steps done, all steps, and the losses as running means."""

REPORT = "report.json"
_SHOWN_EVERY = 10
_LOSS_MEMORY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What a training came to.

    Attributes:
        folder: The checkpoint.
        weights_sha256: Names the brain.
        steps, rows: Batches shown, and rows that there were.
        first_loss, last_loss: By name, as running means after a tenth of the steps and at the end.
        precision, device: What was taken.
        cpu_s: Processor time of this run; what an earlier, stopped run took is not in it.
        resumed_at: Step at which this run went on; 0 if it began anew.
    """

    folder: Path
    weights_sha256: str
    steps: int
    rows: int
    first_loss: Mapping[str, float]
    last_loss: Mapping[str, float]
    precision: str
    device: str
    cpu_s: float
    resumed_at: int


def train(
    config: TrainConfig,
    shards: Sequence[Path],
    out: Path,
    *,
    init: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    tensorboard: Path | None = None,
) -> TrainReport:
    """Trains a brain, or goes on with a training that was stopped.

    A folder that holds the finished brain of this very training is left as it is.

    Args:
        config: How.
        shards: What from, of one input spec; their order does not matter.
        out: Folder of the checkpoint.
        init: Folder of a brain to begin with; its norms are kept. None begins anew.
        seed: Of the first weights, the order of rows and the changes of pictures.
        progress: Told every tenth step.
        tensorboard: Folder for curves; None writes none.

    Raises:
        ConfigError, SchemaError: The shards or the first brain do not fit.
        StateError: The loss is no longer finite.
        StorageError: Files cannot be read or written.
        MissingDependencyError: PyTorch, or TensorBoard if asked for, is not installed.
    """
    need_torch()
    from fleetloop.agents.brain.checkpoint import save_brain
    from fleetloop.agents.training.batches import load_rows
    from fleetloop.agents.training.run import Run, deterministic

    started = time.process_time()
    ordered = sorted(shards, key=lambda path: path.name)
    rows, digests = load_rows(ordered, config.spec)
    lineage = _lineage(config, digests, init, seed)
    done = _finished(out, lineage)
    if done is not None:
        return done
    with deterministic(child_seed(seed, "weights") % 2**63):
        run = Run.start(config, rows, init, seed, out, config_hash(lineage))
        resumed_at = run.step
        with _curves(tensorboard) as curve:

            def tell(step: int, mean: Mapping[str, float]) -> None:
                curve(step, mean)
                if progress is not None:
                    progress(step, config.steps, mean)

            first = _learn(run, config, out, tell)
        lineage["precision"], lineage["device"] = run.precision, run.device
        card = save_brain(run.averaged(), out, training=to_json(config), lineage=lineage)
    report = TrainReport(
        folder=out,
        weights_sha256=card.weights_sha256,
        steps=config.steps,
        rows=len(rows["task"]),
        first_loss=first,
        last_loss=run.mean,
        precision=run.precision,
        device=run.device,
        cpu_s=round(time.process_time() - started, 3),
        resumed_at=resumed_at,
    )
    _write_report(out, report)
    run.forget(out)
    return report


def _learn(
    run: Run, config: TrainConfig, out: Path, tell: Callable[[int, Mapping[str, float]], None]
) -> dict[str, float]:
    """Takes all steps that are left; returns the losses after a tenth of them."""
    first: dict[str, float] = {}
    while run.step < config.steps:
        now = run.advance()
        if not math.isfinite(now["all"]):
            raise StateError(
                f"The loss at step {run.step} is {now['all']}: lower the learning rate "
                f"({config.rate}), or look for odd numbers in the shards."
            )
        for name, value in now.items():
            before = run.mean.get(name, value)
            run.mean[name] = _LOSS_MEMORY * before + (1 - _LOSS_MEMORY) * value
        if run.step >= config.steps // 10 and not first:
            first = dict(run.mean)
        if run.step % _SHOWN_EVERY == 0 or run.step == config.steps:
            tell(run.step, run.mean)
        if run.step % config.save_every == 0 and run.step < config.steps:
            run.save(out)
    return first or dict(run.mean)


def _lineage(
    config: TrainConfig, digests: Mapping[str, str], init: Path | None, seed: int
) -> dict[str, Any]:
    from fleetloop.agents.brain.checkpoint import read_card

    parent = ""
    if init is not None:
        card = read_card(init)
        parent = card.weights_sha256
        if card.spec != config.spec or card.brain != config.brain:
            raise SchemaError(
                f"The brain in {init} has other inputs or sizes than the training asks for: begin "
                "without it, or use its own config."
            )
    return {
        "config_hash": config_hash(config),
        "shards": dict(sorted(digests.items())),
        "parent": parent,
        "seed": seed,
        "versions": installed_versions(),
    }


def _finished(out: Path, lineage: Mapping[str, Any]) -> TrainReport | None:
    """The report of this very training, if it is done already."""
    from fleetloop.agents.brain.checkpoint import CARD, read_card
    from fleetloop.core.config import from_json

    if not (out / CARD).exists() or not (out / REPORT).exists():
        return None
    card = read_card(out)
    there = {name: card.lineage.get(name) for name in lineage}
    if canonical_json(there) != canonical_json(dict(lineage)):
        return None
    stored = json.loads((out / REPORT).read_text())
    return from_json(_Stored, stored).report(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    weights_sha256: str
    steps: int
    rows: int
    first_loss: Mapping[str, float]
    last_loss: Mapping[str, float]
    precision: str
    device: str
    cpu_s: float
    resumed_at: int

    def report(self, folder: Path) -> TrainReport:
        """With the folder where it lies now."""
        return TrainReport(folder=folder, **to_json(self))


def _write_report(out: Path, report: TrainReport) -> None:
    from fleetloop.agents.brain.checkpoint import write_whole

    names = [name for name in _Stored.__slots__ if name != "folder"]
    text = json.dumps({name: to_json(getattr(report, name)) for name in names}, indent=1)
    write_whole(out / REPORT, text.encode())


class _curves:  # noqa: N801 - used as a function
    """Writes curves for TensorBoard, if a folder is given."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writer: Any = None

    def __enter__(self) -> Callable[[int, Mapping[str, float]], None]:
        if self._folder is not None:
            from fleetloop.core.errors import MissingDependencyError

            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependencyError(
                    "Curves need TensorBoard: `pip install tensorboard`, or leave the option out."
                ) from error
            self._writer = SummaryWriter(str(self._folder))
        return self._add

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def _add(self, step: int, mean: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in mean.items():
                self._writer.add_scalar(f"loss/{name}", value, step)
