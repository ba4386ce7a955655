"""The tracer's own threads: kernels release the GIL, so plain Python threads run them in parallel.

No threading layer of Numba is used: its OpenMP one kills forked children, its work-queue one
aborts the process when two Python threads call it. Here a forked child starts with no pool and
makes its own when it first needs one.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fleetloop.core.errors import ConfigError

_RAYS_PER_THREAD = 60_000
"""Fewer than that are traced sooner than another thread is woken (320x240 stays on one thread)."""


def worthwhile_threads(rays: int, threads: int | None) -> int:
    """How many threads to use for a number of rays.

    Args:
        rays: In one call.
        threads: At most so many; as many as there are cores if None.

    Raises:
        ConfigError: Less than one.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0))
    if threads < 1:
        raise ConfigError(f"threads is {threads}; at least one is needed.")
    return max(1, min(threads, rays // _RAYS_PER_THREAD))


class Pool:
    """Runs tasks on a number of threads, the caller's among them."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        # Threads do not survive a fork, and a lock may have been held by one of them.
        self._lock = threading.Lock()
        self._executors: dict[int, ThreadPoolExecutor] = {}

    def run(self, tasks: Sequence[Callable[[], None]], threads: int) -> None:
        """Runs all tasks and returns when they are done; the first error is raised.

        Tasks are dealt in turn to the threads as they become free. They must not depend on each
        other's results nor write to the same memory.
        """
        if threads < 1:
            raise ConfigError(f"threads is {threads}; at least one is needed.")
        if threads == 1 or len(tasks) < 2:
            for task in tasks:
                task()
            return
        waiting = iter(tasks)
        hand_out = threading.Lock()

        def work() -> None:
            while True:
                with hand_out:
                    task = next(waiting, None)
                if task is None:
                    return
                task()

        helpers = min(threads, len(tasks)) - 1
        executor = self._executor(threads - 1)
        futures = [executor.submit(work) for _ in range(helpers)]
        try:
            work()
        finally:
            errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error

    def _executor(self, helpers: int) -> ThreadPoolExecutor:
        with self._lock:
            executor = self._executors.get(helpers)
            if executor is None:
                executor = ThreadPoolExecutor(helpers, thread_name_prefix="fleetloop-trace")
                self._executors[helpers] = executor
            return executor


@functools.cache
def shared_pool() -> Pool:
    """The pool of this process."""
    return Pool()
