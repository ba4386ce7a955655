"""The three lessons that the brain is taught beside acting: what they ask, and how each is scored.

* physics: how the body will move in the next half second, and whether it will stop, fall or
  collide within two;
* recognition: how far the nearest thing is in sixteen directions, which kinds of things are
  there, and where the nearest road user is;
* navigation: how far it will get in the next second, how it stands to the way, and where on it.

Answers are in units that make numbers of about one; the layout is part of each checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fleetloop.core.semantics import SemanticClass

BEARINGS = 16
"""Directions in which distances are asked for, evenly from 45 degrees left to 45 right."""

HORIZON_S = 2.0
"""How far ahead stops, falls and collisions are asked for."""

GROUPS: Mapping[str, tuple[SemanticClass, ...]] = {
    "vehicle": (
        SemanticClass.CAR,
        SemanticClass.TRUCK,
        SemanticClass.BUS,
        SemanticClass.MOTORCYCLE,
        SemanticClass.BICYCLE,
    ),
    "person": (SemanticClass.PERSON, SemanticClass.RIDER),
    "building": (SemanticClass.BUILDING, SemanticClass.WALL, SemanticClass.FENCE),
    "plant": (SemanticClass.VEGETATION, SemanticClass.PLANT),
    "furniture": (
        SemanticClass.TABLE,
        SemanticClass.CHAIR,
        SemanticClass.COUNTER,
        SemanticClass.CABINET,
        SemanticClass.SOFA,
        SemanticClass.BED,
        SemanticClass.APPLIANCE,
    ),
    "item": (
        SemanticClass.DISH,
        SemanticClass.BAG,
        SemanticClass.BOTTLE,
        SemanticClass.BOX,
    ),
}
"""Kinds of things that are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Some numbers that a head answers.

    Attributes:
        name: Such as `motion`.
        lesson: `physics`, `recognition` or `navigation`.
        kind: `number`, or `yes` for a probability.
        parts: A name for each number.
    """

    name: str
    lesson: str
    kind: Literal["number", "yes"]
    parts: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="motion",
        lesson="physics",
        kind="number",
        parts=("forward_m", "left_m", "turn_rad", "speed_m_s"),
    ),
    Question(name="soon", lesson="physics", kind="yes", parts=("stop", "fall", "collision")),
    Question(
        name="distance",
        lesson="recognition",
        kind="number",
        parts=tuple(f"log_m_{number}" for number in range(BEARINGS)),
    ),
    Question(name="sees", lesson="recognition", kind="yes", parts=tuple(GROUPS)),
    Question(
        name="road_user",
        lesson="recognition",
        kind="number",
        parts=("bearing_rad", "log_m", "width_rad"),
    ),
    Question(
        name="way",
        lesson="navigation",
        kind="number",
        parts=("progress", "heading_rad", "offset_m"),
    ),
)
"""In the order in which their numbers stand in an array of answers."""

WORST = -1.0
"""Lowest score of a question."""

ANSWERS = sum(len(question.parts) for question in QUESTIONS)


def places(name: str) -> slice:
    """Where a question's numbers stand.

    Raises:
        KeyError: There is no such question.
    """
    start = 0
    for question in QUESTIONS:
        if question.name == name:
            return slice(start, start + len(question.parts))
        start += len(question.parts)
    raise KeyError(name)


def yes_mask() -> npt.NDArray[np.bool_]:
    """Which answers are probabilities, (ANSWERS,)."""
    return np.concatenate([np.full(len(q.parts), q.kind == "yes") for q in QUESTIONS])


def lesson_scores(
    answer: npt.NDArray[np.float32],
    truth: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Scores by `lesson/question`, and their mean by lesson; 0 is no better than the mean, 1 right.

    Numbers are scored by the part of their variance that is explained, probabilities (as logits)
    by how much better than a coin the two kinds are ordered, 2 AUROC - 1. What was not asked often
    enough (fewer than ten known answers, or all alike) is left out. A score below `WORST` counts as
    that: where answers hardly differ, a small error is many times their variance, and would hide
    all other questions of a lesson.

    Args:
        answer, truth, known: (n, ANSWERS).
    """
    scores: dict[str, list[float]] = {}
    column = 0
    for question in QUESTIONS:
        for _ in question.parts:
            rows = known[:, column]
            score = _score(question.kind, answer[rows, column], truth[rows, column])
            if score is not None:
                scores.setdefault(f"{question.lesson}/{question.name}", []).append(score)
            column += 1
    result = {name: float(np.mean(values)) for name, values in scores.items()}
    for lesson in dict.fromkeys(question.lesson for question in QUESTIONS):
        own = [value for name, value in result.items() if name.startswith(f"{lesson}/")]
        if own:
            result[lesson] = float(np.mean(own))
    return result


def area_under_curve(score: npt.NDArray[np.float32], yes: npt.NDArray[np.bool_]) -> float:
    """Chance that a random yes is scored above a random no, ties half (Mann-Whitney's U)."""
    order = np.sort(score)
    below = np.searchsorted(order, score, side="left")
    through = np.searchsorted(order, score, side="right")
    ranks = 0.5 * (below + through + 1)
    positives, negatives = int(yes.sum()), int((~yes).sum())
    above = float(ranks[yes].sum()) - 0.5 * positives * (positives + 1)
    return above / (positives * negatives)


def _score(
    kind: str, answer: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]
) -> float | None:
    if len(truth) < 10:
        return None
    if kind == "yes":
        yes = truth > 0.5
        return None if yes.all() or not yes.any() else 2.0 * area_under_curve(answer, yes) - 1.0
    spread = float(truth.astype(np.float64).var())
    if spread < 1e-8:
        return None
    error = float(np.square(answer.astype(np.float64) - truth).mean())
    return max(1.0 - error / spread, WORST)
