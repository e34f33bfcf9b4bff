"""TLS between a socket and a connection: bytes in, bytes out, by OpenSSL's memory buffers.

The event loops have a TLS of their own, but it tells a protocol of a connection only when the TLS
handshake is over: until then nobody counts it. Here the connection exists from the accept on, so
its limits (half-open connections, of one address too) and its one deadline (`handshake_s`) hold for
the TLS handshake as they do for the HTTP one. It is also smaller than a quarter of theirs.

TLS 1.2 (RFC 5246), 1.3 (RFC 8446). Renegotiation is off in the context, so a write never has to
wait for a read.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Protocol, TypeAlias, cast

Wait: TypeAlias = Callable[[Callable[[], None]], None]
"""Calls what it is given, sooner or later."""

READ_BYTES = 65_536
"""More than a TLS record can hold (2^14)."""


class Inner(Protocol):
    """The protocol inside: asyncio's, and told what the TLS handshake came to."""

    knocks: bool
    """Whether a part of the handshake waits for its turn: that takes nothing of its time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted; the TLS handshake is still to come."""

    def secured(self, certificate: bytes | None) -> None:
        """The TLS handshake is done; `certificate` is the peer's, DER, if it showed one."""

    def tls_failed(self, detail: str) -> None:
        """There will be no TLS: what was sent is none, or was refused by either side."""

    def data_received(self, data: bytes) -> None:
        """Plain bytes came."""

    def eof_received(self) -> bool | None:
        """The peer will send no more."""

    def pause_writing(self) -> None:
        """The peer reads too slowly."""

    def resume_writing(self) -> None:
        """It reads again."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""


class TlsTransport(asyncio.Protocol, asyncio.Transport):
    """The protocol of a socket, and the transport of the connection inside of it."""

    __slots__ = (
        "_incoming",
        "_inner",
        "_is_secure",
        "_outgoing",
        "_raw",
        "_tls",
        "_wait",
    )

    def __init__(self, inner: Inner, context: ssl.SSLContext, wait: Wait) -> None:
        self._inner: Inner | None = inner
        self._raw: asyncio.Transport | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_secure = False
        self._wait = wait

    # the socket's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection count itself; it may abort at once."""
        self._raw = cast("asyncio.Transport", transport)
        if self._inner is not None:
            self._inner.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Decrypt what came and hand it in; a part of the handshake waits for its turn."""
        self._incoming.write(data)
        if self._is_secure:
            self._advance()
        elif self._inner is not None and not self._inner.knocks:
            self._inner.knocks = True
            self.pause_reading()  # what comes meanwhile must not pile up here
            self._wait(self._enter)

    def _enter(self) -> None:
        if self._inner is None or self._raw is None:
            return
        self._inner.knocks = False
        if not self._raw.is_closing():
            self._raw.resume_reading()
        self._advance()

    def _advance(self) -> None:
        try:
            if not self._is_secure:
                self._tls.do_handshake()
                self._is_secure = True
                self._flush()
                if self._inner is not None:
                    self._inner.secured(self._tls.getpeercert(binary_form=True))
            self._read()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._fail(error)

    def _read(self) -> None:
        while self._inner is not None and not self.is_closing():
            try:
                plain = self._tls.read(READ_BYTES)
            except ssl.SSLZeroReturnError:
                plain = b""
            if not plain:
                self._ended()
                return
            self._inner.data_received(plain)

    def _ended(self) -> None:
        """The peer said that it sends no more."""
        if self._inner is not None:
            self._inner.eof_received()
        self.close()

    def _fail(self, error: ssl.SSLError) -> None:
        """Send the alert that OpenSSL made, and end."""
        self._flush()
        inner, raw = self._inner, self._raw
        if inner is not None and not self._is_secure:
            inner.tls_failed(_said(error))
        if raw is not None:
            raw.close()

    def eof_received(self) -> bool:
        """The peer is gone without saying so."""
        if self._inner is not None and self._is_secure:
            return bool(self._inner.eof_received())
        return False

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        inner, self._inner, self._raw = self._inner, None, None
        if inner is not None:
            inner.connection_lost(exc)

    # the connection's transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._raw is None or not data:
            return
        with contextlib.suppress(ssl.SSLError):  # the peer has closed its side: nobody reads it
            self._tls.write(data)
        self._flush()

    def close(self) -> None:
        """Say that no more will follow, and close when that is sent."""
        raw = self._raw
        if raw is None or raw.is_closing():
            return
        if self._is_secure:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        self._flush()
        raw.close()

    def abort(self) -> None:
        """Drop the socket."""
        if self._raw is not None:
            self._raw.abort()

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._raw is None or self._raw.is_closing()

    def pause_reading(self) -> None:
        """Read no more; what was read already still arrives."""
        if self._raw is not None:
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._raw is not None:
            self._raw.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Bound what waits for a slow reader, in bytes."""
        if self._raw is not None:
            self._raw.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what asyncio knows of the socket, and `cipher`, `version` of its TLS."""
        if name == "cipher":
            return self._tls.cipher()
        if name == "version":
            return self._tls.version()
        return default if self._raw is None else self._raw.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._outgoing.pending and self._raw is not None:
            self._raw.write(self._outgoing.read())


def _said(error: ssl.SSLError) -> str:
    """Return what went wrong in OpenSSL's words, without its source lines."""
    verify = getattr(error, "verify_message", "")
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return f"{reason}: {verify}" if verify else reason
