"""Answers "what do we know of these chargers": many questions in one query.

First the journals: everything acknowledged before the question came is in the answer ("read your
writes"), for whatever gateway acknowledged it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import Unavailable
from domain.known import KnownCharger

Known = Callable[[Sequence[str]], Awaitable[list[KnownCharger]]]


class Activation:
    """Collects questions for a moment, then asks once.

    Args:
        catch_up: returns when all journals are in up to their ends of now; raises Unavailable.
        known: the query.
        collect_s: the moment.
        deadline_s: after it a question fails with Unavailable.
    """

    def __init__(
        self,
        catch_up: Callable[[], Awaitable[None]],
        known: Known,
        collect_s: float,
        deadline_s: float,
    ) -> None:
        self._catch_up = catch_up
        self._known = known
        self._collect_s = collect_s
        self._deadline_s = deadline_s
        self._next: asyncio.Task[dict[str, KnownCharger]] | None = None
        self._wanted: set[str] = set()

    async def ask(self, chargers: Sequence[str]) -> list[KnownCharger]:
        """Return what is known of `chargers`, in their order.

        Raises:
            Unavailable: the store is away, or catching up takes too long.
        """
        self._wanted.update(chargers)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._answer())
            # When everybody who asked has left, nobody looks at its error.
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        found = await asyncio.shield(self._next)
        return [found[charger] for charger in chargers]

    async def _answer(self) -> dict[str, KnownCharger]:
        await asyncio.sleep(self._collect_s)
        wanted, self._wanted, self._next = sorted(self._wanted), set(), None
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._catch_up()
                return {known.charger: known for known in await self._known(wanted)}
        except TimeoutError as error:
            raise Unavailable("the journals are not caught up in time") from error
