"""The doors of a gateway: its listening sockets, by which a few come in at a time.

An event loop's own server accepts whatever waits at once. When thousands come back together, they
would all be served in one turn of the loop, and who is inside would wait for all of them. Here so
many are let in each turn, and between two turns everybody else has theirs.

A socket that is closed at the door, because too many handshakes are unfinished, costs about as much
as one that is let in, and whoever means harm dials again at once. So after some of them the doors
are shut for a moment: who dials meanwhile waits in the kernel, at no cost to those who are inside.
The same is done when there are no descriptors left.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

log = logging.getLogger(__name__)

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

LOCAL = "127.0.0.1"


def address_of(peer: object) -> str:
    """Return the address of a socket's other end, without port; a local one has none."""
    return str(peer[0]) if isinstance(peer, tuple) else LOCAL


class Door(NamedTuple):
    """A listening socket, and what makes the protocol of a connection that comes in by it."""

    socket: socket.socket
    protocol: Callable[[], asyncio.Protocol]


class Doors:
    """All of them; they open and shut together. The sockets may be shared with other processes.

    Args:
        accepts_at_once: so many are let in by each door in one turn of the loop.
        turned_away_max: so many may be turned away before the doors are shut.
        shut_s: for so long.
        is_full: whether nobody should be let in now.
        has_room: whether one from this address may come in. One that may not is closed before
            anything is made for it: that costs a tenth.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        accepts_at_once: int,
        turned_away_max: int,
        shut_s: float,
        is_full: Callable[[], bool] = lambda: False,
        has_room: Callable[[str], bool] = lambda _address: True,
    ) -> None:
        self._doors = doors
        self._accepts_at_once = accepts_at_once
        self._turned_away_max = turned_away_max
        self._shut_s = shut_s
        self._is_full = is_full
        self._has_room = has_room
        self._turned_away = 0
        self._loop = asyncio.get_running_loop()
        self._opening: asyncio.TimerHandle | None = None
        self._entering: set[asyncio.Task[None]] = set()
        self._closed = False
        self._exhausted = False
        self.shut = 0
        """How often they were shut."""

    def open(self) -> None:
        """Accept."""
        self._turned_away = 0
        self._opening = None
        for door in self._doors:
            door.socket.setblocking(False)  # noqa: FBT003 - the name of the method says it
            self._loop.add_reader(door.socket, self._accept, door)

    def turned_away(self) -> None:
        """Count one that was closed at the door; shut the doors when they are many."""
        self._turned_away += 1
        if self._turned_away >= self._turned_away_max:
            self._shut()

    def close(self) -> None:
        """Accept no more, for good."""
        self._closed = True
        self._stop()
        if self._opening is not None:
            self._opening.cancel()
        for door in self._doors:
            door.socket.close()

    def _accept(self, door: Door) -> None:
        for _ in range(self._accepts_at_once):
            if self._opening is not None or self._is_full():
                return
            try:
                sock, peer = door.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # another process was faster, or it has hung up
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                if not self._exhausted:
                    log.warning("no connection can be accepted for now: %s", error.strerror)
                self._exhausted = True
                self._shut()
                return
            self._exhausted = False
            if not self._has_room(address_of(peer)):
                sock.close()
                continue
            sock.setblocking(False)  # noqa: FBT003 - the name of the method says it
            task = self._loop.create_task(self._let_in(door, sock))
            self._entering.add(task)
            task.add_done_callback(partial(self._entered, sock))

    async def _let_in(self, door: Door, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(door.protocol, sock)
        except OSError:
            sock.close()  # it was gone before it was in

    def _entered(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._entering.discard(task)
        if task.cancelled():
            sock.close()  # the loop has ended before it was in

    def _shut(self) -> None:
        if self._opening is None and not self._closed:
            self.shut += 1
            self._stop()
            self._opening = self._loop.call_later(self._shut_s, self.open)

    def _stop(self) -> None:
        for door in self._doors:
            self._loop.remove_reader(door.socket)
