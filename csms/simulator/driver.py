"""The shell around simulated chargers: one WebSocket each, many in one process.

While a charger is not connected its life goes on: drivers come and go, and what they did is told
when the connection is back.
"""

import asyncio
import base64
import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields
from random import Random
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from csms.simulator.charger import SUBPROTOCOL, Counts, Identity, SimulatedCharger
from csms.simulator.instants import US_PER_S
from csms.simulator.settings import SimulatorSettings
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


class Fleet:
    """Simulated chargers that connect to one server.

    Args:
        url: what comes before the identity: ws://HOST:PORT/ocpp.
        members: the chargers.
        tokens: cards of the drivers.
        settings: how chargers behave.
        seed: the same seed gives every charger the same character.
        clock: time.
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
    ) -> None:
        self.url = url
        self.settings = settings
        self.refused: dict[str, int] = {}
        """Why connections failed, and how often."""
        self._clock = clock
        self._open: set[ClientConnection] = set()
        self._members = list(members)
        self.chargers = [
            SimulatedCharger(
                member.identity,
                tokens=tokens,
                settings=settings,
                chance=Random(f"{seed}/{member.identity.id}"),  # noqa: S311 - not a secret
                now_us=clock.now_us(),
            )
            for member in self._members
        ]

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return sum(charger.connected for charger in self.chargers)

    @property
    def charging(self) -> int:
        """How many connectors have a transaction now."""
        return sum(charger.busy() for charger in self.chargers)

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
            group.create_task(self._close_at(stop))
            for number, (member, charger) in enumerate(
                zip(self._members, self.chargers, strict=True)
            ):
                wait_s = number / self.settings.ramp_per_s
                group.create_task(self._live(member, charger, wait_s, stop))

    async def _close_at(self, stop: asyncio.Event) -> None:
        """Wake everyone who waits for the server."""
        await stop.wait()
        await asyncio.gather(*(connection.close() for connection in self._open))

    async def _live(
        self, member: Member, charger: SimulatedCharger, wait_s: float, stop: asyncio.Event
    ) -> None:
        """Connect again and again; `wait_s` is the wait before the first time."""
        chance = Random(f"{member.identity.id}/backoff")  # noqa: S311 - not a secret
        retry_s = self.settings.reconnect_s_min
        while not await self._stay_away(charger, wait_s, stop):
            failure = await self._connect_once(member, charger, stop)
            if failure:
                self.refused[failure] = self.refused.get(failure, 0) + 1
                wait_s = retry_s * chance.uniform(0.5, 1.5)
                retry_s = min(retry_s * 2, self.settings.reconnect_s_max)
            else:
                retry_s = self.settings.reconnect_s_min
                wait_s = retry_s * chance.uniform(0.5, 1.5)
                if charger.hangup is not None:
                    wait_s = charger.hangup.wait_s

    async def _stay_away(
        self, charger: SimulatedCharger, wait_s: float, stop: asyncio.Event
    ) -> bool:
        """Live without a connection for `wait_s`; return whether it is time to stop."""
        until_us = self._clock.now_us() + int(wait_s * US_PER_S)
        while not stop.is_set() and self._clock.now_us() < until_us:
            due_us = charger.due_us()
            next_us = until_us if due_us is None else min(until_us, due_us)
            await _wait(stop, (next_us - self._clock.now_us()) / US_PER_S)
            charger.tick(self._clock.now_us())
        return stop.is_set()

    async def _connect_once(
        self, member: Member, charger: SimulatedCharger, stop: asyncio.Event
    ) -> str:
        """Hold one connection to its end; return why it could not be made, or nothing."""
        headers = {}
        if member.password is not None:
            headers["Authorization"] = basic(member.identity.id, member.password)
        try:
            async with connect(
                charger_url(self.url, member.identity.id),
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers=headers,
                compression=None,
                max_size=self.settings.frame_bytes_max,
                open_timeout=OPEN_S,
                ping_interval=None,
                close_timeout=1,
                proxy=None,
            ) as connection:
                self._open.add(connection)
                charger.connect(self._clock.now_us())
                try:
                    await self._talk(connection, charger, stop)
                except ConnectionClosed as closed:
                    log.debug("%s: closed: %s", member.identity.id, closed)
                finally:
                    self._open.discard(connection)
                    charger.disconnect(self._clock.now_us())
        except InvalidStatus as error:
            return f"HTTP {error.response.status_code}"
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return type(error).__name__
        return ""

    async def _talk(
        self, connection: ClientConnection, charger: SimulatedCharger, stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            for frame in charger.take_frames():
                await connection.send(frame, text=True)
            if charger.hangup is not None:
                return
            due_us, now_us = charger.due_us(), self._clock.now_us()
            wait_s = IDLE_S_MAX if due_us is None else (due_us - now_us) / US_PER_S
            try:
                async with asyncio.timeout(min(max(wait_s, 0), IDLE_S_MAX)):
                    charger.receive(await connection.recv(), self._clock.now_us())
            except TimeoutError:
                charger.tick(self._clock.now_us())


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `stop`, but not longer than `seconds`."""
    try:
        async with asyncio.timeout(max(0, seconds)):
            await stop.wait()
    except TimeoutError:
        return
