"""Sockets that misbehave: slow readers, half-open ones, too many of them."""

import asyncio
import contextlib
import json
import os
import socket as sockets
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.load import frame
from csms.gateway.settings import GatewaySettings
from domain.events import ChargerDisconnected
from tests.csms.gateway.harness import boot, call, gateway_running
from tests.csms.gateway.test_gateway import METER
from tests.csms.gateway.test_threats import deaf_charger


async def test_a_slow_reader_is_cut_off_and_its_neighbour_is_not(tmp_path) -> None:
    settings = GatewaySettings(write_bytes_max=4_096, unanswered_max=1_000)
    async with gateway_running(tmp_path, settings=settings) as node:
        loop = asyncio.get_running_loop()
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        await loop.sock_connect(raw, ("127.0.0.1", node.port))
        await loop.sock_sendall(
            raw,
            b"GET /ocpp/SLOW HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n",
        )
        ping = b"\x89\xfd\0\0\0\0" + b"x" * 125

        async def pinging() -> None:
            while True:  # each is answered with a pong that nobody reads
                await loop.sock_sendall(raw, ping * 100)

        async with node.charger("CP1") as neighbour:
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(pinging(), 20)
            assert (await boot(neighbour))[0] == 3
            await node.until(lambda: node.gateway.line("SLOW") is None)
        raw.close()
        await node.until(lambda: len(node.events(ChargerDisconnected)) == 2)
        assert node.events(ChargerDisconnected)[0].reason == "slow reader"


def beat(node) -> None:
    for turn in range(10):
        node.gateway.beat(10, turn)


async def test_a_silent_connection_is_pinged_and_a_pong_keeps_it(tmp_path) -> None:
    settings = GatewaySettings(ping_s=0.1, dead_s=0.4)
    async with gateway_running(tmp_path, settings=settings) as node, node.charger("CP1") as socket:
        await boot(socket)
        line = node.gateway.line("CP1")
        beat(node)
        assert line.connection.pinged_us == 0
        for _ in range(8):
            await asyncio.sleep(0.12)
            beat(node)
        assert line.connection.pinged_us > 0
        assert node.gateway.line("CP1") is line


async def test_a_half_open_connection_is_pinged_and_then_aborted(tmp_path) -> None:
    settings = GatewaySettings(ping_s=0.1, dead_s=0.3)
    async with gateway_running(tmp_path, settings=settings) as node:
        async with deaf_charger(node.port, "127.0.0.2"):
            await node.until(lambda: node.gateway.line("CP1"))
            async with asyncio.timeout(5):
                while node.gateway.lines:
                    await asyncio.sleep(0.05)
                    beat(node)
        await node.until(lambda: node.events(ChargerDisconnected))
        assert node.events(ChargerDisconnected)[0].reason == "silent"


async def test_a_charger_that_never_sends_a_pong_stays_as_long_as_it_talks(tmp_path) -> None:
    settings = GatewaySettings(ping_s=0.1, dead_s=0.4)
    async with (
        gateway_running(tmp_path, settings=settings) as node,
        deaf_charger(node.port, "127.0.0.2") as transport,
    ):
        await node.until(lambda: node.gateway.line("CP1"))
        line = node.gateway.line("CP1")
        for index in range(8):
            text = json.dumps([2, str(index), "MeterValues", METER]).encode()
            transport.write(frame(text))
            await asyncio.sleep(0.12)
            beat(node)
        assert node.gateway.line("CP1") is line


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_without_free_descriptors_a_gateway_does_not_spin_and_recovers(
    tmp_path, loop
) -> None:
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.csms.gateway.few_descriptors", str(tmp_path), "60", loop,
        cwd=root, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), 30))
        url = f"ws://127.0.0.1:{port}/ocpp/"
        async with connect(url + "CP1", subprotocols=["ocpp1.6"]) as old:
            await boot(old)
            writers = []
            for _ in range(100):
                with contextlib.suppress(OSError):
                    writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
            before_s = cpu_s(process.pid)
            await asyncio.sleep(2)
            spent_s = cpu_s(process.pid) - before_s
            assert spent_s < 1.0
            assert (await call(old, "Heartbeat", {}, "during"))[0] == 3
            for writer in writers:
                writer.transport.abort()
            async with asyncio.timeout(15):
                while True:
                    try:
                        async with connect(url + "CP2", subprotocols=["ocpp1.6"]) as new:
                            assert (await boot(new))[0] == 3
                            break
                    except (OSError, WebSocketException):  # dropped, or waits
                        await asyncio.sleep(0.2)
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)
