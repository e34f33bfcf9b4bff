"""Asks the ledger what it knows of chargers that have just connected.

In a reconnect storm they come by the thousand, so one question carries hundreds. Neither the
handshake nor the answer to BootNotification waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from actors.charger.messages import Activated
from domain.errors import CsmsError
from domain.known import KnownCharger

ROUNDS_MAX = 2
"""One is answered while the next is on its way."""
CROWD = 16
"""So many in one question are a crowd."""
CROWD_PAUSES = 40
"""How many times as long a crowd is collected: a charger costs the ledger 760 us among 40, 230
among 160, 120 among 500. Neither handshake nor boot waits for the answer."""

_decoder = msgspec.msgpack.Decoder(list[KnownCharger])


class Asker(Protocol):
    """Who wants to know."""

    charger: str


A = TypeVar("A", bound=Asker)


class Activation(Generic[A]):
    """Collects chargers, asks once for many of them, tells each actor.

    While questions are open, those who come are collected: the slower the ledger, the more chargers
    in one question, and never more than ROUNDS_MAX questions at once. When many come, they are
    collected for longer: a question costs the ledger much the same for one as for a hundred.

    When the ledger could not say, those that `still_ask` are asked for again and again, and what
    comes of it is told as late.

    Args:
        ask: asks the ledger; returns encoded list[KnownCharger].
        tell: gives an actor its answer.
        batch_max, pause_s: how many at once, and how long they are collected.
        still_ask: whether a charger's answer is of use when it comes late.
        retry_s: how long after a question that failed those are asked for again.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Callable[[list[str]], Awaitable[bytes]],
        tell: Callable[[A, Activated], None],
        batch_max: int,
        pause_s: float,
        still_ask: Callable[[A], bool] = lambda _line: False,
        retry_s: float = 5.0,
    ) -> None:
        self._still_ask, self._retry_s = still_ask, retry_s
        self._loop = loop
        self._ask = ask
        self._tell = tell
        self._batch_max = batch_max
        self._pause_s = pause_s
        self._waiting: list[tuple[A, bool]] = []
        """Who asks, and whether it was told already that nobody could say."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._armed = False
        self._crowded = False
        self.failures = 0

    def ask(self, line: A) -> None:
        """Ask for one charger; its actor is told, sooner or later."""
        self._waiting.append((line, False))
        self._arm()

    def _ask_again(self, lines: list[A]) -> None:
        self._waiting += [(line, True) for line in lines if self._still_ask(line)]
        if self._waiting:
            self._arm()

    def _arm(self) -> None:
        if not self._armed and len(self._tasks) < ROUNDS_MAX:
            self._armed = True
            times = CROWD_PAUSES if self._crowded else 1
            self._loop.call_later(self._pause_s * times, self._send)

    def _send(self) -> None:
        self._armed = False
        self._crowded = len(self._waiting) >= CROWD
        while self._waiting and len(self._tasks) < ROUNDS_MAX:
            batch = self._waiting[: self._batch_max]
            del self._waiting[: self._batch_max]
            task = self._loop.create_task(self._round(batch))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._waiting) >= self._batch_max:
            self._send()
        elif self._waiting:
            self._arm()

    async def _round(self, asking: list[tuple[A, bool]]) -> None:
        known: dict[str, KnownCharger] = {}
        failed = False
        try:
            body = await self._ask([line.charger for line, _ in asking])
            known = {charger.charger: charger for charger in _decoder.decode(body)}
        except (CsmsError, TimeoutError, msgspec.DecodeError):
            self.failures += 1
            failed = True
        if failed:
            again = [line for line, _ in asking if self._still_ask(line)]
            if again:
                self._loop.call_later(self._retry_s, self._ask_again, again)
        for line, late in asking:
            about = known.get(line.charger)
            if about is None and not failed:
                about = KnownCharger(line.charger)
            if about is not None or not late:
                self._tell(line, Activated(about, late=late))
