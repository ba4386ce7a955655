"""One training under way: network, optimiser and running mean, to be saved and gone on with."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from fleetloop.agents.brain.checkpoint import load_brain, write_whole
from fleetloop.agents.brain.network import Brain, tensors
from fleetloop.agents.training.batches import Sampler, batch_of, norms_of
from fleetloop.agents.training.config import TrainConfig
from fleetloop.agents.training.losses import losses
from fleetloop.core.errors import ConfigError

STATE = "training.safetensors"
STATE_CARD = "training.json"
PROBE_STEPS = 8

Rows = Mapping[str, npt.NDArray[Any]]


class Run:
    """See the module; made by `start`."""

    def __init__(self, config: TrainConfig, rows: Rows, brain: Brain, seed: int, key: str) -> None:
        self.config = config
        self.rows = rows
        self.seed = seed
        self.key = key
        self.device = _device(config.device)
        self.brain = brain.to(self.device)
        if self.brain.eye is not None:
            self.brain.eye.to(memory_format=torch.channels_last)
        self.brain.train()
        self.optimizer = torch.optim.AdamW(
            self.brain.parameters(), lr=config.rate, weight_decay=config.decay, foreach=True
        )
        self.mean_weights = {
            name: value.detach().clone() for name, value in self.brain.named_parameters()
        }
        self.sampler = Sampler(rows["task"], config.batch, seed)
        self.precision: str = config.precision
        self.step = 0
        self.mean: dict[str, float] = {}

    @classmethod
    def start(
        cls, config: TrainConfig, rows: Rows, init: Path | None, seed: int, out: Path, key: str
    ) -> Run:
        """A new run, or the one whose state lies in the folder if it is of the same training."""
        if init is not None:
            brain, _ = load_brain(init)
            _set_norms(brain, rows, only_new=True)
        else:
            brain = Brain(config.spec, config.brain)
            _set_norms(brain, rows, only_new=False)
        run = cls(config, rows, brain, seed, key)
        if not run._resume(out) and run.precision == "auto":
            run.precision = run._probe()
        return run

    def advance(self) -> dict[str, float]:
        """One step; returns its losses."""
        config = self.config
        chosen = self.sampler.batch(self.step)
        arrays = batch_of(self.rows, chosen, config, self.seed, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(config, self.step)
        parts = self._learn(tensors(arrays, self.device), self.precision)
        # A short training would drag its first weights along: the mean begins as a plain one.
        keep = min(config.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            now = [value for _, value in self.brain.named_parameters()]
            torch._foreach_lerp_(list(self.mean_weights.values()), now, 1.0 - keep)
        self.step += 1
        return parts

    def averaged(self) -> Brain:
        """The brain with the running mean of its weights, on the CPU."""
        brain = Brain(self.config.spec, self.config.brain)
        state = dict(self.brain.state_dict())
        state.update(self.mean_weights)
        brain.load_state_dict({name: value.cpu() for name, value in state.items()})
        return brain

    def save(self, out: Path) -> None:
        """Writes the state to go on from."""
        from safetensors.torch import save

        state: dict[str, Any] = {}
        for name, value in self.brain.state_dict().items():
            state[f"brain/{name}"] = value
        for name, value in self.mean_weights.items():
            state[f"mean/{name}"] = value
        for number, moments in self.optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                state[f"adam/{number}/{name}"] = value
        data = save({name: value.detach().cpu().contiguous() for name, value in state.items()})
        card = {"key": self.key, "step": self.step, "precision": self.precision, "mean": self.mean}
        # The card names the step of the weights that lie beside it: never one without the other.
        (out / STATE_CARD).unlink(missing_ok=True)
        write_whole(out / STATE, data)
        write_whole(out / STATE_CARD, json.dumps(card).encode())

    def forget(self, out: Path) -> None:
        """Removes the state of a run that is through."""
        for name in (STATE_CARD, STATE):
            (out / name).unlink(missing_ok=True)

    def _resume(self, out: Path) -> bool:
        from safetensors.torch import load

        path = out / STATE_CARD
        if not path.exists():
            return False
        try:
            card = json.loads(path.read_text())
        except ValueError:
            return False
        if card.get("key") != self.key:
            return False
        state = load((out / STATE).read_bytes())
        self.brain.load_state_dict(_under(state, "brain/"))
        for name, value in _under(state, "mean/").items():
            self.mean_weights[name].copy_(value)
        stored = self.optimizer.state_dict()
        adam: dict[int, dict[str, Any]] = {}
        for name, value in _under(state, "adam/").items():
            number, _, part = name.partition("/")
            adam.setdefault(int(number), {})[part] = value
        stored["state"] = adam
        self.optimizer.load_state_dict(stored)
        self.step, self.precision = int(card["step"]), card["precision"]
        self.mean = {name: float(value) for name, value in card["mean"].items()}
        return True

    def _learn(self, batch: dict[str, torch.Tensor], precision: str) -> dict[str, float]:
        config = self.config
        hidden = ~batch.pop("seen_body").unsqueeze(1)
        inputs = dict(batch)
        # Hidden senses look as they do on average: zero after the norms.
        usual = self.brain.norms.proprioception_mean[batch["task"]]
        inputs["proprioception"] = torch.where(hidden, usual, batch["proprioception"])
        low = torch.autocast(self.device, dtype=torch.bfloat16)
        with low if precision == "bf16" else nullcontext():
            said = self.brain(inputs)
        parts = losses(self.brain, said, batch)
        weights = {"action": 1.0, "spread": config.spread}
        total = sum(weights.get(name, config.lessons) * part for name, part in parts.items())
        assert isinstance(total, torch.Tensor)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.brain.parameters(), config.clip, foreach=True)
        self.optimizer.step()
        told = {"all": float(total.detach())}
        return told | {name: float(part.detach()) for name, part in parts.items()}

    def _probe(self) -> str:
        """The faster number format for a few steps, which are then undone."""
        before = {name: value.clone() for name, value in self.brain.state_dict().items()}
        spent: dict[str, float] = {}
        for precision in ("fp32", "bf16"):
            for step in range(PROBE_STEPS + 1):
                if step == 1:
                    spent[precision] = -time.perf_counter()
                arrays = batch_of(self.rows, self.sampler.batch(step), self.config, self.seed, step)
                self._learn(tensors(arrays, self.device), precision)
            spent[precision] += time.perf_counter()
        self.brain.load_state_dict(before)
        self.optimizer.state.clear()
        return min(spent, key=spent.__getitem__)


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """PyTorch on one thread, with algorithms that give the same sums each time, and a seed."""
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        # It would write over each new tensor before it is used: two thousand times in ten batches.
        torch.utils.deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.utils.deterministic.fill_uninitialized_memory = filling
            torch.set_num_threads(threads)


def rate_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step, from 0."""
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    part = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.rate * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * part)))


def _set_norms(brain: Brain, rows: Rows, *, only_new: bool) -> None:
    """Norms from rows; those of a brain to begin with stay, but for tasks that it never saw."""
    for name, by_row in norms_of(dict(rows), brain.spec).items():
        known = getattr(brain.norms, f"{name}_spread")
        for row, (mean, spread) in by_row.items():
            if only_new and bool((known[row] != 1.0).any()):
                continue
            brain.norms.set(name, row, mean, spread)


def _device(asked: str) -> str:
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise ConfigError("The device cuda is not there: use cpu, or auto.")
    return "cuda" if there and asked in ("cuda", "auto") else "cpu"


def _under(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: v for name, v in state.items() if name.startswith(prefix)}
