"""Many chargers in one process, over real sockets, against a server of the websockets library."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve
from websockets.typing import Subprotocol

from csms.simulator.driver import Fleet, Member, charger_url
from csms.simulator.identity import Identity
from csms.simulator.settings import SimulatorSettings
from protocol.events import CallReceived
from protocol.session import Role, Session, SessionLimits
from protocol.versions import VERSIONS
from supervisor.clock import Clock

QUICK = SimulatorSettings(reconnect_s_min=0.05, reconnect_s_max=0.1, ramp_per_s=1_000.0)
BOOTED = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}


class Booths:
    """Answers what chargers say at boot, and counts it."""

    def __init__(self) -> None:
        self.boots: list[str] = []
        self.connections: dict[str, ServerConnection] = {}

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        name = connection.request.path.rsplit("/", 1)[-1]
        self.connections[name] = connection
        dialect = VERSIONS["ocpp1.6"].dialect
        session = Session(role=Role.CSMS, dialect=dialect, limits=SessionLimits())
        async for text in connection:
            session.receive(text, 0)
            for event in session.take_events():
                if not isinstance(event, CallReceived):
                    continue
                if event.action == "BootNotification":
                    self.boots.append(name)
                session.answer(event.uid, BOOTED if event.action == "BootNotification" else {})
            for frame in session.take_frames():
                await connection.send(frame, text=True)


Hook = Callable[[ServerConnection, Request], Response | None]


@contextlib.asynccontextmanager
async def server(booths: Booths, hook: Hook | None = None) -> AsyncIterator[tuple[Server, str]]:
    names = [Subprotocol("ocpp1.6")]
    async with serve(
        booths.handle, "127.0.0.1", 0, subprotocols=names, process_request=hook
    ) as running:
        yield running, f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/ocpp"


@contextlib.asynccontextmanager
async def fleet_of(count: int, url: str, password: str | None = None) -> AsyncIterator[Fleet]:
    members = [Member(Identity(f"S{number}"), password) for number in range(count)]
    fleet = Fleet(url, members, tokens=(), settings=QUICK, seed=1, clock=Clock())
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop))
    try:
        yield fleet
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_all_chargers_connect_boot_and_leave_at_once_when_told() -> None:
    booths = Booths()
    async with server(booths) as (_, url), fleet_of(20, url) as fleet:
        await until(lambda: sorted(booths.boots) == sorted(f"S{n}" for n in range(20)))
        assert fleet.connected == 20
    assert fleet.connected == 0


async def test_a_charger_that_lost_its_connection_comes_back_without_booting() -> None:
    booths = Booths()
    async with server(booths) as (_, url), fleet_of(1, url) as fleet:
        await until(lambda: booths.boots == ["S0"])
        await booths.connections["S0"].close(1012)
        await until(lambda: fleet.counts().connects == 2)
        assert booths.boots == ["S0"]


async def test_refusals_are_counted_and_tried_again() -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    async with server(Booths(), refuse) as (_, url), fleet_of(1, url) as fleet:
        await until(lambda: fleet.refused.get("HTTP 401", 0) >= 3)
        assert fleet.counts().connects == 0


async def test_the_password_is_sent_as_basic_authentication() -> None:
    seen: list[str] = []

    def look(_connection: ServerConnection, request: Request) -> None:
        seen.append(request.headers["Authorization"])

    async with server(Booths(), look) as (_, url), fleet_of(1, url, "pw"):
        await until(lambda: bool(seen))
    assert seen[0] == "Basic UzA6cHc="


def test_identities_are_escaped_in_urls() -> None:
    assert charger_url("ws://h/ocpp/", "a b/c") == "ws://h/ocpp/a%20b%2Fc"


async def test_a_server_that_does_not_speak_the_version_counts_as_a_refusal() -> None:
    async def welcome(connection: ServerConnection) -> None:
        await connection.close(1002)

    async with serve(welcome, "127.0.0.1", 0) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        async with fleet_of(1, f"ws://127.0.0.1:{port}/ocpp") as fleet:
            await until(lambda: fleet.refused.get("no subprotocol", 0) >= 2)
            assert fleet.counts().connects == 0
