"""The slow loop: the last valid plan holds for a while, then the robot stops safely.

The fast brain never waits here. Two ways to run: `live` asks in a thread and takes replies when
they come; `repeatable` asks at once and lets each reply count from a fixed simulated delay on, so
that the same run with the same replies has the same bytes.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from fleetloop.agents.planner.host import Host, HostError
from fleetloop.agents.planner.plan import SAFE_STOP, Plan, PlanError, parse_plan
from fleetloop.agents.planner.situation import Situation
from fleetloop.core.errors import ConfigError, StateError

Mode = Literal["repeatable", "live"]
# After so long without a fresh plan a body is no longer where the plan was made for.
MAX_AGE_S = {"car": 3.0, "humanoid": 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a planner is asked and how long its word holds.

    Attributes:
        period_s: Between two questions.
        delay_s: From a picture to the moment at which the reply to it counts; `repeatable` only.
        max_age_s: A plan is dropped so long after the picture it was made from.
    """

    period_s: float = 2.0
    delay_s: float = 1.0
    max_age_s: float = 3.0

    def __post_init__(self) -> None:
        if self.period_s <= 0.0 or self.delay_s < 0.0 or self.max_age_s <= self.delay_s:
            raise ConfigError(
                f"period_s {self.period_s}, delay_s {self.delay_s} and max_age_s {self.max_age_s} "
                "do not fit: a period above 0, and an age above the delay."
            )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Exchange:
    """One question and what became of it.

    Attributes:
        t_ns: Of the situation.
        plan: What was planned; None if nothing valid came.
        problem: Why not.
    """

    t_ns: int
    plan: Plan | None
    problem: str = ""


class SlowPlanner:
    """Plans beside a fast policy. Use it as a context manager.

    Args:
        host: Who answers.
        timing: When.
        mode: `repeatable` or `live`.

    Attributes:
        exchanges: The last hundred, for reports.
    """

    def __init__(self, host: Host, timing: Timing | None = None, mode: Mode = "repeatable") -> None:
        if mode not in ("repeatable", "live"):
            raise ConfigError(f"The mode {mode!r} is none of: repeatable, live.")
        self._host = host
        self._timing = timing or Timing()
        self._mode = mode
        self._next_ns = 0
        self._closed = False
        self._busy = False
        self._lock = threading.Lock()
        self.exchanges: deque[Exchange] = deque(maxlen=100)

    def is_due(self, t_ns: int) -> bool:
        """Whether a situation of this moment would be sent; pictures are to be made only then."""
        return t_ns >= self._next_ns and not self._busy

    def offer(self, situation: Situation) -> None:
        """Sends a situation if one is due, and returns at once in `live` mode.

        Raises:
            StateError: After `close`.
        """
        if self._closed:
            raise StateError("This planner is closed: make a new one.")
        if not self.is_due(situation.t_ns):
            return
        self._next_ns = situation.t_ns + round(self._timing.period_s * 1e9)
        if self._mode == "repeatable":
            self.exchanges.append(_exchange(self._host, situation))
            return
        self._busy = True
        # A daemon: a host that never answers must not keep the process alive.
        threading.Thread(target=self._work, args=(situation,), daemon=True).start()

    def plan_at(self, t_ns: int) -> Plan:
        """The newest valid plan that counts at this moment, or a safe stop."""
        delay_ns = round(self._timing.delay_s * 1e9) if self._mode == "repeatable" else 0
        oldest_ns = t_ns - round(self._timing.max_age_s * 1e9)
        with self._lock:
            known = tuple(self.exchanges)
        for exchange in reversed(known):
            if exchange.plan is not None and oldest_ns <= exchange.t_ns <= t_ns - delay_ns:
                return exchange.plan
        return SAFE_STOP

    def close(self) -> None:
        """Sends no more; a reply on its way is not waited for."""
        self._closed = True

    def __enter__(self) -> SlowPlanner:
        """Opens."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes."""
        self.close()

    def _work(self, situation: Situation) -> None:
        found = _exchange(self._host, situation)
        with self._lock:
            self.exchanges.append(found)
        self._busy = False


def _exchange(host: Host, situation: Situation) -> Exchange:
    try:
        plan = parse_plan(host.ask(situation.question()), situation.limits)
    except (HostError, PlanError, StateError) as error:
        return Exchange(t_ns=situation.t_ns, plan=None, problem=str(error))
    return Exchange(t_ns=situation.t_ns, plan=plan)
