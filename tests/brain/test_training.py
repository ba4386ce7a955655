"""Training: learns what can be learnt, the same each time, and goes on where it was stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fleetloop.agents.brain.checkpoint import CARD, WEIGHTS, read_card
from fleetloop.agents.brain.policy import BrainPolicy
from fleetloop.agents.training.batches import Sampler, augmented, load_rows
from fleetloop.agents.training.imitation import train
from fleetloop.agents.training.score import score
from fleetloop.agents.training.shards import _write
from fleetloop.core.errors import ConfigError, SchemaError, StateError

from .conftest import CAR, TINY, WALKER, made_rows, observation


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("kind", list(TINY))
def test_two_bodies_are_learnt_at_once(config, shards, tmp_path, kind, spec):
    report = train(config(kind, steps=150, later=True), shards, tmp_path, seed=1)
    assert report.last_loss["action"] < 0.3 * report.first_loss["action"]
    scores = score(tmp_path, shards)
    assert scores["action"] > 0.8
    assert scores["physics/motion"] > 0.5
    assert scores["physics/soon"] > 0.5
    policy = BrainPolicy.load(tmp_path, CAR)
    seen = observation(spec, CAR, 3)
    turned = [
        policy.act({**seen, "goal/place_m": np.float32([x, 0.0])}, policy.init(0))[0][0]
        for x in (-1.5, 1.5)
    ]
    assert turned[0] < -0.3
    assert turned[1] > 0.3


def test_the_same_seed_gives_the_same_bytes(config, shards, tmp_path):
    one = train(config(), shards, tmp_path / "a", seed=5)
    two = train(config(), shards[::-1], tmp_path / "b", seed=5)
    other = train(config(), shards, tmp_path / "c", seed=6)
    assert one.weights_sha256 == two.weights_sha256 != other.weights_sha256
    for name in (CARD, WEIGHTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("kind", list(TINY))
def test_a_stopped_training_ends_as_an_undisturbed_one(config, shards, tmp_path, kind):
    whole = train(config(kind), shards, tmp_path / "whole", seed=2)

    def stop_at(step):
        def progress(done, steps, losses):
            if done >= step:
                raise StoppedError

        return progress

    for step in (10, 20):
        with pytest.raises(StoppedError):
            train(
                config(kind, save_every=7), shards, tmp_path / "b", seed=2, progress=stop_at(step)
            )
    resumed = train(config(kind, save_every=7), shards, tmp_path / "b", seed=2)
    assert resumed.resumed_at == 14
    # How often the state is saved is part of the config, and changes no weight.
    assert resumed.weights_sha256 == whole.weights_sha256
    left = {path.name for path in (tmp_path / "b").iterdir()}
    assert left == {CARD, WEIGHTS, "report.json"}


def test_a_finished_training_is_not_repeated(config, shards, tmp_path):
    first = train(config(), shards, tmp_path, seed=1)
    before = (tmp_path / WEIGHTS).stat().st_mtime_ns
    assert train(config(), shards, tmp_path, seed=1) == first
    assert (tmp_path / WEIGHTS).stat().st_mtime_ns == before
    train(config(), shards, tmp_path, seed=2)
    assert read_card(tmp_path).lineage["seed"] == 2


def test_lineage_names_parent_and_shards(config, shards, tmp_path):
    first = train(config(), shards[:1], tmp_path / "a", seed=1)
    train(config(), shards, tmp_path / "b", init=tmp_path / "a", seed=1)
    card = read_card(tmp_path / "b")
    assert card.lineage["parent"] == first.weights_sha256
    assert sorted(card.lineage["shards"]) == ["0.npz", "1.npz"]
    assert card.lineage["precision"] == "fp32"
    assert card.training["steps"] == 30


def test_going_on_keeps_the_norms_and_adds_those_of_new_tasks(config, shards, tmp_path):
    from fleetloop.agents.brain.checkpoint import load_brain

    train(config(), shards[:1], tmp_path / "a", seed=1)
    train(config(), shards, tmp_path / "b", init=tmp_path / "a", seed=1)
    first, second = (load_brain(tmp_path / name)[0].norms for name in "ab")
    assert torch.equal(first.goal_spread[0], second.goal_spread[0])
    assert torch.equal(first.goal_spread[1], torch.ones(2))
    assert not torch.equal(second.goal_spread[1], torch.ones(2))


def test_what_the_expert_holds_still_is_held_still_and_small_movements_count(
    config, tmp_path, spec
):
    """A hand that works far from its place at ease: 0.4 +- 0.03, and a base that stands."""
    rows = made_rows(spec, WALKER, 300, 1)
    rows["action"][:] = 0.0
    rows["action"][:, :, 0] = 0.4 + 0.015 * rows["goal"][:, :1]
    rows["proprioception"][:, 3:] = np.random.default_rng(1).normal(0.0, 1e-4, (300, 4))
    _write(tmp_path / "rows.npz", rows)
    train(config(steps=150, rate=3e-3), [tmp_path / "rows.npz"], tmp_path / "brain", seed=1)
    policy = BrainPolicy.load(tmp_path / "brain", WALKER)
    seen = observation(spec, WALKER, 3)
    for x in (-1.5, 0.0, 1.5):
        # A joint that never moved in training moves: it is no news of the size of its noise.
        told = {**seen, "goal/place_m": np.float32([x, 0.0]),
                "joints/position_rad": np.full(7, 0.02, np.float32)}  # fmt: skip
        action = policy.act(told, policy.init(0))[0]
        assert action[0] == pytest.approx(0.4 + 0.015 * x, abs=0.012)
        assert np.abs(action[1:]).max() < 0.01


def test_other_inputs_and_endless_losses_are_refused(config, shards, tmp_path, spec):
    train(config(), shards, tmp_path / "a", seed=1)
    with pytest.raises(SchemaError, match="other inputs or sizes"):
        train(config("transformer"), shards, tmp_path / "b", init=tmp_path / "a")
    with pytest.raises(SchemaError, match="other inputs"):
        load_rows(shards, replace(spec, horizon=2))
    with pytest.raises(ConfigError, match="no shards"):
        load_rows([], spec)
    with pytest.raises(StateError, match="lower the learning rate"):
        train(config(rate=1e30, steps=200, clip=1e30), shards, tmp_path / "c")


def test_a_probe_says_what_it_took(config, shards, tmp_path):
    report = train(config(precision="auto", steps=3), shards, tmp_path)
    assert report.precision in ("fp32", "bf16")
    assert read_card(tmp_path).lineage["precision"] == report.precision


def test_batches_are_balanced_and_show_each_row_once_an_epoch():
    task = np.array([0] * 30 + [1] * 10)
    sampler = Sampler(task, 8, seed=0)
    rows = np.concatenate([sampler.batch(step) for step in range(15)])
    assert (task[rows] == 0).sum() == (task[rows] == 1).sum() == 60
    assert np.array_equal(np.bincount(rows[task[rows] == 0], minlength=30), np.full(30, 2))
    # A later step is the same without those before it.
    assert np.array_equal(Sampler(task, 8, seed=0).batch(11), sampler.batch(11))


def test_odd_batches_take_turns():
    task = np.array([0] * 9 + [1] * 9 + [2] * 9)
    sampler = Sampler(task, 7, seed=3)
    rows = np.concatenate([sampler.batch(step) for step in range(27)])
    assert np.array_equal(np.bincount(rows, minlength=27), np.full(27, 7))


def test_light_changes_and_shape_does_not():
    image = np.random.default_rng(0).integers(60, 190, (3, 2, 8, 8, 3), dtype=np.uint8)
    changed = augmented(image, np.random.default_rng(1), 0.3)
    assert changed.shape == image.shape
    assert not np.array_equal(changed, image)
    for row in range(3):
        order = np.argsort(image[row, 0, ..., 0].ravel(), kind="stable")
        assert (np.diff(changed[row, 0, ..., 0].ravel()[order].astype(int)) >= 0).all()
    assert augmented(image, np.random.default_rng(1), 0.0) is image


def test_hidden_senses_do_not_change_what_is_shown_otherwise(config, shards, tmp_path):
    seen = train(config(blind_body=0.0, augment=0.0), shards, tmp_path / "a")
    hidden = train(config(blind_body=0.9, augment=0.0), shards, tmp_path / "b")
    assert seen.weights_sha256 != hidden.weights_sha256


def test_curves_need_tensorboard(config, shards, tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        from fleetloop.core.errors import MissingDependencyError

        with pytest.raises(MissingDependencyError, match="tensorboard"):
            train(config(steps=2), shards, tmp_path / "a", tensorboard=tmp_path / "curves")
    else:
        train(config(steps=2), shards, tmp_path / "a", tensorboard=tmp_path / "curves")
        assert list((tmp_path / "curves").iterdir())
