"""A blocking WebSocket of a client. Under gevent, thousands of them wait in one process."""

import base64
import contextlib
import socket
import ssl
import struct
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

READ_BYTES: Final = 65_536
IP_BIND_ADDRESS_NO_PORT: Final = 24
"""Of Linux (ip(7)): the port is chosen at connect, so each source address has all of them."""
LINGER_RESET: Final = struct.pack("ii", 1, 0)


class NotOpened(Exception):
    """The handshake failed. Its text says why: "HTTP 401", or the name of an error."""


class Gone(Exception):
    """The connection is closed."""


def not_a_server(url: str) -> str:
    """Return why chargers cannot dial `url`; empty: they can."""
    try:
        parse_uri(url)
    except (InvalidURI, ValueError) as error:
        return f"{url!r} is no ws://HOST:PORT/PATH and no wss://: {error}"
    return ""


class WebSocket:
    """One connection. Not for two greenlets at the same time.

    Args:
        url: ws:// or wss://.
        subprotocol: to ask for.
        basic: user and password, or None.
        tls: for wss://.
        source: address to dial from; empty: the system's choice.
        timeout_s: for all of the handshake's steps, each.
        frame_bytes_max: greater messages close the connection with 1009.

    Raises:
        NotOpened: it is no open WebSocket.
    """

    __slots__ = ("_parts", "_protocol", "_socket")

    def __init__(
        self,
        url: str,
        *,
        subprotocol: str,
        basic: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        source: str = "",
        timeout_s: float = 20.0,
        frame_bytes_max: int = 1_048_576,
    ) -> None:
        self._parts: list[bytes] = []
        try:
            uri = parse_uri(url)
        except (InvalidURI, ValueError) as error:  # ValueError: of its port
            raise NotOpened("InvalidURI") from error
        self._protocol = ClientProtocol(
            uri, subprotocols=[Subprotocol(subprotocol)], max_size=frame_bytes_max
        )
        try:
            self._socket = _dial(uri.host, uri.port, source, timeout_s)
        except OSError as error:
            raise NotOpened(type(error).__name__) from error
        try:
            if uri.secure:
                context = tls or ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=uri.host)
            self._shake_hands(basic)
        except InvalidStatus as error:
            self._socket.close()
            raise NotOpened(f"HTTP {error.response.status_code}") from error
        except (OSError, InvalidHandshake, EOFError) as error:
            self._socket.close()
            raise NotOpened(type(error).__name__) from error
        except BaseException:
            self._socket.close()
            raise
        if self._protocol.subprotocol != subprotocol:
            # Such a server opens the connection only to close it (OCPP-J, section 3.1).
            self.close()
            raise NotOpened("no subprotocol")

    def _shake_hands(self, basic: tuple[str, str] | None) -> None:
        protocol = self._protocol
        request = protocol.connect()
        if basic is not None:
            secret = base64.b64encode(":".join(basic).encode()).decode()
            request.headers["Authorization"] = f"Basic {secret}"
        protocol.send_request(request)
        self._flush()
        while protocol.state is State.CONNECTING:
            data = self._socket.recv(READ_BYTES)
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
            if protocol.handshake_exc is not None:
                raise protocol.handshake_exc
            if not data:
                raise EOFError

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)

    def send(self, text: bytes) -> None:
        """Send a text. Raises Gone."""
        try:
            self._protocol.send_text(text)
            self._flush()
        except (OSError, WebSocketException) as error:
            self.reset()
            raise Gone from error

    def take(self) -> list[bytes]:
        """Return the texts that have come so far, without waiting."""
        texts = []
        for event in self._protocol.events_received():
            if isinstance(event, Response) or event.opcode not in (
                Opcode.TEXT,
                Opcode.BINARY,
                Opcode.CONT,
            ):
                continue
            self._parts.append(bytes(event.data))
            if event.fin:
                texts.append(b"".join(self._parts))
                self._parts.clear()
        return texts

    def receive(self, timeout_s: float) -> list[bytes]:
        """Wait for data; return the texts in it, perhaps none.

        Raises:
            TimeoutError: nothing came.
            Gone: the connection is closed.
        """
        try:
            self._socket.settimeout(timeout_s)
            data = self._socket.recv(READ_BYTES)
            self._socket.settimeout(None)
        except TimeoutError:
            raise
        except OSError as error:
            self.reset()
            raise Gone from error
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        try:
            self._flush()
        except OSError as error:
            self.reset()
            raise Gone from error
        texts = self.take()
        if not texts and self._protocol.state is not State.OPEN:
            self._socket.close()
            raise Gone
        return texts

    def cut(self, text: bytes) -> None:
        """Send the first half of a text's frame, then reset the connection."""
        frame = Frame(Opcode.TEXT, text).serialize(mask=True)
        try:
            self._socket.sendall(frame[: len(frame) // 2])
        except OSError:
            pass
        finally:
            self.reset()

    def close(self) -> None:
        """Say goodbye (1000), and do not wait for the answer."""
        try:
            self._protocol.send_close(1000)
            self._flush()
            self._socket.shutdown(socket.SHUT_WR)
        except (OSError, WebSocketException):
            pass
        self._socket.close()

    def reset(self) -> None:
        """Reset the connection: no goodbye, and no waiting of the system's either."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self._socket.close()


def _dial(host: str, port: int, source: str, timeout_s: float) -> socket.socket:
    error: OSError | None = None
    for family, kind, number, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, number)
        try:
            made.settimeout(timeout_s)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                made.bind((source, 0))
            made.connect(address)
        except OSError as problem:
            made.close()
            error = problem
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise error or OSError(f"{host} has no address")
