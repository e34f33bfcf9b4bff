"""One end of one connection between two processes. See `supervisor.links`."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, TypeAlias, cast

from domain.errors import CsmsError
from domain.text import clean
from supervisor.link_frames import Body, FrameError, FrameReader, FrameTooLarge, FrameWriter
from supervisor.link_terms import (
    DeadlinePassed,
    LinkBusy,
    LinkDown,
    LinkSettings,
    LinkStats,
    RemoteFailed,
)

log = logging.getLogger(__name__)

_ASK, _ANSWER, _ERROR, _TELL = range(4)
_FIELDS = {_ASK: 5, _ANSWER: 3, _ERROR: 4, _TELL: 3}
_ERROR_TEXT_LENGTH_MAX = 500
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple})
"""What a handler can return that is surely no awaitable: spares the slow question."""

Handler: TypeAlias = Callable[["Link", Body], Body | Awaitable[Body]]
OnLost: TypeAlias = Callable[["Link"], None]


class End:
    """What the links of one server or client have in common."""

    def __init__(self, handlers: Mapping[str, Handler], settings: LinkSettings) -> None:
        self.handlers = handlers
        self.settings = settings
        self.stats = LinkStats()
        self.tasks: set[asyncio.Task[None]] = set()

    def start(
        self, work: Coroutine[Any, Any, None], awaited: Awaitable[Body]
    ) -> asyncio.Task[None]:
        """Run `work`, which awaits `awaited`; at its end nothing is left of either."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)

        def finished(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            _discard(awaited)  # a task that is cancelled before its first step awaited nothing

        task.add_done_callback(finished)
        return task

    async def cancel_tasks(self) -> None:
        """Cancel what still runs, and wait for its end."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _discard(awaited: Awaitable[Body]) -> None:
    """Dispose of what nobody will await, without a warning of the interpreter."""
    if isinstance(awaited, CoroutineType):
        awaited.close()
    elif isinstance(awaited, asyncio.Future):
        awaited.cancel()


class Link(asyncio.Protocol):
    """One end of one connection. Made by LinkServer and LinkClient.

    Handlers may keep state by link: a link is hashable, and can be held weakly.
    """

    __slots__ = (
        "__weakref__",
        "_asks",
        "_closed",
        "_end",
        "_flushing",
        "_held",
        "_loop",
        "_next_id",
        "_on_lost",
        "_on_made",
        "_out",
        "_out_bytes",
        "_paused",
        "_reader",
        "_running",
        "_stall",
        "_transport",
        "_waiters",
        "_writer",
        "cause",
        "name",
    )

    def __init__(self, end: End, name: str, on_made: OnLost, on_lost: OnLost) -> None:
        self.name = name
        self.cause = ""
        """Why it closed; empty while it is open."""
        self._end = end
        self._on_made = on_made
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(end.settings.frame_bytes_max)
        self._writer = FrameWriter(end.settings.frame_bytes_max)
        self._transport: asyncio.Transport | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._next_id = 0
        self._asks: dict[int, asyncio.Future[Body]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flushing = False
        self._paused = False
        self._held = False
        self._stall: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"<Link {self.name} {self.cause or 'open'}>"

    # What users call.

    @property
    def is_open(self) -> bool:
        """Whether asks and tells can be sent."""
        return self._transport is not None and not self.cause

    @property
    def open_asks(self) -> int:
        """Asks of this end that wait for their answer."""
        return len(self._asks)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the peer has not taken yet."""
        transport = self._transport
        unsent = 0 if transport is None or self.cause else transport.get_write_buffer_size()
        return unsent + self._out_bytes

    async def ask(self, method: str, body: Body = None, deadline_s: float | None = None) -> Body:
        """Return the other end's answer.

        Raises:
            LinkDown, LinkBusy, DeadlinePassed, RemoteFailed: see the module.
            FrameTooLarge: `body` is above the limit; the link lives on.
            TypeError, ValueError, OverflowError: `body` is no MessagePack value.
        """
        end = self._end
        asks = self._asks
        if deadline_s is None:
            deadline_s = end.settings.deadline_s
        if deadline_s <= 0:
            raise DeadlinePassed(method, deadline_s)
        if len(asks) >= end.settings.window_asks_max:
            raise LinkBusy(f"{self.name}: {len(asks)} asks are open")
        self._check_writable()
        self._next_id = ask_id = self._next_id + 1
        frame = [_ASK, ask_id, method, body, int(deadline_s * 1000)]
        if asks or self._flushing:
            self._send(frame)
        else:
            # The only one in flight: waiting for company would only make it late.
            self._flushing = True
            try:
                self._send(frame)
            finally:
                self._flush()
        asks[ask_id] = future = self._loop.create_future()
        timer = self._loop.call_later(deadline_s, self._expire, ask_id, method, deadline_s)
        try:
            return await future
        finally:
            timer.cancel()
            # Also when the asker itself was cancelled: its answer is then a late one.
            asks.pop(ask_id, None)

    def tell(self, method: str, body: Body = None) -> None:
        """Send without an answer. It may be lost when the link drops.

        Raises:
            LinkDown, LinkBusy, FrameTooLarge, TypeError, ValueError, OverflowError: as `ask`.
        """
        self._check_writable()
        self._send([_TELL, method, body])

    async def drained(self) -> None:
        """Wait until LinkBusy for unsent bytes is over: for those who send in bulk.

        Raises:
            LinkDown: the link dropped meanwhile.
        """
        self._flush()
        while self._paused and not self.cause:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        if self.cause:
            raise LinkDown(f"{self.name}: {self.cause}")

    def close(self, cause: str = "closed here") -> None:
        """Send what is unsent, then close. All open asks end with LinkDown. Idempotent."""
        if self.cause:
            return
        self._flush()
        self._end_with(cause)
        transport = self._transport
        if transport is not None:
            transport.close()
            # A peer that does not read would keep it open for ever.
            self._stall = self._loop.call_later(self._end.settings.close_s, transport.abort)

    async def wait_closed(self) -> None:
        """Return when the connection is gone."""
        await asyncio.shield(self._closed)

    # Sending.

    def _check_writable(self) -> None:
        if self._transport is None or self.cause:
            raise LinkDown(f"{self.name}: {self.cause or 'not connected yet'}")
        if self._paused:
            raise LinkBusy(f"{self.name}: {self.unsent_bytes} bytes are unsent")

    def _send(self, frame: list[Body]) -> None:
        encoded = self._writer.encode(frame)
        self._out.append(encoded)
        self._out_bytes += len(encoded)
        self._end.stats.frames_out += 1
        if self._out_bytes > self._end.settings.high_water_bytes:
            self._flush()  # now, so that the transport says at once whether it is too much
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what one pass of the loop collected, with one call of the system."""
        self._flushing = False
        out = self._out
        if not out or self._transport is None or self.cause:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self._out_bytes = 0
        self._transport.write(data)

    def _reply(self, ask_id: int, frame: list[Body]) -> None:
        """Send an answer; one that cannot be sent becomes an error that can."""
        if self.cause:
            return
        try:
            self._send(frame)
        except FrameTooLarge as error:
            self._send([_ERROR, ask_id, "answer_too_large", str(error)])
        except (TypeError, ValueError, OverflowError) as error:
            log.exception("link %s: an answer is no MessagePack value", self.name)
            text = clean(str(error), _ERROR_TEXT_LENGTH_MAX)
            self._send([_ERROR, ask_id, "answer_not_encodable", text])

    def _expire(self, ask_id: int, method: str, deadline_s: float) -> None:
        future = self._asks.pop(ask_id, None)
        if future is not None and not future.done():
            self._end.stats.deadlines_passed += 1
            future.set_exception(DeadlinePassed(method, deadline_s))

    # Receiving.

    def _take_frames(self) -> bool:
        """Handle the whole frames that have come, until one that makes us hold.

        Returns whether more may be read.
        """
        take = self._reader.take
        stats = self._end.stats
        self._flushing = True  # at the end of this, with all answers in one write
        try:
            while not self.cause and not self._held and (frame := take()) is not None:
                stats.frames_in += 1
                self._handle(frame)
        except FrameError as error:
            stats.garbage += 1
            self._abort(f"garbage from the peer: {error}")
        finally:
            self._flush()
        return not self._held and not self.cause

    def _handle(self, frame: list[Body]) -> None:
        # Written out, because a `match` on the same shapes costs more than the rest of a frame.
        kind = frame[0] if frame else None
        if type(kind) is int and _FIELDS.get(kind) == len(frame):
            first = frame[1]
            if kind == _TELL:
                if type(first) is str:
                    return self._told(first, frame[2])
            elif type(first) is int:
                if kind == _ANSWER:
                    return self._answered(first, frame[2], None)
                _, _, third, fourth, *rest = frame
                if kind == _ERROR:
                    if type(third) is type(fourth) is str:
                        return self._answered(first, None, RemoteFailed(third, fourth))
                elif type(third) is str and type(rest[0]) is int and rest[0] >= 0:
                    return self._asked(first, third, fourth, rest[0])
        raise FrameError(f"no frame of ours: {str(frame[:1])[:40]}, {len(frame)} fields")

    def _answered(self, ask_id: int, result: Body, error: RemoteFailed | None) -> None:
        future = self._asks.pop(ask_id, None)
        if future is None or future.done():
            self._end.stats.late_answers += 1
        elif error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _asked(self, ask_id: int, method: str, body: Body, deadline_ms: int) -> None:
        handler = self._end.handlers.get(method)
        if handler is None:
            self._reply(ask_id, [_ERROR, ask_id, "unknown_method", clean(method, 100)])
        else:
            try:
                result = handler(self, body)
            except Exception as error:  # noqa: BLE001 a handler's error is the asker's answer
                self._reply(ask_id, self._failure(ask_id, method, error))
            else:
                if type(result) in _PLAIN or not inspect.isawaitable(result):
                    self._reply(ask_id, [_ANSWER, ask_id, result])
                elif self._tasks_full():
                    _discard(result)
                    self._end.stats.refused_busy += 1
                    self._reply(ask_id, [_ERROR, ask_id, "busy", "too many handlers are running"])
                else:
                    serve = self._serve(ask_id, method, result, deadline_ms / 1000)
                    task = self._end.start(serve, result)
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
        if self._paused and not self.cause:
            # The peer does not read its answers: no more asks from it until it does.
            self._hold()

    def _told(self, method: str, body: Body) -> None:
        handler = self._end.handlers.get(method)
        stats = self._end.stats
        if handler is None:
            stats.tells_dropped += 1
            log.warning("link %s: nobody handles the tell %r", self.name, method[:100])
            return
        try:
            result = handler(self, body)
        except Exception:
            stats.handlers_failed += 1
            log.exception("link %s: the handler of the tell %s failed", self.name, method)
            return
        if type(result) in _PLAIN or not inspect.isawaitable(result):
            return
        if self._tasks_full():
            _discard(result)
            stats.tells_dropped += 1
            log.warning("link %s: the tell %s was dropped, no task is free", self.name, method)
            return
        self._end.start(self._serve_tell(method, result), result)

    # Handlers that take time.

    def _tasks_full(self) -> bool:
        return len(self._end.tasks) >= self._end.settings.tasks_max

    async def _serve(
        self, ask_id: int, method: str, result: Awaitable[Body], deadline_s: float
    ) -> None:
        deadline = asyncio.timeout(deadline_s)
        try:
            async with deadline:
                frame = [_ANSWER, ask_id, await result]
        except asyncio.CancelledError:
            self._reply(ask_id, [_ERROR, ask_id, "cancelled", "the handler was cancelled"])
            raise
        except Exception as error:  # noqa: BLE001 a handler's error is the asker's answer
            if deadline.expired():
                # Its clock started before ours: nobody waits for an answer any more.
                self._end.stats.handlers_expired += 1
                return
            frame = self._failure(ask_id, method, error)
        self._reply(ask_id, frame)

    async def _serve_tell(self, method: str, result: Awaitable[Body]) -> None:
        stats = self._end.stats
        deadline = asyncio.timeout(self._end.settings.tell_deadline_s)
        try:
            async with deadline:
                await result
        except Exception:
            stats.handlers_expired += deadline.expired()
            stats.handlers_failed += not deadline.expired()
            log.exception("link %s: the handler of the tell %s failed", self.name, method)

    def _failure(self, ask_id: int, method: str, error: Exception) -> list[Body]:
        if isinstance(error, RemoteFailed):
            kind, text = error.kind, error.text
        else:
            kind, text = type(error).__name__, str(error)
            if not isinstance(error, CsmsError):
                self._end.stats.handlers_failed += 1
                log.error("link %s: the handler of %s failed", self.name, method, exc_info=error)
        return [_ERROR, ask_id, clean(kind, 100), clean(text, _ERROR_TEXT_LENGTH_MAX)]

    # Back-pressure.

    def _hold(self) -> None:
        if not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def _stalled(self) -> None:
        self._end.stats.stalls += 1
        self._abort(f"the peer reads too slowly: {self.unsent_bytes} bytes are unsent")

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the link is open from here."""
        self._transport = stream = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        high = self._end.settings.high_water_bytes
        stream.set_write_buffer_limits(high=high, low=high // 4)
        self._end.stats.links += 1
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Handle the frames that are whole now."""
        try:
            self._reader.feed(data)
        except FrameError as error:
            self._end.stats.garbage += 1
            self._abort(f"garbage from the peer: {error}")
            return
        self._take_frames()

    def pause_writing(self) -> None:
        """Note that the high water mark is passed; from here the peer has `stall_s` to read."""
        self._paused = True
        if self._stall is None:
            self._stall = self._loop.call_later(self._end.settings.stall_s, self._stalled)

    def resume_writing(self) -> None:
        """Let senders go on, and read the asks that were left waiting."""
        self._paused = False
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._wake_waiters()
        if self._held and self._transport is not None:
            self._held = False
            if self._take_frames():
                self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End everything that waits on this link."""
        self._end_with(f"the connection broke: {exc!r}" if exc else "the peer closed")
        if self._stall is not None:
            self._stall.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._on_lost(self)

    # The end.

    def _abort(self, cause: str) -> None:
        if self.cause:
            return
        log.warning("link %s closed: %s", self.name, cause)
        if self._transport is not None:
            self._transport.abort()
        self._end_with(cause)

    def _end_with(self, cause: str) -> None:
        if self.cause:
            return
        self.cause = cause
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._out.clear()
        self._out_bytes = 0
        asks, self._asks = self._asks, {}
        for future in asks.values():
            if not future.done():
                future.set_exception(LinkDown(f"{self.name}: {cause}"))
        for task in self._running:
            task.cancel()
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
