"""Commands over REST: while the api process is killed, and after their caller's key was revoked."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
from websockets.asyncio.client import connect

from tests.chaos.node import Node

CHARGERS = 6
CALLERS = 24
"""Requests at a time: so many rows are in one transaction."""
KILLS = 2
ANSWERS_BETWEEN = 40
WAIT_S = 30.0
DONE = {200, 202}


class Answer(NamedTuple):
    status: int
    body: Any
    replayed: bool


class Fleet:
    """Chargers that count what they were told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.told: Counter[str] = Counter()
        self.booted = asyncio.Semaphore(0)

    async def run(self, name: str) -> None:
        async with connect(self._url + name, subprotocols=["ocpp1.6"]) as socket:
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == 3:
                    self.booted.release()
                elif frame[0] == 2 and frame[2] == "DataTransfer":
                    self.told[frame[3]["data"]] += 1
                    await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
                elif frame[0] == 2:
                    await socket.send(json.dumps([4, frame[1], "NotSupported", "", {}]))


class Callers:
    """Whoever sends commands, each under a key of its own, and notes the answers."""

    def __init__(self, node: Node, session: aiohttp.ClientSession, key: str) -> None:
        self._url = f"http://127.0.0.1:{node.api_port}/api/v1/"
        self._bearer = {"Authorization": f"Bearer {key}"}
        self._session = session
        self.answers: dict[str, Answer | None] = {}
        """By key; None: its connection broke."""
        self.answered = 0
        self.ending = False

    async def ask(self, name: str) -> Answer:
        charger = f"KEY-{int(name.partition('-')[0]) % CHARGERS}"
        body = {"action": "DataTransfer", "payload": {"vendorId": "V", "data": name}}
        headers = self._bearer | {"Idempotency-Key": name}
        url = f"{self._url}chargers/{charger}/calls?wait=10"
        async with self._session.post(url, json=body, headers=headers) as response:
            replayed = response.headers.get("Idempotent-Replayed") == "true"
            return Answer(response.status, await response.json(), replayed)

    async def look(self) -> int:
        """Return the status of a request that commands nothing."""
        async with self._session.get(f"{self._url}chargers", headers=self._bearer) as response:
            return response.status

    async def run(self, number: int) -> None:
        turn = 0
        while not self.ending:
            name = f"{number}-{turn}"
            turn += 1
            self.answers[name] = None
            try:
                self.answers[name] = await self.ask(name)
                self.answered += 1
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)

    async def more(self) -> None:
        """Wait until so many further ones were answered."""
        wanted, end = self.answered + ANSWERS_BETWEEN, time.monotonic() + WAIT_S
        while self.answered < wanted:
            assert time.monotonic() < end, f"{self.answered} answered"
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(node: Node, name: str) -> AsyncIterator[tuple[Fleet, Callers]]:
    """Chargers that are connected, and callers with a key of that name."""
    key = await asyncio.to_thread(node.make_key, name)
    fleet = Fleet(node.url)
    tasks = [asyncio.create_task(fleet.run(f"KEY-{number}")) for number in range(CHARGERS)]
    try:
        for _ in tasks:
            await asyncio.wait_for(fleet.booted.acquire(), WAIT_S)
        async with aiohttp.ClientSession() as session:
            yield fleet, Callers(node, session, key)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def kill_in_between(node: Node, callers: Callers) -> None:
    moment = random.Random(1)
    for _ in range(KILLS):
        await callers.more()
        await asyncio.sleep(moment.random() * 0.02)
        dead = node.kill("api")
        assert dead
        await node.up([dead])
    await callers.more()


async def settled(fleet: Fleet, callers: Callers, name: str) -> Answer:
    """What is answered to who asks again, when that agrees with what the charger was told."""
    end = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            answer = await callers.ask(name)
            if (answer.status in DONE) == (fleet.told[name] == 1) and answer.status != 503:
                return answer
        assert time.monotonic() < end, (name, answer, fleet.told[name])
        await asyncio.sleep(0.05)


async def test_no_answered_command_is_lost_and_none_is_sent_twice(shared_node: Node):
    async with running(shared_node, "asking") as (fleet, callers):
        asking = [asyncio.create_task(callers.run(number)) for number in range(CALLERS)]
        await kill_in_between(shared_node, callers)
        callers.ending = True
        await asyncio.gather(*asking)
        broken = [name for name, answer in callers.answers.items() if answer is None]
        assert len(broken) > KILLS
        afters = await asyncio.gather(*(settled(fleet, callers, name) for name in callers.answers))
        for (name, before), after in zip(callers.answers.items(), afters, strict=True):
            if before is not None and before.status in DONE:
                assert after.replayed, (name, before, after)
                assert after.body["id"] == before.body["id"], name
            else:
                assert after.status in {*DONE, 409}, (name, before, after)
        assert set(fleet.told.values()) == {1}


async def test_a_key_that_the_command_line_revokes_is_refused_at_once(shared_node: Node):
    async with running(shared_node, "leaving") as (fleet, callers):
        for turn in range(5):
            assert (await callers.ask(f"0-before-{turn}")).status == 200
            assert await callers.look() == 200
        listed = await asyncio.to_thread(shared_node.csms, "key", "list")
        rows = [line.split() for line in listed.splitlines()]
        (identity,) = (row[0] for row in rows if row[1] == "leaving")
        await asyncio.to_thread(shared_node.csms, "key", "revoke", identity)
        after = [(await callers.ask(f"0-after-{turn}")).status for turn in range(2)]
        assert [*after, await callers.look()] == [401, 401, 401]
        assert not any(name.startswith("0-after") for name in fleet.told)
