"""Virtual chargers on the wires of a world: the real behaviour, and the thin WebSocket it needs."""

import base64
from collections.abc import Callable

import msgspec
from websockets.utils import apply_mask

from csms.simulator.machine import (
    Begin,
    Close,
    Cut,
    Deaf,
    Dial,
    Gone,
    Input,
    Opened,
    Phase,
    Refused,
    Reset,
    Send,
    Text,
    Tick,
    VirtualMachine,
)
from csms.simulator.metering import VOLTAGE_V
from tests.simulation.network import Network, Wire
from tests.simulation.world import World

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
MASK = b"\x12\x34\x56\x78"
DIAL_S_MAX = 20
CALL, RESULT, ERROR = 2, 3, 4
REQUEST = (
    "GET /ocpp/{name} HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: {authorization}\r\n\r\n"
)


def frame(opcode: int, body: bytes) -> bytes:
    """Return a masked frame, as clients send them (RFC 6455 section 5.2)."""
    size = len(body)
    if size < 126:
        head = bytes((opcode, 0x80 | size))
    else:
        head = bytes((opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + MASK + apply_mask(body, MASK)


def take_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Cut a whole frame of the server off; None: there is none yet."""
    if len(buffer) < 2:
        return None
    opcode, size, at = buffer[0], buffer[1], 2
    if size >= 126:
        width = 2 if size == 126 else 8
        at += width
        if len(buffer) < at:
            return None
        size = int.from_bytes(buffer[2:at], "big")
    if len(buffer) < at + size:
        return None
    body = bytes(buffer[at : at + size])
    del buffer[: at + size]
    return opcode, body


def texts_in(buffer: bytearray) -> list[bytes]:
    """Cut the texts off that a server has written, what is not whole stays."""
    found = []
    while buffer and (taken := take_frame(buffer)) is not None:
        if taken[0] == TEXT:
            found.append(taken[1])
    return found


class Socket:
    """One connection of a charger, from its SYN to its end."""

    def __init__(self, charger: "WorldCharger", wire: Wire, gateway: str) -> None:
        self.charger = charger
        self.wire = wire
        self.gateway = gateway
        self.buffer = bytearray()
        self.opened = False
        self.over = False
        self.deaf = False
        wire.ends[0] = self

    def received(self, data: bytes) -> None:
        if self.over or self.deaf:
            return
        self.buffer += data
        if not self.opened:
            head, found, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not found:
                return
            status = head.split(b" ", 2)[1].decode()
            if status != "101":
                self.finish()
                self.charger.happened(Refused(f"HTTP {status}"), self)
                return
            self.opened = True
            self.buffer = bytearray(rest)
            self.charger.happened(Opened(), self)
        while not self.over and (taken := take_frame(self.buffer)) is not None:
            self._frame(*taken)

    def _frame(self, opcode: int, body: bytes) -> None:
        if opcode == TEXT:
            self.charger.heard(self, body)
        elif opcode == PING:
            self.wire.send(0, frame(PONG, body))
        elif opcode == CLOSE:
            self.wire.send(0, frame(CLOSE, body))
            self.finish()
            self.charger.happened(Gone(), self)

    def ended(self, error: Exception | None) -> None:
        if not self.over:
            self.finish(error)
            self.charger.happened(Gone() if self.opened else Refused("reset"), self)

    def finish(self, error: Exception | None = None) -> None:
        """Close our end."""
        self.over = True
        self.wire.end(0, error)


class WorldCharger:
    """One charger: its machine, and the socket that it wants.

    `on_call`, `on_answer`: told of each text that goes out and comes in.
    """

    def __init__(
        self, world: World, network: Network, machine: VirtualMachine, password: str
    ) -> None:
        self.world = world
        self.network = network
        self.machine = machine
        self.name = machine.charger.identity.id
        self.socket: Socket | None = None
        self.on_out: Callable[[Socket, bytes], None] = lambda _socket, _text: None
        self.on_in: Callable[[Socket, bytes], None] = lambda _socket, _text: None
        self.on_raised: Callable[[WorldCharger], None] = lambda _charger: None
        """A limit was raised, and so what flows."""
        self.on_socket: Callable[[Socket], None] = lambda _socket: None
        self._authorization = base64.b64encode(f"{self.name}:{password}".encode()).decode()
        self._due_us = 0

    def begin(self, wait_s: float) -> None:
        """Live; connect after `wait_s`."""
        self.happened(Begin(wait_s))

    def happened(self, happened: Input, socket: Socket | None = None) -> None:
        """Take an input; one of a socket that is no longer ours does not count."""
        if socket is not None and socket is not self.socket:
            return
        if socket is not None and socket.over:
            self.socket = None
        inputs = [happened]
        while inputs:
            for effect in self.machine.handle(inputs.pop(0), self.world.now_us):
                more = self._do(effect)
                if more is not None:
                    inputs.append(more)
        self._arm()

    def heard(self, socket: Socket, text: bytes) -> None:
        """A text of the server."""
        self.on_in(socket, text)
        if b'"SetChargingProfile"' not in text:
            self.happened(Text(text), socket)
            return
        before = self.offers_a()
        self.happened(Text(text), socket)
        after = self.offers_a()
        if any(new > old + 0.1 for old, new in zip(before, after, strict=True)):
            self.on_raised(self)

    def offers_a(self) -> list[float]:
        """Return what each connector offers now, A on each phase that its car uses."""
        return [
            connector.offered_w / VOLTAGE_V / connector.vehicle.phases
            if connector.transaction is not None and connector.vehicle is not None
            else 0.0
            for connector in self.machine.charger.connectors.values()
        ]

    def _arm(self) -> None:
        due_us = self.machine.due_us()
        if due_us is None:
            return
        due_us = max(due_us, self.world.now_us + 1)
        if self._due_us <= self.world.now_us or due_us < self._due_us:
            self._due_us = due_us
            self.world.after(due_us - self.world.now_us, self._tick, due_us)

    def _tick(self, due_us: int) -> None:
        if due_us == self._due_us:
            self._due_us = 0
            self.happened(Tick())

    def _do(self, effect: object) -> Input | None:
        socket = self.socket
        if isinstance(effect, Dial):
            return self._dial()
        if socket is None or socket.over:
            return None
        if isinstance(effect, Send) and not socket.deaf:
            self.on_out(socket, effect.text)
            socket.wire.send(0, frame(TEXT, effect.text))
        elif isinstance(effect, Cut):
            whole = frame(TEXT, effect.text)
            socket.wire.send(0, whole[: len(whole) // 2])
            self._drop(socket, ConnectionResetError("cut"))
        elif isinstance(effect, Reset):
            self._drop(socket, ConnectionResetError("reset"))
        elif isinstance(effect, Close):
            socket.wire.send(0, frame(CLOSE, b"\x03\xe8"))
            self._drop(socket, None)
        elif isinstance(effect, Deaf):
            socket.deaf = True
        return None

    def _drop(self, socket: Socket, error: Exception | None) -> None:
        self.socket = None
        socket.finish(error)

    def _dial(self) -> Input | None:
        world, network = self.world, self.network
        open_now = sorted(network.public)
        if not open_now:
            return Refused("nobody listens")
        gateway = world.dice.choice(open_now)
        wire = network.join(
            f"{self.name}>{gateway}",
            (world.dice.randrange(500, 5_000), world.dice.randrange(5_000, 60_000)),
            network.public[gateway],
            f"10.0.0.{int(self.name[1:]) + 1}",
        )
        wire.public = True
        socket = self.socket = Socket(self, wire, gateway)
        self.on_socket(socket)
        request = REQUEST.format(
            name=self.name,
            subprotocol=self.machine.charger.identity.subprotocol,
            authorization=f"Basic {self._authorization}",
        )
        wire.send(0, request.encode())
        world.after(DIAL_S_MAX * 1_000_000, self._give_up, socket)
        return None

    def _give_up(self, socket: Socket) -> None:
        if not socket.over and not socket.opened:
            socket.finish(TimeoutError())
            self.happened(Refused("timeout"), socket)

    # what the world does to it

    def half_open(self) -> None:
        """Everything vanishes from now on; after a while the charger's own ping finds out."""
        socket = self.socket
        if socket is not None and not socket.wire.swallows:
            socket.wire.swallows = True
            self.world.after(self.world.dice.randrange(5, 40) * 1_000_000, self._found, socket)

    def _found(self, socket: Socket) -> None:
        if socket is self.socket and not socket.over:
            socket.finish(TimeoutError())
            if self.machine.phase is Phase.DIALLING:
                self.happened(Refused("timeout"), socket)
            else:
                self.happened(Gone(), socket)

    def cut(self) -> None:
        """The network breaks the connection."""
        if self.socket is not None:
            self.socket.wire.cut()


decode = msgspec.json.Decoder().decode
