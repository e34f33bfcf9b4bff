"""Leases of transaction numbers: asked for ahead of need, one spare kept on disk.

The spare is for the day when the ledger is away at the start: it is removed from the disk, and the
removal is on disk, before its first number is used, so that no number is ever given out twice.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from csms.gateway.numbers import Numbers
from domain.errors import CsmsError

log = logging.getLogger(__name__)

RETRY_S = 1.0


class Numbering:
    """Keeps `Numbers` supplied.

    Args:
        path: of the spare block.
        ask: asks the ledger for a block: {"first": n, "last": m}.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        rounds: int,
        draw: Callable[[int], int],
        ask: Callable[[], Awaitable[object]],
    ) -> None:
        self._path = path
        self._ask = ask
        self._task: asyncio.Task[None] | None = None
        self.numbers = Numbers(key, rounds, draw, self._wanted)

    def start(self) -> None:
        """Take the spare, if there is one, and ask for more."""
        spare = self._take_spare()
        if spare is not None:
            self.numbers.lease(*spare)
        self._wanted()

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    def _wanted(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._supply())

    async def _supply(self) -> None:
        while True:
            try:
                self.numbers.lease(*_block(await self._ask()))
                if not self._path.exists():
                    self._keep_spare(_block(await self._ask()))
            except (CsmsError, OSError, TimeoutError) as error:
                log.debug("no lease of transaction numbers: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _keep_spare(self, block: tuple[int, int]) -> None:
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="ascii") as file:
            json.dump(block, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path)
        self._sync_folder()

    def _take_spare(self) -> tuple[int, int] | None:
        try:
            first, last = json.loads(self._path.read_text(encoding="ascii"))
            self._path.unlink()
        except (OSError, ValueError):
            return None
        self._sync_folder()
        return int(first), int(last)

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _block(answer: object) -> tuple[int, int]:
    assert isinstance(answer, dict)
    return int(answer["first"]), int(answer["last"])
