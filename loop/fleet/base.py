"""What a job is, and what runs jobs.

A job names a function as `"module:function"` and holds plain JSON values, so that it can be sent
anywhere, hashed, and done again when its worker dies. What a job makes, it writes into files; what
it returns is small and plain.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fleetloop.core.errors import ConfigError, FleetloopError

ReportPart = Callable[[float], None]
"""Takes the part done of a job, 0 to 1."""

JobFunction = Callable[[Mapping[str, Any], ReportPart], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work.

    Attributes:
        name: For people and messages; unique among the jobs that run at the same time.
        call: The function as `"module:function"`; it takes the arguments and a `ReportPart`.
        args: Plain JSON values.
        weight: How long it takes, relative to others; for the forecast of the time left alone.
    """

    name: str
    call: str
    args: Mapping[str, Any]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended.

    Attributes:
        name: Of the job.
        value: What it returned; None if it failed.
        error: The error's text with its trace; empty if it succeeded.
        cpu_s: Processor time that it took. Never part of a result.
        wall_s: Time that it took by the clock. Never part of a result.
        attempts: How often it was begun: more than once if a worker died.
    """

    name: str
    value: Any
    error: str
    cpu_s: float
    wall_s: float
    attempts: int = 1


class JobError(FleetloopError):
    """A job raised an error, or killed its worker again and again."""


class Fleet(Protocol):
    """Workers that take jobs and give their ends back in the order in which they come."""

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        ...

    def submit(self, job: Job) -> None:
        """Queues a job; the first that came is the first that is begun."""
        ...

    def wait(self, timeout_s: float | None = None) -> JobEnd | None:
        """The next end of a job; None if none came in time, or nothing is queued or running."""
        ...

    def parts_done(self) -> Mapping[str, float]:
        """Part done, 0 to 1, of the jobs that run and tell it."""
        ...

    def close(self) -> None:
        """Stops all workers at once; what is not done is dropped. Closing twice does no harm."""
        ...


FleetFactory = Callable[[int], Fleet]


def resolve(call: str) -> JobFunction:
    """The function that a job names.

    Raises:
        ConfigError: There is none of that name, or it is outside of this library and the tests.
    """
    module, colon, name = call.partition(":")
    if not colon or not name.isidentifier():
        raise ConfigError(f"The job calls {call!r}: write 'package.module:function'.")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The job calls {call!r}, which cannot be imported: {error}.") from error
    if not callable(function):
        raise ConfigError(f"The job calls {call!r}, which is no function.")
    return function  # type: ignore[no-any-return]  # any callable: it is called as a JobFunction


def do_job(job: Job, report: ReportPart) -> JobEnd:
    """Does a job here and now; its error becomes a part of the end."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    value, error = None, ""
    try:
        value = resolve(job.call)(job.args, report)
    except Exception as problem:
        # One line for the user, the trace for who looks for the reason.
        error = f"{type(problem).__name__}: {problem}\n{traceback.format_exc()}"
    return JobEnd(
        name=job.name,
        value=value,
        error=error,
        cpu_s=time.process_time() - cpu_s,
        wall_s=time.monotonic() - wall_s,
    )


def one_thread() -> None:
    """Makes this process compute with one thread: small networks are no faster with two.

    Called before a worker's first job, so that libraries which are imported later read it.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
