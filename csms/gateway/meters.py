"""What a gateway counts, in its own words."""

from typing import Protocol


class Meters(Protocol):
    """Counts; every method is called on the hot path and must cost next to nothing."""

    def refused(self, reason: str) -> None:
        """Count a connection that was not let in."""

    def acknowledged(self, action: str, latency_us: int) -> None:
        """Count an answer, `latency_us` after its call was read."""

    def commanded(self, action: str, outcome: str) -> None:
        """Count the end of a command."""

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        """Count violations."""

    def unmatched(self) -> None:
        """Count an answer to no open call."""

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers (Q1 to Q54)."""
