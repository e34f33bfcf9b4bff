"""The doors of a gateway shut for a moment when too many are turned away."""

import asyncio
import socket
from collections import Counter
from typing import Self, cast

import pytest

from csms.gateway.doors import Door, Doors


class Guest(asyncio.Protocol):
    """Turned away at once, or let in."""

    def __init__(self, house: "House") -> None:
        self._house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._house.came += 1
        self._house.turns.append(self._house.turn)
        if self._house.full:
            # uvloop's transports are asyncio's by their methods only.
            cast("asyncio.Transport", transport).abort()
            self._house.doors.turned_away()


class House:
    def __init__(self, turned_away_max: int, shut_s: float) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.socket_name = self.socket.getsockname()
        self.came = 0
        self.turn = 0
        self.turns: list[int] = []
        """In which turn of the loop each one came."""
        self.full = True
        door = Door(self.socket, lambda: Guest(self))
        self.doors = Doors([door], 2, turned_away_max, shut_s)
        self._dialled: list[socket.socket] = []

    async def dial(self) -> socket.socket:
        """Connect; the kernel does so even while the doors are shut."""
        sock = socket.socket()
        sock.setblocking(False)
        self._dialled.append(sock)
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_connect(sock, self.socket_name), 5)
        return sock

    async def turns_pass(self, turns: int) -> None:
        for _ in range(turns):
            self.turn += 1
            await asyncio.sleep(0)

    async def until(self, came: int) -> None:
        async with asyncio.timeout(10):
            while self.came < came:
                await asyncio.sleep(0.002)

    async def __aenter__(self) -> Self:
        self.doors.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.doors.close()
        for sock in self._dialled:
            sock.close()


async def test_after_some_were_turned_away_the_next_waits_outside() -> None:
    async with House(3, shut_s=600) as house:
        for _ in range(3):
            await house.dial()
        await house.until(3)
        assert house.doors.shut == 1
        await house.dial()
        await house.turns_pass(20)
        assert house.came == 3


async def test_fewer_do_not_shut_them() -> None:
    async with House(3, shut_s=600) as house:
        for number in (1, 2):
            await house.dial()
            await house.until(number)
        assert not house.doors.shut
        house.full = False
        await house.dial()
        await house.until(3)


async def test_who_waited_outside_is_let_in_when_they_open_again() -> None:
    async with House(1, shut_s=0.05) as house:
        await house.dial()
        await house.until(1)
        house.full = False
        await house.dial()
        await house.until(2)
        assert house.doors.shut == 1


async def test_a_crowd_is_let_in_a_few_at_a_time() -> None:
    house = House(3, shut_s=600)
    house.full = False
    for _ in range(8):
        await house.dial()
    async with house:
        async with asyncio.timeout(10):
            while house.came < 8:
                await house.turns_pass(1)
    assert max(Counter(house.turns).values()) <= 2


async def test_closed_for_good_they_do_not_open_again() -> None:
    async with House(1, shut_s=0.01) as house:
        await house.dial()
        await house.until(1)
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(house.socket_name, 1)


async def test_one_on_its_way_in_is_closed_when_the_loop_ends() -> None:
    house = House(1, shut_s=600)
    sock = await house.dial()
    house.doors._accept(house.doors._doors[0])
    for task in house.doors._entering:
        task.cancel()
    async with house, asyncio.timeout(5):
        assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
    assert house.came == 0


async def test_one_without_room_is_closed_before_anything_is_made_for_it() -> None:
    house = House(3, shut_s=600)
    house.full = False
    asked: list[str] = []

    def has_room(address: str) -> bool:
        asked.append(address)
        return len(asked) > 1

    house.doors._has_room = has_room
    async with house:
        refused = await house.dial()
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.sock_recv(refused, 1), 5) == b""
        assert house.came == 0
        await house.dial()
        await house.until(1)
    assert asked == ["127.0.0.1", "127.0.0.1"]
