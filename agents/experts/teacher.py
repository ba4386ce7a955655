"""What all experts have in common: they see the truth and remember nothing."""

from __future__ import annotations


class Teacher:
    """The part of a `Policy` that is the same for each expert.

    What an expert does follows from the truth of one instant, so that labels can be computed from
    a log, for any frame, in any order.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """`expert`."""
        return "expert"

    @property
    def privileged(self) -> bool:
        """It is given the truth."""
        return True

    def init(self, seed: int) -> None:
        """It remembers nothing."""
        return None
