"""A cheap generator of OCPP 1.6 load: thousands of chargers in one loop, over plain sockets.

Frames are masked with a zero key, so their bytes can be prepared once. Loopback only.
"""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HANDSHAKE = (
    "GET /ocpp/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n{more}\r\n"
)
BOOT = {"chargePointVendor": "Bench", "chargePointModel": "B1", "chargePointSerialNumber": "1"}


def frame(text: bytes) -> bytes:
    """One masked text frame; the mask is zero, so the payload stays readable."""
    size = len(text)
    if size < 126:
        head = bytes([0x81, 0x80 | size])
    else:
        head = bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + text


def meter_values(samples: int, connector: int = 1, transaction: int | None = None) -> bytes:
    """The payload of a MeterValues with so many samples, about 150 bytes each."""
    measurands = (
        ("Energy.Active.Import.Register", "Wh", "123456"),
        ("Power.Active.Import", "W", "10937.5"),
        ("Current.Import", "A", "15.87"),
        ("Voltage", "V", "229.9"),
    )
    sampled = [
        {
            "value": value,
            "context": "Sample.Periodic",
            "format": "Raw",
            "measurand": measurand,
            "location": "Outlet",
            "unit": unit,
        }
        for measurand, unit, value in (measurands[index % 4] for index in range(samples))
    ]
    payload = {
        "connectorId": connector,
        "meterValue": [{"timestamp": "2026-11-22T10:00:00Z", "sampledValue": sampled}],
    }
    if transaction is not None:
        payload["transactionId"] = transaction
    return json.dumps(payload).encode()


@dataclass
class Tally:
    """What the generator saw."""

    connected: int = 0
    booted: int = 0
    sent: int = 0
    answered: int = 0
    errors: int = 0
    lost: int = 0
    latencies_s: list[float] = field(default_factory=list)


class LoadCharger(asyncio.Protocol):
    """One charger: handshake, boot, then whatever `on_booted` starts."""

    __slots__ = (
        "_buffer",
        "_opened",
        "_sent_at",
        "_tally",
        "_uid",
        "name",
        "on_answer",
        "on_booted",
        "transport",
    )

    def __init__(
        self, name: str, tally: Tally, on_booted: Callable[["LoadCharger"], None] | None = None
    ) -> None:
        self.name = name
        self._tally = tally
        self._buffer = b""
        self._opened = False
        self._uid = 0
        self._sent_at = 0.0
        self.on_booted = on_booted
        self.on_answer: Callable[[LoadCharger], None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one by its methods
        transport.write(HANDSHAKE.format(name=self.name, more="").encode())

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._opened:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self._tally.errors += 1
                assert self.transport is not None
                self.transport.abort()
                return
            self._opened = True
            self._tally.connected += 1
            buffer = buffer[end + 4 :]
            self.call(b"BootNotification", json.dumps(BOOT).encode())
        while len(buffer) >= 2:
            size, at = buffer[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            if len(buffer) < at + size:
                break
            kind, body, buffer = buffer[0], buffer[at : at + size], buffer[at + size :]
            self._message(kind, body)
        self._buffer = buffer

    def _message(self, kind: int, body: bytes) -> None:
        if kind == 0x81 and body[:2] == b"[3":
            if self._uid == 1:
                self._tally.booted += 1
                if self.on_booted is not None:
                    self.on_booted(self)
                return
            self._tally.answered += 1
            self._tally.latencies_s.append(time.perf_counter() - self._sent_at)
            if self.on_answer is not None:
                self.on_answer(self)
        elif kind == 0x81 and body[:2] == b"[2":
            uid = body.split(b'"', 2)[1]
            assert self.transport is not None
            self.transport.write(frame(b'[3,"' + uid + b'",{"status":"Accepted"}]'))
        elif kind == 0x89:
            assert self.transport is not None
            self.transport.write(b"\x8a\x80\0\0\0\0")
        elif kind == 0x81:
            self._tally.errors += 1

    def call(self, action: bytes, payload: bytes) -> None:
        """Send one CALL."""
        if self.transport is None or self.transport.is_closing():
            return
        self._uid += 1
        self._tally.sent += 1
        self._sent_at = time.perf_counter()
        self.transport.write(frame(b'[2,"%d","%s",%s]' % (self._uid, action, payload)))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._tally.lost += 1
        self.transport = None


async def connect_all(
    host: str,
    port: int,
    count: int,
    tally: Tally,
    prefix: str = "BENCH",
    at_once: int = 256,
    sources: int = 1,
) -> list[LoadCharger]:
    """Connect and boot `count` chargers; returns when all are booted.

    `sources`: loopback addresses 127.0.0.2 and on to connect from, 20,000 ports each.
    """
    loop = asyncio.get_running_loop()
    chargers: list[LoadCharger] = []
    gate = asyncio.Semaphore(at_once)

    async def one(index: int) -> None:
        done: asyncio.Future[None] = loop.create_future()

        def booted(_: LoadCharger) -> None:
            if not done.done():
                done.set_result(None)

        async with gate:
            charger = LoadCharger(f"{prefix}{index:06d}", tally, booted)
            chargers.append(charger)
            local = (f"127.0.0.{2 + index % sources}", 0) if sources > 1 else None
            await loop.create_connection(
                lambda: charger, host, port, local_addr=local, family=socket.AF_INET
            )
            await asyncio.wait_for(done, 60)
            charger.on_booted = None

    await asyncio.gather(*(one(index) for index in range(count)))
    return chargers


async def closed_loop(chargers: list[LoadCharger], payload: bytes, seconds: float) -> float:
    """Every charger sends the next MeterValues when the last is answered; return messages/s."""
    tally = chargers[0]._tally
    stop = time.perf_counter() + seconds
    start_count, start = tally.answered, time.perf_counter()

    def again(charger: LoadCharger) -> None:
        if time.perf_counter() < stop:
            charger.call(b"MeterValues", payload)

    for charger in chargers:
        charger.on_answer = again
        charger.call(b"MeterValues", payload)
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - start
    rate = (tally.answered - start_count) / elapsed
    await asyncio.sleep(0.3)
    return rate


async def paced(
    chargers: list[LoadCharger], payload: bytes, per_s: float, seconds: float
) -> list[float]:
    """Send at a fixed rate, spread over the chargers; return the latencies."""
    tally = chargers[0]._tally
    tally.latencies_s.clear()
    for charger in chargers:
        charger.on_answer = None
    start = time.perf_counter()
    total = int(per_s * seconds)
    for index in range(total):
        due = start + index / per_s
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        chargers[index % len(chargers)].call(b"MeterValues", payload)
    await asyncio.sleep(1.0)
    return sorted(tally.latencies_s)
