"""A small HTTP server in the test's own loop: what it answers is a function, what it heard a list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field


@dataclass
class Heard:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Peer:
    port: int = 0
    hits: int = 0
    """Connections, whatever became of them."""
    heard: list[Heard] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"


def ok(body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@contextlib.asynccontextmanager
async def http_peer(
    answer: Callable[[Heard], bytes], *, host: str = "127.0.0.1", drip_s: float = 0.0
) -> AsyncIterator[Peer]:
    peer = Peer()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.hits += 1
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        task.add_done_callback(serving.discard)
        try:
            await _converse(reader, writer)
        finally:
            writer.transport.abort()

    async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rows = head.strip().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (row.partition(":") for row in rows)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            heard = Heard(line, headers, body)
            peer.heard.append(heard)
            said = answer(heard)
            for index in range(0, len(said), 1) if drip_s else ():
                writer.write(said[index : index + 1])
                await writer.drain()
                await asyncio.sleep(drip_s)
            if not drip_s:
                writer.write(said)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, host, 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
