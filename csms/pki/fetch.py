"""One HTTP POST to a server that somebody else named, with everything bounded.

The connection goes to an address that was looked at before, so a second look-up of the name cannot
give another (DNS rebinding). Redirects are not followed. Time and size are limited as a whole, so
a server that drips cannot hold anything up.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import h11

from domain.errors import Unavailable

CHUNK_BYTES = 16_384
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Post:
    """What is sent where. `url` is http or https; `addresses` are where its host may be."""

    url: str
    addresses: Sequence[str]
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


async def addresses_of(host: str) -> list[str]:
    """Return what a host name resolves to now; nothing when it does not."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def post(
    wanted: Post, deadline_s: float, bytes_max: int, tls: ssl.SSLContext | None = None
) -> bytes:
    """Return the body of a 200.

    Raises:
        Unavailable: anything else, with what it was; also when it took longer than `deadline_s`.
    """
    try:
        async with asyncio.timeout(deadline_s):
            return await _post(wanted, bytes_max, tls)
    except TimeoutError as error:
        raise Unavailable(f"{_host(wanted)} did not answer in {deadline_s:g} s") from error
    except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError) as error:
        raise Unavailable(f"{_host(wanted)} cannot be asked: {error}") from error


def _host(wanted: Post) -> str:
    return urlsplit(wanted.url).hostname or "the server"


async def _post(wanted: Post, bytes_max: int, tls: ssl.SSLContext | None) -> bytes:
    parts = urlsplit(wanted.url)
    host = parts.hostname or ""
    context = None
    if parts.scheme == "https":
        context = tls or ssl.create_default_context()
    if not wanted.addresses:
        raise Unavailable(f"{host} has no address")
    reader, writer = await asyncio.open_connection(
        wanted.addresses[0],
        parts.port or PORTS[parts.scheme],
        ssl=context,
        server_hostname=host if context else None,
        limit=CHUNK_BYTES,
    )
    try:
        connection = h11.Connection(h11.CLIENT)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = [
            ("Host", parts.netloc.rpartition("@")[2]),
            ("Content-Type", wanted.content_type),
            ("Content-Length", str(len(wanted.body))),
            ("Connection", "close"),
            *wanted.headers.items(),
        ]
        request = h11.Request(method="POST", target=target, headers=headers)
        writer.write(connection.send(request) or b"")
        writer.write(connection.send(h11.Data(data=wanted.body)) or b"")
        connection.send(h11.EndOfMessage())
        await writer.drain()
        return await _read(connection, reader, host, bytes_max)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            writer.transport.abort()


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, host: str, bytes_max: int
) -> bytes:
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK_BYTES))
        elif isinstance(event, h11.Response):
            if event.status_code != HTTPStatus.OK:
                raise Unavailable(f"{host} answered {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > bytes_max:
                raise Unavailable(f"the answer of {host} is larger than {bytes_max} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise Unavailable(f"{host} closed the connection")
