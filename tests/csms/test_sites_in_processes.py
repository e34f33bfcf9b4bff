"""A node with two gateways shares a site's power out; the owner is killed; nothing is exceeded."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.node import Node, running_node
from csms.paths import DataPaths
from domain.records import ChargerRecord
from domain.site import Circuit, EvsePlace, Site
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow
from supervisor.clock import Clock
from supervisor.links import LinkClient, LinkSettings

FUSE_A = 48.0
NAMES = ("A", "B", "C", "D")
YARD = ("E", "F", "G", "H")
ROOT = Path(__file__).parents[2]


def csms(*arguments: str) -> str:
    command = [sys.executable, "-m", "csms", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50
    ).stdout


@contextlib.contextmanager
def depot(environment: Mapping[str, str]) -> Iterator[Node]:
    """A running node with a site of four chargers behind one fuse."""
    with running_node(gateways=2, environment=environment) as node:
        asyncio.run(add_site(node, "depot", NAMES))
        yield node


async def add_site(node: Node, site: str, names: Sequence[str]) -> None:
    """Add a site and its chargers as the command line does, all at once."""
    model = Site(
        site,
        (Circuit("main", limit_a=FUSE_A),),
        tuple(EvsePlace(f"{name}/1", name, 1, "main", fallback_a=0) for name in names),
    )
    engine = open_engine(f"sqlite+aiosqlite:///{DataPaths(node.data, node.run_dir).database}")
    try:
        registry = Registry(engine, Clock().now_us)
        row = await registry.create_site(SiteRow(site))
        text = msgspec.json.encode(model).decode()
        await registry.site_models.put_model(row.id, row.tenant, text)
        await registry.import_chargers(
            [
                ChargerRecord(name, site=site, security_profile=0, networks=("127.0.0.0/8",))
                for name in names
            ]
        )
    finally:
        await engine.dispose()
    async with LinkClient(node.run_dir / "ledger.sock", {}, LinkSettings()) as ledger:
        await ledger.connected(10)
        await ledger.ask("sync", {}, 60)


class Charger:
    """Connects again whenever it is cut off; keeps its profile and its transaction."""

    subprotocol = "ocpp1.6"

    def __init__(self, port: int, name: str) -> None:
        self.url = f"ws://127.0.0.1:{port}/ocpp/{name}"
        self.name = name
        self.transaction = 0
        self.limit_a = 0.0
        self.connections = 0

    async def live(self) -> None:
        while True:
            with contextlib.suppress(OSError, Exception):
                async with connect(self.url, subprotocols=[self.subprotocol]) as socket:
                    self.connections += 1
                    await self._serve(socket)
            await asyncio.sleep(0.1)

    async def _serve(self, socket: ClientConnection) -> None:
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
        if not self.transaction:
            started = {
                "connectorId": 1, "idTag": self.name, "meterStart": 0,
                "timestamp": "2026-11-23T00:00:00Z",
            }  # fmt: skip
            await socket.send(json.dumps([2, "start", "StartTransaction", started]))
        async for text in socket:
            frame = json.loads(text)
            if frame[0] == 3 and "transactionId" in frame[2]:
                self.transaction = frame[2]["transactionId"]
            if frame[0] == 2:
                await socket.send(json.dumps([3, frame[1], {"status": self._obey(frame[3])}]))

    def _obey(self, payload: dict) -> str:
        profile = payload["csChargingProfiles"]
        period = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
        if profile["chargingProfilePurpose"] == "TxProfile":
            if profile["transactionId"] != self.transaction:
                return "Rejected"
            self.limit_a = period["limit"]
        return "Accepted"


async def owner_of(node: Node, after_us: int = 0, site: str = "depot") -> str:
    """Return the gateway that has shared a site out after an instant; empty: none yet."""
    for name in ("gw0", "gw1"):
        async with LinkClient(node.run_dir / f"{name}.sock", {}) as link:
            with contextlib.suppress(Exception):
                await link.connected(1)
                answer = await link.ask("shares", {"site": site}, 1)
                if answer["json"] and json.loads(answer["json"])["at_us"] > after_us:
                    return name
    return ""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with depot({"CSMS_SITE_CONTROL__RAISE_INTERVAL_S": "1"}) as node:
        yield node


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_owner_of_a_site_is_killed_and_its_limits_stay(node: Node) -> None:
    asyncio.run(asyncio.wait_for(_story(node), 70))


async def _story(node: Node) -> None:
    chargers = [Charger(node.port, name) for name in NAMES]
    lives = [asyncio.create_task(charger.live()) for charger in chargers]
    watched: list[float] = []

    async def watch() -> None:
        while True:
            watched.append(sum(charger.limit_a for charger in chargers))
            await asyncio.sleep(0.005)

    lives.append(asyncio.create_task(watch()))
    try:
        await until(lambda: sorted(c.limit_a for c in chargers) == [12.0] * 4, 40)
        owner = await owner_of(node)
        os.kill(node.pids()[owner], signal.SIGKILL)
        # It, or the other one: a gateway is back sooner than anybody misses it.
        struck_us = time.time_ns() // 1_000
        async with asyncio.timeout(3):
            while not await owner_of(node, struck_us):
                await asyncio.sleep(0.02)
        # Whoever was connected to the dead gateway comes back; the fuse is shared as before.
        async with asyncio.timeout(15):
            while not all(held["online"] for held in (await shares_of(node))["held"].values()):
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # longer than a limit takes to rise
        await until(lambda: sorted(c.limit_a for c in chargers) == [12.0] * 4, 15)
        assert max(watched) <= FUSE_A
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)  # their sockets are closed now


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_gateway_survives_and_what_an_absent_charger_may_draw_is_remembered(
    node: Node,
) -> None:
    asyncio.run(add_site(node, "yard", YARD))
    asyncio.run(asyncio.wait_for(_story_of_memory(node), 70))


async def _story_of_memory(node: Node) -> None:
    chargers = [Charger(node.port, name) for name in YARD]
    lives = [asyncio.create_task(charger.live()) for charger in chargers]
    try:
        await until(lambda: sorted(c.limit_a for c in chargers) == [12.0] * 4, 40)
        # One loses its connection; its car goes on with 12 A.
        lives[-1].cancel()
        await asyncio.gather(lives[-1], return_exceptions=True)
        connections = [charger.connections for charger in chargers]
        pids = node.pids()
        for name in ("gw0", "gw1"):
            os.kill(pids[name], signal.SIGKILL)
        struck_us = time.time_ns() // 1_000
        async with asyncio.timeout(20):
            while any(
                charger.connections == before
                for charger, before in zip(chargers[:3], connections[:3], strict=True)
            ) or not await owner_of(node, struck_us, "yard"):
                await asyncio.sleep(0.1)
        # Longer than a limit takes to rise.
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 2:
            assert sum(charger.limit_a for charger in chargers) <= FUSE_A
            await asyncio.sleep(0.05)
        shown = await shares_of(node, "yard")
        assert shown["held"][f"{YARD[-1]}/1"]["ceiling_a"] == 12.0
        assert [shown["held"][f"{name}/1"]["limit_a"] for name in YARD[:3]] == [12.0] * 3
        counted = await metrics_of(node, "yard")
        assert 'csms_site_headroom_amperes{site="yard"} 0' in counted
        assert 'csms_site_evses{binding="circuit",site="yard"}' in counted
        assert 'csms_site_doubted{site="yard"}' in counted
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


async def shares_of(node: Node, site: str = "depot") -> dict:
    """Return how the owner has shared a site out."""
    owner = await owner_of(node, site=site)
    async with LinkClient(node.run_dir / f"{owner}.sock", {}) as link:
        await link.connected(1)
        return json.loads((await link.ask("shares", {"site": site}, 1))["json"])


async def metrics_of(node: Node, site: str) -> str:
    """Return what the owner counts."""
    async with LinkClient(node.run_dir / f"{await owner_of(node, site=site)}.sock", {}) as link:
        await link.connected(1)
        return await link.ask("metrics", {}, 1)


async def until(condition, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
