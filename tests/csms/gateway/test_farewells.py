"""Chargers that hang up: a whole fleet at once must not fill a turn of the loop."""

import asyncio

from csms.gateway.gateway import CLOSED_AT_ONCE
from domain.events import ChargerDisconnected
from tests.csms.gateway.harness import gateway_running
from tests.csms.gateway.test_anteroom import HANDSHAKE


async def shaken(port: int, number: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.replace(b"CP1", b"CP%d" % number))
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return writer


async def test_a_fleet_that_hangs_up_is_gone_at_once_and_closed_a_few_at_a_time(tmp_path) -> None:
    count = 3 * CLOSED_AT_ONCE
    async with gateway_running(tmp_path) as node:
        gateway = node.gateway
        writers = [await shaken(node.port, number) for number in range(count)]
        await node.until(lambda: len(gateway.lines) == count)
        closed: list[int] = []
        leave = gateway._close_leaving

        def close_leaving() -> None:
            before = len(gateway._leaving)
            leave()
            closed.append(before - len(gateway._leaving))

        gateway._close_leaving = close_leaving
        for writer in writers:
            writer.write_eof()
        await node.until(lambda: not gateway.lines)
        assert max(closed, default=0) <= CLOSED_AT_ONCE
        await node.until(lambda: not gateway.ending)
        assert sum(closed) == count
        await node.until(lambda: len(node.events(ChargerDisconnected)) == count)
        for writer in writers:
            writer.transport.abort()


async def test_who_comes_back_does_not_wait_for_the_end_of_its_old_connection(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        gateway = node.gateway
        ends: list[object] = []
        gateway._close_leaving = lambda: ends.append(None)  # its turn never comes
        old = await shaken(node.port, 1)
        await node.until(lambda: "cp1" in gateway.lines)
        first = gateway.lines["cp1"]
        old.write_eof()
        await node.until(lambda: bool(ends))
        assert "cp1" not in gateway.lines
        assert gateway.takeover.is_free("CP1")
        new = await shaken(node.port, 1)
        await node.until(lambda: "cp1" in gateway.lines)
        assert gateway.lines["cp1"] is not first
        first.connection.leave()
        await node.until(lambda: len(gateway.connections) == 1)
        assert "cp1" in gateway.lines
        for writer in (old, new):
            writer.transport.abort()


async def test_what_was_sent_before_the_farewell_is_answered_and_kept(tmp_path) -> None:
    async with gateway_running(tmp_path) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        writer.write(HANDSHAKE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        text = b'[2,"1","Heartbeat",{}]'
        writer.write(bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 5)
        assert b'[3,"1",{"currentTime"' in answer
        writer.transport.abort()
