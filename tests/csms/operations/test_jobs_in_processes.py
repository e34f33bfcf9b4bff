"""A real node, real sockets: processes are killed in the middle of a job that restarts chargers."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.node import Node, running_node
from csms.config import load_config
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.clock import Clock

CHARGERS = 30
WAIT_S = 90.0


class Charger:
    """Answers every command, a little late, and counts them."""

    def __init__(self, port: int, name: str) -> None:
        self.url = f"ws://127.0.0.1:{port}/ocpp/{name}"
        self.name = name
        self.resets: Counter[str] = Counter()
        self.booted = asyncio.Event()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed, OSError):
                async with connect(self.url, subprotocols=["ocpp1.6"]) as socket:
                    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
                    await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
                    async for text in socket:
                        frame = json.loads(text)
                        if frame[0] == 3:
                            self.booted.set()
                        elif frame[0] == 2:
                            self.resets[frame[1]] += 1
                            await asyncio.sleep(0.2)
                            await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
            await asyncio.sleep(0.2)


class Rest:
    def __init__(self, node: Node, session: aiohttp.ClientSession, key: str) -> None:
        words = (line.split() for line in (node.data / "output").read_text().splitlines())
        url = next(parts[1] for parts in words if parts[:1] == ["api"])
        self.url = url.removesuffix("/").removesuffix("/api/v1")
        self.session = session
        self.headers = {"Authorization": f"Bearer {key}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        end_s = time.monotonic() + WAIT_S
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with self.session.request(
                    method, self.url + path, json=body, headers=self.headers
                ) as response:
                    if response.status != 503:
                        assert response.status < 300, await response.text()
                        return await response.json()
            assert time.monotonic() < end_s
            await asyncio.sleep(0.1)


async def until(condition: Any) -> Any:
    end_s = time.monotonic() + WAIT_S
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < end_s
        await asyncio.sleep(0.1)


async def heard(rest: Rest, kinds: set[str], open_: asyncio.Event) -> None:
    """Collect the kinds of changes that a stream tells, until its process dies."""
    async with rest.session.get(f"{rest.url}/api/v1/events", headers=rest.headers) as response:
        with contextlib.suppress(aiohttp.ClientError):
            async for line in response.content:
                open_.set()
                if line.startswith(b"data: "):
                    for change in json.loads(line[6:]).get("changes", ()):
                        kinds.add(change["kind"])


async def play(node: Node) -> None:
    engine = open_engine(load_config(data=node.data, environ={}).database_url)
    _, key = await Registry(engine, Clock().now_us).api_keys.create("test", "admin")
    await engine.dispose()
    chargers = [Charger(node.port, f"C{number:02d}") for number in range(CHARGERS)]
    running = [asyncio.create_task(charger.run()) for charger in chargers[1:]]
    kinds: set[str] = set()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=5)) as session:
        rest = Rest(node, session, key)
        streaming = asyncio.Event()
        running.append(asyncio.create_task(heard(rest, kinds, streaming)))
        await asyncio.gather(*(charger.booted.wait() for charger in chargers[1:]), streaming.wait())
        # One comes while somebody watches.
        running.append(asyncio.create_task(chargers[0].run()))
        await chargers[0].booted.wait()

        async def known() -> bool:
            page = await rest.ask("GET", "/api/v1/chargers?connected=true&limit=1000")
            return len(page["items"]) == CHARGERS

        await until(known)
        body = {
            "action": "Reset",
            "payload": {"type": "Soft"},
            "where": {"ids": [*(charger.name for charger in chargers[1:]), "NOBODY"]},
            "canary": {"chargers": 2},
            "rate_per_s": 15,
            "in_flight_max": 6,
            "deadline_s": 20,
        }
        dry = await rest.ask("POST", "/api/v1/jobs", body | {"dry_run": True})
        assert (dry["chargers"], dry["canary"]) == (CHARGERS - 1, 2)
        job = (await rest.ask("POST", "/api/v1/jobs", body))["id"]

        async def far() -> bool:
            counts = (await rest.ask("GET", f"/api/v1/jobs/{job}"))["counts"]
            return counts.get("accepted", 0) >= 6

        await until(far)
        for name in ("operations", "api"):
            os.kill(node.pids()[name], signal.SIGKILL)

        async def over() -> Any:
            view = await rest.ask("GET", f"/api/v1/jobs/{job}")
            return view if view["state"] == "finished" else None

        view = await until(over)
        assert view["counts"] == {"accepted": CHARGERS - 1}
        assert [sum(charger.resets.values()) for charger in chargers] == [0] + [1] * (CHARGERS - 1)
        page = await rest.ask("GET", f"/api/v1/jobs/{job}/chargers?limit=1000")
        assert {item["charger"] for item in page["items"]} == {c.name for c in chargers[1:]}
        for item in page["items"]:
            assert (item["outcome"], item["response"]) == ("accepted", {"status": "Accepted"})
            command = await rest.ask("GET", f"/api/v1/commands/{item['command']}")
            steps = [step["step"] for step in command["timeline"]]
            assert steps[:3] == ["queued", "sent", "accepted"]
        assert {"connection", "command", "job"} <= kinds
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.timeout(240)
def test_a_killed_job_commands_every_charger_once_and_forgets_none():
    with running_node() as node:
        asyncio.run(play(node))
