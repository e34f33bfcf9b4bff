"""Writes requests with an Idempotency-Key and their answers: many at a time, as a journal does.

What comes while a transaction runs is written by the next one. Nobody goes on before his row is in
the store.
"""

import asyncio
from collections import deque
from typing import Final, TypeAlias, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api.pace import Pace
from storage.relational import idempotency as store
from storage.relational.engine import is_refused_data

ROWS_MAX: Final = 500
"""In one transaction; what is beyond that is in the next one."""

_Row: TypeAlias = store.Begin | store.End
_Waiting: TypeAlias = tuple[_Row, "asyncio.Future[store.Kept | None]"]


class KeyWriter:
    """The only writer of these rows in its process.

    Args:
        engine: the relational store.
        pace: says whether to wait for company.
    """

    def __init__(self, engine: AsyncEngine, pace: Pace) -> None:
        self._engine = engine
        self._pace = pace
        self._waiting: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def begin(self, request: store.Begin) -> store.Kept | None:
        """Write a request down; return the one that came before with the same key, if one did.

        Raises:
            Unavailable: the store is away.
        """
        return await self._write(request)

    async def end(self, end: store.End) -> None:
        """Keep the answer to a request, or let its key be used again.

        Raises:
            Unavailable: the store is away.
        """
        await self._write(end)

    async def _write(self, row: _Row) -> store.Kept | None:
        told: asyncio.Future[store.Kept | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, told))
        self._pace.note()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._run())
        return await told

    async def _run(self) -> None:
        while self._waiting:
            wait_s = self._pace.wait_s()
            if wait_s:
                await asyncio.sleep(wait_s)
            count = min(len(self._waiting), ROWS_MAX)
            await self._together([self._waiting.popleft() for _ in range(count)])

    async def _together(self, group: list[_Waiting]) -> None:
        """Write rows. One that the store will never take fails alone: others go on."""
        begins = [each for each in group if isinstance(each[0], store.Begin)]
        ends = [each for each in group if isinstance(each[0], store.End)]
        try:
            found = await store.write(
                self._engine,
                [cast("store.Begin", row) for row, _ in begins],
                [cast("store.End", row) for row, _ in ends],
            )
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            if len(group) == 1 or not is_refused_data(error):
                _fail(group, error)
                return
            for each in group:
                await self._together([each])
        else:
            for (_, told), kept in zip(begins, found, strict=True):
                _tell(told, kept)
            for _, told in ends:
                _tell(told, None)


def _tell(told: "asyncio.Future[store.Kept | None]", kept: store.Kept | None) -> None:
    if not told.done():
        told.set_result(kept)


def _fail(group: list[_Waiting], error: Exception) -> None:
    for _, told in group:
        if not told.done():
            told.set_exception(error)
