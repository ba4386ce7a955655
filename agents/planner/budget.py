"""What a planner has used, and the line that it may not cross."""

from __future__ import annotations

import threading

from fleetloop.agents.planner.config import PlannerConfig
from fleetloop.core.errors import StateError


class Budget:
    """Counts tokens and cost of a run; any number of threads may spend.

    Args:
        config: Bounds and prices.
    """

    def __init__(self, config: PlannerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._tokens_in = 0
        self._tokens_out = 0

    @property
    def tokens(self) -> int:
        """Used so far, in and out."""
        return self._tokens_in + self._tokens_out

    @property
    def cost(self) -> float:
        """Used so far, in the unit of the prices."""
        config = self._config
        return 1e-6 * (self._tokens_in * config.price_in + self._tokens_out * config.price_out)

    def check(self) -> None:
        """Raises before a request that the budget no longer allows.

        Raises:
            StateError: The budget is used up.
        """
        config = self._config
        if self.tokens >= config.max_tokens:
            raise StateError(
                f"The planner used {self.tokens} of {config.max_tokens} tokens: raise max_tokens."
            )
        if config.max_cost and self.cost >= config.max_cost:
            raise StateError(
                f"The planner cost {self.cost:.4f} of {config.max_cost}: raise max_cost."
            )

    def spend(self, tokens_in: int, tokens_out: int) -> None:
        """Adds what one reply took."""
        with self._lock:
            self._tokens_in += max(0, tokens_in)
            self._tokens_out += max(0, tokens_out)
