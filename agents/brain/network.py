"""The networks: encoders that all bodies share, two kinds of trunk, a head a body, and the lessons.

Pictures of all cameras go through one small stack of strided convolutions and are cut into a few
tokens, to which the camera's mount is added, so that a car's and a humanoid's cameras share
weights. Ranges, the body's own senses, goal, request, task and body are a token each or two. The
transformer is pre-norm [Xiong et al. 2020, "On layer normalization in the transformer
architecture"]; learned queries read an action chunk from it [Zhao et al. 2023, "Learning
fine-grained bimanual manipulation with low-cost hardware", ACT].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from fleetloop.agents.brain.config import BrainConfig
from fleetloop.agents.brain.inputs import BEAMS, EXTRINSICS, REQUEST, InputSpec
from fleetloop.agents.lessons import ANSWERS

LIMIT = 5.0
"""Normalised numbers are cut here: one odd reading shall not rule the rest."""

_NARROWEST = 1e-3


class Brain(nn.Module):
    """From encoded inputs to action chunks and answers.

    Args:
        spec: What it is shown.
        config: How large it is.
    """

    def __init__(self, spec: InputSpec, config: BrainConfig) -> None:
        super().__init__()
        self.spec = spec
        self.config = config
        d = config.d
        self.norms = Norms(spec)
        self.eye = Eye(config) if spec.cameras else None
        if spec.cameras:
            self.mount = _perceptron(EXTRINSICS, d, d)
            self.slot = nn.Parameter(0.02 * torch.randn(spec.cameras * config.grid**2, d))
        if spec.ranges:
            self.ear = Ear(d)
        self.body = _perceptron(max(spec.proprioception, 1), d, d)
        self.goal = _perceptron(max(spec.goal, 1), d, d)
        self.request = nn.Linear(REQUEST, d)
        self.task = nn.Embedding(len(spec.tasks), d)
        self.robot = nn.Embedding(len(spec.robots), d)
        trunk = Attention if config.kind == "transformer" else Joined
        self.trunk = trunk(spec, config, self._tokens())
        wide = spec.actions * (2 if config.uncertainty else 1)
        chunk = 1 if config.kind == "transformer" else spec.horizon
        self.heads = nn.ModuleList(nn.Linear(d, chunk * wide) for _ in spec.robots)
        self.reflex = Reflex(spec)
        self.answers = nn.Linear(d, ANSWERS)
        mounts = torch.zeros(len(spec.tasks), max(spec.cameras, 1), EXTRINSICS)
        for row, task in enumerate(spec.tasks):
            for slot, camera in enumerate(task.cameras):
                mounts[row, slot] = torch.tensor(camera.extrinsics)
        self.register_buffer("mounts", mounts, persistent=False)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Acts and answers.

        Args:
            batch: `image` (n, cameras, px, px, 3) uint8, `beams` (n, ranges, 64), `proprioception`,
                `goal`, `request` (n, ...) float32, `task`, `robot` (n,) int64.

        Returns:
            `action` (n, horizon, actions), normalised; `log_variance` of the same shape if the
            config asks for it; `answer` (n, ANSWERS), numbers normalised, probabilities as logits.
        """
        tokens = torch.cat(self._encoded(batch), dim=1)
        read, asked = self.trunk(tokens)
        n, horizon, wide = len(tokens), self.spec.horizon, self.spec.actions
        own = torch.zeros(n, horizon, wide * (2 if self.config.uncertainty else 1),
                          dtype=read.dtype, device=read.device)  # fmt: skip
        for number, head in enumerate(self.heads):
            rows = batch["robot"] == number
            if len(self.heads) == 1:
                own = head(read).reshape(n, horizon, -1)
            elif bool(rows.any()):
                said = head(read[rows]).reshape(int(rows.sum()), horizon, -1)
                own[rows] = said.to(own.dtype)
        straight = self.reflex(self.norms.inputs(batch), batch["task"])
        result = {
            "action": own[..., :wide].float() + straight.float(),
            "answer": self.answers(asked).float(),
        }
        if self.config.uncertainty:
            result["log_variance"] = own[..., wide:].float().clamp(-8.0, 4.0)
        return result

    def _tokens(self) -> int:
        spec = self.spec
        return spec.cameras * self.config.grid**2 + 2 * spec.ranges + 4

    def _encoded(self, batch: Mapping[str, Tensor]) -> list[Tensor]:
        spec, n = self.spec, len(batch["task"])
        tokens: list[Tensor] = []
        if self.eye is not None:
            picture = batch["image"].flatten(0, 1).permute(0, 3, 1, 2)
            # Contiguity as the convolutions want it is chosen by whoever called.
            seen = self.eye(picture.to(self.mount[0].weight.dtype) / 255.0 - 0.5)
            seen = seen.reshape(n, spec.cameras, self.config.grid**2, -1)
            mount = self.mount(self.mounts[batch["task"]]).unsqueeze(2)
            tokens.append((seen + mount).flatten(1, 2) + self.slot)
        if spec.ranges:
            tokens.append(self.ear(batch["beams"]).flatten(1, 2))
        normal = self.norms.inputs(batch)
        tokens.append(self.body(normal["proprioception"]).unsqueeze(1))
        tokens.append(self.goal(normal["goal"]).unsqueeze(1))
        tokens.append(self.request(batch["request"]).unsqueeze(1))
        tokens.append((self.task(batch["task"]) + self.robot(batch["robot"])).unsqueeze(1))
        return tokens


class Eye(nn.Module):
    """Strided convolutions, then the last map cut into `grid` x `grid` tokens.

    Pictures are 2**(channels) times the last map; what `grid` does not divide is pooled.
    """

    def __init__(self, config: BrainConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, after in enumerate(config.channels):
            kernel = 5 if number == 0 else 3
            if number == 0 and config.patch:
                layers += [nn.Conv2d(before, after, config.patch, config.patch), nn.ReLU()]
            else:
                layers += [nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.ReLU()]
            before = after
        self.layers = nn.Sequential(*layers)
        self.grid = config.grid
        # Each token sees a patch of 2 x 2 cells, so that where things are in it is not lost.
        self.out = nn.Linear(before * 4, config.d)

    def forward(self, picture: Tensor) -> Tensor:
        """(m, 3, px, px) to (m, grid * grid, d)."""
        seen = self.layers(picture)
        side = 2 * self.grid
        if seen.shape[-1] != side:
            seen = functional.adaptive_avg_pool2d(seen, side)
        m, channels = seen.shape[:2]
        cells = seen.reshape(m, channels, self.grid, 2, self.grid, 2)
        cells = cells.permute(0, 2, 4, 1, 3, 5).reshape(m, self.grid**2, channels * 4)
        out: Tensor = self.out(cells)
        return out


class Ear(nn.Module):
    """Convolutions along the beams of a range sensor, to two tokens: right half and left half."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv1d(16, 32, 3, 2, 1), nn.ReLU()
        )
        self.out = nn.Linear(32 * BEAMS // 8, d)

    def forward(self, beams: Tensor) -> Tensor:
        """(n, ranges, 64) to (n, ranges, 2, d)."""
        n, ranges, _ = beams.shape
        heard = self.layers(beams.reshape(n * ranges, 1, BEAMS))
        halves = heard.reshape(n, ranges, 32, 2, -1).permute(0, 1, 3, 2, 4).flatten(3)
        out: Tensor = self.out(halves)
        return out


class Attention(nn.Module):
    """Pre-norm transformer over all tokens; a query an action of the chunk, and one for answers."""

    def __init__(self, spec: InputSpec, config: BrainConfig, tokens: int) -> None:
        super().__init__()
        self.kind = nn.Parameter(0.02 * torch.randn(tokens, config.d))
        self.query = nn.Parameter(0.02 * torch.randn(spec.horizon + 1, config.d))
        self.blocks = nn.ModuleList(Block(config.d, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.d)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(n, tokens, d) to (n, horizon, d) and (n, d)."""
        query = self.query.expand(len(tokens), -1, -1).to(tokens.dtype)
        mixed = torch.cat([tokens + self.kind, query], dim=1)
        for block in self.blocks:
            mixed = block(mixed)
        read = self.norm(mixed[:, -self.query.shape[0] :])
        return read[:, :-1], read[:, -1]


class Block(nn.Module):
    """Attention and a perceptron, each after a norm and added to what came in."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(d)
        self.mix = nn.Linear(d, 3 * d)
        self.join = nn.Linear(d, d)
        self.between = nn.LayerNorm(d)
        self.think = nn.Sequential(nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, d) to the same."""
        n, t, d = x.shape
        parts = self.mix(self.before(x)).reshape(n, t, 3, self.heads, d // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.join(seen.transpose(1, 2).reshape(n, t, d))
        out: Tensor = x + self.think(self.between(x))
        return out


class Reflex(nn.Module):
    """Straight from the body's own senses and the goal to the action, for each task: one matrix.

    Much of what a body does is linear in them, such as to send a hand to a place that is told. With
    that taken care of, the trunk learns what is left. The matrices begin at zero.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        seen = max(spec.proprioception, 1) + max(spec.goal, 1)
        self.weight = nn.Parameter(torch.zeros(len(spec.tasks), seen, spec.horizon * spec.actions))
        self.horizon = spec.horizon

    def forward(self, normal: Mapping[str, Tensor], task: Tensor) -> Tensor:
        """Normalised inputs to (n, horizon, actions), normalised."""
        seen = torch.cat([normal["proprioception"], normal["goal"]], dim=1)
        rows = seen.new_zeros(len(seen), self.weight.shape[2])
        for number in range(len(self.weight)):
            own = (task == number).unsqueeze(1)
            rows = rows + (seen * own) @ self.weight[number]
        return rows.reshape(len(seen), self.horizon, -1)


class Joined(nn.Module):
    """The plain baseline: all tokens side by side through a perceptron."""

    def __init__(self, spec: InputSpec, config: BrainConfig, tokens: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(tokens * config.d, config.d), nn.ReLU()]
        for _ in range(config.layers - 1):
            layers += [nn.Linear(config.d, config.d), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(n, tokens, d) to (n, d), twice."""
        joined = self.layers(functional.relu(tokens).flatten(1))
        return joined, joined


class Norms(nn.Module):
    """Means and spreads of inputs, answers and actions by task; set from data once.

    They are buffers: they travel with the weights, and training leaves them alone.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        for name, shape in norm_shapes(spec).items():
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_spread", torch.ones(shape))

    def inputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Normalised `proprioception` and `goal`, cut at `LIMIT`; at least one number wide."""
        result = {}
        for name in ("proprioception", "goal"):
            mean, spread = self._of(name, batch["task"])
            value = ((batch[name] - mean) / spread).clamp(-LIMIT, LIMIT)
            result[name] = value if value.shape[1] else value.new_zeros(len(value), 1)
        return result

    def normal(self, name: str, value: Tensor, row: Tensor) -> Tensor:
        """A normalised action (n, horizon, actions) or answer (n, ANSWERS)."""
        mean, spread = self._of(name, row)
        shape = (len(value), *(1,) * (value.ndim - 2), -1)
        return (value - mean.reshape(shape)) / spread.reshape(shape)

    def plain(self, name: str, value: Tensor, row: Tensor) -> Tensor:
        """The inverse of `normal`."""
        mean, spread = self._of(name, row)
        shape = (len(value), *(1,) * (value.ndim - 2), -1)
        return value * spread.reshape(shape) + mean.reshape(shape)

    def set(self, name: str, row: int, mean: npt.ArrayLike, spread: npt.ArrayLike) -> None:
        """Sets the numbers of one task; spreads near zero become one."""
        wide = np.asarray(spread, np.float32)
        wide = np.where(wide < _NARROWEST, 1.0, wide)
        getattr(self, f"{name}_mean")[row] = torch.as_tensor(np.asarray(mean, np.float32))
        getattr(self, f"{name}_spread")[row] = torch.as_tensor(wide.astype(np.float32))

    def _of(self, name: str, row: Tensor) -> tuple[Tensor, Tensor]:
        return getattr(self, f"{name}_mean")[row], getattr(self, f"{name}_spread")[row]


def norm_shapes(spec: InputSpec) -> dict[str, tuple[int, int]]:
    """Rows (tasks) and numbers of each kind of norm."""
    tasks = len(spec.tasks)
    return {
        "proprioception": (tasks, spec.proprioception),
        "goal": (tasks, spec.goal),
        "answer": (tasks, ANSWERS),
        "action": (tasks, spec.actions),
    }


def tensors(arrays: Mapping[str, npt.NDArray[Any]], device: str = "cpu") -> dict[str, Tensor]:
    """Arrays as tensors on a device, without a copy where that can be."""
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _perceptron(before: int, hidden: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, hidden), nn.ReLU(), nn.Linear(hidden, after))
