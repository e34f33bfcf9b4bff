"""The loop around the follower: when to step, what to do when the engine is away, whom to tell."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from actors.warehouse.follower import Follower, Position, last_lsns
from domain.errors import Unavailable
from storage.analytical.settings import WarehouseSettings

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Warehouse:
    """Runs a follower until it is told to drain.

    Args:
        follower: used only in `thread`.
        thread: an executor of exactly one thread; the engine's insert client lives there.
        folder: the folder of the journals.
        settings: the limits.
        on_moved: called in the loop when a position has moved: tell the gateway.
    """

    def __init__(
        self,
        follower: Follower,
        thread: Executor,
        folder: Path,
        settings: WarehouseSettings,
        on_moved: Callable[[Position], None],
    ) -> None:
        self.follower = follower
        self.away = ""
        """Why the last step could not write; empty: it could."""
        self._thread = thread
        self._folder = folder
        self._settings = settings
        self._on_moved = on_moved
        self._wake = asyncio.Event()
        self._waiting = 0
        self._stepped = asyncio.Condition()
        self._places_known = asyncio.Event()

    def set_places(self, places: Mapping[str, tuple[str, str]], *, complete: bool) -> None:
        """Learn where chargers are, for rows from now on; it is kept on disk soon after.

        Does not wait for the block that is under way: the ledger waits for our answer.
        """
        self.follower.learn_places(places, complete=complete)
        self._places_known.set()
        if places or complete:
            keep = partial(self.follower.keep_places, places, complete=complete)
            self._thread.submit(keep).add_done_callback(_log_failure)

    async def run(self, draining: asyncio.Event) -> None:
        """Step until `draining` is set and what is there is in, or the engine is away."""
        if not self.follower.knows_places:
            await self._first_places(draining)
        pause_ms = self._settings.retry_ms_min
        while True:
            leaving = draining.is_set()
            try:
                step = await self._in_thread(
                    partial(self.follower.step, hurry=leaving or self._waiting > 0)
                )
            except Unavailable as error:
                self.away = str(error)
                if leaving:
                    log.warning("left without writing everything: %s", error)
                    return
                log.warning("will try again in %d ms: %s", pause_ms, error)
                await self._pause(pause_ms, draining)
                pause_ms = min(pause_ms * 2, self._settings.retry_ms_max)
                continue
            self.away = ""
            pause_ms = self._settings.retry_ms_min
            for problem in step.problems:
                log.warning("left out for now: %s", problem)
            for position in step.moved:
                self._on_moved(position)
            async with self._stepped:
                self._stepped.notify_all()
            if not step.more:
                if leaving:
                    return
                await self._pause(self._settings.poll_ms, draining)

    async def catch_up(self, deadline_s: float) -> bool:
        """Wait until everything that is in the journals now is in the engine.

        Returns False when the deadline passed before.
        """
        wanted = await asyncio.to_thread(last_lsns, self._folder)
        self._waiting += 1
        self._wake.set()
        try:
            async with asyncio.timeout(deadline_s), self._stepped:
                await self._stepped.wait_for(lambda: self._has(wanted))
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def lag(self) -> dict[str, dict[str, int]]:
        """Return journal name -> {"lsn": in the engine, "last": in the journal}."""
        last = await asyncio.to_thread(last_lsns, self._folder)
        positions = self.follower.positions
        return {
            name: {
                "lsn": positions[name].lsn
                if name in positions and positions[name].uuid == uuid
                else 0,
                "last": lsn,
            }
            for name, (uuid, lsn) in last.items()
        }

    def _has(self, wanted: Mapping[str, tuple[str, int]]) -> bool:
        positions = self.follower.positions
        return all(
            lsn == 0
            or (name in positions and positions[name].uuid == uuid and positions[name].lsn >= lsn)
            for name, (uuid, lsn) in wanted.items()
        )

    async def _first_places(self, draining: asyncio.Event) -> None:
        waits = [
            asyncio.ensure_future(self._places_known.wait()),
            asyncio.ensure_future(draining.wait()),
        ]
        _, late = await asyncio.wait(
            waits, timeout=self._settings.sites_wait_s, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in late:
            wait.cancel()

    async def _pause(self, pause_ms: int, draining: asyncio.Event) -> None:
        """Sleep, unless somebody waits for fresh data or the process is to end."""
        if not draining.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_ms / 1_000):
                    await self._wake.wait()
        self._wake.clear()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _log_failure(kept: Future[None]) -> None:
    error = None if kept.cancelled() else kept.exception()
    if error is not None:
        log.warning("where chargers are was not kept on disk: %s", error)
