"""What chargers do over a longer time, well-behaved and not: beats, floods, half a handshake."""

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.load import IP_BIND_ADDRESS_NO_PORT, LoadCharger, settled
from supervisor.clock import Clock

HALF_A_REQUEST = b"GET /ocpp/NEVER HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
FLOOD_BYTES = 256 * 1024
"""What a flooding charger lets pile up in its own socket before it waits for a millisecond."""
FLOOD_AT_ONCE = 50
DIALS_AT_ONCE = 100
TOKEN = "BENCHTOKEN"


def starts() -> Callable[[], bytes]:
    """Payloads of StartTransaction, no two of them alike."""
    number = itertools.count()

    def make() -> bytes:
        n = next(number)
        at = datetime.fromtimestamp(Clock().now_us() / 1e6, UTC)
        payload = {
            "connectorId": 1,
            "idTag": TOKEN,
            "meterStart": n,
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{n % 1_000:03d}Z",
        }
        return json.dumps(payload).encode()

    return make


def _due(
    chargers: Sequence[LoadCharger], heartbeat_s: float, sample_s: float, every: int
) -> Iterator[tuple[float, LoadCharger, bool]]:
    """When who sends what, for ever: seconds from now, in order; True: meter values."""
    charging = chargers[::every]
    beat, sample = heartbeat_s / len(chargers), sample_s / len(charging)
    beats = ((n * beat, chargers[n % len(chargers)], False) for n in itertools.count())
    samples = ((n * sample, charging[n % len(charging)], True) for n in itertools.count())
    next_beat, next_sample = next(beats), next(samples)
    while True:
        if next_beat[0] <= next_sample[0]:
            yield next_beat
            next_beat = next(beats)
        else:
            yield next_sample
            next_sample = next(samples)


async def alive(
    chargers: Sequence[LoadCharger],
    make: Callable[[], bytes],
    seconds: float,
    heartbeat_s: float,
    sample_s: float,
    every: int,
) -> list[float]:
    """Let all send heartbeats and every so-manieth meter values; return the latencies, sorted.

    Args:
        chargers: connected.
        make: a payload of MeterValues.
        seconds: for how long.
        heartbeat_s: each charger's interval, evenly spread over all.
        sample_s: likewise, of those that charge.
        every: one of so many charges.

    Raises:
        TimeoutError: a call was not answered.
    """
    tally = chargers[0]._tally
    tally.latencies_s.clear()
    tally.late_s.clear()
    begun_s = time.monotonic()
    for due_s, charger, samples in _due(chargers, heartbeat_s, sample_s, every):
        if due_s >= seconds:
            break
        wait_s = begun_s + due_s - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        tally.late_s.append(max(0.0, time.monotonic() - begun_s - due_s))
        if samples:
            charger.call(b"MeterValues", make())
        else:
            charger.call(b"Heartbeat", b"{}")
    await settled(chargers)
    return sorted(tally.latencies_s)


async def flood(chargers: Sequence[LoadCharger], make: Callable[[], bytes], seconds: float) -> int:
    """Send as fast as the sockets take it; return how many calls. A server may close them."""
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        free = False
        for charger in chargers:
            transport = charger.transport
            if transport is None or transport.get_write_buffer_size() > FLOOD_BYTES:
                continue
            free = True
            for _ in range(FLOOD_AT_ONCE):
                charger.call(b"MeterValues", make())
            sent += FLOOD_AT_ONCE
        await asyncio.sleep(0 if free else 0.001)
    return sent


class _HalfOpen(asyncio.Protocol):
    """Sends half a request; waits for ever."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one by its methods
        transport.write(HALF_A_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.ended.done():
            self.ended.set_result(None)


async def half_open(
    host: str, port: int, count: int, seconds: float, sources: Sequence[str]
) -> int:
    """Hold `count` half-open handshakes, a new one for each that the server closes.

    Returns how many were open at the end.
    """
    loop = asyncio.get_running_loop()
    end = time.monotonic() + seconds
    turn = asyncio.Semaphore(DIALS_AT_ONCE)
    held = 0

    async def hold(source: str) -> None:
        nonlocal held
        while (left_s := end - time.monotonic()) > 0:
            sock = socket.socket(socket.AF_INET)
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
            try:
                async with turn:
                    await loop.sock_connect(sock, (host, port))
                    transport, protocol = await loop.create_connection(_HalfOpen, sock=sock)
            except OSError:
                sock.close()
                await asyncio.sleep(0.1)
                continue
            held += 1
            done, _ = await asyncio.wait({protocol.ended}, timeout=left_s)
            if done:
                held -= 1
                await asyncio.sleep(0.1)
            transport.abort()

    tasks = [loop.create_task(hold(sources[n % len(sources)])) for n in range(count)]
    await asyncio.gather(*tasks)
    return held
