"""Tells gateways what has changed, whoever changed it: CLI, REST or a journal.

Every piece is asked (`changed`) and confirmed before the next one goes out, so a slow gateway holds
up nobody but itself, and pieces are never applied out of order. For the same reason the answer to
`subscribe` itself is empty: it comes when all pieces are confirmed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from actors.ledger.settings import LedgerSettings
from domain.errors import Unavailable
from domain.records import Changes
from supervisor.links import DeadlinePassed, Link, LinkBusy, LinkDown, LinkError
from supervisor.unbroken import unbroken

log = logging.getLogger(__name__)

_encoder = msgspec.msgpack.Encoder()

ChangesSince = Callable[[int], Awaitable[Changes]]


@dataclass
class _Subscriber:
    name: str
    link: Link
    revision: int
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Feed:
    """The subscribers and how far each has come.

    Args:
        revision: the last revision in the store.
        changes_since: the changes after a revision; from 0 on, a snapshot in pieces.
        settings: the limits.
        on_changes: called in the loop with every piece, in order, the first one complete: for the
            copy on disk.
    """

    def __init__(
        self,
        revision: Callable[[], Awaitable[int]],
        changes_since: ChangesSince,
        settings: LedgerSettings,
        on_changes: Callable[[Changes], None],
    ) -> None:
        self._revision = revision
        self._changes_since = changes_since
        self._settings = settings
        self._on_changes = on_changes
        self._own_revision = 0
        self._own_turn = asyncio.Lock()
        self._subscribers: dict[Link, _Subscriber] = {}
        self._wake = asyncio.Event()
        self.away = ""
        """Why the store could not be read last time; empty when it could."""

    @property
    def revisions(self) -> dict[str, int]:
        """How far each subscriber has come."""
        return {one.name: one.revision for one in self._subscribers.values()}

    async def subscribe(self, link: Link, name: str, revision: int) -> bytes:
        """Bring a gateway up to date from `revision` on; keep it so until its link is lost.

        Returns the end of the feed as an encoded, empty Changes.

        Raises:
            Unavailable: the store is away.
            LinkError: the gateway did not confirm.
        """
        subscriber = _Subscriber(name, link, revision)
        async with subscriber.turn:
            await self._bring(subscriber, await self._revision())
            # Only now: pushes meanwhile would only have waited for this.
            self._subscribers[link] = subscriber
        return _encoder.encode(Changes(subscriber.revision))

    def lost(self, link: Link) -> None:
        """Forget a subscriber whose link has ended."""
        self._subscribers.pop(link, None)

    def look(self) -> None:
        """Look at the store soon, not only at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Look at the store and push, for ever."""
        settings = self._settings
        wait_s = settings.feed_poll_ms / 1_000
        retry_s = wait_s
        while True:
            self._wake.clear()
            try:
                await unbroken(self.push())
                retry_s, self.away = wait_s, ""
            except Unavailable as error:
                self.away = str(error)
                log.warning("the change feed waits %.1f s: %s", retry_s, error)
                retry_s = min(2 * retry_s, settings.retry_ms_max / 1_000)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(retry_s):
                    await self._wake.wait()

    async def push(self) -> int:
        """Bring every subscriber to the revision of now, and return it.

        Raises:
            Unavailable: the store is away.
        """
        revision = await self._revision()
        await self._bring_own(revision)
        behind = [one for one in self._subscribers.values() if one.revision != revision]
        if behind:
            await asyncio.gather(*(self._push(one, revision) for one in behind))
        return revision

    async def _push(self, subscriber: _Subscriber, revision: int) -> None:
        async with subscriber.turn:
            if subscriber.link not in self._subscribers:
                return
            try:
                await self._bring(subscriber, revision)
            except (DeadlinePassed, LinkBusy, LinkDown) as error:
                log.info("%s did not confirm changes: %s", subscriber.name, error)
            except LinkError as error:
                log.warning("%s refused changes: %s", subscriber.name, error)

    async def _bring(self, subscriber: _Subscriber, revision: int) -> None:
        while subscriber.revision != revision:
            changes = await self._changes_since(subscriber.revision)
            body = _encoder.encode(changes)
            await subscriber.link.ask("changed", body, self._settings.push_s)
            subscriber.revision = changes.revision
            if changes.revision >= revision:
                return

    async def _bring_own(self, revision: int) -> None:
        async with self._own_turn:
            while self._own_revision != revision:
                changes = await self._changes_since(self._own_revision)
                self._on_changes(changes)
                self._own_revision = changes.revision
                if changes.revision >= revision:
                    return
