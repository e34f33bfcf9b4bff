"""Work that a cancellation does not cut in two: a query, with a driver's thread behind it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_S = 2.0
"""What a drain can spare for one round of work; after it the round is cancelled after all."""


async def unbroken(work: Coroutine[Any, Any, T], grace_s: float = GRACE_S) -> T:
    """Return the work's result; when the caller is cancelled, let the work finish first.

    A database driver that is cancelled in mid-query answers from its thread to a loop that may be
    closed by then. So who waits is cancelled at once in word, but only leaves when the work has
    ended or `grace_s` seconds have passed. What the work raises then is of no use to anybody.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=grace_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
