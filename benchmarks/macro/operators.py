"""What operators cost: open dashboards, and commands through REST.

    dashboards  many streams of events are open while all chargers send meter values at a set rate:
                CPU of the gateway against that of the same load with nobody watching
    commands    more and more commands a second through REST, each waiting for the charger's answer,
                until 99 % of them take longer than the goal; and as many as go

The dashboards and the chargers that answer commands live in this process; the chargers that are
only watched are those of the generator.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import uvloop

from benchmarks.effort import Effort
from benchmarks.generator import Generator, quantiles_ms
from benchmarks.goals import Figures
from benchmarks.load import Tally, connect_all
from benchmarks.node import Node, running_node
from benchmarks.rest_load import RestLoad
from csms.config import load_config
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.clock import Clock

GATEWAY = "gw0"
PER_S = 300.0
"""MeterValues a second of all watched chargers: 20,000 that report about each minute."""
KINDS = "kind=connection&kind=status&kind=power&kind=transaction&kind=command"
CHARGERS = 100
"""Of those that answer commands."""
COMMAND = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
WITHIN_MS = 100.0
IN_FLIGHT_MAX = 500


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and their details."""
    with running_node() as node:
        key = asyncio.run(made_key(node))
        with Generator(node.port) as generator:
            generator.do("grow", to=effort.operators_chargers)
            node.catch_up()
            alone = load(node, generator, effort)
            watched = asyncio.run(with_dashboards(node, key, generator, effort))
        commands = uvloop.run(with_commands(node, key, effort))
    figures = {
        "gateway_pct": watched["gateway_pct"] - alone["gateway_pct"],
        "api_pct": watched["api_pct"],
        "ledger_pct": watched["ledger_pct"] - alone["ledger_pct"],
        "events_per_s": watched["events_per_s"],
        "commands_per_s": commands["good"]["per_s"],
        "command_p50_ms": commands["good"]["p50_ms"],
        "command_p99_ms": commands["good"]["p99_ms"],
        "command_failures": commands["good"]["failures"],
        "commands_most_per_s": commands["closed"]["per_s"],
        "command_api_us": commands["closed"]["api_us"],
        "command_gateway_us": commands["closed"][f"{GATEWAY}_us"],
    }
    return figures, {"alone": alone, "watched": watched, "commands": commands}


def load(node: Node, generator: Generator, effort: Effort) -> dict[str, float]:
    """Per cent of a core of each process under the load of all watched chargers."""
    meter, begun = node.meter(), time.monotonic()
    generator.do("paced", per_s=PER_S, seconds=effort.operators_s)
    passed_s = time.monotonic() - begun
    used = {f"{name}_pct": spent / passed_s * 100 for name, spent in meter.used_s().items()}
    return used | {"gateway_pct": used[f"{GATEWAY}_pct"]}


async def made_key(node: Node) -> str:
    """An API key of an administrator."""
    engine = open_engine(load_config(data=node.data, environ={}).database_url)
    try:
        _, key = await Registry(engine, Clock().now_us).api_keys.create("bench", "admin")
    finally:
        await engine.dispose()
    return key


def url_of(node: Node) -> str:
    """Where REST is."""
    for line in (node.data / "output").read_text().splitlines():
        if line.startswith("api "):
            return line.split()[1].rstrip("/").removesuffix("/api/v1")
    raise RuntimeError("the node has not said where its REST interface is")


async def with_dashboards(
    node: Node, key: str, generator: Generator, effort: Effort
) -> dict[str, float]:
    """The same load while dashboards are open."""
    events = 0

    async def dashboard(session: aiohttp.ClientSession, is_open: asyncio.Event) -> None:
        nonlocal events
        async with session.get(f"{url_of(node)}/api/v1/events?{KINDS}") as response:
            assert response.status == 200, await response.text()
            async for line in response.content:
                is_open.set()
                events += line.startswith(b"event:")

    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, connector=connector
    ) as session:
        opened = [asyncio.Event() for _ in range(effort.operators_dashboards)]
        tasks = [asyncio.create_task(dashboard(session, one)) for one in opened]
        await asyncio.gather(*(one.wait() for one in opened))
        events = 0
        begun = time.monotonic()
        used = await asyncio.to_thread(load, node, generator, effort)
        used["events_per_s"] = events / (time.monotonic() - begun)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return used


class Rest(RestLoad):
    """Commands to chargers through REST, and how long each takes to the charger's answer."""

    def __init__(self, url: str, key: str, names: Sequence[str]) -> None:
        parts = urlsplit(url)
        super().__init__(parts.hostname or "", parts.port or 0, key, COMMAND, IN_FLIGHT_MAX)
        self._names = names

    async def at_rate(self, node: Node, per_s: float, seconds: float) -> dict[str, Any]:
        """As many a second, whatever comes back; `kept_up`: 99 % within the goal, none failed."""
        self.begin()
        loop = asyncio.get_running_loop()
        meter, begun = node.meter(), loop.time()
        tasks = []
        for number in range(int(per_s * seconds)):
            due = begun + number / per_s
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            tasks.append(asyncio.create_task(self.command(self._names[number % CHARGERS])))
        await asyncio.gather(*tasks)
        passed_s = loop.time() - begun
        used = {f"{name}_pct": spent / passed_s * 100 for name, spent in meter.used_s().items()}
        quantiles = quantiles_ms(sorted(self.waits_s))
        return {
            "wanted_per_s": per_s,
            "per_s": len(tasks) / passed_s,
            "failures": self.failures,
            "kept_up": not self.failures and quantiles["p99_ms"] <= WITHIN_MS,
            **quantiles,
            **used,
        }

    async def closed(self, node: Node, seconds: float) -> dict[str, float]:
        """As many as go: each charger has its next command as soon as the last is answered."""
        self.begin()
        end = time.monotonic() + seconds

        async def again(name: str) -> None:
            while time.monotonic() < end:
                await self.command(name)

        meter, mine = node.meter(), time.process_time()
        await asyncio.gather(*(again(name) for name in self._names))
        count = len(self.waits_s)
        used = {f"{name}_us": spent / count * 1e6 for name, spent in meter.used_s().items()}
        return {
            "per_s": count / seconds,
            "failures": self.failures,
            **quantiles_ms(sorted(self.waits_s)),
            "generator_us": (time.process_time() - mine) / count * 1e6,
            **used,
        }


async def with_commands(node: Node, key: str, effort: Effort) -> dict[str, Any]:
    """Commands at higher and higher rates until the chargers' answers come too late."""
    chargers = await connect_all("127.0.0.1", node.port, CHARGERS, Tally(), "ANSWERS-")
    names = [charger.name for charger in chargers]
    await asyncio.to_thread(node.catch_up)
    rest = Rest(url_of(node), key, names)
    steps = []
    await asyncio.gather(*(rest.command(name) for name in names))
    for per_s in effort.operators_commands_per_s:
        step = await rest.at_rate(node, per_s, effort.operators_s)
        steps.append(step)
        if not step["kept_up"]:
            break
    closed = await rest.closed(node, effort.operators_s)
    rest.close()
    for charger in chargers:
        if charger.transport is not None:
            charger.transport.abort()
    good = next((step for step in reversed(steps) if step["kept_up"]), steps[0])
    return {"good": good, "steps": steps, "closed": closed}
