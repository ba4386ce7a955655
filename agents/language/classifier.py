"""Which class a sentence vector belongs to, by a linear fit and by its nearest examples.

The linear part (ridge regression on classes of equal weight) sees what tells classes apart; the
nearest examples see what is far from all of them. Their sum does better than either in
cross-validation over the examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fleetloop.core.frames import FloatArray

_RIDGE = 0.3
_NEAREST = 3
CLASSIFIER_ARRAYS = ("mean", "examples", "classes", "weights")


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """What was fitted.

    Attributes:
        mean: Of the examples, (d,): e5's vectors all lean one way, and share it.
        examples: Centred unit vectors, (n, d).
        classes: Class of each example, (n,).
        weights: Of the linear part with its constant, (d + 1, c).
    """

    mean: FloatArray
    examples: FloatArray
    classes: npt.NDArray[np.int64]
    weights: FloatArray

    def scores(self, vectors: FloatArray) -> FloatArray:
        """Scores (m, c) of sentence vectors (m, d); the highest is the class."""
        placed = _placed(vectors, self.mean)
        linear = _with_one(placed) @ self.weights
        alike = placed @ self.examples.T
        count = self.weights.shape[1]
        nearest = np.stack(
            [_mean_of_largest(alike[:, self.classes == c]) for c in range(count)], axis=1
        )
        return 0.5 * linear + nearest

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, to be kept in a file."""
        return {name: getattr(self, name) for name in CLASSIFIER_ARRAYS}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Classifier:
        """From what `arrays` gave."""
        return cls(
            mean=np.asarray(arrays["mean"], np.float64),
            examples=np.asarray(arrays["examples"], np.float64),
            classes=np.asarray(arrays["classes"], np.int64),
            weights=np.asarray(arrays["weights"], np.float64),
        )


def fit_classifier(vectors: FloatArray, classes: npt.NDArray[np.int64], count: int) -> Classifier:
    """Fits to examples.

    Args:
        vectors: Sentence vectors, (n, d).
        classes: From 0, (n,); each at least once.
        count: Number of classes.
    """
    mean = vectors.mean(axis=0)
    placed = _placed(vectors, mean)
    inputs = _with_one(placed)
    # Every class weighs the same however many examples it has.
    weight = 1.0 / np.sqrt(np.bincount(classes, minlength=count)[classes])
    weighted = (inputs * weight[:, None]).T
    targets = 2.0 * np.eye(count)[classes] - 1.0
    gram = weighted @ inputs + _RIDGE * np.eye(inputs.shape[1])
    weights = np.asarray(np.linalg.solve(gram, weighted @ targets), np.float64)
    return Classifier(mean, placed, classes, weights)


def cross_validated(
    vectors: FloatArray, classes: npt.NDArray[np.int64], count: int, rng: np.random.Generator
) -> FloatArray:
    """Scores (n, c) of every example by a fit that did not see it, in five folds.

    Folds are drawn within each class, so that none loses all of its examples.
    """
    fold = np.zeros(len(classes), np.int64)
    for c in range(count):
        members = np.flatnonzero(classes == c)
        fold[members] = rng.permutation(len(members)) % 5
    scores = np.zeros((len(classes), count))
    for number in range(5):
        held = fold == number
        kept = fit_classifier(vectors[~held], classes[~held], count)
        scores[held] = kept.scores(vectors[held])
    return scores


def _placed(vectors: FloatArray, mean: FloatArray) -> FloatArray:
    centred = vectors - mean
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(length > 0.0, length, 1.0))


def _with_one(vectors: FloatArray) -> FloatArray:
    return np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1)


def _mean_of_largest(alike: FloatArray) -> FloatArray:
    take = min(_NEAREST, alike.shape[1])
    return np.asarray(np.sort(alike, axis=1)[:, -take:].mean(axis=1))
