"""By how much a charger's clock is ahead of ours, learned from its live reports.

It only judges times (protocol.reading): a time that is later than the charger's clock can be is
marked skewed. A clock that is behind is not learned: the past has no limit, because chargers
replay what they queued.
"""

from statistics import median_low

LIVE_OFFSET_US_MAX = 3_600_000_000
"""A difference above this is a wrong zone or an offline replay: not learned."""
KEPT = 5
"""Differences that the median is taken of: few, so that a clock that was set is believed soon."""


class ClockOffset:
    """`us` is the median of the last few differences, never below 0."""

    __slots__ = ("_seen", "us")

    def __init__(self) -> None:
        self.us = 0
        self._seen: list[int] = []

    def learn(self, at_us: int, received_us: int) -> None:
        """Take the time of a report that was sent when it happened."""
        ahead_us = at_us - received_us
        if abs(ahead_us) > LIVE_OFFSET_US_MAX:
            return
        self._seen = [*self._seen[1 - KEPT :], ahead_us]
        self.us = max(0, median_low(self._seen))
