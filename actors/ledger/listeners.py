"""Who remembers what the store says of keys and sessions, and forgets it when it is told."""

import asyncio
import logging

from supervisor.links import Link, LinkError

log = logging.getLogger(__name__)


class Listeners:
    """The links that have asked to hear of changes to the store.

    Args:
        deadline_s: how long one may take to forget.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._links: set[Link] = set()

    def listen(self, link: Link) -> None:
        """Ask a link from now on."""
        self._links.add(link)

    def lost(self, link: Link) -> None:
        """Forget a link that has ended; who comes back begins with nothing remembered."""
        self._links.discard(link)

    async def forget(self) -> None:
        """Return when all of them have forgotten, or the deadline of one has passed."""
        links = list(self._links)
        answers = await asyncio.gather(
            *(link.ask("forget", {}, self._deadline_s) for link in links), return_exceptions=True
        )
        for link, answer in zip(links, answers, strict=True):
            if isinstance(answer, LinkError):
                log.warning("%s may remember keys that are revoked: %s", link.name, answer)
