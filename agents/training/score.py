"""How well a brain knows the three lessons, on shards that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fleetloop.agents.brain.torch_need import need_torch
from fleetloop.agents.lessons import lesson_scores


def score(folder: Path, shards: Sequence[Path], *, batch: int = 256) -> dict[str, float]:
    """Scores of a checkpoint by lesson and question, see `lesson_scores`; and of its actions.

    Args:
        folder: The brain.
        shards: Held out.
        batch: Rows at a time.

    Returns:
        Also `action`, the part of the expert's actions (in units of their spread) that is
        explained, and `calibration`, the part of errors within two of the spreads that the brain
        predicts for them (0.95 if they were normal and right), where it predicts any.

    Raises:
        SchemaError, StorageError: The shards or the brain do not fit, or cannot be read.
    """
    need_torch()
    import torch

    from fleetloop.agents.brain.checkpoint import load_brain
    from fleetloop.agents.brain.network import tensors
    from fleetloop.agents.brain.policy import one_thread
    from fleetloop.agents.training.batches import load_rows
    from fleetloop.agents.training.losses import action_mask

    brain, card = load_brain(folder)
    brain.eval()
    rows, _ = load_rows(shards, card.spec)
    answered, errors, wanted, within = [], [], [], []
    with torch.inference_mode(), one_thread():
        for start in range(0, len(rows["task"]), batch):
            part = tensors({name: a[start : start + batch] for name, a in rows.items()})
            said = brain(part)
            answered.append(brain.norms.plain("answer", said["answer"], part["task"]).numpy())
            truth = brain.norms.normal("action", part["action"], part["task"])[:, 0]
            mask = action_mask(brain, part["robot"])
            gap = said["action"][:, 0] - truth
            errors.append(gap[mask].numpy())
            wanted.append(truth[mask].numpy())
            if "log_variance" in said:
                spread = torch.exp(0.5 * said["log_variance"][:, 0])
                within.append((gap.abs() <= 2.0 * spread)[mask].numpy())
    result = lesson_scores(np.concatenate(answered), rows["answer"], rows["known"])
    total = float(np.square(np.concatenate(wanted).astype(np.float64)).mean())
    left = float(np.square(np.concatenate(errors).astype(np.float64)).mean())
    result["action"] = 1.0 - left / max(total, 1e-12)
    if within:
        result["calibration"] = float(np.concatenate(within).mean())
    return result
