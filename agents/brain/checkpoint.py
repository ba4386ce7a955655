"""A brain on disk: weights as safetensors, and beside them one JSON that says what they are.

Nothing in either runs code when it is read. The JSON names the weights by hash, the inputs by
their schema, and the lineage: shards, parent, seed, versions.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetloop.agents.brain.config import BrainConfig
from fleetloop.agents.brain.inputs import InputSpec
from fleetloop.agents.brain.network import Brain
from fleetloop.core.config import from_json, to_json
from fleetloop.core.errors import DamagedFileError, FleetloopError, SchemaError, StorageError

FORMAT_VERSION = 2
WEIGHTS = "weights.safetensors"
CARD = "brain.json"
LARGEST_CARD_BYTES = 1 << 24
LARGEST_WEIGHTS_BYTES = 1 << 33


@dataclass(frozen=True, slots=True, kw_only=True)
class BrainCard:
    """What a checkpoint says of itself.

    Attributes:
        format_version: Of this form.
        spec: What the brain is shown.
        brain: Its sizes.
        weights_sha256: Hash of the weights' file.
        training: Config of the training, as plain JSON.
        lineage: Seed, shards with their digests, digest of the parent's weights, versions.
    """

    format_version: int
    spec: InputSpec
    brain: BrainConfig
    weights_sha256: str
    training: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)


def save_brain(
    brain: Brain,
    folder: Path,
    *,
    training: Mapping[str, Any] | None = None,
    lineage: Mapping[str, Any] | None = None,
) -> BrainCard:
    """Writes a checkpoint into a folder, the card last: with a card there is a whole brain.

    Raises:
        StorageError: The folder cannot be written.
    """
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous() for name, value in brain.state_dict().items()}
    data = save(state)
    card = BrainCard(
        format_version=FORMAT_VERSION,
        spec=brain.spec,
        brain=brain.config,
        weights_sha256=hashlib.sha256(data).hexdigest(),
        training=dict(training or {}),
        lineage=dict(lineage or {}),
    )
    text = json.dumps(to_json(card), indent=1, sort_keys=True, allow_nan=False)
    write_whole(folder / WEIGHTS, data)
    write_whole(folder / CARD, text.encode())
    return card


def read_card(folder: Path) -> BrainCard:
    """The card of a checkpoint.

    Raises:
        StorageError: There is none.
        DamagedFileError: It cannot be read.
        SchemaError: It is of a newer format.
    """
    path = folder / CARD
    try:
        if path.stat().st_size > LARGEST_CARD_BYTES:
            raise DamagedFileError(f"{path} is larger than any brain's card: is it another file?")
        data = json.loads(path.read_bytes())
        version = int(data["format_version"])
    except OSError as error:
        raise StorageError(
            f"There is no brain in {folder} ({error.strerror or error}): give the folder that "
            f"holds {CARD}, such as `fleetloop train` writes."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"{path} is no card of a brain: {error!r}.") from error
    if version > FORMAT_VERSION:
        raise SchemaError(
            f"{path} is of format version {version}; this fleetloop reads up to {FORMAT_VERSION}: "
            "install a newer one."
        )
    if version < FORMAT_VERSION:
        raise SchemaError(
            f"{path} is of format version {version}, whose networks had other weights; this "
            f"fleetloop reads {FORMAT_VERSION}: train the brain again, or keep to the "
            "version that made it."
        )
    try:
        return from_json(BrainCard, data)
    except FleetloopError as error:
        raise SchemaError(
            f"{path} does not fit this version ({error}): train the brain again."
        ) from error


def load_brain(folder: Path) -> tuple[Brain, BrainCard]:
    """A brain as it was saved, on the CPU.

    Raises:
        StorageError, DamagedFileError, SchemaError: As `read_card`, and for the weights alike.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    card = read_card(folder)
    path = folder / WEIGHTS
    try:
        if path.stat().st_size > LARGEST_WEIGHTS_BYTES:
            raise DamagedFileError(f"{path} is larger than any brain's weights.")
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != card.weights_sha256:
        raise DamagedFileError(
            f"{path} has the hash {found[:12]}, its card says {card.weights_sha256[:12]}: it was "
            "changed or cut after it was saved."
        )
    brain = Brain(card.spec, card.brain)
    try:
        brain.load_state_dict(load(data))
    except (SafetensorError, RuntimeError) as error:
        raise SchemaError(
            f"The weights in {path} do not fit the brain that its card tells of: {error}."
        ) from error
    return brain, card


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is there in whole or not at all.

    Raises:
        StorageError: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. Choose another folder."
        ) from error
