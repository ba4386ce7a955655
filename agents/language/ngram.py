"""Sentence vectors from hashed pieces of words: no package, no meaning, no surprise."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

from fleetloop.core.frames import FloatArray

_SIZE = 2048
_LENGTHS = (2, 3, 4)


class NgramEmbedder:
    """Counts character n-grams and words in 2048 hashed places, with signs.

    The hashing trick: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning".
    """

    @property
    def key(self) -> str:
        """Name and version."""
        return "ngram-1"

    def embed(self, sentences: Sequence[str]) -> FloatArray:
        """Unit vectors (n, 2048); a text without letters is all zeros."""
        vectors = np.zeros((len(sentences), _SIZE))
        for row, sentence in enumerate(sentences):
            for piece in _pieces(sentence):
                digest = int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest())
                vectors[row, digest % _SIZE] += 1.0 if digest >> 63 else -1.0
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(length > 0.0, length, 1.0)


def _pieces(sentence: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", sentence).casefold()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    for word in words:
        yield f"={word}"
        marked = f" {word} "
        for length in _LENGTHS:
            for begin in range(len(marked) - length + 1):
                yield marked[begin : begin + length]
