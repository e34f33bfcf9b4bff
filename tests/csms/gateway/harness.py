"""A real gateway on a real socket, in the test's own loop: no ledger, no processes."""

import asyncio
import base64
import contextlib
import json
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from actors.charger.settings import ChargerSettings
from actors.site.control import ControlSettings
from csms.gateway.activation import Activation
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.doors import Door, Doors
from csms.gateway.gateway import Gateway, Parts
from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS, Listener
from csms.gateway.models import Models
from csms.gateway.numbers import Numbers
from csms.gateway.settings import GatewaySettings
from csms.gateway.sites import Peer, SiteParts, Sites
from csms.gateway.takeover import Takeover
from csms.gateway.tls import Contexts
from csms.gateway.tls_transport import TlsTransport
from csms.quirks.catalogue import load_catalogue
from domain.errors import Unavailable
from domain.events import ConnectionRefused, Entry, Event, decode_entry
from domain.records import Changes, ChargerRecord, TokenRecord
from protocol.limits import SessionLimits
from protocol.reading import ReadingLimits
from protocol.versions import VERSIONS
from storage.journal import JournalSettings, JournalWriter, deliver_in
from storage.journal_reader import JournalReader
from storage.relational.credentials import keep_chosen, keep_generated
from supervisor.asyncio_base import AsyncioBase
from supervisor.clock import Clock

KEY = "00112233445566778899aabbccddeeff00112233"


class CountingMeters:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def refused(self, reason: str) -> None:
        self.counts[f"refused:{reason}"] += 1

    def acknowledged(self, action: str, latency_us: int) -> None:
        self.counts[f"ack:{action}"] += 1

    def commanded(self, action: str, outcome: str) -> None:
        self.counts[f"command:{action}:{outcome}"] += 1

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        for flag in flags:
            self.counts[f"flag:{flag}"] += 1

    def saw(self, number: int) -> None:
        self.counts[f"quirk:{number}"] += 1

    def unmatched(self) -> None:
        self.counts["unmatched"] += 1


class Harness:
    def __init__(
        self,
        gateway: Gateway,
        port: int,
        path: Path,
        meters: CountingMeters,
        ports: Mapping[Listener, int],
    ) -> None:
        self.gateway = gateway
        self.ports = ports
        self.port = port
        self.path = path
        self.meters = meters

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/"

    def entries(self) -> list[Entry]:
        reader = JournalReader(self.path)
        try:
            return [decode_entry(row.blob) for row in reader.read(0, 100_000, 1 << 30)]
        finally:
            reader.close()

    def events(self, kind: type) -> list[Event]:
        return [e for entry in self.entries() for e in entry.events if type(e) is kind]

    async def refusal(self, at: int = -1) -> ConnectionRefused:
        """A refusal on the disk; the answer does not wait for that."""
        await self.until(lambda: bool(self.events(ConnectionRefused)))
        return self.events(ConnectionRefused)[at]

    @contextlib.asynccontextmanager
    async def charger(
        self,
        name: str,
        password: str | bytes | None = None,
        subprotocols: tuple[str, ...] | None = ("ocpp1.6",),
        path: str | None = None,
        listener: Listener = PLAIN,
        **more: object,
    ) -> AsyncIterator[ClientConnection]:
        headers = {}
        if password is not None:
            secret = password if isinstance(password, bytes) else password.encode()
            token = base64.b64encode(name.encode() + b":" + secret).decode()
            headers["Authorization"] = f"Basic {token}"
        port = self.ports.get(listener, self.port)
        place = path if path is not None else f"/ocpp/{name}"
        url = f"{listener.scheme}://127.0.0.1:{port}{place}"
        async with connect(
            url, subprotocols=subprotocols, additional_headers=headers, **more
        ) as socket:
            yield socket

    async def until(self, condition, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)


async def call(socket: ClientConnection, action: str, payload: dict, uid: str = "1") -> list:
    await socket.send(json.dumps([2, uid, action, payload]))
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


async def boot(socket: ClientConnection) -> list:
    return await call(
        socket, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, "boot"
    )


@contextlib.asynccontextmanager
async def gateway_running(
    folder: Path,
    *,
    settings: GatewaySettings | None = None,
    charger_settings: ChargerSettings | None = None,
    accept_unknown: tuple[str, ...] = ("127.0.0.0/8",),
    chargers: tuple[ChargerRecord, ...] = (),
    tokens: tuple[TokenRecord, ...] = (),
    journal_settings: JournalSettings | None = None,
    ask_ledger=None,
    session_limits: SessionLimits | None = None,
    reading_limits: ReadingLimits | None = None,
    contexts: Contexts | None = None,
    name: str = "gw0",
    peers: Mapping[str, Peer] | None = None,
    site_control: ControlSettings | None = None,
    remember: Callable[[str], Awaitable[bytes]] | None = None,
    models: Models | None = None,
) -> AsyncIterator[Harness]:
    loop = asyncio.get_running_loop()
    base = AsyncioBase()
    path = folder / f"{name}.db"
    failures: list[Exception] = []
    journal = JournalWriter(
        path, journal_settings or JournalSettings(), deliver_in(loop), failures.append
    )
    numbers = Numbers(b"k" * 32, 4, lambda n: 7 % n, lambda: None)
    numbers.lease(1, 1_000_000)
    directory = Directory(numbers)
    directory.apply(Changes(1, chargers, tokens, (), complete=True))
    meters = CountingMeters()
    gateway = Gateway(
        Parts(
            name=name,
            loop=loop,
            clock=Clock(),
            settings=settings or GatewaySettings(),
            charger_settings=charger_settings or ChargerSettings(activation_wait_ms=200),
            session_limits=session_limits or SessionLimits(),
            reading_limits=reading_limits or ReadingLimits(),
            accept_unknown=accept_unknown,
            versions=VERSIONS,
            base=base,
            journal=journal,
            directory=directory,
            meters=meters,
            models=models or Models(load_catalogue(), 1_000),
        )
    )

    async def away(chargers: list[str]) -> bytes:
        raise Unavailable("no ledger in this test")

    gateway.activation = Activation(
        loop, ask_ledger or away, gateway.activated, 500, 0.001, gateway.still_asks, 0.05
    )
    gateway.takeover = Takeover(gateway.settings, (), gateway.line, gateway.now_us)
    gateway.sites = Sites(
        SiteParts(
            name=name,
            base=base,
            loop=loop,
            now_us=gateway.now_us,
            peers=peers or {},
            find=gateway.line,
            command=lambda command: gateway.command(command, wait=True),
            new_id=lambda: str(uuid.uuid4()),
            keep=gateway.keep_then,
            remember=remember,
            control=site_control or ControlSettings(gather_s=0.05),
        )
    )
    gateway.refusing = ""
    listening = {PLAIN: lambda: Connection(gateway)}
    if contexts is not None:
        gateway.trust = contexts.trust
        for listener in (TLS, MUTUAL_TLS):
            listening[listener] = partial(_over_tls, gateway, listener, contexts)
    sockets = {each: socket.create_server(("127.0.0.1", 0), backlog=1_024) for each in listening}
    limits = gateway.settings
    doors = Doors(
        [Door(sockets[each], protocol) for each, protocol in listening.items()],
        limits.accepts_at_once,
        limits.turned_away_max,
        limits.doors_shut_ms / 1e3,
        has_room=gateway.gate.has_room,
    )
    gateway.turned_away = doors.turned_away
    doors.open()
    ports = {each: one.getsockname()[1] for each, one in sockets.items()}
    port = ports.pop(PLAIN)
    try:
        yield Harness(gateway, port, path, meters, ports)
    finally:
        doors.close()
        gateway.close_all_now(1001, "test over")
        for _ in range(100):
            if not gateway.connections:
                break
            await asyncio.sleep(0.02)
        gateway.sites.stop()
        gateway.stop()
        base.shutdown()
        journal.close()


def _over_tls(gateway: Gateway, listener: Listener, contexts: Contexts) -> TlsTransport:
    return TlsTransport(Connection(gateway, listener), contexts.of(listener), gateway.anteroom.wait)


def keyed(name: str, **more: object) -> ChargerRecord:
    return ChargerRecord(id=name, credential=keep_generated(KEY), **more)


def chosen(name: str, password: str, **more: object) -> ChargerRecord:
    return ChargerRecord(id=name, credential=keep_chosen(password), **more)
