"""When it is worth to wait for company: things that come quickly are written in one transaction."""

import math
from typing import Final

from supervisor.clock import Clock

GATHERED_MIN: Final = 4
"""To wait for fewer rows than that brings nothing: a transaction costs as much as 60 rows."""
RATE_S: Final = 0.5
"""How quickly the rate of rows is forgotten."""
MS_PER_S: Final = 1_000
US_PER_S: Final = 1_000_000


class Pace:
    """How quickly rows come of late.

    Args:
        clock: time.
        gather_ms: the longest wait for company; 0: none.
    """

    def __init__(self, clock: Clock, gather_ms: float) -> None:
        self._clock = clock
        self._gather_s = gather_ms / MS_PER_S
        self._rate = 0.0
        """Rows a second."""
        self._at_us = 0

    def note(self) -> None:
        """A row has come."""
        now_us = self._clock.monotonic_us()
        passed_s = (now_us - self._at_us) / US_PER_S
        self._rate = self._rate * math.exp(-passed_s / RATE_S) + 1 / RATE_S
        self._at_us = now_us

    def wait_s(self) -> float:
        """Return how long to wait for more of them; 0: not at all."""
        return self._gather_s if self._rate * self._gather_s >= GATHERED_MIN else 0.0
