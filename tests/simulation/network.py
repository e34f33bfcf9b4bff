"""The network: wires between two ends, which delay, split, cut and swallow what goes through them.

A wire is what TCP promises and no more: in order and once, or not at all after a break. Messages
that come twice or swapped are the sender's doing (`csms.simulator.faults`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias

from tests.simulation.world import SimulatedLoop, World


class Ending(Protocol):
    """One end of a wire."""

    def received(self, data: bytes) -> None:
        """Bytes came."""

    def ended(self, error: Exception | None) -> None:
        """No more will come."""


class Wire:
    """A connection between two ends, 0 (who dialled) and 1 (who listened)."""

    def __init__(self, world: World, name: str, delay_us: tuple[int, int]) -> None:
        self.world = world
        self.name = name
        self.ends: list[Ending | None] = [None, None]
        self.loops: list[SimulatedLoop | None] = [None, None]
        self.swallows = False
        """A half-open connection: everything vanishes, and neither end is told."""
        self.public = False
        """A charger's, not a link of the node."""
        self.on_sent: Callable[[int, bytes], None] | None = None
        self._delay_us = delay_us
        self._last_us = [0, 0]
        self._gone = [False, False]

    @property
    def over(self) -> bool:
        """Whether either end is closed."""
        return any(self._gone)

    def send(self, end: int, data: bytes) -> None:
        """Bring bytes from an end to the other one, perhaps in two pieces."""
        if self._gone[end]:
            return
        if self.on_sent is not None:
            self.on_sent(end, data)
        dice = self.world.dice
        if len(data) > 1 and dice.random() < 0.05:
            at = dice.randrange(1, len(data))
            self._post(end, data[:at])
            data = data[at:]
        self._post(end, data)

    def _post(self, end: int, data: bytes) -> None:
        world = self.world
        at_us = max(self._last_us[end], world.now_us + world.dice.randint(*self._delay_us))
        self._last_us[end] = at_us
        other = 1 - end
        world.after(at_us - world.now_us, self._deliver, other, data, of=self.loops[other])

    def _deliver(self, end: int, data: bytes) -> None:
        ending = self.ends[end]
        if ending is not None and not self._gone[end] and not self.swallows:
            ending.received(data)

    def end(self, end: int, error: Exception | None = None) -> None:
        """An end closes: the other one hears of it after all that was sent before."""
        if self._gone[end]:
            return
        self._gone[end] = True
        other = 1 - end
        world = self.world
        at_us = max(self._last_us[end], world.now_us + world.dice.randint(*self._delay_us))
        world.after(at_us - world.now_us, self._ended, other, error, of=self.loops[other])

    def _ended(self, end: int, error: Exception | None) -> None:
        ending = self.ends[end]
        if ending is not None and not self._gone[end] and not self.swallows:
            self._gone[end] = True
            ending.ended(error)

    def cut(self) -> None:
        """Break: what is under way is lost, both ends are told."""
        for end in (0, 1):
            if not self._gone[end]:
                self._gone[end] = True
                ending = self.ends[end]
                if ending is not None:
                    self.world.after(
                        self.world.dice.randrange(1, 20_000),
                        ending.ended,
                        ConnectionResetError("cut"),
                        of=self.loops[end],
                    )


class SimulatedTransport(asyncio.Transport):
    """The end of a wire that a process holds, as asyncio shows it."""

    def __init__(
        self, wire: Wire, end: int, loop: SimulatedLoop, protocol: asyncio.Protocol, peer: str
    ) -> None:
        super().__init__({"peername": (peer, 40_000)})
        self._wire = wire
        self._end = end
        self._loop = loop
        self._protocol = protocol
        self._closing = False
        self._paused: list[bytes] | None = None
        wire.ends[end] = self
        wire.loops[end] = loop

    def begin(self) -> None:
        """Tell the protocol."""
        self._protocol.connection_made(self)

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    # from the wire

    def received(self, data: bytes) -> None:
        if self._paused is not None:
            self._paused.append(data)
        elif not self._closing:
            self._loop.call_soon(self._feed, data)

    def _feed(self, data: bytes) -> None:
        if self._paused is not None:
            self._paused.append(data)
        elif not self._lost:
            self._protocol.data_received(data)

    _lost = False

    def ended(self, error: Exception | None) -> None:
        if error is None:
            self._loop.call_soon(self._eof)
        elif not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, error)

    def _eof(self) -> None:
        if not self._closing and not self._protocol.eof_received():
            self._closing = True
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)

    # from the protocol

    def write(self, data: bytes) -> None:
        if not self._closing:
            self._wire.send(self._end, bytes(data))

    def writelines(self, pieces) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        self._close(None)

    def abort(self) -> None:
        self._close(ConnectionResetError("reset by peer"))

    def _close(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._wire.end(self._end, error)
            self._loop.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        if self._paused is None:
            self._paused = []

    def resume_reading(self) -> None:
        held, self._paused = self._paused, None
        for data in held or ():
            self.received(data)

    def is_reading(self) -> bool:
        return self._paused is None

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        del high, low

    def get_write_buffer_size(self) -> int:
        return 0


class Accepted:
    """A socket that waits in the kernel: what came meanwhile is kept."""

    def __init__(self, wire: Wire, loop: SimulatedLoop, peer: str) -> None:
        self._wire = wire
        self._loop = loop
        self._peer = peer
        self._came: list[bytes] = []
        self._error: tuple[Exception | None] | None = None
        wire.ends[1] = self

    def received(self, data: bytes) -> None:
        self._came.append(data)

    def ended(self, error: Exception | None) -> None:
        self._error = (error,)

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def close(self) -> None:
        self._wire.end(1)

    def serve(self, make: Callable[[], asyncio.Protocol]) -> "SimulatedTransport":
        """Give it to a protocol."""
        transport = SimulatedTransport(self._wire, 1, self._loop, make(), self._peer)
        transport.begin()
        for data in self._came:
            transport.received(data)
        if self._error is not None:
            transport.ended(*self._error)
        return transport


class ListeningSocket:
    """The listening socket of chargers, as one process has it."""

    def __init__(self, network: "Network", process: str, loop: SimulatedLoop) -> None:
        self._network = network
        self._process = process
        self._loop = loop
        self._waiting: deque[Accepted] = deque()
        self._reader: Callable[[], None] | None = None
        self._listening: Listening | None = None

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def accept(self) -> tuple[Accepted, str]:
        if not self._waiting:
            raise BlockingIOError
        return self._waiting.popleft(), ""

    def watch(self, reader: Callable[[], None]) -> None:
        """Call `reader` in each turn of the loop in which somebody waits."""
        if self._listening is None:
            self._listening = self._network.listen(
                self._network.public, self._process, self._loop, self._came
            )
        self._reader = reader
        self._look()

    def leave(self) -> bool:
        """Watch no more; who dials waits."""
        was, self._reader = self._reader, None
        return was is not None

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
        for one in self._waiting:
            one.close()
        self._waiting.clear()

    def _came(self, wire: Wire, peer: str) -> None:
        self._waiting.append(Accepted(wire, self._loop, peer))
        self._look()

    def _look(self) -> None:
        if self._waiting and self._reader is not None:
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if self._waiting and self._reader is not None:
            self._reader()
            self._look()


class Listening:
    """What `create_server` returns."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def close(self) -> None:
        self._close()

    async def wait_closed(self) -> None:
        """At once."""


Row: TypeAlias = tuple[SimulatedLoop, Callable[[Wire, str], None]]
"""Who listens: its loop, and what is told of a wire that has come, and of its peer."""


class Network:
    """All wires, and who listens where."""

    LINK_US = (20, 400)

    def __init__(self, world: World) -> None:
        self.world = world
        self.wires: list[Wire] = []
        self.paths: dict[str, Row] = {}
        """Unix sockets."""
        self.public: dict[str, Row] = {}
        """Who accepts chargers, by process."""

    def listen(
        self,
        table: dict[str, Row],
        key: str,
        loop: SimulatedLoop,
        came: Callable[[Wire, str], None],
    ) -> Listening:
        """Let a process accept."""
        row = table[key] = (loop, came)

        def close() -> None:
            if table.get(key) is row:
                del table[key]

        return Listening(close)

    def join(
        self,
        name: str,
        delay_us: tuple[int, int],
        server: Row,
        peer: str,
    ) -> Wire:
        """Lay a wire to a server, who is told when the SYN has come."""
        wire = Wire(self.world, name, delay_us)
        self.wires = [one for one in self.wires if not all(one._gone)]
        self.wires.append(wire)
        loop, came = server
        wire.loops[1] = loop

        def accept() -> None:
            if not wire._gone[0] and not wire._gone[1]:
                came(wire, peer)

        wire._last_us[0] = self.world.now_us + self.world.dice.randint(*delay_us)
        self.world.after(wire._last_us[0] - self.world.now_us, accept, of=loop)
        return wire

    def dead(self, loop: SimulatedLoop) -> None:
        """A process is gone: its kernel closes what it had."""
        for table in (self.paths, self.public):
            for key in [key for key, row in table.items() if row[0] is loop]:
                del table[key]
        for wire in self.wires:
            for end in (0, 1):
                if wire.loops[end] is loop:
                    wire.end(end, ConnectionResetError("the other side died"))


class NetworkedLoop(SimulatedLoop):
    """A loop with the network of the world."""

    network: Network

    def add_reader(self, fd, callback, *args):
        fd.watch(partial(callback, *args))

    def remove_reader(self, fd):
        return fd.leave()

    async def connect_accepted_socket(self, protocol_factory, sock, **_more):
        transport = sock.serve(protocol_factory)
        return transport, transport.get_protocol()

    async def create_unix_server(self, make, path=None, *, sock=None, **_more):
        del path
        key = sock.getsockname()
        sock.close()

        def came(wire: Wire, peer: str) -> None:
            SimulatedTransport(wire, 1, self, make(), peer).begin()

        return self.network.listen(self.network.paths, key, self, came)

    async def create_unix_connection(self, make, path=None, **_more):
        network = self.network
        await asyncio.sleep(self.world.dice.randrange(20, 400) / 1e6)
        server = network.paths.get(path)
        if server is None:
            raise ConnectionRefusedError(path)
        wire = network.join(f"{self.process}>{server[0].process}", network.LINK_US, server, "")
        protocol = make()
        transport = SimulatedTransport(wire, 0, self, protocol, "")
        transport.begin()
        return transport, protocol
