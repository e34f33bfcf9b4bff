"""One actor per journal: reads it into the relational store, in its own pace.

It looks (`Look`) as long as there is more, then again after a pause. `CatchUp` is answered when
everything that was in the journal at that moment is in the store. When the store is away, whoever
waits is told at once, and the follower tries again with growing pauses; nothing is lost, for the
journal keeps what was not projected.

A crash makes a fresh instance that goes on from the position in the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from thespian.actors import Actor, ActorAddress

from actors.ledger.settings import LedgerSettings
from domain.errors import Unavailable
from storage.journal_reader import JournalReader, Row
from storage.relational.projector import Projector
from supervisor.asyncio_base import AsyncioBase, Timer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """How far a journal is projected. `name` is the journal's, and its gateway's.

    `fed`: how many changes gateways must hear of the last step has made.
    """

    name: str
    uuid: str
    lsn: int
    fed: int = 0


@dataclass(frozen=True)
class Look:
    """See whether there is something new."""


@dataclass(frozen=True)
class CatchUp:
    """Answered by `CaughtUp` or `Away`."""


@dataclass(frozen=True)
class CaughtUp:
    """All that was in the journal when `CatchUp` was handled is in the store."""


@dataclass(frozen=True)
class Away:
    """The store is away; `reason` says how."""

    reason: str


OnMoved = Callable[[Position], None]


class JournalFollower(Actor):  # type: ignore[misc]  # Thespian has no types
    """Follows the journal at `path`. Lives in an AsyncioBase: its handlers are awaitables.

    Args:
        base: the base that it lives in, for timers.
        path: the journal's file; it may appear later, and be replaced.
        projector: shared by all followers of a process.
        turn: held while a batch is projected, so that followers write one after the other.
        settings: the limits.
        on_moved: called in the loop with each new position, after its commit. Must not raise.
    """

    mailbox_limit = 1_024

    def __init__(
        self,
        base: AsyncioBase,
        path: Path,
        projector: Projector,
        turn: asyncio.Lock,
        settings: LedgerSettings,
        on_moved: OnMoved,
    ) -> None:
        super().__init__()
        self._base = base
        self._name = path.stem
        self._reader = JournalReader(path)
        self._projector = projector
        self._turn = turn
        self._settings = settings
        self._on_moved = on_moved
        self._uuid = ""
        self._lsn = 0
        self._waiting: list[tuple[int, ActorAddress]] = []
        self._timer: Timer | None = None
        self._retry_ms = settings.retry_ms_min

    def receiveMessage(self, message: object, sender: ActorAddress) -> Awaitable[None] | None:
        """Handle Look and CatchUp."""
        if isinstance(message, CatchUp):
            return self._catch_up(sender)
        if isinstance(message, Look):
            return self._look()
        return None

    def onFailure(self, _error: BaseException) -> None:
        """Tell those who wait; a fresh instance takes over."""
        self._tell_waiting(Away("the follower crashed"))
        self.onStop()
        self._base.after(self._settings.retry_ms_min / 1_000, self.myAddress, Look())

    def onStop(self) -> None:
        """Release the file."""
        if self._timer is not None:
            self._timer.cancel()
        self._reader.close()

    async def _catch_up(self, sender: ActorAddress) -> None:
        try:
            target = await asyncio.to_thread(self._reader.last_lsn)
        except Unavailable as error:
            # One broken journal must not keep all chargers from being known.
            log.error("journal %s is left out: %s", self._name, error)  # noqa: TRY400
            self.send(sender, CaughtUp())
            return
        self._waiting.append((target, sender))
        await self._look()

    async def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        settings = self._settings
        try:
            count = await self._step()
        except Unavailable as error:
            log.warning("journal %s waits %d ms: %s", self._name, self._retry_ms, error)
            self._tell_waiting(Away(str(error)))
            self._look_in(self._retry_ms)
            self._retry_ms = min(2 * self._retry_ms, settings.retry_ms_max)
            return
        self._retry_ms = settings.retry_ms_min
        if self._waiting:
            self._tell_caught_up(nothing_new=count == 0)
        if self._waiting:
            self._look_in(0)
        elif count:
            full = count >= settings.read_entries_max
            self._look_in(0 if full else settings.poll_busy_ms)
        else:
            self._look_in(settings.poll_idle_ms)

    def _look_in(self, wait_ms: int) -> None:
        self._timer = self._base.after(wait_ms / 1_000, self.myAddress, Look())

    async def _step(self) -> int:
        """Project what is new, at most one read; return how many entries."""
        uuid, rows = await asyncio.to_thread(self._read)
        if uuid != self._uuid:
            lsn = await self._projector.position(uuid) if uuid else 0
            lsn = await self._as_far_as_it_goes(uuid, lsn)
            self._uuid, self._lsn = uuid, lsn
            self._on_moved(Position(self._name, uuid, lsn))
            uuid, rows = await asyncio.to_thread(self._read)
        if not rows or uuid != self._uuid:
            return 0
        if rows[0].lsn > self._lsn + 1:
            log.error(
                "journal %s: records %d to %d were deleted before this store has read them: "
                "the store is an older copy, what they said is not in it",
                self._name,
                self._lsn + 1,
                rows[0].lsn - 1,
            )
        async with self._turn:
            applied = await self._projector.apply(uuid, rows, self._name)
        self._lsn = applied.lsn
        self._on_moved(Position(self._name, uuid, applied.lsn, applied.fed))
        return len(rows)

    async def _as_far_as_it_goes(self, uuid: str, lsn: int) -> int:
        """Return where to go on: from the start when the journal is an older copy of itself.

        Its numbers stand for other records now. What is projected twice is there once.
        """
        last = await asyncio.to_thread(self._reader.last_lsn) if lsn else 0
        if lsn <= last:
            return lsn
        log.error(
            "journal %s ends with record %d, but the store has read it to %d: an older copy of the "
            "journal was put back; all of it is read again",
            self._name,
            last,
            lsn,
        )
        await self._projector.rewind(uuid)
        return 0

    def _read(self) -> tuple[str, list[Row]]:
        uuid = self._reader.uuid
        if not uuid or uuid != self._uuid:
            return uuid, []
        settings = self._settings
        rows = self._reader.read(self._lsn, settings.read_entries_max, settings.read_bytes_max)
        return uuid, rows

    def _tell_caught_up(self, *, nothing_new: bool) -> None:
        """Answer those whose moment is in. An empty read is the end, whatever was promised."""
        waiting, self._waiting = self._waiting, []
        for target, sender in waiting:
            if nothing_new or self._lsn >= target:
                self.send(sender, CaughtUp())
            else:
                self._waiting.append((target, sender))

    def _tell_waiting(self, message: object) -> None:
        waiting, self._waiting = self._waiting, []
        for _, sender in waiting:
            self.send(sender, message)
