"""Splits a sentence where it may hold several intents."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Longer joints first, so that ", and then" is one joint and not three.
_JOINT = re.compile(
    r"\s*(?:[,;]\s*)?\b(?:and then|and also|and|then|while|but first)\b\s*"
    r"|\s*[.;!?。\uff01\uff1f]+\s*|\s*,\s+"
    r"|(?:それから|そして|その後で?|ついでに)\s*、?|[、,]",
    re.IGNORECASE,
)


def clauses(sentence: str) -> Sequence[str]:
    """The parts between joints, in their order, trimmed; never empty ones."""
    return [part.strip() for part in _JOINT.split(sentence) if part.strip()]


def groupings(parts: Sequence[str], most: int = 4) -> Sequence[Sequence[str]]:
    """All ways to read neighbouring parts together, most parts first, the whole sentence last.

    "Eggs and milk" is one thing and "go home and tell me a story" are two: which it is shows when
    the parts are understood.

    Args:
        parts: Of `clauses`; of more than `most`, the last ones are read together.
        most: So many parts are told apart at the most.
    """
    if len(parts) > most:
        parts = [*parts[: most - 1], " and ".join(parts[most - 1 :])]
    found: list[list[str]] = []
    for joined in range(2 ** max(0, len(parts) - 1)):
        group = [parts[0]] if parts else []
        for number, part in enumerate(parts[1:]):
            if joined >> number & 1:
                group[-1] = f"{group[-1]} and {part}"
            else:
                group.append(part)
        found.append(group)
    return sorted(found, key=len, reverse=True)
