"""What training makes small: errors of actions, of their spread, and of the lessons' answers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from fleetloop.agents.brain.network import Brain
from fleetloop.agents.lessons import QUESTIONS, yes_mask


def losses(
    brain: Brain, said: Mapping[str, Tensor], batch: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Losses by name, each a mean over what is known; `action` and each lesson.

    Actions are compared in units of their own spread by Huber's loss. A predicted log-variance is
    fitted to the error of the actions by the Gaussian likelihood, with that error held fixed: it
    learns how far off the actions are and does not change them.

    Args:
        brain: For its norms.
        said: What the network gave.
        batch: Rows of shards.
    """
    wanted = brain.norms.normal("action", batch["action"], batch["task"])
    kept = batch["planned"].unsqueeze(-1) & action_mask(brain, batch["robot"]).unsqueeze(1)
    result = {
        "action": _mean(functional.smooth_l1_loss(said["action"], wanted, reduction="none"), kept)
    }
    if "log_variance" in said:
        error = (said["action"].detach() - wanted).square()
        spread = said["log_variance"]
        result["spread"] = _mean(0.5 * (error * torch.exp(-spread) + spread), kept)
    truth = brain.norms.normal("answer", batch["answer"], batch["task"])
    logits = torch.from_numpy(yes_mask()).to(truth.device)
    numbers = functional.smooth_l1_loss(said["answer"], truth, reduction="none")
    chances = functional.binary_cross_entropy_with_logits(
        said["answer"], batch["answer"].clamp(0.0, 1.0), reduction="none"
    )
    errors = torch.where(logits, chances, numbers)
    start = 0
    by_lesson: dict[str, list[Tensor]] = {}
    for question in QUESTIONS:
        stop = start + len(question.parts)
        mean = _mean(errors[:, start:stop], batch["known"][:, start:stop])
        by_lesson.setdefault(question.lesson, []).append(mean)
        start = stop
    return result | {name: torch.stack(parts).mean() for name, parts in by_lesson.items()}


def action_mask(brain: Brain, robot: Tensor) -> Tensor:
    """Which of the widest body's numbers each row's body has, (n, actions)."""
    spec = brain.spec
    widths = torch.tensor([len(spec.actions_of(name)) for name in spec.robots], device=robot.device)
    return torch.arange(spec.actions, device=robot.device) < widths[robot].unsqueeze(1)


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    known = known.expand_as(errors)
    return (errors * known).sum() / known.sum().clamp(min=1)
