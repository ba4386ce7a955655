"""The brain: shapes, what it looks at, and that it is the same however it is asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from fleetloop.agents.brain.checkpoint import CARD, WEIGHTS, load_brain, save_brain
from fleetloop.agents.brain.config import BRAINS, BrainConfig
from fleetloop.agents.brain.network import Brain, tensors
from fleetloop.agents.brain.policy import BrainPolicy, act_together
from fleetloop.core.errors import (
    ConfigError,
    DamagedFileError,
    SchemaError,
    StorageError,
    UnknownNameError,
)

from .conftest import CAR, TINY, WALKER, made_rows, observation


def brain_of(spec, kind):
    torch.manual_seed(0)
    return Brain(spec, TINY[kind])


@pytest.mark.parametrize("kind", list(TINY))
def test_shapes(spec, kind):
    batch = tensors(made_rows(spec, WALKER, 5, 0))
    said = brain_of(spec, kind)(batch)
    assert said["action"].shape == said["log_variance"].shape == (5, 3, 3)
    assert said["answer"].shape == (5, 35)


@pytest.mark.parametrize("kind", list(TINY))
@pytest.mark.parametrize("name", ["image", "proprioception", "goal", "request", "task"])
def test_every_input_reaches_the_action(spec, kind, name):
    rows = made_rows(spec, WALKER, 4, 1)
    brain = brain_of(spec, kind).eval()
    before = brain(tensors(rows))["action"]
    changed = dict(rows)
    changed[name] = 1 - rows[name] if name == "task" else rows[name] + rows[name].dtype.type(1)
    assert not torch.equal(brain(tensors(changed))["action"], before)


@pytest.mark.parametrize("kind", list(TINY))
def test_a_row_does_not_feel_its_neighbours(spec, kind):
    brain = brain_of(spec, kind).eval()
    rows = made_rows(spec, CAR, 6, 2)
    other = made_rows(spec, WALKER, 6, 3)
    mixed = {name: np.concatenate([rows[name], other[name]]) for name in rows}
    alone = brain(tensors(rows))["action"]
    assert torch.allclose(brain(tensors(mixed))["action"][:6], alone, atol=1e-5)


@pytest.mark.parametrize("kind", list(TINY))
def test_a_checkpoint_comes_back_bit_for_bit(spec, kind, tmp_path):
    brain = brain_of(spec, kind)
    brain.norms.set("goal", 0, [1.0, 2.0], [3.0, 0.0])
    card = save_brain(brain, tmp_path, lineage={"seed": 3})
    again, read = load_brain(tmp_path)
    assert read == card
    assert read.spec == spec
    for name, value in brain.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert save_brain(again, tmp_path / "twin").weights_sha256 == card.weights_sha256


def test_damage_and_other_versions_are_told(spec, tmp_path):
    with pytest.raises(StorageError, match="no brain in"):
        load_brain(tmp_path)
    save_brain(brain_of(spec, "cnn"), tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    for change, error, told in (
        ({"format_version": 99}, SchemaError, "version 99"),
        ({"format_version": 1}, SchemaError, "train the brain again"),
        ({"brain": {**card["brain"], "wings": 2}}, SchemaError, "wings"),
        ({"brain": {**card["brain"], "d": 32}}, SchemaError, "do not fit"),
    ):
        (tmp_path / CARD).write_text(json.dumps(card | change))
        with pytest.raises(error, match=told):
            load_brain(tmp_path)
    (tmp_path / CARD).write_text("{")
    with pytest.raises(DamagedFileError, match="no card"):
        load_brain(tmp_path)
    (tmp_path / CARD).write_text(json.dumps(card))
    data = bytearray((tmp_path / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(data)
    with pytest.raises(DamagedFileError, match="changed or cut"):
        load_brain(tmp_path)


@pytest.mark.parametrize("kind", list(TINY))
def test_robots_together_act_as_each_alone(spec, kind):
    brain = brain_of(spec, kind)
    policies = [BrainPolicy(brain, task, replan=2) for task in (CAR, WALKER, CAR)]
    states = [policy.init(0) for policy in policies]
    alone = list(states)
    for tick in range(4):
        seen = [observation(spec, p.task, 10 * tick + n) for n, p in enumerate(policies)]
        actions, states = act_together(policies, seen, states)
        for n, policy in enumerate(policies):
            action, alone[n] = policy.act(seen[n], alone[n])
            assert action.shape == (len(policy.inputs.actions),)
            np.testing.assert_allclose(actions[n], action, atol=1e-5)


def test_a_chunk_is_used_up_before_the_next_thought(spec):
    policy = BrainPolicy(brain_of(spec, "cnn"), CAR, replan=2)
    state = policy.init(0)
    first, state = policy.act(observation(spec, CAR, 1), state)
    chunk = state.thought.chunk
    second, state = policy.act(observation(spec, CAR, 2), state)
    assert np.array_equal(first, chunk[0])
    assert np.array_equal(second, chunk[1])
    _, state = policy.act(observation(spec, CAR, 2), state)
    assert state.thought.chunk is not chunk


def test_what_does_not_fit_is_refused(spec):
    brain = brain_of(spec, "cnn")
    with pytest.raises(SchemaError, match="Other-v0"):
        BrainPolicy(brain, "made/Other-v0")
    with pytest.raises(ConfigError, match="replan is 4"):
        BrainPolicy(brain, CAR, replan=4)
    with pytest.raises(ConfigError, match="384"):
        BrainPolicy(brain, CAR, request=np.zeros(3, np.float32))
    policy = BrainPolicy(brain, CAR)
    seen = observation(spec, CAR)
    del seen["left/rgb"]
    with pytest.raises(SchemaError, match="left/rgb"):
        policy.act(seen, policy.init(0))
    seen["left/rgb"] = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(SchemaError, match="shape"):
        policy.act(seen, policy.init(0))


def test_configs():
    for name, value in (("kind", "rnn"), ("d", 0), ("heads", 5), ("channels", ())):
        with pytest.raises(ConfigError, match=str(value).strip("()") or "channels"):
            BrainConfig(**{name: value})
    from fleetloop.agents.brain.config import brain_preset

    with pytest.raises(UnknownNameError, match="laptop"):
        brain_preset("lapto")
    assert set(BRAINS) == {"cnn", "laptop", "small", "gpu"}
