"""A stage of a campaign, its jobs, and the key that names its result.

A stage is a node of a graph: what it does, with which options, from which other stages. Its key is
a hash of all that its result follows from: the kind and version of the stage, its options, and the
digests of what goes in. Two stages of one key have the same result, so a result that is there is
never made again; a change of anything gives another key, and old results stay as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetloop.core.config import to_json
from fleetloop.core.digest import canonical_json
from fleetloop.core.errors import ConfigError

Plan = Callable[[Mapping[str, Any], Mapping[str, Path]], Sequence["JobPlan"]]
"""Options and input folders in, jobs out; a pure function of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job of a stage.

    Attributes:
        name: Of the folder that it makes within the stage's.
        call: `"module:function"`, called as `function(args, inputs, out, report)`: plain values,
            folders of the stage's inputs by name, an empty folder to write into, and a function
            that takes the part done. What it returns is kept nowhere.
        args: Plain JSON values.
        weight: How long it takes relative to others, for the forecast alone.
    """

    name: str
    call: str
    args: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """What a stage does.

    Attributes:
        name: Such as `collect`.
        version: To be raised when results change, so that old ones are not taken for new ones.
        plan: Divides the stage into jobs.
        weight: Expected time of the whole stage for the forecast, from its options; in any unit.
    """

    name: str
    version: int
    plan: Plan
    weight: Callable[[Mapping[str, Any]], float] = lambda options: 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A node of the graph.

    Attributes:
        name: Unique in the campaign, such as `r1.loop.collect`.
        kind: Name in `STAGES`.
        options: Plain JSON values.
        inputs: Names of other stages, by the name under which this one reads them.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


def stage_key(kind: StageKind, options: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """SHA-256 over all that a stage's result follows from.

    Args:
        kind: What it does.
        options: Its options.
        digests: Digest of each input by name.
    """
    told = [kind.name, kind.version, to_json(options), dict(sorted(digests.items()))]
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()


def in_order(stages: Sequence[Stage]) -> list[Stage]:
    """The stages so that each comes after its inputs; the order given is kept where it can be.

    Raises:
        ConfigError: Two stages of one name, an input that does not exist, or a circle.
    """
    by_name: dict[str, Stage] = {}
    for stage in stages:
        if stage.name in by_name:
            raise ConfigError(f"Two stages are called {stage.name!r}: give each its own name.")
        by_name[stage.name] = stage
    for stage in stages:
        for wanted in stage.inputs.values():
            if wanted not in by_name:
                raise ConfigError(f"The stage {stage.name!r} reads {wanted!r}, which is no stage.")
    placed: dict[str, Stage] = {}
    while len(placed) < len(stages):
        free = [
            stage for stage in stages
            if stage.name not in placed and all(name in placed for name in stage.inputs.values())
        ]  # fmt: skip
        if not free:
            circle = sorted(set(by_name) - set(placed))
            raise ConfigError(f"The stages {', '.join(circle)} wait for each other in a circle.")
        placed |= {stage.name: stage for stage in free}
    return list(placed.values())
