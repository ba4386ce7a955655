"""Does jobs in processes of their own on this machine.

Each worker is started afresh (spawned), so that it inherits no physics, no threads and no locks,
and talks through one pipe. A worker that dies is noticed by its sentinel: another one is started,
and the job that it had is done again. A worker whose parent dies ends itself within a second.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from fleetloop.core.errors import StateError
from fleetloop.loop.fleet.base import Job, JobEnd, do_job, one_thread

MOST_ATTEMPTS = 3
"""A job that has killed so many workers is told as failed."""

_REPORT_S = 0.2
_WATCH_S = 0.5


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    job: Job | None = None
    part: float = 0.0


class ProcessFleet:
    """Workers in processes.

    Args:
        workers: How many.
    """

    def __init__(self, workers: int = 2) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._queue: deque[Job] = deque()
        self._attempts: dict[str, int] = {}
        self._ended: deque[JobEnd] = deque()
        self._closed = False
        self._crew: list[_Worker] = []
        try:
            for _ in range(workers):
                self._crew.append(self._start())
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return len(self._crew)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of the workers, for those who watch or kill them."""
        return tuple(worker.process.pid or 0 for worker in self._crew)

    def submit(self, job: Job) -> None:
        """Queues a job.

        Raises:
            StateError: The fleet is closed.
        """
        if self._closed:
            raise StateError("This fleet is closed: make a new one.")
        self._queue.append(job)
        self._hand_out()

    def wait(self, timeout_s: float | None = None) -> JobEnd | None:
        """The next end of a job; None if none came in time, or nothing is queued or running."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            if not self._queue and not any(worker.job for worker in self._crew):
                return None
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0.0:
                return None
            self._listen(left)
        return self._ended.popleft()

    def parts_done(self) -> Mapping[str, float]:
        """Part done of the jobs that run."""
        return {worker.job.name: worker.part for worker in self._crew if worker.job}

    def close(self) -> None:
        """Stops all workers at once."""
        self._closed = True
        self._queue.clear()
        for worker in self._crew:
            with suppress(OSError):
                worker.pipe.close()
            worker.process.terminate()
        for worker in self._crew:
            worker.process.join(5.0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._crew = []

    def _start(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, os.getpid()), name="fleetloop-worker", daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, mine)

    def _hand_out(self) -> None:
        for number, worker in enumerate(self._crew):
            if not self._queue:
                return
            if worker.job is not None:
                continue
            job = self._queue.popleft()
            self._attempts[job.name] = self._attempts.get(job.name, 0) + 1
            worker.job, worker.part = job, 0.0
            try:
                worker.pipe.send(job)
            except OSError:
                self._replace(number)

    def _listen(self, timeout_s: float | None) -> None:
        pipes = {worker.pipe: number for number, worker in enumerate(self._crew)}
        dead = {worker.process.sentinel: number for number, worker in enumerate(self._crew)}
        found = wait([*pipes, *dead], timeout_s)
        # What a worker said before it died counts, so pipes are heard first.
        for each in found:
            if isinstance(each, Connection) and each in pipes:
                self._hear(pipes[each])
        for each in found:
            if isinstance(each, int) and each in dead:
                worker = self._crew[dead[each]]
                if worker.process.sentinel == each:
                    self._replace(dead[each])
        self._hand_out()

    def _hear(self, number: int) -> None:
        worker = self._crew[number]
        try:
            while worker.pipe.poll():
                said: Any = worker.pipe.recv()
                if isinstance(said, float):
                    worker.part = said
                elif worker.job is not None:
                    attempts = self._attempts.pop(worker.job.name)
                    self._ended.append(replace(said, attempts=attempts))
                    worker.job = None
        except (EOFError, OSError):
            self._replace(number)

    def _replace(self, number: int) -> None:
        """Starts another worker in the place of a dead one, and queues its job again, first."""
        worker = self._crew[number]
        job = worker.job
        with suppress(OSError):
            worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode
        self._crew[number] = self._start()
        if job is None:
            return
        attempts = self._attempts[job.name]
        if attempts < MOST_ATTEMPTS:
            self._queue.appendleft(job)
            return
        self._ended.append(
            JobEnd(
                name=job.name,
                value=None,
                error=f"The job {job.name} ended its worker {attempts} times, at last with the "
                f"exit code {code}: run it with the engine 'inline' to see why.",
                cpu_s=0.0,
                wall_s=0.0,
                attempts=self._attempts.pop(job.name),
            )
        )


def _work(pipe: Connection, parent: int) -> None:
    """The life of a worker: takes jobs until the pipe is closed."""
    # Ctrl-C goes to the whole group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    one_thread()
    last_s = 0.0

    def report(part: float) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= _REPORT_S:
            last_s = now_s
            pipe.send(float(part))

    with suppress(EOFError, OSError):
        while True:
            job = pipe.recv()
            pipe.send(do_job(job, report))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
