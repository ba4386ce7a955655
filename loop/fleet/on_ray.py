"""Does jobs on a Ray cluster, or on a Ray that is started on this machine.

Ray comes with the extra `ray`. Jobs write their files into the campaign's folder, which all nodes
of a cluster must see under the same path (NFS or the like). Ray itself begins a job anew whose
worker or node died. Part done within a job is not told here, whole jobs are.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fleetloop.core.errors import MissingDependencyError, StateError
from fleetloop.loop.fleet.base import Job, JobEnd, do_job, one_thread
from fleetloop.loop.fleet.process import MOST_ATTEMPTS

_STORE_BYTES = 100_000_000
"""Jobs return little: the object store of a Ray of our own is as small as Ray allows, with room."""


class RayFleet:
    """Tasks of one core each.

    Args:
        workers: How many jobs run at the same time, over the whole cluster.

    Raises:
        MissingDependencyError: Ray is not installed.
    """

    def __init__(self, workers: int = 2) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingDependencyError(
                "The engine 'ray' needs Ray: install fleetloop with the extra 'ray', or use the "
                "engine 'process'."
            ) from error
        self._ray: Any = ray
        self._own = not ray.is_initialized()
        if self._own:
            _connect(ray, workers)
        self._task: Any = ray.remote(num_cpus=1, max_retries=MOST_ATTEMPTS - 1)(_do)
        self._workers = workers
        self._queue: deque[Job] = deque()
        self._running: dict[Any, Job] = {}

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return self._workers

    def submit(self, job: Job) -> None:
        """Queues a job.

        Raises:
            StateError: The fleet is closed.
        """
        if self._ray is None:
            raise StateError("This fleet is closed: make a new one.")
        self._queue.append(job)
        self._hand_out()

    def wait(self, timeout_s: float | None = None) -> JobEnd | None:
        """The next end of a job; None if none came in time, or nothing is queued or running."""
        if not self._running:
            return None
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        if not done:
            return None
        job = self._running.pop(done[0])
        try:
            end = JobEnd(**self._ray.get(done[0]))
        except self._ray.exceptions.RayError as error:
            end = JobEnd(
                name=job.name,
                value=None,
                error=f"The job {job.name} failed on Ray: {error}",
                cpu_s=0.0,
                wall_s=0.0,
                attempts=MOST_ATTEMPTS,
            )
        self._hand_out()
        return end

    def parts_done(self) -> Mapping[str, float]:
        """Nothing: Ray's tasks tell their ends alone."""
        return {}

    def close(self) -> None:
        """Cancels what runs; ends a Ray that was started here."""
        if self._ray is None:
            return
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        if self._own:
            self._ray.shutdown()
        self._running, self._ray = {}, None
        self._queue.clear()

    def _hand_out(self) -> None:
        while self._queue and len(self._running) < self._workers:
            job = self._queue.popleft()
            self._running[self._task.remote(asdict(job))] = job


def _connect(ray: Any, workers: int) -> None:  # noqa: ANN401 - an untyped module
    """Joins the cluster that `RAY_ADDRESS` names, else starts a small Ray of our own."""
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level="warning", log_to_driver=False)
        return
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=_STORE_BYTES,
        logging_level="warning",
        log_to_driver=False,
    )


def _do(job: Mapping[str, Any]) -> dict[str, Any]:
    one_thread()
    begun_s = time.monotonic()
    end = asdict(do_job(Job(**job), lambda part: None))
    return end | {"wall_s": time.monotonic() - begun_s}
