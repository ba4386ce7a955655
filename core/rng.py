"""Named child generators of one seed, so that a new sensor never shifts another's noise.

Each purpose gets its own counter-based Philox stream [Salmon et al. 2011, "Parallel random
numbers: as easy as 1, 2, 3"]. Its key is a hash of the seed and the purpose's name, so streams
depend on nothing else: not on how many there are, nor on the order in which they were made.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from fleetloop.core.errors import ConfigError

MAX_SEED = 2**63 - 1


def child_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Makes the generator of one purpose.

    Args:
        seed: Seed of the whole episode, 0 to 2**63 - 1.
        names: Path of the purpose, e.g. `("sensor", "front_camera", "noise")`. Different paths,
            also `("ab", "c")` and `("a", "bc")`, give independent streams.

    Returns:
        A generator whose whole state is small and can be copied (see `generator_state`).

    Raises:
        ConfigError: The seed is not an integer in range, or no name was given.
    """
    check_seed(seed)
    if not names:
        raise ConfigError("A child generator needs a name: say what its numbers are for.")
    digest = hashlib.sha256(str(int(seed)).encode())
    for name in names:
        encoded = f"{type(name).__name__}:{name}".encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    key = np.frombuffer(digest.digest()[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def child_seed(seed: int, *names: str | int) -> int:
    """Derives a seed for something that makes its own generators, such as an episode of a fleet.

    Raises:
        ConfigError: As `child_generator`.
    """
    return int(child_generator(seed, *names).integers(0, MAX_SEED, endpoint=True))


def check_seed(seed: int) -> int:
    """Returns the seed as a Python int.

    Raises:
        ConfigError: Not an integer, negative, or above `MAX_SEED`.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ConfigError(f"The seed {seed!r} is no integer: pass an int from 0 to {MAX_SEED}.")
    if not 0 <= int(seed) <= MAX_SEED:
        raise ConfigError(f"The seed {seed} is out of range: pass an int from 0 to {MAX_SEED}.")
    return int(seed)


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Copies the state of a generator, to be given to `restore_generator`."""
    return copy.deepcopy(dict(generator.bit_generator.state))


def restore_generator(generator: np.random.Generator, state: Mapping[str, Any]) -> None:
    """Puts a generator back into a state that `generator_state` returned."""
    generator.bit_generator.state = copy.deepcopy(dict(state))
