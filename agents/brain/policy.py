"""A trained brain as a policy: one thread, the same answer for the same observation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fleetloop.agents.brain.inputs import REQUEST, InputSpec, TaskInputs, encode
from fleetloop.agents.brain.torch_need import need_torch
from fleetloop.agents.lessons import yes_mask
from fleetloop.agents.policy import Action, Observation
from fleetloop.core.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from fleetloop.agents.brain.network import Brain

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Thought:
    """What the brain made of one observation.

    Attributes:
        chunk: Actions from now on, within their bounds, (horizon, numbers of the body's action).
        spread: Standard deviation that it expects of each, in the same units; zeros if it was
            not trained to tell.
        answer: Answers to the lessons' questions in their units, probabilities from 0 to 1,
            (ANSWERS,).
    """

    chunk: Vector
    spread: Vector
    answer: Vector


@dataclass(frozen=True, slots=True, eq=False)
class BrainState:
    """What it remembers: the last thought, and how many of its actions were taken.

    Attributes:
        thought: None before the first.
        taken: Actions of its chunk that are done.
        request: Embedding of the words that it was asked with, (384,).
    """

    thought: Thought | None = None
    taken: int = 0
    request: Vector = field(default_factory=lambda: np.zeros(REQUEST, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class BrainPolicy:
    """Acts at one task with a brain.

    Attributes:
        brain: The network, in evaluation mode.
        task: What is done.
        label: For records, such as the first digits of the weights' hash.
        replan: Actions that are taken of a chunk before the brain is asked again.
        request: Embedding of the words that it is asked with, (384,); zeros for none.

    Raises:
        SchemaError: The brain was not made for the task.
        ConfigError: `replan` is not from 1 to the length of a chunk.
    """

    brain: Brain
    task: str
    label: str = "brain"
    replan: int = 1
    request: Vector | None = None

    def __post_init__(self) -> None:
        self.brain.spec.of(self.task)
        if not 1 <= self.replan <= self.brain.spec.horizon:
            raise ConfigError(
                f"replan is {self.replan}: use 1 to {self.brain.spec.horizon}, the length of this "
                "brain's action chunks."
            )
        if self.request is not None and self.request.shape != (REQUEST,):
            raise ConfigError(
                f"The request has the shape {self.request.shape}: pass an embedding ({REQUEST},)."
            )
        self.brain.eval()

    @classmethod
    def load(
        cls, folder: Path, task: str, *, replan: int = 1, request: Vector | None = None
    ) -> BrainPolicy:
        """A policy from a checkpoint.

        Raises:
            StorageError, DamagedFileError: It cannot be read.
            SchemaError: It is of another version, or was not made for the task.
            MissingDependencyError: PyTorch is not installed.
        """
        need_torch()
        from fleetloop.agents.brain.checkpoint import load_brain

        brain, card = load_brain(folder)
        return cls(brain, task, f"brain-{card.weights_sha256[:12]}", replan, request)

    @property
    def name(self) -> str:
        """`brain-` and the first digits of the weights' hash."""
        return self.label

    @property
    def privileged(self) -> bool:
        """Never: it gets the observation."""
        return False

    @property
    def inputs(self) -> TaskInputs:
        """What it is shown."""
        return self.brain.spec.of(self.task)

    def init(self, seed: int) -> BrainState:
        """It begins without a thought; nothing in it is random."""
        return BrainState(
            request=np.zeros(REQUEST, np.float32) if self.request is None else self.request
        )

    def act(self, observation: Observation, state: BrainState) -> tuple[Action, BrainState]:
        """The next action of the chunk, from a new thought if the last one is used up."""
        actions, states = act_together([self], [observation], [state])
        return actions[0], states[0]


def act_together(
    policies: Sequence[BrainPolicy],
    observations: Sequence[Observation],
    states: Sequence[BrainState],
) -> tuple[list[Action], list[BrainState]]:
    """Acts for several robots, of one brain and any of its tasks, with one call of the network.

    Raises:
        ConfigError: The policies are of several brains.
    """
    brain = policies[0].brain
    if any(policy.brain is not brain for policy in policies):
        raise ConfigError("act_together needs policies of one brain: load it once.")
    fresh = [
        row
        for row, (policy, state) in enumerate(zip(policies, states, strict=True))
        if state.thought is None or state.taken >= policy.replan
    ]
    after = list(states)
    if fresh:
        thoughts = think(
            brain,
            [policies[row].task for row in fresh],
            [observations[row] for row in fresh],
            [states[row].request for row in fresh],
        )
        for row, thought in zip(fresh, thoughts, strict=True):
            after[row] = BrainState(thought, 0, states[row].request)
    actions: list[Action] = []
    for row, state in enumerate(after):
        assert state.thought is not None
        actions.append(state.thought.chunk[state.taken])
        after[row] = BrainState(state.thought, state.taken + 1, state.request)
    return actions, after


def think(
    brain: Brain,
    tasks: Sequence[str],
    observations: Sequence[Observation],
    requests: Sequence[Vector],
) -> list[Thought]:
    """What a brain makes of observations, one call of the network for all.

    Raises:
        SchemaError: An observation lacks what the brain is shown.
    """
    import torch

    from fleetloop.agents.brain.network import tensors

    spec = brain.spec
    rows = [encode(spec, task, seen) for task, seen in zip(tasks, observations, strict=True)]
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    arrays["request"] = np.stack(requests)
    arrays["task"] = np.array([spec.number(task) for task in tasks], np.int64)
    bodies = [spec.robots.index(spec.of(task).robot) for task in tasks]
    arrays["robot"] = np.array(bodies, np.int64)
    with torch.inference_mode(), one_thread():
        batch = tensors(arrays)
        said = brain(batch)
        chunk = brain.norms.plain("action", said["action"], batch["task"]).numpy()
        answer = brain.norms.plain("answer", said["answer"], batch["task"]).numpy()
        if "log_variance" in said:
            spread = torch.exp(0.5 * said["log_variance"])
            scale = brain.norms.action_spread[batch["task"]].unsqueeze(1)
            wide = (spread * scale).numpy()
        else:
            wide = np.zeros_like(chunk)
    if not np.isfinite(chunk).all():
        raise SchemaError("The brain gives NaN or infinity: its training has diverged.")
    logits = yes_mask()
    answer[:, logits] = 1.0 / (1.0 + np.exp(-answer[:, logits].clip(-30.0, 30.0)))
    return [
        _thought(spec, task, *parts)
        for task, *parts in zip(tasks, chunk, wide, answer, strict=True)
    ]


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: faster for nets this small, and the same sums on every machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _thought(spec: InputSpec, task: str, chunk: Vector, spread: Vector, answer: Vector) -> Thought:
    inputs = spec.of(task)
    width = len(inputs.actions)
    low = np.array(inputs.action_low, np.float32)
    high = np.array(inputs.action_high, np.float32)
    return Thought(np.clip(chunk[:, :width], low, high), spread[:, :width], answer)
