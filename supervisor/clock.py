"""Time is handed in: the clock that a process gives to everything that needs one.

`now_us` is for facts that outlive the process (events, records); `monotonic_us` is for measuring
spans (timeouts, ages), because the wall clock may be stepped by an operator or by NTP.
"""

import time


class Clock:
    """The machine's clocks."""

    def now_us(self) -> int:
        """Wall clock, microseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        """Microseconds since an unspecified moment; never goes back. Not comparable over hosts."""
        return time.monotonic_ns() // 1_000


class FakeClock(Clock):
    """A clock that moves only when told to: a day's story runs in a millisecond.

    Args:
        now_us: the first answer of `now_us()`, by default 2026-01-01T00:00:00Z.
    """

    def __init__(self, now_us: int = 1_767_225_600_000_000) -> None:
        self._now_us = now_us
        self._monotonic_us = 0

    def now_us(self) -> int:
        """The wall clock as it was set."""
        return self._now_us

    def monotonic_us(self) -> int:
        """The microseconds advanced so far."""
        return self._monotonic_us

    def advance_us(self, span_us: int) -> None:
        """Let both clocks run on by `span_us` (>= 0, else ValueError)."""
        if span_us < 0:
            raise ValueError(f"time does not go back ({span_us} us)")
        self._now_us += span_us
        self._monotonic_us += span_us

    def step_us(self, span_us: int) -> None:
        """Move the wall clock only, as an operator or NTP does; `span_us` may be negative."""
        self._now_us += span_us
