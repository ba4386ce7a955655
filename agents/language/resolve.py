"""Reads sentences as requests: several in one, asked back when unsure, refused out of scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fleetloop.agents.language.clauses import clauses, groupings
from fleetloop.agents.language.embed import EMBEDDERS, Embedder, best_embedder
from fleetloop.agents.language.fit import Fit, fit_to
from fleetloop.agents.language.lexicon import Lexicon, Request, read_lexicon
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray

Meaning = Literal["request", "ask", "talk", "refuse"]
MAX_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Reading:
    """What one clause was understood as.

    Attributes:
        text: The clause.
        meaning: `request`: do it. `ask`: ask which of `choices` is meant. `talk`: for a language
            model, not for the body. `refuse`: nothing that these robots do.
        request: What to do, if `meaning` is `request`.
        choices: The likely requests, best first, if `meaning` is `ask`.
        reply: What to say to the person; empty for requests that are clear.
    """

    text: str
    meaning: Meaning
    request: Request | None = None
    choices: tuple[Request, ...] = ()
    reply: str = ""


class Resolver:
    """Reads sentences by a lexicon.

    Args:
        lexicon: The words; those of the package if None.
        embedder: Name in `EMBEDDERS`, or an embedder; the best that is installed if None.
        folder: Where the fit is kept; the user's cache if None.

    Attributes:
        lexicon: The words.
        embedder: What makes sentence vectors; `embedder.key` says which one it is.
    """

    def __init__(
        self,
        lexicon: Lexicon | None = None,
        embedder: str | Embedder | None = None,
        folder: Path | None = None,
    ) -> None:
        self.lexicon = lexicon or read_lexicon()
        name = best_embedder() if embedder is None else embedder
        self.embedder: Embedder = EMBEDDERS.get(name)() if isinstance(name, str) else name
        self._fit: Fit = fit_to(self.lexicon, self.embedder, folder)

    def resolve(self, sentence: str, body: str | None = None) -> tuple[Reading, ...]:
        """Reads a sentence, which may hold several intents.

        It is read as several only if every part is clear by itself and one is a request at least;
        otherwise it is read as a whole.

        Args:
            sentence: In any language that the lexicon has words for.
            body: The robot that hears it, `car` or `humanoid`; None if any may do it.

        Raises:
            ConfigError: No text, or more than 2000 characters.
        """
        text = sentence.strip() if isinstance(sentence, str) else ""
        if not text or len(text) > MAX_CHARACTERS:
            raise ConfigError(
                f"A request is a text of 1 to {MAX_CHARACTERS} characters, got {sentence!r:.80}."
            )
        ways = [way for way in groupings(clauses(text)) if len(way) > 1]
        known = list(dict.fromkeys([text, *(part for way in ways for part in way)]))
        readings = dict(zip(known, self._read(known, body), strict=True))
        for way in ways:
            parts = [readings[part] for part in way]
            if all(part.meaning in ("request", "talk") for part in parts) and any(
                part.meaning == "request" for part in parts
            ):
                return _without_repeats(parts)
        return (readings[text],)

    def vector(self, sentence: str) -> FloatArray:
        """The sentence's own vector, (d,): what a brain may take beside the request."""
        return np.asarray(self.embedder.embed([sentence])[0])

    def _read(self, texts: Sequence[str], body: str | None) -> list[Reading]:
        vectors = self.embedder.embed(texts)
        scores = self._fit.classifier.scores(vectors)
        is_talk = self._fit.talk.scores(vectors).argmax(axis=1) == 0
        return [
            self._reading(text, row, body)
            if self._is_request(row, body)
            else _not_a_request(text, talk)
            for text, row, talk in zip(texts, scores, is_talk, strict=True)
        ]

    def _is_request(self, scores: FloatArray, body: str | None) -> bool:
        return bool(self._own(scores, body).max() - scores[-1] > self._fit.accept_gap)

    def _own(self, scores: FloatArray, body: str | None) -> FloatArray:
        """Scores of the requests, -inf where another body is asked."""
        mine = np.array([body in (None, request.body) for request in self.lexicon.requests])
        return np.where(mine, scores[:-1], -np.inf)

    def _reading(self, text: str, scores: FloatArray, body: str | None) -> Reading:
        requests, fit = self.lexicon.requests, self._fit
        own = self._own(scores, body)
        order = np.argsort(-own, kind="stable")
        stranger = requests[int(np.argmax(scores[:-1]))]
        if scores[:-1].max() - own[order[0]] > fit.ask_gap:
            return Reading(text, "refuse", reply=f"{_said(stranger)} is for the {stranger.body}.")
        near = [requests[k] for k in order[:3] if own[order[0]] - own[k] < fit.ask_gap]
        if len(near) > 1:
            reply = f"Do you mean {' or '.join(_said(request) for request in near)}?"
            return Reading(text, "ask", choices=tuple(near), reply=reply)
        return Reading(text, "request", request=requests[order[0]])


def _not_a_request(text: str, is_talk: bool) -> Reading:
    if is_talk:
        return Reading(text, "talk")
    return Reading(text, "refuse", reply="This is nothing that I can do.")


def _said(request: Request) -> str:
    words = [request.verb.replace("_", " "), request.object.replace("_", " ")]
    place = f"to {request.place.replace('_', ' ')}" if request.place else ""
    return repr(" ".join(word for word in (*words, place) if word))


def _without_repeats(parts: Sequence[Reading]) -> tuple[Reading, ...]:
    """One reading for the same request said twice ("we need eggs, and milk")."""
    found: list[Reading] = []
    for part in parts:
        if part.request is None or all(part.request != other.request for other in found):
            found.append(part)
    return tuple(found)
