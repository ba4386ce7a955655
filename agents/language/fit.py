"""Fits the resolver's classifier and its thresholds to a lexicon, and keeps the result.

Thresholds come from cross-validation over the lexicon's own phrases, never from test sentences.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fleetloop.agents.language.classifier import (
    CLASSIFIER_ARRAYS,
    Classifier,
    cross_validated,
    fit_classifier,
)
from fleetloop.agents.language.embed import Embedder
from fleetloop.agents.language.lexicon import Lexicon, Phrase, Request
from fleetloop.core.folders import cache_folder
from fleetloop.core.frames import FloatArray
from fleetloop.core.rng import child_generator

_LOG = logging.getLogger(__name__)
_VERSION = 2
_PARTS = ("classifier", "talk")
# At most so many sentences that are no request may be taken for one.
_FALSE_ACCEPTANCE = 0.04
# Asking back may cost so many of the sentences that would have been read rightly.
_NEEDLESS_QUESTIONS = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What a resolver decides by.

    Attributes:
        classifier: Its classes are the lexicon's requests, then everything else.
        talk: Tells talk (0) from what is out of scope (1).
        accept_gap: A request is taken for one if its score is so much above that of the others.
        ask_gap: Two requests closer than this are asked about.
    """

    classifier: Classifier
    talk: Classifier
    accept_gap: float
    ask_gap: float


def fit_to(lexicon: Lexicon, embedder: Embedder, folder: Path | None = None) -> Fit:
    """Fits, or reads what was fitted before.

    Args:
        lexicon: The words.
        embedder: Sentence vectors.
        folder: Where results are kept; the user's cache if None.
    """
    place = (folder or cache_folder("language")) / f"{_key(lexicon, embedder)}.npz"
    kept = _read(place)
    if kept is None:
        kept = _fit(lexicon, embedder)
        _keep(kept, place)
    return kept


def _fit(lexicon: Lexicon, embedder: Embedder) -> Fit:
    _LOG.info("Fitting %d phrases by %s, once.", len(lexicon.phrases), embedder.key)
    vectors = embedder.embed([phrase.text for phrase in lexicon.phrases])
    number = {request: k for k, request in enumerate(lexicon.requests)}
    other = len(number)
    classes = np.array([_class(phrase, number) for phrase in lexicon.phrases], np.int64)
    rng = child_generator(0, "language", "folds")
    scores = cross_validated(vectors, classes, other + 1, rng)
    accept, ask = _thresholds(scores, classes)
    outside = classes == other
    kinds = np.array([phrase.kind == "out_of_scope" for phrase in lexicon.phrases], np.int64)
    return Fit(
        classifier=fit_classifier(vectors, classes, other + 1),
        talk=fit_classifier(vectors[outside], kinds[outside], 2),
        accept_gap=accept,
        ask_gap=ask,
    )


def _class(phrase: Phrase, number: Mapping[Request, int]) -> int:
    return len(number) if phrase.request is None else number[phrase.request]


def _thresholds(scores: FloatArray, classes: npt.NDArray[np.int64]) -> tuple[float, float]:
    inside, outside = scores[:, :-1], scores[:, -1]
    order = np.sort(inside, axis=1)
    gap, lead = order[:, -1] - outside, order[:, -1] - order[:, -2]
    is_request = classes < inside.shape[1]
    accept = float(np.quantile(gap[~is_request], 1.0 - _FALSE_ACCEPTANCE))
    right = is_request & (inside.argmax(axis=1) == classes) & (gap > accept)
    ask = float(np.quantile(lead[right], _NEEDLESS_QUESTIONS)) if right.any() else 0.0
    return max(accept, 0.0), max(ask, 0.0)


def _key(lexicon: Lexicon, embedder: Embedder) -> str:
    text = repr((_VERSION, embedder.key, lexicon.requests, lexicon.phrases))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(place: Path) -> Fit | None:
    try:
        # In memory first: of a file that is cut, NumPy would leave the handle open.
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as arrays:
            accept, ask = (float(value) for value in arrays["thresholds"])
            found = [
                Classifier.of({name: arrays[f"{part}.{name}"] for name in CLASSIFIER_ARRAYS})
                for part in _PARTS
            ]
            return Fit(found[0], found[1], accept, ask)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _LOG.warning("%s is damaged (%s) and is made anew.", place, error)
        return None


def _keep(fit: Fit, place: Path) -> None:
    """Writes whole or not at all; a folder that cannot be written costs the time of a fit only."""
    buffer = io.BytesIO()
    arrays = {
        f"{part}.{name}": array
        for part, classifier in zip(_PARTS, (fit.classifier, fit.talk), strict=True)
        for name, array in classifier.arrays().items()
    }
    arrays["thresholds"] = np.array([fit.accept_gap, fit.ask_gap])
    np.savez(buffer, allow_pickle=False, **arrays)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as stream:
            stream.write(buffer.getvalue())
        os.replace(stream.name, place)
    except OSError as error:
        _LOG.warning("The fit cannot be kept in %s (%s): it is made anew each time.", place, error)
