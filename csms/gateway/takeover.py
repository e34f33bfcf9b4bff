"""At most one connection owns a charger: who wins when a second one comes.

The newest authenticated connection wins at once when it comes from the same address, else only
after the old one has failed a ping (CWE-613: "most recent displaces the legitimate one"). An old
one that lives keeps the charger and the newcomer is refused.
"""

import asyncio
from collections.abc import Callable, Sequence

from csms.gateway.attempts import Quota
from csms.gateway.connection import Connection
from csms.gateway.line import ChargerLine
from csms.gateway.settings import GatewaySettings
from domain.errors import CsmsError
from supervisor.links import LinkClient

ABSENT, YIELDED, KEPT = "absent", "yielded", "kept"
REPLACED = 1008
"""Close code of a connection that a newer one has replaced."""


class Takeover:
    """Decides between connections of the same charger, here and in the other gateways."""

    def __init__(
        self,
        settings: GatewaySettings,
        peers: Sequence[LinkClient],
        find: Callable[[str], ChargerLine | None],
        now_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._peers = peers
        self._find = find
        self._now_us = now_us
        self._quota = Quota(settings.takeovers_per_min, settings.attempts_kept_max)

    def is_free(self, charger: str) -> bool:
        """Return whether nobody has to be asked: no other gateway, and not connected here."""
        return not self._peers and self._find(charger) is None

    async def claim(self, charger: str, generation: int, connection: Connection) -> str:
        """Return "" when `connection` may have the charger, else the reason why not."""
        answers = await asyncio.gather(
            self.challenge(charger, generation, connection.remote),
            *(self._ask(peer, charger, generation, connection.remote) for peer in self._peers),
        )
        if KEPT in answers:
            return "held_elsewhere"
        return ""

    async def _ask(self, peer: LinkClient, charger: str, generation: int, remote: str) -> str:
        if not peer.is_up:
            return ABSENT
        body: dict[str, object] = {
            "charger": charger,
            "generation": generation,
            "remote": remote,
        }
        deadline_s = self._settings.claim_s + self._settings.probe_s
        try:
            answer = await peer.ask("claim", body, deadline_s)
        except CsmsError:
            return ABSENT  # dead or hung: its supervisor kills it, and with it its connections
        return str(answer["verdict"]) if isinstance(answer, dict) else ABSENT

    async def challenge(self, charger: str, generation: int, remote: str) -> str:
        """Return whether the connection that we hold, if any, gives way to a newer one."""
        line = self._find(charger)
        if line is None:
            return ABSENT
        if line.generation >= generation:
            return KEPT
        if line.connection.remote != remote:
            if not self._quota.take(charger.casefold(), self._now_us()):
                return KEPT
            if await self._lives(line):
                return KEPT
        line.fence(REPLACED, "replaced by a newer connection")
        return YIELDED

    async def _lives(self, line: ChargerLine) -> bool:
        """Ping the old connection; any frame of it within the time is a sign of life."""
        asked_us = self._now_us()
        line.connection.ping(asked_us)
        steps = 20
        for _ in range(steps):
            await asyncio.sleep(self._settings.probe_s / steps)
            if self._find(line.charger) is not line:
                return False
            if line.connection.last_seen_us > asked_us:
                return True
        return False
