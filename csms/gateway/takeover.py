"""At most one connection owns a charger: who wins when a second one comes.

The newest authenticated connection wins at once when it comes from the same address, else only
after the old one has failed a ping; so does one that proves nothing (profile 0), from wherever it
comes. An old one that lives keeps the charger and the newcomer is refused (CWE-613: "most recent
displaces the legitimate one"). Newcomers from elsewhere are few a minute; a charger that comes back
from its own address may try as often as it likes.

While one gateway asks the others, one of them may be asking too, for the same charger. So a claim
is known from its begin to its end, and of two claims the newer wins: a connection is either
claimed for or open, and whoever asks is told of both.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from csms.gateway.attempts import Quota
from csms.gateway.line import ChargerLine
from csms.gateway.settings import GatewaySettings
from domain.errors import CsmsError
from supervisor.links import LinkClient

ABSENT, YIELDED, KEPT, STORM = "absent", "yielded", "kept", "storm"
REASONS = {KEPT: "held_elsewhere", STORM: "takeover_storm"}
"""Verdicts that refuse a newcomer -> key of REFUSALS."""
REPLACED = 1008
"""Close code of a connection that a newer one has replaced."""


@dataclass(slots=True, eq=False)
class _Claim:
    """A connection that waits for the others' word. `lost`: a newer one was faster."""

    generation: int
    lost: bool = False


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
        self._claims: dict[str, _Claim] = {}

    def is_free(self, charger: str) -> bool:
        """Return whether nobody has to be asked: no other gateway, and not connected here."""
        return not self._peers and self._find(charger) is None

    async def claim(
        self, charger: str, generation: int, remote: str, *, is_proved: bool = True
    ) -> str:
        """Return "" when a connection from `remote` may have the charger, else the reason why not.

        `is_proved`: it has shown that it is this charger, by a password or a certificate.

        The caller must open the connection before it waits for anything else.
        """
        if not self._outruns(charger, generation):
            return "outrun"
        key = charger.casefold()
        claim = self._claims[key] = _Claim(generation)
        try:
            answers = await asyncio.gather(
                self._challenge_open(charger, generation, remote, is_proved=is_proved),
                *(
                    self._ask(peer, charger, generation, remote, is_proved=is_proved)
                    for peer in self._peers
                ),
            )
        finally:
            if self._claims.get(key) is claim:
                del self._claims[key]
        if claim.lost:
            return "outrun"
        return next((REASONS[answer] for answer in answers if answer in REASONS), "")

    def _outruns(self, charger: str, generation: int) -> bool:
        """Return whether a newcomer is newer than the one that is being claimed for here, if any.

        The older one has lost then.
        """
        rival = self._claims.get(charger.casefold())
        if rival is None:
            return True
        if rival.generation >= generation:
            return False
        rival.lost = True
        return True

    async def _ask(
        self, peer: LinkClient, charger: str, generation: int, remote: str, *, is_proved: bool
    ) -> str:
        if not peer.is_up:
            return ABSENT
        body: dict[str, object] = {
            "charger": charger,
            "generation": generation,
            "remote": remote,
            "proved": is_proved,
        }
        deadline_s = self._settings.claim_s + self._settings.probe_s
        try:
            answer = await peer.ask("claim", body, deadline_s)
        except CsmsError:
            return ABSENT  # dead or hung: its supervisor kills it, and with it its connections
        return str(answer["verdict"]) if isinstance(answer, dict) else ABSENT

    async def challenge(
        self, charger: str, generation: int, remote: str, *, is_proved: bool = True
    ) -> str:
        """Return whether what we have of a charger, if anything, gives way to a newer connection.

        Asked by the other gateways.
        """
        if not self._outruns(charger, generation):
            return KEPT
        return await self._challenge_open(charger, generation, remote, is_proved=is_proved)

    async def _challenge_open(
        self, charger: str, generation: int, remote: str, *, is_proved: bool
    ) -> str:
        """Return whether the connection that is open here, if any, gives way to a newer one."""
        line = self._find(charger)
        if line is None:
            return ABSENT
        if line.generation >= generation:
            return KEPT
        is_elsewhere = line.connection.remote != remote
        if is_elsewhere and not self._quota.take(charger.casefold(), self._now_us()):
            return STORM
        if (is_elsewhere or not is_proved) and await self._lives(line):
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
