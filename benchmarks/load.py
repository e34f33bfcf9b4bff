"""A cheap generator of OCPP load: thousands of chargers in one loop, over plain sockets.

Frames are masked with a zero key, so the payload of a message is joined to its header and sent; of
an answer only the first bytes are looked at. Loopback only. `benchmarks.generator` runs this in a
process of its own and reports what that cost.
"""

import asyncio
import json
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from supervisor.clock import Clock

HANDSHAKE = (
    "GET /ocpp/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
)
BOOT = json.dumps(
    {"chargePointVendor": "Bench", "chargePointModel": "B1", "chargePointSerialNumber": "1"}
).encode()
BOOT_V2 = json.dumps(
    {"reason": "PowerUp", "chargingStation": {"vendorName": "Bench", "model": "B1"}}
).encode()
MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh", 100_000.0, 900_000.0),
    ("Power.Active.Import", "W", 1_000.0, 22_000.0),
    ("Current.Import", "A", 6.0, 32.0),
    ("Voltage", "V", 225.0, 235.0),
)
SAID = b"3f2c9d0e-3c7a-4c2e-9d2a-000000000001"
SEQ = b'"seqNo":1'
"""Transaction and number in the payload of a TransactionEvent."""
PAYLOADS = 64
RETURN_S_MAX = 0.25
"""A charger that lost its connection comes back after a random time up to this."""
IP_BIND_ADDRESS_NO_PORT = 24
"""Of Linux (ip(7)); Python 3.11 has no name for it."""
ANSWER_S_MAX = 10.0
"""How long the last answers of a window, or a whole handshake, may take."""


def frame(text: bytes) -> bytes:
    """One masked text frame of at most 65,535 bytes; a zero mask leaves the payload as it is."""
    size = len(text)
    if size < 126:
        return bytes((0x81, 0x80 | size, 0, 0, 0, 0)) + text
    return b"\x81\xfe" + size.to_bytes(2, "big") + b"\0\0\0\0" + text


def meter_values(samples: int, connector: int = 1, at: str = "", seed: int = 1) -> bytes:
    """The payload of a MeterValues with so many samples, about 150 bytes each."""
    chance = random.Random(seed)
    rows = (MEASURANDS[index % len(MEASURANDS)] for index in range(samples))
    sampled = [
        {
            "value": f"{chance.uniform(low, high):.1f}",
            "context": "Sample.Periodic",
            "format": "Raw",
            "measurand": measurand,
            "location": "Outlet",
            "unit": unit,
        }
        for measurand, unit, low, high in rows
    ]
    at = at or f"{datetime.fromtimestamp(Clock().now_us() / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    payload = {
        "connectorId": connector,
        "meterValue": [{"timestamp": at, "sampledValue": sampled}],
    }
    return json.dumps(payload).encode()


def transaction_event(samples: int, seq: int = 1, at: str = "", seed: int = 1) -> bytes:
    """The payload of a TransactionEvent of 2.x with the samples of `meter_values`.

    Its register never goes down: it counts the tenths of seconds.
    """
    register = Clock().now_us() // 100_000 % 10_000_000 / 10
    metered = json.loads(meter_values(samples, at=at, seed=seed))["meterValue"]
    for value in metered:
        value["sampledValue"] = [
            {
                "value": register if sample["unit"] == "Wh" else float(sample["value"]),
                "context": sample["context"],
                "measurand": sample["measurand"],
                "location": sample["location"],
                "unitOfMeasure": {"unit": sample["unit"]},
            }
            for sample in value["sampledValue"]
        ]
    payload = {
        "eventType": "Updated",
        "timestamp": metered[0]["timestamp"],
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq,
        "transactionInfo": {
            "transactionId": SAID.decode(),
            "chargingState": "Charging",
        },
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": metered,
    }
    return json.dumps(payload, separators=(",", ":")).encode()


class Payloads:
    """Payloads of meter values by turns: different values, the time of now."""

    def __init__(self, samples: int = 4, make: Callable[..., bytes] = meter_values, /) -> None:
        self._samples = samples
        self._make = make
        self._turn = 0
        self._made_s = 0.0
        self._ready: list[bytes] = []

    def __call__(self) -> bytes:
        self._turn += 1
        if not self._turn % PAYLOADS or not self._ready:
            self._refresh()
        return self._ready[self._turn % PAYLOADS]

    def _refresh(self) -> None:
        now_s = time.monotonic()
        if now_s - self._made_s >= 1 or not self._ready:
            self._made_s = now_s
            self._ready = [self._make(self._samples, seed=n) for n in range(PAYLOADS)]


@dataclass
class Tally:
    """What the generator saw.

    Attributes:
        errors: CALLERRORs, handshakes that were not answered 101, boots that were not accepted.
        latencies_s: from the writing of a CALL to its answer.
        late_s: how much later than planned a paced CALL was written: the generator's own fault.
    """

    connected: int = 0
    booted: int = 0
    sent: int = 0
    answered: int = 0
    errors: int = 0
    lost: int = 0
    latencies_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)


class LoadCharger(asyncio.Protocol):
    """One charger: handshake, boot, then whatever `on_booted` starts. Can connect again."""

    subprotocol = "ocpp1.6"
    boot = BOOT
    action = b"MeterValues"
    """What it sends in a closed loop."""
    __slots__ = (
        "_buffer",
        "_opened",
        "_sent_s",
        "_tally",
        "_uid",
        "name",
        "on_answer",
        "on_booted",
        "on_lost",
        "source",
        "transport",
    )

    def __init__(self, name: str, tally: Tally, source: str = "") -> None:
        self.name = name
        self.source = source
        self._tally = tally
        self._buffer = b""
        self._opened = False
        self._uid = 0
        self._sent_s: deque[float] = deque()
        self.on_booted: Callable[[LoadCharger], None] | None = None
        self.on_answer: Callable[[LoadCharger], None] | None = None
        self.on_lost: Callable[[LoadCharger], None] | None = None
        self.transport: asyncio.Transport | None = None

    @property
    def open_calls(self) -> int:
        """CALLs that wait for their answers."""
        return len(self._sent_s)

    async def dial(self, host: str, port: int) -> None:
        """Open the socket; the handshake and the boot follow by themselves. OSError."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET)
        try:
            sock.settimeout(0)
            if self.source:
                # The port is chosen when the peer is known. Without it bind() looks for one that
                # nobody uses at all, for milliseconds when thousands are in use.
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((self.source, 0))
            await loop.sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        await loop.create_connection(lambda: self, sock=sock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one by its methods
        self._buffer, self._opened, self._uid = b"", False, 0
        self._sent_s.clear()
        shaken = HANDSHAKE.format(name=self.name, subprotocol=self.subprotocol)
        transport.write(shaken.encode())

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
            self.call(b"BootNotification", self.boot)
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
        tally, kindness = self._tally, body[:2]
        if kind == 0x81 and kindness == b"[3" and self._sent_s:
            sent_s = self._sent_s.popleft()  # answers come in the order of the calls
            if body.startswith(b'[3,"1",'):
                if b'"Accepted"' not in body:
                    tally.errors += 1
                    return
                tally.booted += 1
                if self.on_booted is not None:
                    self.on_booted(self)
                return
            tally.answered += 1
            tally.latencies_s.append(time.monotonic() - sent_s)
            if self.on_answer is not None:
                self.on_answer(self)
        elif kind == 0x81 and kindness == b"[2":
            uid = body.split(b'"', 2)[1]
            assert self.transport is not None
            self.transport.write(frame(b'[3,"' + uid + b'",{"status":"Accepted"}]'))
        elif kind == 0x89:
            assert self.transport is not None
            self.transport.write(b"\x8a\x80\0\0\0\0")
        elif kind == 0x81:
            tally.errors += 1
            if self._sent_s:
                self._sent_s.popleft()

    def call(self, action: bytes, payload: bytes) -> None:
        """Send one CALL; nothing when there is no connection."""
        if self.transport is None or self.transport.is_closing():
            return
        self._uid += 1
        self._tally.sent += 1
        self._sent_s.append(time.monotonic())
        self.transport.write(frame(b'[2,"%d","%s",%s]' % (self._uid, action, payload)))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._tally.lost += 1
        self._sent_s.clear()
        self.transport = None
        if self.on_lost is not None:
            self.on_lost(self)


class EventCharger(LoadCharger):
    """One of OCPP 2.0.1, in a transaction that began with its first event and goes on for ever."""

    subprotocol = "ocpp2.0.1"
    boot = BOOT_V2
    action = b"TransactionEvent"
    __slots__ = ("_seq",)

    def __init__(self, name: str, tally: Tally, source: str = "") -> None:
        super().__init__(name, tally, source)
        self._seq = 0

    def call(self, action: bytes, payload: bytes) -> None:
        """Send one CALL; events get the number and the transaction of this charger."""
        if action == self.action:
            number = b'"seqNo":%d' % self._seq
            payload = payload.replace(SEQ, number, 1).replace(SAID, self.name.encode(), 1)
            if not self._seq:
                payload = payload.replace(b'"Updated"', b'"Started"', 1)
            self._seq += 1
        super().call(action, payload)


def _finish(done: asyncio.Future[None], _: LoadCharger) -> None:
    if not done.done():
        done.set_result(None)


async def connect_all(
    host: str,
    port: int,
    count: int,
    tally: Tally,
    prefix: str = "BENCH",
    at_once: int = 256,
    sources: Sequence[str] = (),
    first: int = 0,
    kind: type[LoadCharger] = LoadCharger,
) -> list[LoadCharger]:
    """Connect and boot `count` chargers; returns when all are booted.

    Args:
        host: of the server.
        port: of the server.
        count: how many.
        tally: counts what happens.
        prefix: their identities are this and a number.
        at_once: so many are connecting at any time.
        sources: loopback addresses to connect from, by turns; each has about 28,000 ports.
        first: the number of the first.
        kind: what they are.

    Raises:
        OSError: the server does not listen, or ports or open files ran out.
        TimeoutError: one was not booted in time.
    """
    chargers = [
        kind(f"{prefix}{n:06d}", tally, sources[n % len(sources)] if sources else "")
        for n in range(first, first + count)
    ]
    waiting = iter(chargers)

    async def one_after_the_other() -> None:
        for charger in waiting:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            charger.on_booted = partial(_finish, done)
            await charger.dial(host, port)
            await asyncio.wait_for(done, ANSWER_S_MAX)
            charger.on_booted = None

    await asyncio.gather(*(one_after_the_other() for _ in range(min(at_once, count))))
    return chargers


async def settled(chargers: Sequence[LoadCharger]) -> None:
    """Wait until no charger waits for an answer. TimeoutError."""
    end = time.monotonic() + ANSWER_S_MAX
    while any(charger.open_calls for charger in chargers):
        if time.monotonic() > end:
            raise TimeoutError("calls were not answered")
        await asyncio.sleep(0.01)


def _maker(payload: bytes | Callable[[], bytes]) -> Callable[[], bytes]:
    if isinstance(payload, bytes):
        return lambda: payload
    return payload


async def closed_loop(
    chargers: Sequence[LoadCharger], payload: bytes | Callable[[], bytes], seconds: float
) -> float:
    """Every charger sends its next message when the last is answered; return answers/s.

    Returns after the last answer, so that what the server spent belongs to what was answered.
    """
    make = _maker(payload)
    tally = chargers[0]._tally
    begun, begun_s = tally.answered, time.monotonic()
    stop = begun_s + seconds

    def again(charger: LoadCharger) -> None:
        if time.monotonic() < stop:
            charger.call(charger.action, make())

    for charger in chargers:
        charger.on_answer = again
        charger.call(charger.action, make())
    await asyncio.sleep(seconds)
    rate = (tally.answered - begun) / (time.monotonic() - begun_s)
    await settled(chargers)
    for charger in chargers:
        charger.on_answer = None
    return rate


async def paced(
    chargers: Sequence[LoadCharger],
    payload: bytes | Callable[[], bytes],
    per_s: float,
    seconds: float,
    action: bytes = b"MeterValues",
) -> list[float]:
    """Send at a fixed rate, by turns, whether answers come or not; return the latencies, sorted."""
    make = _maker(payload)
    tally = chargers[0]._tally
    tally.latencies_s.clear()
    tally.late_s.clear()
    start = time.monotonic()
    for index in range(int(per_s * seconds)):
        due = start + index / per_s
        now = time.monotonic()
        if due > now:
            await asyncio.sleep(due - now)
            now = time.monotonic()
        tally.late_s.append(now - due)
        chargers[index % len(chargers)].call(action, make())
    await settled(chargers)
    return sorted(tally.latencies_s)


class Returning:
    """Chargers that come back by themselves; each sends a MeterValues once it is booted again.

    Args:
        chargers: all of them, connected.
        host: of the server.
        port: of the server.
        make: the payload of a MeterValues.
        within_s: a charger waits for a random time up to this, then dials.

    Attributes:
        served_s: charger -> when (monotonic) its MeterValues was answered after its last return.
    """

    def __init__(
        self,
        chargers: Sequence[LoadCharger],
        host: str,
        port: int,
        make: Callable[[], bytes],
        within_s: float = RETURN_S_MAX,
    ) -> None:
        self._place = (host, port)
        self._within_s = within_s
        self._make = make
        self._chargers = chargers
        self._dials: set[asyncio.Task[None]] = set()
        self._chance = random.Random(1)
        self.served_s: dict[LoadCharger, float] = {}
        self.dials = 0
        for charger in chargers:
            charger.on_lost = self._lost
            charger.on_booted = self._booted
            charger.on_answer = self._answered

    def _lost(self, charger: LoadCharger) -> None:
        self.served_s.pop(charger, None)
        asyncio.get_running_loop().call_later(
            self._chance.uniform(0, self._within_s), self._dial, charger
        )

    def _dial(self, charger: LoadCharger) -> None:
        self.dials += 1
        task = asyncio.get_running_loop().create_task(self._dialled(charger))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _dialled(self, charger: LoadCharger) -> None:
        try:
            await charger.dial(*self._place)
        except OSError:
            self._lost(charger)

    def _booted(self, charger: LoadCharger) -> None:
        charger.call(b"MeterValues", self._make())

    def _answered(self, charger: LoadCharger) -> None:
        self.served_s[charger] = time.monotonic()

    def expect(self) -> None:
        """From now on only those count as served that come back."""
        self.served_s.clear()

    async def all_served(self, timeout_s: float) -> list[float]:
        """Wait until all are served; return when each was (monotonic), sorted. TimeoutError."""
        end = time.monotonic() + timeout_s
        while len(self.served_s) < len(self._chargers):
            if time.monotonic() > end:
                missing = len(self._chargers) - len(self.served_s)
                raise TimeoutError(f"{missing} chargers were not served again")
            await asyncio.sleep(0.005)
        return sorted(self.served_s.values())
