"""The doors of a gateway: its listening sockets, which it can shut for a moment.

A socket that is closed at the door because too many handshakes are unfinished costs about as much
as one that is let in, and whoever means harm dials again at once. So after some of them the doors
are shut for a moment: who dials meanwhile waits in the kernel, at no cost to those who are inside.
The listening sockets stay open, other gateways go on accepting from them.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Door(NamedTuple):
    """A listening socket, and what makes the protocol of a connection that comes in by it."""

    socket: socket.socket
    protocol: Callable[[], asyncio.Protocol]


class Doors:
    """All of them; they open and shut together.

    Args:
        backlog: connections that may wait in the kernel for each.
        turned_away_max: so many may be turned away before the doors are shut.
        shut_s: for so long.
    """

    def __init__(
        self, doors: Sequence[Door], backlog: int, turned_away_max: int, shut_s: float
    ) -> None:
        self._doors = doors
        self._backlog = backlog
        self._turned_away_max = turned_away_max
        self._shut_s = shut_s
        self._turned_away = 0
        self._servers: list[asyncio.Server] = []
        self._opening: asyncio.Task[None] | None = None
        self._closed = False
        self.shut = 0
        """How often they were shut."""

    async def open(self) -> None:
        """Accept."""
        loop = asyncio.get_running_loop()
        for door in self._doors:
            server = await loop.create_server(
                door.protocol,
                # A copy of the descriptor: closing it does not end the socket that all share.
                sock=door.socket.dup(),
                backlog=self._backlog,
            )
            self._servers.append(server)
            if self._closed:
                self._stop()

    def turned_away(self) -> None:
        """Count one that was closed at the door; shut the doors when they are many."""
        self._turned_away += 1
        if self._turned_away < self._turned_away_max or self._opening or self._closed:
            return
        self.shut += 1
        self._stop()
        self._opening = asyncio.get_running_loop().create_task(self._open_again())

    async def _open_again(self) -> None:
        await asyncio.sleep(self._shut_s)
        self._turned_away = 0
        self._opening = None
        if not self._closed:
            await self.open()

    def _stop(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def close(self) -> None:
        """Accept no more, for good."""
        self._closed = True
        self._stop()
        for door in self._doors:
            door.socket.close()
