"""Bytes to frames and back, for the links between processes. No I/O.

A frame is four bytes of length, big-endian, and that many bytes of MessagePack. The length is what
lets a reader refuse a frame before it holds it, and tell garbage from a frame that is still coming.

    FrameError          the peer sent what is no frame; the stream cannot be read any further
    FrameTooLarge       we were asked to send a frame above the limit; nothing was sent
"""

from typing import Any, TypeAlias

import msgpack  # type: ignore[import-untyped]

from domain.errors import CsmsError

Body: TypeAlias = Any
"""A MessagePack value: None, bool, int, float, str, bytes, list or dict. Tuples arrive as lists."""

_HEADER_BYTES = 4
_READ_BYTES_MAX = 1 << 20
"""More than asyncio (256 KiB) or uvloop (256 KB) ever hand over at once."""
_PACKER_BYTES = 1 << 16


class FrameError(CsmsError):
    """What the peer sent is no frame; the stream cannot be read any further."""


class FrameTooLarge(CsmsError):
    """A frame to be sent is above the limit. Nothing was sent."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"a frame of {size_bytes} bytes is above the limit of {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class FrameWriter:
    """Values to frames. One packer is kept and used again: a new one for each frame costs 1 us."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._limit = frame_bytes_max
        self._packer = msgpack.Packer(buf_size=_PACKER_BYTES)

    def encode(self, value: Body) -> bytes:
        """Return the frame of `value`.

        Raises:
            FrameTooLarge: it is above the limit.
            TypeError, ValueError, OverflowError: `value` is no MessagePack value.
        """
        packed: bytes = self._packer.pack(value)
        size = len(packed)
        if size > self._limit:
            # The packer keeps the largest buffer it ever needed; do not keep this one.
            self._packer = msgpack.Packer(buf_size=_PACKER_BYTES)
            raise FrameTooLarge(size, self._limit)
        return size.to_bytes(_HEADER_BYTES, "big") + packed


class FrameReader:
    """A stream of bytes to values, however it is cut. Holds at most one frame and one read."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._limit = frame_bytes_max
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=frame_bytes_max + _HEADER_BYTES + _READ_BYTES_MAX,
            strict_map_key=False,
        )
        self._held = 0
        self._need = 0
        """The size of the frame that is coming; 0 while its header has not come."""

    @property
    def held_bytes(self) -> int:
        """What has come and was not taken."""
        return self._held

    def feed(self, data: bytes) -> None:
        """Add what was read.

        Raises:
            FrameError: more is held than a reader that takes its frames can ever hold.
        """
        try:
            self._unpacker.feed(data)
        except msgpack.BufferFull:
            raise FrameError(f"{self._held + len(data)} bytes are waiting") from None
        self._held += len(data)

    def take(self) -> list[Body] | None:
        """Return the next frame, or None when no whole one is there.

        Raises:
            FrameError: the length is above the limit, or the bytes are no MessagePack array of
                exactly that length.
        """
        need = self._need
        if not need:
            if self._held < _HEADER_BYTES:
                return None
            need = int.from_bytes(self._unpacker.read_bytes(_HEADER_BYTES), "big")
            if not 0 < need <= self._limit:
                raise FrameError(f"a frame of {need} bytes, allowed are 1 to {self._limit}")
            self._need = need
            self._held -= _HEADER_BYTES
        if self._held < need:
            return None
        start = self._unpacker.tell()
        try:
            value = self._unpacker.unpack()
        except (msgpack.UnpackException, ValueError, TypeError, OverflowError) as error:
            raise FrameError(f"no MessagePack: {error!r}") from error
        if self._unpacker.tell() - start != need:
            raise FrameError(f"a frame of {need} bytes has {self._unpacker.tell() - start}")
        if type(value) is not list:
            raise FrameError(f"a frame is an array, not {type(value).__name__}")
        self._held -= need
        self._need = 0
        return value
