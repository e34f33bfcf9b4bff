"""Answers that many ask for at the same time: asked for once, told to all of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from supervisor.clock import Clock

US_PER_S = 1_000_000


@dataclass
class _Kept:
    task: asyncio.Task[bytes]
    done_us: int | None = None
    """None: it is not done yet."""


class Shared:
    """Keeps answers for a moment, by the question. An error is told to who waits, and not kept.

    Args:
        age_s: an answer that is older is not told any more; 0: only to who waits for the same.
        items_max: questions kept; the oldest is forgotten.
        clock: time.
    """

    def __init__(self, age_s: float, items_max: int, clock: Clock) -> None:
        self._age_us = round(age_s * US_PER_S)
        self._max = items_max
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def get(self, question: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the answer to a question: of now, or of a moment ago."""
        kept = self._kept.get(question)
        if kept is None or self._is_old(kept):
            kept = _Kept(asyncio.create_task(self._asked(question, ask)))
            kept.task.add_done_callback(_noticed)
            self._kept[question] = kept
            self._kept.move_to_end(question)
            if len(self._kept) > self._max:
                self._kept.popitem(last=False)
        # Who goes away does not take the answer from the others.
        return await asyncio.shield(kept.task)

    def _is_old(self, kept: _Kept) -> bool:
        if kept.done_us is None:
            return False
        return self._clock.monotonic_us() - kept.done_us >= self._age_us

    async def _asked(self, question: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        mine = asyncio.current_task()
        try:
            answer = await ask()
        except BaseException:
            kept = self._kept.get(question)
            if kept is not None and kept.task is mine:
                del self._kept[question]
            raise
        kept = self._kept.get(question)
        if kept is not None and kept.task is mine:
            kept.done_us = self._clock.monotonic_us()
        return answer


def _noticed(task: asyncio.Task[bytes]) -> None:
    """An error that nobody waits for any more is none."""
    if not task.cancelled():
        task.exception()
