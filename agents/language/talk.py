"""Talk beside the driving: questions go to whoever answers, and the robot never waits for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from fleetloop.core.errors import ConfigError, StateError


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        number: Of the question, as `ask` gave it.
        question: What was asked.
        text: The answer; empty if there is none.
        error: Why there is none.
    """

    number: int
    question: str
    text: str
    error: str = ""


class Talk:
    """A thread of its own that answers questions one after the other.

    Use it as a context manager. `ask` and `answers` return at once, whatever the answering does.

    Args:
        answer: Takes a question, returns an answer; may take its time and may fail.
        waiting: So many questions may wait; more are declined at once.
    """

    def __init__(self, answer: Callable[[str], str], waiting: int = 16) -> None:
        if waiting < 1:
            raise ConfigError(f"waiting is {waiting}: at least one question must fit.")
        self._answer = answer
        self._questions: queue.Queue[tuple[int, str] | None] = queue.Queue(waiting)
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._number = 0
        self._closed = False
        # A daemon: an answer that never comes must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="fleetloop-talk", daemon=True)
        self._thread.start()

    def ask(self, question: str) -> int:
        """Hands a question over and returns its number.

        Raises:
            StateError: After `close`.
        """
        if self._closed:
            raise StateError("This talk is over: open another one.")
        self._number += 1
        try:
            self._questions.put_nowait((self._number, question))
        except queue.Full:
            busy = "Too many questions wait already: ask again later."
            self._answers.put(Answer(self._number, question, "", busy))
        return self._number

    def answers(self) -> tuple[Answer, ...]:
        """The answers that came since the last call, each once."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except queue.Empty:
                return tuple(found)

    def close(self) -> None:
        """Takes no more questions. An answer that is being made is not waited for."""
        if self._closed:
            return
        self._closed = True
        try:
            self._questions.put_nowait(None)
        except queue.Full:
            # The worker sees `_closed` after its present answer.
            return

    def __enter__(self) -> Talk:
        """Opens."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes."""
        self.close()

    def _work(self) -> None:
        while not self._closed:
            entry = self._questions.get()
            if entry is None:
                return
            number, question = entry
            try:
                self._answers.put(Answer(number, question, self._answer(question)))
            except Exception as error:
                self._answers.put(Answer(number, question, "", f"{type(error).__name__}: {error}"))
