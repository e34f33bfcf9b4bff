"""Handshakes go on a few in a turn, one alone while those inside wait, and none is forgotten."""

import asyncio
import contextlib

import pytest

from csms.gateway.anteroom import Anteroom
from csms.gateway.settings import GatewaySettings
from domain.events import ConnectionRefused
from tests.csms.gateway.harness import gateway_running

HANDSHAKE = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


class House:
    def __init__(self, at_once: int = 3, waiting_max: int = 10) -> None:
        self.is_behind = False
        self.entered: list[int] = []
        loop = asyncio.get_running_loop()
        self.anteroom = Anteroom(loop, at_once, waiting_max, lambda: self.is_behind)

    def come(self, count: int) -> None:
        for number in range(count):
            self.anteroom.wait(lambda number=number: self.entered.append(number))


async def test_so_many_enter_in_a_turn_in_their_order() -> None:
    house = House(at_once=3)
    house.come(7)
    assert house.entered == []

    counts = []
    for _ in range(4):
        await asyncio.sleep(0)
        counts.append(len(house.entered))

    assert counts == [3, 6, 7, 7]
    assert house.entered == list(range(7))


async def test_one_enters_in_a_turn_while_those_inside_wait() -> None:
    house = House(at_once=3)
    house.is_behind = True
    house.come(5)
    for _ in range(2):
        await asyncio.sleep(0)
    assert len(house.entered) == 2

    house.is_behind = False
    await asyncio.sleep(0)

    assert len(house.entered) == 5


async def test_it_is_full_from_its_limit_on() -> None:
    house = House(at_once=1, waiting_max=2)
    house.come(1)
    assert not house.anteroom.is_full
    house.come(1)
    assert house.anteroom.is_full

    await asyncio.sleep(0)

    assert not house.anteroom.is_full
    assert len(house.anteroom) == 1


async def test_one_that_fails_holds_up_nobody() -> None:
    house = House(at_once=3)
    loop = asyncio.get_running_loop()
    failures = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
    try:
        house.anteroom.wait(lambda: 1 / 0)
        house.come(4)
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)

    assert house.entered == [0, 1, 2, 3]
    assert [type(error) for error in failures] == [ZeroDivisionError]


async def test_who_waits_for_us_does_not_run_out_of_time(tmp_path, monkeypatch) -> None:
    settings = GatewaySettings(handshake_s=0.15)
    async with gateway_running(tmp_path, settings=settings) as node:
        turn = node.gateway.anteroom._turn
        waiting = []
        monkeypatch.setattr(node.gateway.anteroom, "_turn", lambda: waiting.append(turn))
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(HANDSHAKE)
        await node.until(lambda: waiting)
        await asyncio.sleep(0.5)
        assert len(node.gateway.connections) == 1
        assert not node.events(ConnectionRefused)

        monkeypatch.undo()
        waiting[0]()

        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        assert answer == b"HTTP/1.1 101 Switching Protocols\r\n"
        writer.transport.abort()


async def test_who_hangs_up_while_it_waits_is_forgotten(tmp_path, monkeypatch) -> None:
    async with gateway_running(tmp_path) as node:
        turn = node.gateway.anteroom._turn
        waiting = []
        monkeypatch.setattr(node.gateway.anteroom, "_turn", lambda: waiting.append(turn))
        _, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(HANDSHAKE)
        await node.until(lambda: waiting)
        writer.transport.abort()
        await node.until(lambda: not node.gateway.connections)

        monkeypatch.undo()
        waiting[0]()

        assert len(node.gateway.anteroom) == 0
        assert not node.gateway.lines


@pytest.mark.parametrize("size", [65_000, 300_000])
async def test_a_handshake_without_end_is_refused_by_the_parser(tmp_path, size) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        with contextlib.suppress(ConnectionError):
            writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\nX: " + b"x" * size)
            await writer.drain()
            assert await asyncio.wait_for(reader.read(), 5) is not None
        writer.transport.abort()
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(0)).reason == "bad_request"


async def test_a_turn_ends_after_its_time(monkeypatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr("csms.gateway.anteroom.time.perf_counter", lambda: now_s[0])
    entered: list[int] = []
    loop = asyncio.get_running_loop()
    anteroom = Anteroom(loop, 8, 100, lambda: False, turn_s=0.002)

    def enter(number: int) -> None:
        entered.append(number)
        now_s[0] += 0.0015

    for number in range(5):
        anteroom.wait(lambda number=number: enter(number))
    await asyncio.sleep(0)
    assert entered == [0, 1]
    await asyncio.sleep(0)
    assert entered == [0, 1, 2, 3]


async def test_half_a_handshake_waits_for_nobody(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        half = HANDSHAKE[:-2]
        writer.write(half[:3])
        await asyncio.sleep(0.02)
        writer.write(half[3:])
        await node.until(lambda: len(node.gateway.connections) == 1)
        await asyncio.sleep(0.02)
        assert not any(each.knocks for each in node.gateway.connections)
        writer.write(HANDSHAKE[-2:])
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 101")
        writer.transport.abort()


async def test_what_is_no_handshake_is_refused_before_its_end(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(b"\x16\x03\x01 no request at all\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert (await node.refusal()).reason == "bad_request"
        writer.transport.abort()
