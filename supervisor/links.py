"""Links: how two processes of a node talk. Length-framed MessagePack over a unix socket, symmetric.

Both ends ask and tell; who connected does not matter. A frame is an array:

    [0, id, method, body, deadline_ms]    ask: answered by exactly one of the next two, or never
    [1, id, result]                       the answer
    [2, id, kind, text]                   the handler's error, or "busy", "unknown_method" ...
    [3, method, body]                     tell: never answered

Laws
    - Nothing is delivered twice and nothing is sent again: what became of an ask that ended in
      LinkDown or DeadlinePassed is not known.
    - Tells arrive in the order they were sent, and after the asks that were sent before them.
    - Memory is bounded: open asks by the window, unsent bytes by the high water mark (then LinkBusy
      at the sender), running handlers by `tasks_max`, a frame by `frame_bytes_max` both ways.
    - An end whose answers are not being read stops reading asks; after `stall_s` above the high
      water mark the link is closed, which also ends the embrace of two ends that both wait.

Handlers run in the loop, one frame after the other. One that returns a value is answered at once,
without a task. One that returns an awaitable gets a task; it is cancelled when the deadline of the
asker has passed and when the link drops, for nobody waits any more (work that must be finished
belongs in an actor). A tell's task outlives the link
and is cancelled after `tell_deadline_s`.

    LinkError
        LinkDown          there is no connection, or it dropped before the answer
        LinkBusy          the window is full, or the peer does not read fast enough: try later
        DeadlinePassed    no answer in time
        RemoteFailed      the other end answered with an error: kind, text
    link_frames.FrameTooLarge     what is to be sent is above the limit
    LinkPathTaken         a living process serves this path
"""

import asyncio
import contextlib
import errno
import inspect
import logging
import os
import random
import socket
import stat
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CoroutineType
from typing import Any, Self, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import CsmsError
from domain.text import clean
from supervisor.link_frames import Body, FrameError, FrameReader, FrameTooLarge, FrameWriter

log = logging.getLogger(__name__)

_ASK, _ANSWER, _ERROR, _TELL = range(4)
_ERROR_TEXT_LENGTH_MAX = 500
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple})
"""What a handler can return that is surely no awaitable: spares the slow question."""

Handler: TypeAlias = Callable[["Link", Body], Body | Awaitable[Body]]
OnLink: TypeAlias = Callable[["Link"], Awaitable[None] | None]
OnLost: TypeAlias = Callable[["Link"], None]


class LinkSettings(BaseModel):
    """Limits of the links of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_bytes_max: int = Field(
        default=16 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="Largest frame, both ways. A larger one is refused at the sender "
        "(FrameTooLarge); one that arrives all the same closes the link.",
    )
    window_asks_max: int = Field(
        default=1024,
        ge=1,
        description="Open asks of one end of a link. The next one fails at once with LinkBusy.",
    )
    tasks_max: int = Field(
        default=256,
        ge=1,
        description="Async handlers running at once for all links of one server or client. The "
        'next ask is answered with the error "busy"; the next tell is dropped and counted.',
    )
    high_water_bytes: int = Field(
        default=1 << 20,
        ge=1 << 10,
        description="Unsent bytes of a link. Above: asks and tells fail with LinkBusy until it "
        "falls to a quarter, and the peer's asks are no longer read.",
    )
    stall_s: float = Field(
        default=10.0,
        gt=0,
        description="A link that stays above its high water mark for so long is closed.",
    )
    close_s: float = Field(
        default=1.0,
        gt=0,
        description="Closing waits so long for unsent bytes; what is left then is lost.",
    )
    links_max: int = Field(
        default=256,
        ge=1,
        description="Links of one server. A further one is closed as soon as it has connected.",
    )
    deadline_s: float = Field(
        default=5.0,
        gt=0,
        description="Deadline of an ask that names none. At the end: DeadlinePassed.",
    )
    tell_deadline_s: float = Field(
        default=30.0,
        gt=0,
        description="An async handler of a tell is cancelled after so long, and logged.",
    )
    backoff_min_s: float = Field(
        default=0.02,
        gt=0,
        description="First wait before connecting again; doubles, less up to a half by chance.",
    )
    backoff_max_s: float = Field(
        default=1.0,
        gt=0,
        description="Longest wait before connecting again. A connection that lived for less does "
        "not bring the wait back to its minimum.",
    )


class LinkError(CsmsError):
    """Base of what an ask or a tell can fail with."""


class LinkDown(LinkError):
    """There is no connection, or it dropped before the answer."""


class LinkBusy(LinkError):
    """The window of open asks is full, or too much is unsent. `await link.drained()`, or shed."""


class DeadlinePassed(LinkError, TimeoutError):
    """No answer in time. The other end may have done the work or not. Also a TimeoutError."""

    def __init__(self, method: str, deadline_s: float) -> None:
        super().__init__(f"{method}: no answer in {deadline_s:g} s")
        self.method = method
        self.deadline_s = deadline_s


class RemoteFailed(LinkError):
    """The other end answered with an error.

    A handler raises this itself to choose `kind`; any other exception arrives with the name of its
    class. Kinds of the link: busy, cancelled, unknown_method, answer_too_large,
    answer_not_encodable.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class LinkPathTaken(CsmsError):
    """A living process serves this path."""


@dataclass(slots=True)
class LinkStats:
    """Counts of all links of one server or client since it was made."""

    links: int = 0
    frames_in: int = 0
    frames_out: int = 0
    late_answers: int = 0
    """Answers to asks that had already ended; ignored."""
    deadlines_passed: int = 0
    refused_busy: int = 0
    """The peer's asks that were answered "busy"."""
    tells_dropped: int = 0
    """No task was free, or nobody handles the method."""
    handlers_failed: int = 0
    """Handlers that raised what is none of our errors."""
    handlers_expired: int = 0
    """Async handlers that were cancelled at their deadline."""
    garbage: int = 0
    """Links closed because the peer sent what is no frame."""
    stalls: int = 0
    """Links closed because the peer did not read."""


class _End:
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

    def __init__(self, end: _End, name: str, on_made: OnLost, on_lost: OnLost) -> None:
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
        self._send([_ASK, ask_id, method, body, int(deadline_s * 1000)])
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
        try:
            while not self.cause and not self._held and (frame := take()) is not None:
                stats.frames_in += 1
                self._handle(frame)
        except FrameError as error:
            stats.garbage += 1
            self._abort(f"garbage from the peer: {error}")
        return not self._held and not self.cause

    def _handle(self, frame: list[Body]) -> None:
        match frame:
            case [1, int(ask_id), result]:
                self._answered(ask_id, result, None)
            case [0, int(ask_id), str(method), body, int(deadline_ms)] if deadline_ms >= 0:
                self._asked(ask_id, method, body, deadline_ms)
            case [3, str(method), body]:
                self._told(method, body)
            case [2, int(ask_id), str(kind), str(text)]:
                self._answered(ask_id, None, RemoteFailed(kind, text))
            case _:
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


class LinkServer:
    """Serves links at a unix socket that only this user can open (mode 0600).

    `on_link(link)` runs in the loop when a peer has connected, before its first frame is handled;
    an awaitable that it returns runs as a task, and closes the link if it raises. `on_lost(link)`
    runs in the loop after the link has ended.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        settings: LinkSettings | None = None,
        on_link: OnLink | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        self.path = path
        self.links: set[Link] = set()
        self._end = _End(handlers, settings or LinkSettings())
        self._on_link = on_link
        self._on_lost = on_lost
        self._server: asyncio.Server | None = None
        self._inode = (0, 0)
        self._seen = 0

    @property
    def stats(self) -> LinkStats:
        """Counts over all links so far."""
        return self._end.stats

    async def start(self) -> None:
        """Listen. A socket file that a dead process left behind is removed.

        Raises:
            LinkPathTaken: a living process serves the path, or it is no socket.
            OSError: the directory is missing or the path is longer than 107 bytes.
        """
        _remove_stale(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.bind(os.fspath(self.path))
            # Nobody can connect between these lines: a socket that does not listen refuses.
            self.path.chmod(0o600)
            found = self.path.stat()
            self._inode = (found.st_dev, found.st_ino)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(self._make, sock=listener)
        except BaseException:
            listener.close()
            raise

    async def close(self) -> None:
        """Stop listening, close all links, cancel running handlers, remove the file."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        links = list(self.links)
        for link in links:
            link.close("the server closed")
        for link in links:
            await link.wait_closed()
        await self._end.cancel_tasks()
        with contextlib.suppress(FileNotFoundError):
            found = self.path.stat()
            # A successor may have put its own socket here.
            if (found.st_dev, found.st_ino) == self._inode:
                self.path.unlink()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _make(self) -> Link:
        self._seen += 1
        return Link(self._end, f"{self.path.name}<{self._seen}", self._made, self._lost)

    def _made(self, link: Link) -> None:
        if self._server is None:  # accepted in the pass that closed us
            link.close("the server closed")
            return
        if len(self.links) >= self._end.settings.links_max:
            log.warning("link %s closed: %d links are open", link.name, len(self.links))
            link.close("too many links")
            return
        self.links.add(link)
        _greet(self._end, self._on_link, link)

    def _lost(self, link: Link) -> None:
        if link in self.links:
            self.links.discard(link)
            if self._on_lost is not None:
                self._on_lost(link)


class LinkClient:
    """Keeps one link to a server, for ever: connects again whenever it dropped.

    The server may start later, restart, or be away for hours. `on_link(link)` runs in the loop each
    time a connection has come, before `ask` uses it; an awaitable that it returns runs as a task,
    and closes the link if it raises, so the next connection tries again.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        settings: LinkSettings | None = None,
        on_link: OnLink | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.path = path
        self._end = _End(handlers, settings or LinkSettings())
        self._on_link = on_link
        self._chance = chance
        """Between 0 and 1: spreads the clients that lost the same server."""
        self._link: Link | None = None
        self._up: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._seen = 0

    @property
    def stats(self) -> LinkStats:
        """Counts over all links so far."""
        return self._end.stats

    @property
    def is_up(self) -> bool:
        """Whether there is a link now."""
        return self._link is not None and not self._link.cause

    @property
    def link(self) -> Link:
        """The link of now.

        Raises:
            LinkDown: there is none.
        """
        link = self._link
        if link is None or link.cause:
            raise LinkDown(f"{self.path.name}: not connected")
        return link

    async def start(self) -> None:
        """Begin to connect; returns at once, `ask` waits for the connection."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Close the link, cancel running handlers, connect no more. Waiting asks: LinkDown."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        link = self._link
        if link is not None:
            link.close()
            await link.wait_closed()
        if self._up is not None and not self._up.done():
            self._up.set_result(None)
        await self._end.cancel_tasks()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(self, method: str, body: Body = None, deadline_s: float | None = None) -> Body:
        """As `Link.ask`; waits at most the deadline for the connection to come.

        Raises:
            LinkDown: no connection came within the deadline, or it dropped before the answer.
            LinkBusy, DeadlinePassed, RemoteFailed, FrameTooLarge: as `Link.ask`.
        """
        link = self._link
        if link is None or link.cause:
            deadline_s = self._end.settings.deadline_s if deadline_s is None else deadline_s
            loop = asyncio.get_running_loop()
            end_s = loop.time() + deadline_s
            link = await self.connected(deadline_s)
            deadline_s = max(end_s - loop.time(), 0.0)
        return await link.ask(method, body, deadline_s)

    def tell(self, method: str, body: Body = None) -> None:
        """As `Link.tell`; does not wait for a connection.

        Raises:
            LinkDown, LinkBusy, FrameTooLarge: as `Link.tell`.
        """
        self.link.tell(method, body)

    async def connected(self, deadline_s: float) -> Link:
        """Return the link, waiting for it at most `deadline_s`.

        Raises:
            LinkDown: none came.
        """
        if not self.is_up and self._keeper is not None:
            if self._up is None or self._up.done():
                self._up = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._up], timeout=deadline_s)
        return self.link

    async def _keep(self) -> None:
        settings = self._end.settings
        loop = asyncio.get_running_loop()
        wait_s = settings.backoff_min_s
        while True:
            began_s = loop.time()
            try:
                _, link = await loop.create_unix_connection(self._make, os.fspath(self.path))
            except OSError as error:
                log.debug("link %s: no connection: %r", self.path.name, error)
            except Exception:
                # Whatever it was must not end the keeper: nobody would connect ever again.
                log.exception("link %s: no connection", self.path.name)
            else:
                await link.wait_closed()
                if loop.time() - began_s >= settings.backoff_max_s:
                    wait_s = settings.backoff_min_s
            await asyncio.sleep(wait_s * (1 - self._chance() / 2))
            wait_s = min(wait_s * 2, settings.backoff_max_s)

    def _make(self) -> Link:
        self._seen += 1
        return Link(self._end, f"{self.path.name}>{self._seen}", self._made, self._lost)

    def _made(self, link: Link) -> None:
        if self._keeper is None:  # connected in the pass that closed us
            link.close()
            return
        self._link = link
        log.info("link %s is up", link.name)
        _greet(self._end, self._on_link, link)
        if self._up is not None and not self._up.done():
            self._up.set_result(None)

    def _lost(self, link: Link) -> None:
        if self._link is link:
            self._link = None
        log.info("link %s is down: %s", link.name, link.cause)


def _greet(end: _End, on_link: OnLink | None, link: Link) -> None:
    """Run the user's hook for a new link; a hook that fails closes it."""
    if on_link is None:
        return
    try:
        greeting = on_link(link)
    except Exception:
        log.exception("link %s: on_link failed", link.name)
        link.close("on_link failed")
        return
    if greeting is None:
        return

    async def greet(greeting: Awaitable[None]) -> None:
        try:
            await greeting
        except LinkError as error:
            log.warning("link %s: on_link failed: %s", link.name, error)
            link.close("on_link failed")
        except Exception:
            log.exception("link %s: on_link failed", link.name)
            link.close("on_link failed")

    end.start(greet(greeting), greeting)


def _remove_stale(path: Path) -> None:
    """Remove the socket file of a dead process.

    Raises:
        LinkPathTaken: somebody accepts there, or it is no socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise LinkPathTaken(f"{path} exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # Only a refusal means that nobody listens; a hung server with a full backlog says EAGAIN.
        refused = probe.connect_ex(os.fspath(path)) in {errno.ECONNREFUSED, errno.ENOENT}
    if not refused:
        raise LinkPathTaken(f"{path} is served by a living process")
    path.unlink(missing_ok=True)
