"""HTTP/1.1 of the REST interface: uvicorn over httptools (llhttp), with a limit of our own.

The parser collects a request line, headers, what stands between chunks, and trailers of any length.
"""

from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


def limited(head_bytes_max: int) -> "type[HttpProtocol]":
    """Return the protocol with this limit (`api.head_bytes_max`)."""

    class Limited(HttpProtocol):
        bytes_max = head_bytes_max

    return Limited


class HttpProtocol(HttpToolsProtocol):
    """One connection. What of a request is no body is counted with each piece that is read."""

    bytes_max: ClassVar[int]
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is a head without an end."""
        if self._head_bytes > self.bytes_max:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            return
        self._head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take away what `csms.api.limits` counts; a body allows for as much between its chunks."""
        self._head_bytes = max(0, self._head_bytes - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin anew."""
        self._head_bytes = 0
        super().on_message_complete()
