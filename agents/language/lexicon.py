"""What robots can be asked: verbs, places and things, and how people name them.

A lexicon is data (`lexicon.json`), so that another home or another town brings its own. From it
come the phrases that the resolver is fitted on, in every language that it has words for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from fleetloop.core.errors import ConfigError, StorageError

Language = Literal["en", "ja"]
Kind = Literal["request", "talk", "out_of_scope"]
_MAX_BYTES = 4_000_000
# So many phrases of a request and language are kept: the fit gains little from more.
_PHRASES_EACH = 22


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that a robot can be asked to do.

    Attributes:
        verb: Such as `drive`, `carry`.
        object: What is handled, such as `cup`; empty if nothing is.
        place: Where to, such as `harbour`; empty if nowhere.
        body: The robot that does it: `car` or `humanoid`.
    """

    verb: str
    object: str
    place: str
    body: str

    @property
    def id(self) -> str:
        """Such as `drive:harbour`, `carry_bag:kitchen`, `stand`."""
        head = f"{self.verb}_{self.object}" if self.object else self.verb
        return f"{head}:{self.place}" if self.place else head


@dataclass(frozen=True, slots=True)
class Phrase:
    """An example sentence.

    Attributes:
        kind: What such a sentence is.
        request: Which request it makes; None for talk and what is out of scope.
        language: `en` or `ja`.
        text: The sentence.
    """

    kind: Kind
    request: Request | None
    language: Language
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Requests with the words that make them.

    Attributes:
        requests: All that can be asked.
        phrases: Example sentences, every request and both other kinds among them.
    """

    requests: tuple[Request, ...]
    phrases: tuple[Phrase, ...]


def read_lexicon(path: Path | None = None) -> Lexicon:
    """Reads a lexicon.

    Args:
        path: A JSON file in the form of the one that ships with the package, which None takes.

    Raises:
        StorageError: The file cannot be read, or is larger than a lexicon could be.
        ConfigError: It is no JSON, or not in the form of a lexicon.
    """
    source = resources.files("fleetloop.agents.language") / "lexicon.json" if path is None else path
    try:
        with source.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(f"The lexicon {source} cannot be read: {error}.") from error
    if len(raw) > _MAX_BYTES:
        raise StorageError(f"The lexicon {source} is larger than {_MAX_BYTES} bytes: split it.")
    try:
        return parse_lexicon(json.loads(raw))
    except ValueError as error:
        raise ConfigError(f"The lexicon {source} is not usable: {error}") from error


def parse_lexicon(content: Mapping[str, Any]) -> Lexicon:
    """Makes a lexicon from the content of its file.

    Raises:
        ConfigError: A word that is used is not defined, or a field has another type.
    """
    try:
        requests = tuple(_request(text, content["verbs"]) for text in content["requests"])
        phrases = [p for request in requests for p in _phrases_of(request, content)]
        others: tuple[Kind, ...] = ("talk", "out_of_scope")
        for kind in others:
            phrases += [
                Phrase(kind, None, language, str(text))
                for language in _languages()
                for text in content[kind].get(language, ())
            ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{error} is missing or has another form; compare with the lexicon.json of the package."
        ) from error
    if len({request.id for request in requests}) != len(requests):
        raise ConfigError("A request is listed twice: list each once.")
    return Lexicon(requests, tuple(phrases))


def _languages() -> tuple[Language, ...]:
    return get_args(Language)


def _request(text: str, verbs: Mapping[str, Any]) -> Request:
    """Reads `verb`, `verb:place` or `verb_object:place`; a verb's name may hold underscores."""
    head, _, place = text.partition(":")
    verb, thing = (head, "") if head in verbs else head.rsplit("_", 1)
    return Request(verb, thing, place, str(verbs[verb]["body"]))


def _phrases_of(request: Request, content: Mapping[str, Any]) -> list[Phrase]:
    verb = content["verbs"][request.verb]
    found: list[Phrase] = []
    for language in _languages():
        texts = list(_filled(request, language, content))
        if request.verb == "drive":
            texts += content["places"][request.place].get(f"{language}_reasons", ())
        if language == "en":
            key = " ".join(word for word in (request.object, request.place) if word)
            texts += verb.get("phrases", {}).get(key, ())
        unique = list(dict.fromkeys(str(text) for text in texts))
        found += [Phrase("request", request, language, text) for text in _spread(unique)]
    return found


def _filled(request: Request, language: Language, content: Mapping[str, Any]) -> Iterator[str]:
    """The verb's frames with every name of its place and object in them."""
    places = content["places"][request.place][language] if request.place else ("",)
    things = content["objects"][request.object][language] if request.object else ("",)
    for place in places:
        for thing in things:
            for frame in content["verbs"][request.verb][language]:
                yield _without_article(frame.format(place=place, object=thing))


def _without_article(text: str) -> str:
    """`to the home` is `home`, `the my house` is `my house`."""
    return text.replace("to the home", "home").replace("the home", "home").replace("the my", "my")


def _spread(texts: list[str]) -> list[str]:
    """Takes texts from all of the list, evenly, when it is long."""
    step = max(1.0, len(texts) / _PHRASES_EACH)
    return [texts[int(number * step)] for number in range(min(len(texts), _PHRASES_EACH))]
