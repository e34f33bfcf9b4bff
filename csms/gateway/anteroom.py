"""Where handshakes wait for their turn, so that those who are inside have theirs.

A handshake costs several times as much as a message, and after an outage thousands come at once:
done as they come, they would fill one turn of the loop for seconds. Here so many are done in each
turn, and one alone while those who are inside wait for their answers: whoever is let in wants to
boot and to be answered, so a house that is full already must not be filled faster than it answers.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable


class Anteroom:
    """A queue of handshakes.

    Args:
        at_once: so many go on in one turn of the loop.
        turn_s: after so long in a turn the rest waits for the next one, too: a TLS handshake costs
            as much as ten plain ones.
        waiting_max: with more than these, nobody else should be accepted.
        is_behind: whether those who are inside wait; then one goes on in a turn. Never none: a
            gateway with much to do all the time could not be joined at all.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        at_once: int,
        waiting_max: int,
        is_behind: Callable[[], bool],
        turn_s: float = math.inf,
    ) -> None:
        self._loop = loop
        self._at_once = at_once
        self._waiting_max = waiting_max
        self._is_behind = is_behind
        self._turn_s = turn_s
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether enough wait already."""
        return len(self._waiting) >= self._waiting_max

    def wait(self, enter: Callable[[], None]) -> None:
        """Call `enter` when its turn comes, never within this call."""
        if not self._waiting:
            self._loop.call_soon(self._turn)
        self._waiting.append(enter)

    def _turn(self) -> None:
        count = 1 if self._is_behind() else self._at_once
        end_s = time.perf_counter() + self._turn_s
        try:
            for _ in range(min(count, len(self._waiting))):
                self._waiting.popleft()()
                if time.perf_counter() >= end_s:
                    break
        finally:  # one that raises is its own fault, not that of those behind it
            if self._waiting:
                self._loop.call_soon(self._turn)
