"""A frozen situation: the task, its options and the seed that make it again on any machine.

Failures become scenarios, so that what was solved once is asked again of every later brain. A
scenario is one JSON file; it holds no policy and no result but how it went when it was frozen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetloop.core.config import config_hash, from_json, to_json
from fleetloop.core.errors import DamagedFileError, StorageError
from fleetloop.core.rng import check_seed

FORMAT_VERSION = 1
_LARGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """See the module.

    Attributes:
        name: For people.
        task: Registered name.
        seed: Of the episode.
        env: Further arguments of `make_env`, plain JSON values.
        max_steps: Cuts the episode; None lets the task decide.
        why: What made it worth keeping, such as the cause of a failure.
        found_by: Name of the policy that was acting.
        digest: Of that episode, so that the same policy can be seen to do the same; or empty.
        format_version: Of this form.
    """

    name: str
    task: str
    seed: int
    env: Mapping[str, Any] = field(default_factory=dict)
    max_steps: int | None = None
    why: str = ""
    found_by: str = ""
    digest: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @property
    def key(self) -> str:
        """Names the situation: equal for equal ones, whoever found them."""
        return config_hash([self.task, self.seed, to_json(self.env), self.max_steps])[:16]


def write_scenario(scenario: Scenario, path: Path) -> None:
    """Writes a scenario, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    text = json.dumps(to_json(scenario), indent=1, sort_keys=True, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def read_scenario(path: Path) -> Scenario:
    """Reads what `write_scenario` wrote.

    Raises:
        StorageError: It cannot be read.
        DamagedFileError: It is no scenario, or one of a later version.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DamagedFileError(f"{path} is too large for a scenario.")
        text = path.read_text()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    try:
        scenario = from_json(Scenario, json.loads(text))
    except ValueError as error:
        raise DamagedFileError(f"{path} is no scenario: {error}") from error
    if scenario.format_version != FORMAT_VERSION:
        raise DamagedFileError(
            f"{path} is a scenario of version {scenario.format_version}, this library reads "
            f"{FORMAT_VERSION}: update fleetloop."
        )
    return scenario
