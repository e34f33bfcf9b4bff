"""The asyncio shell around virtual chargers: one WebSocket each, many in one process.

While a charger is not connected its life goes on: drivers come and go, and what they did is told
when the connection is back.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from csms.simulator.books import Books, sums
from csms.simulator.charger import SimulatedCharger
from csms.simulator.identity import Identity
from csms.simulator.instants import US_PER_S
from csms.simulator.latencies import Latencies
from csms.simulator.machine import (
    Begin,
    Close,
    Cut,
    Deaf,
    Dial,
    Effect,
    Gone,
    Input,
    Leave,
    Opened,
    Phase,
    Refused,
    Reset,
    Send,
    Stop,
    Text,
    Tick,
    VirtualMachine,
)
from csms.simulator.settings import SimulatorSettings
from csms.simulator.sightings import Saw
from csms.simulator.talker import Counts
from csms.simulator.versions import make_charger
from supervisor.clock import Clock

log = logging.getLogger(__name__)

IDLE_S_MAX = 60.0
"""Longest sleep of a charger that has nothing to do."""
OPEN_S = 20.0
"""Time for a handshake; a full server may let us wait."""


@dataclass(frozen=True)
class Member:
    """One charger of a fleet. `password` None: connect without."""

    identity: Identity
    password: str | None = None


def charger_url(base: str, charger: str) -> str:
    """Return the URL of a charger below `base`, as it is printed on its commissioning sheet."""
    return f"{base.rstrip('/')}/{quote(charger, safe='')}"


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class VirtualCharger:
    """One charger on one server: a machine, and the socket that it wants.

    Use it as a context, or run `run()`:

        async with VirtualCharger(url, Member(Identity("CP1"))) as virtual:
            await virtual.until(lambda charger: charger.registered)
            virtual.act(lambda charger: charger.plug(charger.connectors[1]))

    Args:
        url: what comes before the identity: ws://HOST:PORT/ocpp.
        member: who it is.
        tokens: cards of the drivers who come by; without any, nobody does.
        settings: how it behaves.
        seed: the same seed gives it the same character.
        clock: time.
        tls: for wss:// (security profiles 2 and 3); None: the system's trust.
        latencies: where what it saw is counted, perhaps shared.
    """

    def __init__(
        self,
        url: str,
        member: Member,
        *,
        tokens: tuple[str, ...] = (),
        settings: SimulatorSettings | None = None,
        seed: int = 1,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        self.member = member
        self.latencies = Latencies() if latencies is None else latencies
        self._url = charger_url(url, member.identity.id)
        self._clock = clock or Clock()
        self._tls = tls
        self.machine = VirtualMachine(
            make_charger(
                member.identity,
                tokens=tokens,
                settings=settings or SimulatorSettings(),
                chance=Random(f"{seed}/{member.identity.id}"),  # noqa: S311 - not a secret
                now_us=self._clock.now_us(),
            ),
            Random(f"{seed}/{member.identity.id}/network"),  # noqa: S311 - not a secret
        )
        self._connection: ClientConnection | None = None
        self._deaf = False
        self._stopping = False
        self._left: Leave | None = None
        self._nap: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    @property
    def charger(self) -> SimulatedCharger:
        """How it behaves: its connectors, keys, books."""
        return self.machine.charger

    @property
    def books(self) -> Books:
        """What it said, and what it was promised."""
        return self.machine.charger.books

    async def __aenter__(self) -> Self:
        """Begin to live."""
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection and end."""
        self.stop()
        if self._task is not None:
            await self._task

    async def until(
        self, condition: Callable[[SimulatedCharger], object], timeout_s: float = 10.0
    ) -> None:
        """Wait until a condition of the charger holds. TimeoutError; or what made it fail."""
        async with asyncio.timeout(timeout_s), self._changed:
            while not condition(self.charger):
                if self._task is not None and self._task.done():
                    self._task.result()
                    raise ConnectionError("the charger has stopped")
                await self._changed.wait()

    def act(self, do: Callable[[SimulatedCharger], object]) -> None:
        """Let somebody do something at the charger, now; what follows is sent."""
        self.charger.tick(self._clock.now_us())
        do(self.charger)
        self._wake()

    def leave(self, wait_s: float, *, politely: bool = False) -> None:
        """Lose the connection and come back after `wait_s`."""
        self._left = Leave(wait_s, politely)
        self._wake()

    def stop(self) -> None:
        """Let `run` end soon."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        if self._nap is not None and not self._nap.expired():
            self._nap.reschedule(asyncio.get_running_loop().time())

    async def run(self, wait_s: float = 0.0) -> None:
        """Live until `stop()`; connect first after `wait_s`."""
        happened: Input = Begin(wait_s)
        while True:
            await self._handle(happened)
            if self.machine.phase is Phase.STOPPED:
                return
            happened = await self._next()

    async def _next(self) -> Input:
        """Wait for what happens next."""
        if self._stopping:
            return Stop()
        if self._left is not None:
            left, self._left = self._left, None
            return left
        due_us, now_us = self.machine.due_us(), self._clock.now_us()
        wait_s = IDLE_S_MAX if due_us is None else (due_us - now_us) / US_PER_S
        try:
            async with asyncio.timeout(min(max(wait_s, 0), IDLE_S_MAX)) as self._nap:
                if self._connection is not None and not self._deaf:
                    return Text(await self._connection.recv())
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        except ConnectionClosed as closed:
            log.debug("%s: closed: %s", self.member.identity.id, closed)
            self._connection = None
            return Gone()
        finally:
            self._nap = None
        return Tick()

    async def _handle(self, happened: Input) -> None:
        effects = self.machine.handle(happened, self._clock.now_us())
        while effects:
            more: list[Effect] = []
            for effect in effects:
                answer = await self._do(effect)
                if answer is not None:
                    more += self.machine.handle(answer, self._clock.now_us())
            effects = more
        async with self._changed:
            self._changed.notify_all()

    async def _do(self, effect: Effect) -> Input | None:
        """Carry out one effect; return what came of it, if that is known at once."""
        connection = self._connection
        match effect:
            case Saw():
                self.latencies.add(effect)
            case Dial():
                return await self._dial()
            case Send(text=text) if connection is not None:
                try:
                    await connection.send(text, text=True)
                except ConnectionClosed:
                    self._connection = None
                    return Gone()
            case Cut(text=text) if connection is not None:
                frame = Frame(Opcode.TEXT, text).serialize(mask=True)
                connection.transport.write(frame[: len(frame) // 2])
                self._abort(connection)
            case Reset() if connection is not None:
                self._abort(connection)
            case Close() if connection is not None:
                self._connection, self._deaf = None, False
                await connection.close()
            case Deaf() if connection is not None:
                connection.transport.pause_reading()
                self._deaf = True
            case _:
                pass
        return None

    def _abort(self, connection: ClientConnection) -> None:
        self._connection, self._deaf = None, False
        connection.transport.abort()

    async def _dial(self) -> Input:
        headers = {}
        options: dict[str, Any] = {} if self._tls is None else {"ssl": self._tls}
        if self.member.password is not None:
            headers["Authorization"] = basic(self.member.identity.id, self.member.password)
        try:
            async with asyncio.timeout(OPEN_S) as self._nap:
                self._connection = await connect(
                    self._url,
                    subprotocols=[Subprotocol(self.member.identity.subprotocol)],
                    additional_headers=headers,
                    compression=None,
                    max_size=self.charger.settings.frame_bytes_max,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=1,
                    proxy=None,
                    **options,
                )
            if self._connection.subprotocol is None:
                # Such a server opens the connection only to close it (OCPP-J, section 3.1).
                self._abort(self._connection)
                return Refused("no subprotocol")
        except InvalidStatus as error:
            return Refused(f"HTTP {error.response.status_code}")
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return Refused(type(error).__name__)
        finally:
            self._nap = None
        return Opened()


class Fleet:
    """Virtual chargers that connect to one server.

    Args:
        url: what comes before the identity: ws://HOST:PORT/ocpp.
        members: the chargers.
        tokens: cards of the drivers.
        settings: how chargers behave.
        seed: the same seed gives every charger the same character.
        clock: time.
        tls: for wss://.
    """

    def __init__(
        self,
        url: str,
        members: Iterable[Member],
        *,
        tokens: tuple[str, ...],
        settings: SimulatorSettings,
        seed: int,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings
        self.latencies = Latencies()
        """What all of them saw."""
        self.virtual = [
            VirtualCharger(
                url,
                member,
                tokens=tokens,
                settings=settings,
                seed=seed,
                clock=clock,
                tls=tls,
                latencies=self.latencies,
            )
            for member in members
        ]

    @property
    def chargers(self) -> list[SimulatedCharger]:
        """How they behave, in the order of the members."""
        return [virtual.charger for virtual in self.virtual]

    @property
    def refused(self) -> dict[str, int]:
        """Why connections failed, and how often."""
        return self.books().refused

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return sum(charger.connected for charger in self.chargers)

    @property
    def charging(self) -> int:
        """How many connectors have a transaction now."""
        return sum(charger.busy() for charger in self.chargers)

    def books(self) -> Books:
        """Return the sums of all books."""
        return sums(virtual.books for virtual in self.virtual)

    def counts(self) -> Counts:
        """Return the sums over all chargers."""
        total = Counts()
        for charger in self.chargers:
            for field in fields(Counts):
                value = getattr(total, field.name) + getattr(charger.counts, field.name)
                setattr(total, field.name, value)
        return total

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then close all connections (1000).

        Raises:
            ExceptionGroup: a charger has failed by a mistake of ours; all others are stopped.
        """
        async with asyncio.TaskGroup() as group:
            for number, virtual in enumerate(self.virtual):
                group.create_task(virtual.run(number / self.settings.ramp_per_s))
            await stop.wait()
            for virtual in self.virtual:
                virtual.stop()
