"""A trained brain uses what it is shown: hide pictures, or mix up goals and requests, and it fails.

The figure for a whole drive is a command, `fleetloop eval BRAIN --blank cameras`; this is the
mechanism, on made-up rows whose right action is a third each of picture, goal and request.
"""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.training.imitation import train
from fleetloop.agents.training.score import score
from fleetloop.agents.training.shards import _write

from .conftest import CAR, TINY, made_rows


def mixed_rows(spec, count, seed):
    rng = np.random.default_rng(seed)
    rows = made_rows(spec, CAR, count, seed)
    bright, goal, asked = (rng.choice([-1.0, 1.0], count) for _ in range(3))
    rows["image"][:] = (128 + 60 * bright[:, None, None, None, None]).astype(np.uint8)
    rows["goal"][:, 0] = goal
    rows["request"][:] = asked[:, None] / np.sqrt(rows["request"].shape[1])
    rows["action"][:] = 0.0
    rows["action"][:, :, 0] = ((bright + goal + asked) / 3.0)[:, None]
    rows["action"][:, :, 1] = ((bright - goal + asked) / 3.0)[:, None]
    return rows


@pytest.mark.parametrize("kind", list(TINY))
def test_hidden_or_mixed_up_inputs_ruin_it(spec, config, tmp_path, kind):
    _write(tmp_path / "train.npz", mixed_rows(spec, 400, 1))
    brain = tmp_path / "brain"
    train(config(kind, steps=150, augment=0.0, rate=3e-3), [tmp_path / "train.npz"], brain)
    held_out = mixed_rows(spec, 200, 2)
    mix = np.random.default_rng(3).permutation(200)
    worse = {
        "as it is": held_out,
        "no cameras": held_out | {"image": np.zeros_like(held_out["image"])},
        "other goals": held_out | {"goal": held_out["goal"][mix]},
        "other requests": held_out | {"request": held_out["request"][mix]},
        "other senses": held_out | {"proprioception": held_out["proprioception"][mix]},
    }
    scores = {}
    for name, rows in worse.items():
        _write(tmp_path / "rows.npz", rows)
        scores[name] = score(brain, [tmp_path / "rows.npz"])["action"]
    assert scores["as it is"] > 0.8
    # A third of the action is lost: of its variance, what is left is about a third, less the
    # wrong guess; the senses say nothing here, and mixing them up changes nothing.
    assert scores["other senses"] > 0.7
    for name in ("no cameras", "other goals", "other requests"):
        assert scores[name] < scores["as it is"] - 0.3, scores
