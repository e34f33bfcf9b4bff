"""The records of chargers, tokens and sites as a process hears of them from the ledger."""

from collections.abc import Callable

import msgspec

from domain.records import Changes
from supervisor.link_frames import Body
from supervisor.links import Link

SUBSCRIBE_S = 60.0
_changes = msgspec.msgpack.Decoder(Changes)


class RecordsFeed:
    """Subscribes, and takes what has changed since.

    Args:
        name: of the process.
        apply: takes changes; `complete`: they are all records that there are.
    """

    def __init__(self, name: str, apply: Callable[[Changes], None]) -> None:
        self._name = name
        self._apply = apply
        self.revision = 0
        """Up to which change everything was taken."""

    async def subscribe(self, link: Link) -> None:
        """Ask for what has changed meanwhile: when the link to the ledger has come up."""
        body: Body = {"gateway": self._name, "revision": self.revision}
        self._take(await link.ask("subscribe", body, SUBSCRIBE_S))

    def changed(self, link: Link, body: Body) -> Body:
        """Take what the ledger tells; confirm how far that is."""
        del link
        self._take(body)
        return {"revision": self.revision}

    def _take(self, body: Body) -> None:
        if isinstance(body, bytes):
            changes = _changes.decode(body)
            self._apply(changes)
            self.revision = changes.revision
