"""How a planner is reached and what it may cost; keys come from the environment and stay there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from fleetloop.core.errors import ConfigError

Wire = Literal["responses", "chat"]
_PREFIX = "FLEETLOOP_PLANNER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerConfig:
    """A planner.

    Attributes:
        model: The model's name at its host.
        base_url: Where the host answers, such as `http://127.0.0.1:8080/v1`.
        wire: `responses` for the Responses form, `chat` for Chat Completions, which local servers
            speak.
        key_variable: Environment variable that holds the key. The key itself is never kept here, so
            that no record and no log can hold it.
        timeout_s: Of one try.
        tries: Tries of one request, the first one included.
        max_tokens: Budget of a run, in and out.
        max_cost: Budget of a run in the unit of the prices; 0 for no bound.
        price_in, price_out: Of a million tokens; prices change, so that none is known here.

    Raises:
        ConfigError: A value is out of range.
    """

    model: str
    base_url: str
    wire: Wire = "responses"
    key_variable: str = f"{_PREFIX}KEY"
    timeout_s: float = 20.0
    tries: int = 3
    max_tokens: int = 200_000
    max_cost: float = 0.0
    price_in: float = 0.0
    price_out: float = 0.0

    def __post_init__(self) -> None:
        if self.wire not in get_args(Wire):
            raise ConfigError(f"The wire {self.wire!r} is none of: {', '.join(get_args(Wire))}.")
        if not self.model or not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"A planner needs a model and an http address, got {self.model!r} and "
                f"{self.base_url!r}: set {_PREFIX}MODEL and {_PREFIX}BASE_URL."
            )
        if self.timeout_s <= 0.0 or self.tries < 1 or self.max_tokens < 1:
            raise ConfigError("timeout_s must be above 0, tries and max_tokens at least 1.")
        if min(self.max_cost, self.price_in, self.price_out) < 0.0:
            raise ConfigError("Costs and prices must not be negative.")
        if self.max_cost and not (self.price_in or self.price_out):
            raise ConfigError("A bound of the cost needs prices: set price_in and price_out.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> PlannerConfig | None:
        """The planner that the environment names, or None if it names none.

        Read are `FLEETLOOP_PLANNER_MODEL`, `_BASE_URL`, `_WIRE`, `_TIMEOUT_S`, `_MAX_TOKENS`,
        `_MAX_COST`, `_PRICE_IN` and `_PRICE_OUT`; the key, if the host wants one, from `_KEY`.

        Raises:
            ConfigError: A value that cannot be used.
        """
        found = os.environ if environment is None else environment
        model = found.get(f"{_PREFIX}MODEL", "")
        if not model:
            return None
        return cls(
            model=model,
            base_url=found.get(f"{_PREFIX}BASE_URL", ""),
            wire=found.get(f"{_PREFIX}WIRE", "responses"),  # type: ignore[arg-type]  # any text: __post_init__ checks it
            timeout_s=_number(found, "TIMEOUT_S", 20.0),
            max_tokens=int(_number(found, "MAX_TOKENS", 200_000)),
            max_cost=_number(found, "MAX_COST", 0.0),
            price_in=_number(found, "PRICE_IN", 0.0),
            price_out=_number(found, "PRICE_OUT", 0.0),
        )


def _number(found: Mapping[str, str], name: str, usual: float) -> float:
    text = found.get(_PREFIX + name)
    if text is None:
        return usual
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{_PREFIX}{name} is {text!r}: write a number.") from error
