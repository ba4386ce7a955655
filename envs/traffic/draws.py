"""Random numbers of road users: each has a stream of its own, told by its row and a count."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline


@inline
def uniform(row, table, seed):
    """The next random number of a row, 0 to 1: SplitMix64 of seed, row and count.

    [Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"]

    Args:
        row: Whose.
        table: Records with a `count`.
        seed: Of the whole purpose.
    """
    table[row].count += np.uint64(1)
    x = seed + np.uint64(row) * np.uint64(0xD1342543DE82EF95)
    x += table[row].count * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return float(x >> np.uint64(11)) / 9007199254740992.0
