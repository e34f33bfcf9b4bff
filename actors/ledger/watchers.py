"""Tells processes that watch what has changed, a few times a second."""

import asyncio
import logging

import msgspec

from actors.ledger.live import LiveWindow
from domain.live import LiveChanges
from supervisor.links import Link, LinkError

log = logging.getLogger(__name__)

_encoder = msgspec.msgpack.Encoder()


class Watchers:
    """The links that watch, and which kinds each wants.

    A change is told once and never again; a link that does not take one hears of a gap next.

    Args:
        window: where changes gather.
        every_s: how often they are told.
    """

    def __init__(self, window: LiveWindow, every_s: float) -> None:
        self._window = window
        self._every_s = every_s
        self._links: dict[Link, frozenset[str]] = {}
        self._gaps: set[Link] = set()

    def watch(self, link: Link, kinds: frozenset[str]) -> None:
        """Tell a link of these kinds from now on; none: no more."""
        if kinds:
            self._links[link] = kinds
        else:
            self._links.pop(link, None)
        self._look()

    def lost(self, link: Link) -> None:
        """Forget a link that has ended."""
        if self._links.pop(link, None) is not None:
            self._look()
        self._gaps.discard(link)

    def _look(self) -> None:
        self._window.kinds = frozenset().union(*self._links.values())

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            await asyncio.sleep(self._every_s)
            self.tell()

    def tell(self) -> None:
        """Tell every link what has changed since the last time."""
        changes, gap = self._window.take()
        if not changes and not gap and not self._gaps:
            return
        for link, kinds in self._links.items():
            wanted = tuple(change for change in changes if change.kind in kinds)
            is_gap = gap or link in self._gaps
            if not wanted and not is_gap:
                continue
            try:
                link.tell("live", _encoder.encode(LiveChanges(wanted, is_gap)))
            except LinkError as error:
                log.info("changes are not told: %s", error)
                self._gaps.add(link)
            else:
                self._gaps.discard(link)
