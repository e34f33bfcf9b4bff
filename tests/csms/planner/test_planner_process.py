"""A node with the planner: what it plans reaches a charger, and is forgotten when it has gone."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from actors.site.messages import WishSet
from benchmarks.node import Node, running_node
from supervisor.links import LinkClient
from tests.csms.test_sites_in_processes import Charger, add_site, csms, until

HOUR_S = 3_600


def prices(node: Node, folder: Path, first_hour: float, then: float) -> None:
    now_s = time.time_ns() // 10**9
    rows = ["from,until,price_per_kwh"]
    for begin_s, end_s, price in ((-HOUR_S, HOUR_S, first_hour), (HOUR_S, 9 * HOUR_S, then)):
        edges = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_s + at_s))
            for at_s in (begin_s, end_s)
        )
        rows.append(f"{','.join(edges)},{price}")
    file = folder / "prices.csv"
    file.write_text("\n".join(rows))
    csms("site", "signals", "depot", str(file), "--data", str(node.data))


@pytest.mark.slow
def test_a_car_waits_for_cheap_energy_as_long_as_the_planner_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_PLANNER__ENABLED", "true")
    monkeypatch.setenv("CSMS_PLANNER__EVERY_S", "1")
    monkeypatch.setenv("CSMS_PLANNER__FRESH_S", "5")
    monkeypatch.setenv("CSMS_SITE_CONTROL__RAISE_INTERVAL_S", "1")
    with running_node(gateways=1) as node:
        asyncio.run(add_site(node, "depot", ["A"]))
        prices(node, tmp_path, 0.50, 0.10)
        asyncio.run(asyncio.wait_for(_story(node), 45))


async def _story(node: Node) -> None:
    charger = Charger(node.port, "A")
    life = asyncio.create_task(charger.live())
    try:
        await until(lambda: charger.limit_a == 32.0, 15)
        async with LinkClient(node.run_dir / "gw0.sock", {}) as link:
            await link.connected(5)
            wish = WishSet("A/1", time.time_ns() // 1_000 + 6 * HOUR_S * 10**6, 9_000.0)
            blob = msgspec.msgpack.encode(wish)
            link.tell("site", {"site": "depot", "gateway": "", "kind": "WishSet", "blob": blob})
            await until(lambda: charger.limit_a == 0.0, 15)
            shown = json.loads((await link.ask("shares", {"site": "depot"}, 5))["json"])
            assert shown["allocation"]["limits"]["A/1"]["binding"]["kind"] == "plan"
            # Stopped, it says nothing more; what it said last grows old.
            planner = node.pids()["planner"]
            os.kill(planner, signal.SIGSTOP)
            try:
                await until(lambda: charger.limit_a == 32.0, 15)
            finally:
                os.kill(planner, signal.SIGCONT)
            await until(lambda: charger.limit_a == 0.0, 15)
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
