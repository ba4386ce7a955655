"""Opens a map: from this process, else from the cache on disk, else from its source."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from fleetloop.core.config import from_json, to_json
from fleetloop.core.digest import canonical_json
from fleetloop.envs.maps.cache import cached_network, map_key
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.sources import MAPS
from fleetloop.envs.maps.validate import validate

_KEPT = 8
"""Maps that a process keeps, newest first: worlds of one process share them."""


def open_map(source: str, config: Any = None, *, folder: Path | None = None) -> RoadNetwork:  # noqa: ANN401
    """Returns a validated map.

    Args:
        source: Name in `sources.MAPS`, such as `town`.
        config: The source's CONFIG; its defaults if None.
        folder: Another cache than the user's.

    Raises:
        ConfigError: The map is broken, empty, or fails validation; nothing is left in the cache.
        StorageError: A file of the map cannot be read.
    """
    maker = MAPS.get(source)
    chosen = maker.CONFIG() if config is None else config
    key = map_key(source, chosen, maker.inputs(chosen))
    return _opened(source, canonical_json(to_json(chosen)), key, folder)


@lru_cache(maxsize=_KEPT)
def _opened(source: str, config_json: str, key: str, folder: Path | None) -> RoadNetwork:

    maker = MAPS.get(source)
    config = from_json(maker.CONFIG, json.loads(config_json))

    def build() -> RoadNetwork:
        network = maker.build(config).freeze()
        validate(network).require()
        return network

    return cached_network(key, build, folder=folder)
