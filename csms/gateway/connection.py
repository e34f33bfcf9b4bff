"""One connection: bytes in, WebSocket messages out, and back.

A plain asyncio.Protocol around websockets' sans-I/O ServerProtocol: no task and no stream objects
per connection. This file knows nothing of OCPP: complete messages go to the line.

The common frame, one whole masked text, is cut out and unmasked here, and short answers get their
two-byte header here: that is 10 of the 12 us that websockets takes for the two. Everything else
(handshake, control frames, fragments, compression, errors) is websockets', fed with whole frames.

Flow control: a charger whose calls pile up, or who sends faster than its budget, is not read for a
while. pause_reading() is not instant (what is already buffered still arrives), so what comes
meanwhile waits in a bounded backlog.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from websockets.datastructures import MultipleValuesError
from websockets.exceptions import ConnectionClosed, InvalidState
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN
from websockets.server import ServerProtocol
from websockets.utils import accept_key

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without the C extension: slower, and right
    from websockets.utils import apply_mask

from csms.gateway.anteroom import Anteroom
from csms.gateway.doors import address_of
from csms.gateway.listeners import PLAIN, Listener
from csms.gateway.settings import GatewaySettings

DEFLATE = (
    ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=12,
        client_max_window_bits=12,
        compress_settings={"memLevel": 5},
    ),
)
SWITCHING_PROTOCOLS = 101
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
HEADERS = tuple(bytes((0x81, size)) for size in range(126))
"""Of an unmasked text frame (RFC 6455 section 5.2), by the length of its payload."""
WHOLE_TEXT = 0x81
MASKED = 0x80
LENGTH_16, LENGTH_64 = 126, 127
COMPRESS_FROM = 1_024
"""Bytes from which compression pays; shorter ones may go as they are (RFC 7692 section 6)."""
EARLY_BYTES_MAX = 16_384
"""Of a handshake; with more, its turn comes at once."""
METHOD, HEAD_END = b"GET ", b"\r\n\r\n"
"""How a handshake begins and ends (RFC 6455 section 4.1)."""
CLOSE_S = 2.0
"""How long the other side may take to finish the closing handshake before the socket is aborted."""


class Receiver(Protocol):
    """Who takes the messages of an open connection."""

    @property
    def unanswered(self) -> int:
        """Return how many calls wait for their answers."""

    def receive(self, text: bytes, now_us: int) -> int:
        """Take one message; return how many calls wait for their answers."""


class Host(Protocol):
    """What a connection asks of the gateway that it belongs to."""

    settings: GatewaySettings
    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    websockets_logger: logging.Logger
    anteroom: Anteroom
    paused: int

    def opening(self, connection: "Connection") -> bool:
        """Count a new socket; False when it must be closed at once."""

    def handshake(self, connection: "Connection", request: Request) -> None:
        """Decide over a parsed handshake."""

    def handshake_failed(
        self, connection: "Connection", detail: str, reason: str = "bad_request"
    ) -> None:
        """The request was none, or did not come in time."""

    def congested(self) -> bool:
        """Return whether sockets must not be read."""

    def leaving(self, connection: "Connection") -> None:
        """The other side of an open connection has gone; `leave` must be called."""

    def closed(self, connection: "Connection") -> None:
        """A socket is gone."""


PLAIN_UPGRADE = (
    ("Upgrade", re.compile(r"websocket", re.IGNORECASE)),
    ("Connection", re.compile(r"upgrade", re.IGNORECASE)),
    ("Sec-WebSocket-Version", re.compile(r"13")),
)
PLAIN_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
"""Sixteen bytes in base64 (RFC 6455 section 4.1)."""


def plain_key(request: Request) -> str | None:
    """Return the key of a handshake to which the answer is plain.

    None: something is missing, said twice, unusual or to be negotiated, so websockets decides.
    """
    headers = request.headers
    try:
        if "Sec-WebSocket-Extensions" in headers or request.protocol != "HTTP/1.1":
            return None
        for name, value in PLAIN_UPGRADE:
            if value.fullmatch(headers[name]) is None:
                return None
        key = headers["Sec-WebSocket-Key"]
    except (KeyError, MultipleValuesError):
        return None
    return key if request.method == "GET" and PLAIN_KEY.fullmatch(key) else None


class Connection(asyncio.Protocol):
    """A socket from its accept to its end. Runs in the loop's own callbacks, never in a task."""

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_budget_at",
        "_budget_us",
        "_fragments",
        "_gateway",
        "_needed",
        "_partial",
        "_resume_at",
        "_splits",
        "_timer",
        "_transport",
        "_ws",
        "accepted_us",
        "certificate",
        "close_code",
        "close_reason",
        "frames_in",
        "frames_out",
        "knocks",
        "last_seen_us",
        "line",
        "listener",
        "odd",
        "path",
        "pinged_us",
        "ponged_us",
        "remote",
    )

    def __init__(self, gateway: Host, listener: Listener = PLAIN) -> None:
        self.listener = listener
        self.certificate: bytes | None = None
        """What the charger showed in the TLS handshake, DER; forgotten once it was looked at."""
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._ws: ServerProtocol | None = None
        """Made when there is a handshake to parse: half of one is all that many ever send."""
        self._backlog: deque[bytes] | None = deque()
        self._backlog_bytes = 0
        self._fragments: list[bytes] | None = None
        self._splits = False
        """True: `data_received` cuts frames itself; the parser of websockets is between frames."""
        self._partial = bytearray()
        self.knocks = False
        """Whether a part of the handshake waits for its turn."""
        self._needed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._resume_at: asyncio.TimerHandle | None = None
        self._budget_at = gateway.settings.frames_burst
        self._budget_us = 0
        self.line: Receiver | None = None
        self.remote = ""
        self.path = ""
        self.odd: tuple[int, ...] = ()
        """Known oddities of its handshake, until it has a line."""
        self.accepted_us = 0
        self.last_seen_us = 0
        self.pinged_us = 0
        self.ponged_us = 0
        self.frames_in = 0
        self.frames_out = 0
        self.close_code = 1006
        self.close_reason = ""

    @property
    def _websocket(self) -> ServerProtocol:
        """What parses the handshake, and all frames but the common one."""
        if self._ws is None:
            settings = self._gateway.settings
            # No subprotocols: their choice is admission's, a mismatch must not become HTTP 400.
            self._ws = ServerProtocol(
                max_size=settings.message_bytes_max,
                extensions=DEFLATE if settings.deflate else None,
                logger=self._gateway.websockets_logger,
            )
        return self._ws

    @property
    def _is_open(self) -> bool:
        return self._ws is not None and self._ws.state is OPEN

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the handshake, or close at once when there are too many."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._transport = transport
        self.remote = address_of(transport.get_extra_info("peername"))
        settings = self._gateway.settings
        transport.set_write_buffer_limits(high=settings.write_bytes_max)
        self._budget_us = self.accepted_us = self.last_seen_us = self._gateway.now_us()
        if not self._gateway.opening(self):
            transport.abort()
            return
        self._timer = self._gateway.loop.call_later(settings.handshake_s, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Cut off whole frames; what is left waits for more."""
        if not self._splits:
            if self._ws is None or self._ws.state is CONNECTING:
                self._knock(data)
            else:
                self._feed(data)
            return
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return  # so that a frame in a thousand pieces is joined once
            data = bytes(self._partial)
            self._partial.clear()
        at, end = 0, len(data)
        while end - at >= 2:  # noqa: PLR2004 - the shortest header
            size, body = data[at + 1], at + 2
            if size < MASKED:
                break  # not masked: websockets fails the connection
            size -= MASKED
            if size >= LENGTH_16:
                width = 2 if size == LENGTH_16 else 8
                if end - body < width:
                    self._wait(data, at, 2 + width)
                    return
                size = int.from_bytes(data[body : body + width], "big")
                body += width
            stop = body + 4 + size
            if size > self._gateway.settings.message_bytes_max:
                break  # websockets fails the connection (1009)
            if stop > end:
                self._wait(data, at, stop - at)
                return
            if data[at] == WHOLE_TEXT and self._fragments is None:
                self.last_seen_us = self._gateway.now_us()
                self._message(apply_mask(data[body + 4 : stop], data[body : body + 4]))
            else:
                self._feed(data[at:stop])
            at = stop
            if not self._is_open:
                break
        else:
            if at < end:
                self._wait(data, at, 2)
            return
        self._splits = False
        if at < end:
            self._feed(data[at:])

    def _knock(self, data: bytes) -> None:
        """Keep the handshake until its turn comes: when it is whole, or is none."""
        head = self._partial
        head += data
        if len(head) > EARLY_BYTES_MAX:
            self._enter()  # the parser has its own limits
        elif not self.knocks and (
            head.find(HEAD_END, max(0, len(head) - len(data) - len(HEAD_END) + 1)) >= 0
            or not head.startswith(METHOD[: len(head)])
        ):
            self.knocks = True
            self._gateway.anteroom.wait(self._enter)

    def _enter(self) -> None:
        self.knocks = False
        if self._transport is None or not self._partial:
            return
        data = bytes(self._partial)
        self._partial.clear()
        self._feed(data)

    def _wait(self, data: bytes, at: int, needed: int) -> None:
        self._partial += data[at:]
        self._needed = needed

    def _feed(self, data: bytes) -> None:
        """Give bytes to websockets, handle what they complete, send what that leads to."""
        ws = self._websocket
        ws.receive_data(data)
        for event in ws.events_received():
            if type(event) is Frame:
                self._frame(event)
            elif isinstance(event, Request):
                self.path = event.path
                # A client that already sent frames is left to websockets' own parser.
                self._splits = data.endswith(b"\r\n\r\n")
                self._gateway.handshake(self, event)
        if ws.handshake_exc is not None and self.line is None:
            self._gateway.handshake_failed(self, str(ws.handshake_exc))
        self.flush()
        if ws.close_expected():
            self._expect_close()

    def eof_received(self) -> bool:
        """The other side will send no more: our side is closed when its turn comes.

        Before the connection is open the transport closes itself.
        """
        if self.line is None:
            return False
        self._gateway.leaving(self)
        return True

    def leave(self) -> None:
        """Close our side, after what is still to be sent."""
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """The other side reads too slowly: what waits for it is bounded."""
        self.close_code, self.close_reason = 1006, "slow reader"
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if exc is not None and not self.close_reason:
            self.close_reason = str(exc)
        elif self._ws is not None and self._ws.close_rcvd is not None:
            self.close_code = self._ws.close_rcvd.code
            self.close_reason = self.close_reason or self._ws.close_rcvd.reason
        for timer in (self._timer, self._resume_at):
            if timer is not None:
                timer.cancel()
        self._timer = self._resume_at = None
        self._transport = None
        if self._ws is not None:
            # Both hold the parser's frame, and that its owner: else the collector has to find them.
            self._ws.parser.close()
            self._ws.parser_exc = None
        self._gateway.closed(self)

    # messages in

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        self.last_seen_us = self._gateway.now_us()
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._message(bytes(frame.data))
            else:
                self._fragments = [bytes(frame.data)]
        elif opcode is Opcode.CONT and self._fragments is not None:
            # websockets holds the sum of a message's fragments under message_bytes_max
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                whole, self._fragments = b"".join(self._fragments), None
                self._message(whole)
        elif opcode is Opcode.PONG:
            self.ponged_us = self.last_seen_us

    def _message(self, text: bytes) -> None:
        self.frames_in += 1
        line = self.line
        if self._backlog is not None or line is None:
            self._keep_back(text)
            return
        unanswered = line.receive(text, self.last_seen_us)
        if (
            self.frames_in >= self._budget_at
            or unanswered > self._gateway.settings.unanswered_max
            or self._gateway.congested()
        ):
            self._consider_pause()

    def _keep_back(self, text: bytes) -> None:
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(text)
        self._backlog_bytes += len(text)
        if self._backlog_bytes > self._gateway.settings.backlog_bytes_max:
            self.close(1008, "too many messages at once")

    def _consider_pause(self) -> None:
        """Stop reading when calls pile up, the budget is spent, or the journal is behind."""
        assert self.line is not None
        settings = self._gateway.settings
        pause_s = 0.0
        if self.frames_in >= self._budget_at:
            earned_us = settings.frames_burst / settings.frames_per_s * 1e6
            spent_us = self.last_seen_us - self._budget_us
            pause_s = max(0.0, (earned_us - spent_us) / 1e6)
            self._budget_at = self.frames_in + settings.frames_burst
            self._budget_us = self.last_seen_us + round(pause_s * 1e6)
        if self._gateway.congested():
            pause_s = max(pause_s, 0.05)
        if pause_s > 0:
            self._pause()
            self._resume_at = self._gateway.loop.call_later(pause_s, self._budget_earned)
        elif self.line.unanswered > settings.unanswered_max:
            self._pause()

    def _pause(self) -> None:
        self._gateway.paused += 1
        self._backlog = deque()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _budget_earned(self) -> None:
        self._resume_at = None
        self.answered()

    def answered(self) -> None:
        """An answer went out: read on, if that was what reading waited for."""
        line = self.line
        if self._backlog is None or line is None or self._resume_at is not None:
            return
        limit = self._gateway.settings.unanswered_max
        if line.unanswered > limit // 2:
            return
        backlog = self._backlog
        while backlog:
            text = backlog.popleft()
            self._backlog_bytes -= len(text)
            line.receive(text, self._gateway.now_us())
            if line.unanswered > limit and backlog:
                return
        self._backlog = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # handshake

    def secured(self, certificate: bytes | None) -> None:
        """The TLS handshake is done; the deadline goes on for the HTTP one."""
        self.certificate = certificate

    @property
    def tls(self) -> str:
        """Version and cipher of the TLS that carries it; empty: there is none."""
        if self._transport is None or not self.listener.encrypted:
            return ""
        version = self._transport.get_extra_info("version")
        cipher = self._transport.get_extra_info("cipher")
        return f"{version} {cipher[0]}" if version and cipher else ""

    def tls_failed(self, detail: str) -> None:
        """There will be no TLS: what came is none, or either side refuses the other."""
        self._gateway.handshake_failed(self, detail, "tls_failed")

    def accept(self, request: Request, subprotocol: str) -> bool:
        """Answer 101, or what websockets makes of a bad request; return whether it is open."""
        key, ws = plain_key(request), self._websocket
        if key is not None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
            ws.writes.append(SWITCHED % (accept_key(key).encode(), chosen.encode()))
            ws.state = OPEN
            self.flush()
            return True
        response = ws.accept(request)
        if response.status_code == SWITCHING_PROTOCOLS:
            if subprotocol:
                response.headers["Sec-WebSocket-Protocol"] = subprotocol
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        ws.send_response(response)
        self.flush()
        return self._is_open

    def reject(self, status: int, body: str) -> None:
        """Answer the handshake with an HTTP error and close."""
        if self._transport is None:
            return
        ws = self._websocket
        try:
            response: Response = ws.reject(status, body)
        except ValueError:  # a status that http.HTTPStatus does not know
            response = ws.reject(503, body)
        if status == 401:  # noqa: PLR2004
            response.headers["WWW-Authenticate"] = 'Basic realm="charger"'
        if not self._is_open:
            ws.send_response(response)
        self.flush()
        self._expect_close()

    def _too_slow(self) -> None:
        self._timer = None
        if self.knocks:  # it has sent something, and waits for us: its time begins anew
            gateway = self._gateway
            self._timer = gateway.loop.call_later(gateway.settings.handshake_s, self._too_slow)
            return
        self._gateway.handshake_failed(self, "not finished in time", "handshake_timeout")
        self.abort()

    # messages out

    def send(self, texts: list[bytes]) -> None:
        """Send complete text messages; silently nothing when the connection is closing."""
        ws = self._ws
        if ws is None or ws.state is not OPEN or self._transport is None:
            return
        for text in texts:
            size = len(text)
            if size < LENGTH_16:
                self._transport.write(HEADERS[size] + text)
            elif size < COMPRESS_FROM:
                self._transport.write(b"\x81\x7e" + size.to_bytes(2, "big") + text)
            else:
                ws.send_text(text)
                self.flush()
        self.frames_out += len(texts)

    def ping(self, now_us: int) -> None:
        """Send a WebSocket ping."""
        if self._ws is not None and self._ws.state is OPEN:
            self.pinged_us = now_us
            self._ws.send_ping(b"")
            self.flush()

    def flush(self) -> None:
        """Write what websockets has to send."""
        out = self._ws.data_to_send() if self._ws is not None else []
        if not out or self._transport is None:
            return
        if len(out) == 1:
            if out[0]:
                self._transport.write(out[0])
                return
        else:
            self._transport.write(b"".join(out))
        if out[-1] == b"":  # websockets' sign for: no more will follow
            self._transport.close()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the socket is aborted when it takes too long."""
        self.close_code, self.close_reason = code, reason
        if self._transport is None:
            return
        if self._ws is None or self._ws.state is not OPEN:
            self.abort()
            return
        try:
            self._ws.send_close(code, reason)
        except (InvalidState, ConnectionClosed):
            self.abort()
            return
        self.flush()
        if self._backlog is not None:
            self._backlog.clear()
            self._transport.resume_reading()  # to see the other side's close
        self._expect_close()

    def abort(self) -> None:
        """Drop the socket."""
        if self._transport is not None:
            self._transport.abort()

    def _expect_close(self) -> None:
        if self._timer is None and self._transport is not None:
            self._timer = self._gateway.loop.call_later(CLOSE_S, self.abort)
