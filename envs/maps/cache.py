"""Networks on disk: one `.npz` a map, written whole or not at all, and never trusted blindly.

The file's name is a hash over the source's config, the content of its input files, the network's
version and the code that made it, so a stale file is never found. What is found is checked: the
zip's checksums, the tables' columns and types, and the digest of the network that was stored.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop.core.config import config_hash
from fleetloop.core.errors import ConfigError, DamagedFileError, StorageError
from fleetloop.core.folders import cache_folder
from fleetloop.envs.maps.network import NETWORK_VERSION, TABLES, RoadNetwork

_LOG = logging.getLogger(__name__)
_WORDS = "words"


def map_key(source: str, config: Any, inputs: Iterable[Path]) -> str:  # noqa: ANN401 - any config
    """Name of a map in the cache, 32 hexadecimal letters.

    Args:
        source: Name of the source.
        config: Its frozen config.
        inputs: Files whose content counts.

    Raises:
        StorageError: An input cannot be read.
    """
    digest = hashlib.sha256(f"{source} {NETWORK_VERSION} {_code_stamp()}".encode())
    digest.update(config_hash(config).encode())
    for path in inputs:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise StorageError(f"The map file {path} cannot be read: {error}.") from error
    return digest.hexdigest()[:32]


def cached_network(
    key: str, build: Callable[[], RoadNetwork], *, folder: Path | None = None
) -> RoadNetwork:
    """Reads a map from the cache, or builds and stores it.

    Args:
        key: From `map_key`.
        build: Makes the network when the cache has none.
        folder: Another place than the user's cache.
    """
    path = (folder or cache_folder("maps")) / f"{key}.npz"
    if path.exists():
        try:
            return read_network(path)
        except StorageError as error:
            _LOG.warning("%s It is built anew.", error)
    network = build()
    try:
        write_network(network, path)
    except OSError as error:
        _LOG.warning("The map could not be kept in %s (%s): it will be built again.", path, error)
    return network


def write_network(network: RoadNetwork, path: Path) -> None:
    """Writes a network; the file appears whole or not at all.

    Raises:
        OSError: The folder cannot be written.
    """
    words = {
        "version": NETWORK_VERSION,
        "name": network.name,
        "source": network.source,
        "licence": network.licence,
        "left_hand": network.left_hand,
        "origin_lat_lon": list(network.origin_lat_lon),
        "notes": list(network.notes),
        "digest": network.digest(),
    }
    arrays = network.arrays() | {_WORDS: np.array(json.dumps(words))}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=".half-", suffix=".npz")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
        os.replace(half, path)
    except BaseException:
        os.unlink(half)
        raise


def read_network(path: Path) -> RoadNetwork:
    """Reads a network that `write_network` wrote.

    Raises:
        StorageError: The file cannot be read, or is of another version.
        DamagedFileError: It is cut, changed, or no network.
    """
    try:
        # Opened here: on a damaged zip NumPy would leave its own handle open.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            words = json.loads(str(file[_WORDS]))
            if words.get("version") != NETWORK_VERSION:
                raise StorageError(
                    f"The map {path} has version {words.get('version')}, not {NETWORK_VERSION}."
                )
            tables = {
                name: kind(**{f.name: file[f"{name}.{f.name}"] for f in fields(kind)})
                for name, kind in TABLES.items()
            }
        network = RoadNetwork(
            name=words["name"],
            source=words["source"],
            licence=words["licence"],
            left_hand=bool(words["left_hand"]),
            origin_lat_lon=(float(words["origin_lat_lon"][0]), float(words["origin_lat_lon"][1])),
            notes=tuple(words["notes"]),
            **tables,  # type: ignore[arg-type]  # each table has its own class
        )
        intact = network.digest() == words["digest"]
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise StorageError(f"There is no map {path}.") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, AttributeError,
            zipfile.BadZipFile, ConfigError) as error:  # fmt: skip
        raise DamagedFileError(f"The map {path} is damaged ({error}).") from error
    if not intact:
        raise DamagedFileError(f"The map {path} is damaged (its digest does not fit).")
    return network


@cache
def _code_stamp() -> str:
    """Hash over the code of all map sources, so that a changed generator makes new maps."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}".encode() + path.read_bytes())
    return digest.hexdigest()
