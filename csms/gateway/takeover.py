"""At most one connection owns a charger: who wins when a second one comes.

The newest authenticated connection wins at once when it comes from the same address, else only
after the old one has failed a ping; so does one that proves nothing (profile 0), from wherever it
comes. An old one that lives keeps the charger and the newcomer is refused (CWE-613: "most recent
displaces the legitimate one"). Newcomers from elsewhere are few a minute; a charger that comes back
from its own address may try as often as it likes.

While one gateway asks the others, one of them may be asking too, for the same charger. So a claim
is known from its begin to its end, and of two claims the newer wins: a connection is either
claimed for or open, and whoever asks is told of both.

After an outage nearly every charger is unknown to the others, which takes no thought: so those who
come in the same turn of the loop are asked for together, and answered together and at once. Only
one that has to be pinged first is asked for again, alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import msgspec

from csms.gateway.attempts import Quota
from csms.gateway.line import ChargerLine
from csms.gateway.settings import GatewaySettings
from domain.errors import CsmsError
from supervisor.links import LinkClient, RemoteFailed

ABSENT, YIELDED, KEPT, STORM = "absent", "yielded", "kept", "storm"
UNDECIDED = "undecided"
"""It takes a ping, or a look at how often this charger came: to be asked alone."""
REASONS = {KEPT: "held_elsewhere", STORM: "takeover_storm"}
"""Verdicts that refuse a newcomer -> key of REFUSALS."""
REPLACED = 1008
"""Close code of a connection that a newer one has replaced."""


class Newcomer(NamedTuple):
    """A connection that wants a charger. `is_proved`: it has shown that it is this charger."""

    charger: str
    generation: int
    remote: str
    is_proved: bool = True


@dataclass(slots=True, eq=False)
class _Claim:
    """A connection that waits for the others' word. `lost`: a newer one was faster."""

    generation: int
    lost: bool = False


class _Crowd:
    """Those who came in one turn of the loop, for one question to another gateway."""

    def __init__(self, peer: LinkClient, deadline_s: float) -> None:
        self._peer = peer
        self._deadline_s = deadline_s
        self._waiting: list[tuple[Newcomer, asyncio.Future[str]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, newcomer: Newcomer) -> asyncio.Future[str]:
        """Return what will be the other gateway's verdict."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send, loop)
        verdict: asyncio.Future[str] = loop.create_future()
        self._waiting.append((newcomer, verdict))
        return verdict

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        task = loop.create_task(self._ask(waiting))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, waiting: list[tuple[Newcomer, asyncio.Future[str]]]) -> None:
        verdicts = await self._verdicts([newcomer for newcomer, _ in waiting])
        for (_, verdict), said in zip(waiting, verdicts, strict=True):
            if not verdict.done():  # whoever waited for it may have been cancelled
                verdict.set_result(said)

    async def _verdicts(self, newcomers: list[Newcomer]) -> list[str]:
        if not self._peer.is_up:
            return [ABSENT] * len(newcomers)
        try:
            answer = await self._peer.ask("claims", newcomers, self._deadline_s)
        except RemoteFailed:
            return [UNDECIDED] * len(newcomers)
        except CsmsError:
            # Dead or hung: its supervisor kills it, and with it its connections.
            return [ABSENT] * len(newcomers)
        if isinstance(answer, list) and len(answer) == len(newcomers):
            return [str(verdict) for verdict in answer]
        return [UNDECIDED] * len(newcomers)


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
        self._deadline_s = settings.claim_s + settings.probe_s
        self._peers = peers
        self._crowds = [_Crowd(peer, self._deadline_s) for peer in peers]
        self._find = find
        self._now_us = now_us
        self._quota = Quota(settings.takeovers_per_min, settings.attempts_kept_max)
        self._claims: dict[str, _Claim] = {}

    def is_free(self, charger: str) -> bool:
        """Return whether nobody has to be asked: no other gateway, and not connected here."""
        return not self._peers and self._find(charger) is None

    async def claim(self, newcomer: Newcomer) -> str:
        """Return "" when a connection may have its charger, else the reason why not.

        The caller must open the connection before it waits for anything else.
        """
        if not self._outruns(newcomer):
            return "outrun"
        key = newcomer.charger.casefold()
        claim = self._claims[key] = _Claim(newcomer.generation)
        try:
            verdicts = await self._ask_all(newcomer)
        finally:
            if self._claims.get(key) is claim:
                del self._claims[key]
        if claim.lost:
            return "outrun"
        return next((REASONS[verdict] for verdict in verdicts if verdict in REASONS), "")

    def _outruns(self, newcomer: Newcomer) -> bool:
        """Return whether a newcomer is newer than the one that is being claimed for here, if any.

        The older one has lost then.
        """
        rival = self._claims.get(newcomer.charger.casefold())
        if rival is None:
            return True
        if rival.generation >= newcomer.generation:
            return False
        rival.lost = True
        return True

    async def _ask_all(self, newcomer: Newcomer) -> list[str]:
        """Return the verdicts of all gateways, this one's first."""
        asked = [crowd.ask(newcomer) for crowd in self._crowds]
        verdicts = [self._judge(newcomer), *[await verdict for verdict in asked]]
        if UNDECIDED not in verdicts:
            return verdicts
        ways: list[Callable[[Newcomer], Coroutine[Any, Any, str]]] = [
            self._challenge_open,
            *[partial(self._ask_alone, peer) for peer in self._peers],
        ]
        undecided = (
            way(newcomer)
            for way, verdict in zip(ways, verdicts, strict=True)
            if verdict == UNDECIDED
        )
        return [*verdicts, *await asyncio.gather(*undecided)]

    async def _ask_alone(self, peer: LinkClient, newcomer: Newcomer) -> str:
        try:
            answer = await peer.ask("claim", newcomer, self._deadline_s)
        except RemoteFailed:
            return KEPT  # it lives, so the charger may be there
        except CsmsError:
            return ABSENT  # dead or hung: its supervisor kills it, and with it its connections
        return str(answer)

    def judge_all(self, body: object) -> list[str]:
        """Return for each newcomer whether what is here of its charger gives way, at once.

        Asked by the other gateways.
        """
        return [
            self._judge(newcomer) if self._outruns(newcomer) else KEPT
            for newcomer in msgspec.convert(body, list[Newcomer])
        ]

    async def challenge(self, body: object) -> str:
        """Return whether what is here of a charger gives way to a newer connection.

        Asked by the other gateways, for those that were undecided.
        """
        newcomer = msgspec.convert(body, Newcomer)
        if not self._outruns(newcomer):
            return KEPT
        return await self._challenge_open(newcomer)

    def _judge(self, newcomer: Newcomer) -> str:
        """Return whether the connection that is open here, if any, gives way, if that is clear."""
        line = self._find(newcomer.charger)
        if line is None:
            return ABSENT
        if line.generation >= newcomer.generation:
            return KEPT
        if line.connection.remote != newcomer.remote or not newcomer.is_proved:
            return UNDECIDED
        line.fence(REPLACED, "replaced by a newer connection")
        return YIELDED

    async def _challenge_open(self, newcomer: Newcomer) -> str:
        """Return whether the connection that is open here, if any, gives way to a newer one."""
        verdict = self._judge(newcomer)
        line = self._find(newcomer.charger)
        if verdict != UNDECIDED or line is None:
            return verdict
        is_elsewhere = line.connection.remote != newcomer.remote
        if is_elsewhere and not self._quota.take(newcomer.charger.casefold(), self._now_us()):
            return STORM
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
