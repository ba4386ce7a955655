"""The ranges of numbers in configs: what passes, what does not, and what the message says."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from fleetloop.core.checks import check_counts, check_not_negative, check_positive, check_share
from fleetloop.core.errors import ConfigError

Check = Callable[..., None]
ALL = (check_positive, check_not_negative, check_share, check_counts)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_positive, (1e-300, 5, 1e300), (0.0, -1.0, math.inf, math.nan)),
        (check_not_negative, (0.0, -0.0, 7), (-1e-300, math.inf, math.nan)),
        (check_share, (0.0, 0.5, 1), (-1e-9, 1.0 + 1e-9, math.inf, math.nan)),
        (check_counts, (1, 2), (0, -3, math.nan)),
    ],
)
def test_passes_what_lies_in_the_range_and_nothing_else(
    check: Check, good: tuple[float, ...], bad: tuple[float, ...]
) -> None:
    for value in good:
        check(SimpleNamespace(x=value), "a thing", "x")
    for value in bad:
        with pytest.raises(ConfigError, match=r"^The x of a thing is .*: use "):
            check(SimpleNamespace(x=value), "a thing", "x")


@pytest.mark.parametrize("check", [check_positive, check_not_negative])
def test_infinity_passes_where_it_is_sensible(check: Check) -> None:
    check(SimpleNamespace(x=math.inf), "a thing", "x", infinite=True)


@pytest.mark.parametrize("check", ALL)
def test_names_the_first_that_is_wrong(check: Check) -> None:
    config = SimpleNamespace(first=1, second=-2, third=-3)
    with pytest.raises(ConfigError, match="second"):
        check(config, "a thing", "first", "second", "third")
