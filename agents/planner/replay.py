"""Keeps every exchange with a host, so that runs repeat without it, to the letter."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from fleetloop.agents.planner.host import Host, HostError, Question
from fleetloop.core.errors import StorageError

_MAX_BYTES = 1_000_000


class ReplayHost:
    """Answers from a folder, and asks a host only for what the folder does not know.

    Args:
        folder: One JSON file for each exchange.
        host: Asked for the rest; None if nothing may be asked, as in tests.
        model: The model's name; the host's if None.
    """

    def __init__(self, folder: Path, host: Host | None = None, model: str | None = None) -> None:
        self._folder = folder
        self._host = host
        self._model = model or (host.model if host else "replay")

    @property
    def model(self) -> str:
        """The model whose exchanges these are."""
        return self._model

    def ask(self, question: Question) -> str:
        """The kept reply, or a new one, which is kept.

        Raises:
            HostError: It is not known and there is no host, or the host gave no reply.
            StorageError: A kept exchange is damaged, or a new one cannot be kept.
        """
        place = self._folder / f"{self._key(question)}.json"
        kept = _read(place)
        if kept is not None:
            return kept
        if self._host is None:
            raise HostError(
                f"{self._folder} holds no reply to this question: ask once with a host to keep it."
            )
        reply = self._host.ask(question)
        _write(place, {"model": self._model, "text": question.text, "reply": reply})
        return reply

    def _key(self, question: Question) -> str:
        """The same for the same model, rules, words, pictures and schema."""
        parts: list[Any] = [self._model, question.rules, question.text, *question.pictures]
        parts.append(json.dumps(question.schema, sort_keys=True))
        digest = hashlib.sha256()
        for part in parts:
            digest.update(hashlib.sha256(str(part).encode()).digest())
        return digest.hexdigest()


def _read(place: Path) -> str | None:
    try:
        with place.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        reply = json.loads(raw)["reply"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"The exchange {place} cannot be read ({error}): delete it.") from error
    if not isinstance(reply, str):
        raise StorageError(f"The exchange {place} holds no text as its reply: delete it.")
    return reply


def _write(place: Path, content: dict[str, str]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False) as stream:
            json.dump(content, stream, indent=1)
        os.replace(stream.name, place)
    except OSError as error:
        raise StorageError(f"The exchange {place} cannot be kept: {error}.") from error
