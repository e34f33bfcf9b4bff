"""A cheap client of the REST interface: commands to chargers over connections that are kept.

A request is joined from parts that are ready; of an answer only the status, its length and the
outcome are looked at. Loopback only.
"""

import asyncio
import json
import time
from typing import Any, Final

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "
ACCEPTED: Final = b'"outcome":"accepted"'
IDLE_S_MAX: Final = 3.0
"""A connection that nobody used for so long is not used again: the server closes it after 5 s,
and a request that meets that is lost."""


class _Wire(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._used_s = time.monotonic()

    @property
    def is_open(self) -> bool:
        if self.transport is None or self.transport.is_closing():
            return False
        if time.monotonic() - self._used_s > IDLE_S_MAX:
            self.transport.close()
            return False
        return True

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        assert self.transport is not None
        self._buffer = b""
        self._used_s = time.monotonic()
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        head = buffer.find(HEAD_END)
        if head < 0 or self._answer is None or self._answer.done():
            return
        at = buffer.find(LENGTH, 0, head) + len(LENGTH)
        size = int(buffer[at : buffer.index(b"\r", at)])
        if len(buffer) >= head + len(HEAD_END) + size:
            self._answer.set_result(buffer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed before the answer"))


class RestLoad:
    """Sends one command again and again, to chargers by their names, and keeps how long each took.

    Args:
        host: of the REST interface.
        port: of it.
        key: an API key.
        command: the body of each request.
        wires_max: connections; further requests wait for a free one.
    """

    def __init__(
        self, host: str, port: int, key: str, command: dict[str, Any], wires_max: int
    ) -> None:
        self._place = host, port
        body = json.dumps(command).encode()
        self._head = (
            f"Host: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._free: list[_Wire] = []
        self._may = asyncio.Semaphore(wires_max)
        self.waits_s: list[float] = []
        self.failures = 0

    async def command(self, charger: str) -> None:
        """Send a command, and wait for its answer."""
        begun = time.perf_counter()
        request = f"POST /api/v1/chargers/{charger}/calls?wait=10 HTTP/1.1\r\n".encode()
        async with self._may:
            wire = await self._wire()
            try:
                answer = await wire.ask(request + self._head)
            except ConnectionError:
                answer = b""
            else:
                self._free.append(wire)
        self.waits_s.append(time.perf_counter() - begun)
        self.failures += not answer.startswith(b"HTTP/1.1 200 ") or ACCEPTED not in answer

    async def _wire(self) -> _Wire:
        while self._free:
            wire = self._free.pop()
            if wire.is_open:
                return wire
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(_Wire, *self._place)
        return wire

    def begin(self) -> None:
        """Forget what was measured."""
        self.waits_s, self.failures = [], 0

    def close(self) -> None:
        """Close all connections."""
        for wire in self._free:
            if wire.transport is not None:
                wire.transport.abort()
