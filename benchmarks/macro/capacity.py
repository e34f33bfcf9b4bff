"""Many sites share power out among simulated chargers; then their capacity is halved.

The node runs with two gateways, so that chargers of a site are connected to both. Every site has a
contract, two rows and as many chargers as fit; cars follow their limits (`benchmarks.cars`). How
long until every phase of every site is below the new limit, whether any is above its limit at any
other time, and what that costs: CPU, and messages a minute, SetChargingProfile among them.
"""

import asyncio
import time
from typing import Any

import msgspec

from benchmarks.cars import FALLBACK_A, TOKEN, Cars, charger_id, rotation
from benchmarks.effort import Effort
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from csms.paths import DataPaths
from domain.records import ChargerRecord, TokenRecord
from domain.site import CapacityLimit, Circuit, CircuitKind, EvsePlace, Site
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow
from supervisor.clock import Clock
from supervisor.links import LinkClient, LinkSettings

EACH = 20
FUSE_A = 250.0
ROW_A = 160.0
TOLERANCE_A = 1.0
"""What simulated meters and cars are off by."""
CHARGE_S_MAX = 150.0


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and what was seen in each part."""
    sites = effort.capacity_sites
    with running_node(gateways=2) as node:
        asyncio.run(prepare(node, sites))
        with Cars(node.port, sites, EACH) as cars:
            seen = {"limit_a": FUSE_A, "tolerance_a": TOLERANCE_A, "seconds": CHARGE_S_MAX}
            start = cars.do("start", charging=sites * EACH * 9 // 10, **seen)
            watch = {"tolerance_a": TOLERANCE_A, "seconds": effort.capacity_s}
            ramp = cars.do("watch", limit_a=FUSE_A, settling=False, **watch)
            meter = node.meter()
            steady = cars.do("watch", limit_a=FUSE_A, settling=False, **watch)
            used_s = meter.used_s()
            told_s = asyncio.run(halve(node, sites))
            halved = cars.do("watch", limit_a=FUSE_A / 2, settling=True, **watch)
    minutes = steady["wall_s"] / 60
    node_cpu_s = sum(used_s.values())
    settled_s = halved["settled_s"] + told_s if halved["settled_s"] >= 0 else -1.0
    figures = {
        "chargers": float(start["charging"]),
        "settled_s": settled_s,
        "over_a": max(0.0, *(part["worst_over_a"] for part in (start, ramp, steady, halved))),
        "cpu_pct": 100 * node_cpu_s / steady["wall_s"],
        "messages_per_min": steady["messages"] / minutes,
        "orders_per_min": steady["commands"] / minutes,
        "orders_each_per_min": steady["commands"] / minutes / (sites * EACH),
    }
    parts = {"start": start, "ramp": ramp, "steady": steady, "halved": halved}
    return figures, {"parts": parts, "cpu_s": used_s, "told_s": told_s}


def site_id(number: int) -> str:
    """The id of a site."""
    return f"site{number:03d}"


def model(number: int) -> Site:
    """A contract, two rows, chargers with one EVSE each."""
    circuits = (
        Circuit("grid", limit_a=FUSE_A, kind=CircuitKind.CONTRACT),
        *(Circuit(f"row{row}", "grid", limit_a=ROW_A) for row in range(2)),
    )
    places = tuple(
        EvsePlace(
            f"{charger_id(number, n)}/1",
            charger_id(number, n),
            1,
            f"row{n % 2}",
            rotation=rotation(n),
            fallback_a=FALLBACK_A,
        )
        for n in range(EACH)
    )
    return Site(site_id(number), circuits, places)


async def prepare(node: Node, sites: int) -> None:
    """Write sites, chargers and a card, as the command line does."""
    engine = open_engine(f"sqlite+aiosqlite:///{DataPaths(node.data, node.run_dir).database}")
    try:
        registry = Registry(engine, Clock().now_us)
        records = []
        for number in range(sites):
            row = await registry.create_site(SiteRow(site_id(number)))
            text = msgspec.json.encode(model(number)).decode()
            await registry.site_models.put_model(row.id, row.tenant, text)
            records += [
                ChargerRecord(
                    charger_id(number, n),
                    site=row.id,
                    security_profile=0,
                    networks=("127.0.0.0/8",),
                )
                for n in range(EACH)
            ]
        await registry.import_chargers(records)
        await registry.import_tokens([TokenRecord(TOKEN, max_active=0)])
    finally:
        await engine.dispose()
    await sync(node)


async def halve(node: Node, sites: int) -> float:
    """Let the grid allow half from now on; return how long it took to say so."""
    begun_s = time.monotonic()
    engine = open_engine(f"sqlite+aiosqlite:///{DataPaths(node.data, node.run_dir).database}")
    entry = CapacityLimit("grid", "grid", limit_a=FUSE_A / 2)
    text = msgspec.json.encode([entry]).decode()
    try:
        registry = Registry(engine, Clock().now_us)
        for number in range(sites):
            await registry.site_models.put_schedule(site_id(number), "default", text)
    finally:
        await engine.dispose()
    await sync(node)
    return time.monotonic() - begun_s


async def sync(node: Node) -> None:
    """Wait until the gateways know what was written."""
    async with LinkClient(node.run_dir / "ledger.sock", {}, LinkSettings()) as ledger:
        await ledger.connected(10)
        await ledger.ask("sync", {}, 60)
