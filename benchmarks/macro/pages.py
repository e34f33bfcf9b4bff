"""Pages over ten thousand chargers in the store of a running node, as a browser asks for them.

The time is that of the whole answer on loopback, one request after the other: what the server
takes, and the little that HTTP takes.
"""

import asyncio
import http.client
import statistics
import time
from typing import Any

from benchmarks.effort import Effort
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ConnectorStatusReported,
    Entry,
    encode_entry,
)
from domain.records import ChargerRecord
from storage.journal_reader import Row
from storage.relational.engine import open_engine
from storage.relational.projector import Projector
from storage.relational.registry import Registry, Site
from supervisor.clock import Clock

SITES = 50
STATUSES = ("Available", "Charging", "Charging", "Preparing", "Faulted")
PAGES = {
    "first": "/ui/chargers",
    "search": "/ui/chargers?search=c0499",
    "site": "/ui/chargers?site=site-7",
    "overview": "/ui/",
    "map": "/ui/map",
    "rest": "/api/v1/chargers?limit=100",
}


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    with running_node() as node:
        key = asyncio.run(_fill(node, effort.page_chargers))
        port = _api_port(node)
        took: dict[str, list[float]] = {}
        for name, path in PAGES.items():
            _get(port, key, path)  # templates are compiled once
            took[name] = [_get(port, key, path) for _ in range(effort.page_rounds)]
    figures: Figures = {}
    for name, seconds in took.items():
        figures[f"{name}_ms"] = 1e3 * statistics.median(seconds)
        figures[f"{name}_p95_ms"] = 1e3 * sorted(seconds)[int(len(seconds) * 0.95)]
    return figures, {"chargers": effort.page_chargers, "seconds": took}


async def _fill(node: Node, count: int) -> str:
    """Put chargers into the store; return an admin key."""
    engine = open_engine(f"sqlite+aiosqlite:///{node.data}/csms.db")
    clock = Clock()
    try:
        registry = Registry(engine, clock.now_us)
        for number in range(SITES):
            await registry.create_site(Site(f"site-{number}", latitude=50.0, longitude=number / 9))
        names = [f"C{number:05d}" for number in range(count)]
        await registry.import_chargers(
            [ChargerRecord(name, site=f"site-{n % SITES}") for n, name in enumerate(names)]
        )
        rows = [
            Row(number, clock.now_us(), encode_entry(_entry(name, number, clock.now_us())))
            for number, name in enumerate(names, 1)
        ]
        projector = Projector(engine, clock.now_us)
        for at in range(0, len(rows), 1_000):
            await projector.apply("pages", rows[at : at + 1_000], "gw0")
        return (await registry.api_keys.create("pages", "admin"))[1]
    finally:
        await engine.dispose()


def _entry(name: str, number: int, now_us: int) -> Entry:
    events = (
        ChargerConnected("10.0.0.1", "ocpp1.6", number, "gw0"),
        ChargerBooted("Vendor", f"Model {number % 7}"),
        *(
            ConnectorStatusReported(connector, STATUSES[(number + connector) % 5], now_us)
            for connector in (1, 2)
        ),
    )
    return Entry(name, number, now_us, events)


def _api_port(node: Node) -> int:
    for line in node.last_words().splitlines():
        if line.startswith("api "):
            return int(line.partition("//")[2].partition("/")[0].rpartition(":")[2])
    raise RuntimeError("the node has not said where its pages are")


def _get(port: int, key: str, path: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - begun
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: HTTP {answer.status}")
    return took
