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
import logging
import os
import random
import socket
import stat
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

from supervisor.link import End, Handler, Link, OnLost
from supervisor.link_frames import Body, FrameTooLarge
from supervisor.link_terms import (
    DeadlinePassed,
    LinkBusy,
    LinkDown,
    LinkError,
    LinkPathTaken,
    LinkSettings,
    LinkStats,
    RemoteFailed,
)

__all__ = [
    "Body",
    "DeadlinePassed",
    "FrameTooLarge",
    "Handler",
    "Link",
    "LinkBusy",
    "LinkClient",
    "LinkDown",
    "LinkError",
    "LinkPathTaken",
    "LinkServer",
    "LinkSettings",
    "LinkStats",
    "OnLink",
    "OnLost",
    "RemoteFailed",
]

log = logging.getLogger(__name__)

OnLink: TypeAlias = Callable[[Link], Awaitable[None] | None]


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
        self._end = End(handlers, settings or LinkSettings())
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
        self._end = End(handlers, settings or LinkSettings())
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

    def ask(
        self, method: str, body: Body = None, deadline_s: float | None = None
    ) -> Coroutine[Any, Any, Body]:
        """As `Link.ask`; waits at most the deadline for the connection to come.

        Raises:
            LinkDown: no connection came within the deadline, or it dropped before the answer.
            LinkBusy, DeadlinePassed, RemoteFailed, FrameTooLarge: as `Link.ask`.
        """
        link = self._link
        if link is None or link.cause:
            return self._ask_later(method, body, deadline_s)
        return link.ask(method, body, deadline_s)

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

    async def _ask_later(self, method: str, body: Body, deadline_s: float | None) -> Body:
        if deadline_s is None:
            deadline_s = self._end.settings.deadline_s
        loop = asyncio.get_running_loop()
        end_s = loop.time() + deadline_s
        link = await self.connected(deadline_s)
        return await link.ask(method, body, end_s - loop.time())

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


def _greet(end: End, on_link: OnLink | None, link: Link) -> None:
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
