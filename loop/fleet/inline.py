"""Does jobs in this process, one after another: for debugging, tests, and one core."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from fleetloop.core.errors import StateError
from fleetloop.loop.fleet.base import Job, JobEnd, do_job, one_thread


class InlineFleet:
    """One worker, which is the caller.

    Args:
        workers: Taken for the sake of the interface.
    """

    def __init__(self, workers: int = 1) -> None:
        self._queue: deque[Job] = deque()
        self._parts: dict[str, float] = {}
        self._closed = False
        one_thread()

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def submit(self, job: Job) -> None:
        """Queues a job.

        Raises:
            StateError: The fleet is closed.
        """
        if self._closed:
            raise StateError("This fleet is closed: make a new one.")
        self._queue.append(job)

    def wait(self, timeout_s: float | None = None) -> JobEnd | None:
        """Does the next job; None if there is none."""
        if not self._queue:
            return None
        job = self._queue.popleft()
        return do_job(job, lambda part: None)

    def parts_done(self) -> Mapping[str, float]:
        """Nothing: while a job runs here, nobody can ask."""
        return self._parts

    def close(self) -> None:
        """Drops what is queued."""
        self._queue.clear()
        self._closed = True
