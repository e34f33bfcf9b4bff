"""What the planner counts: over real links, with a ledger and a gateway that say what they are told
to."""

import asyncio
from pathlib import Path

import msgspec

from csms.config import Config
from csms.planner.process import PlannerProcess
from csms.settings import ProcessSettings
from domain.records import Changes, SiteRecord
from domain.site import Circuit, Demand, EvsePlace, Site
from supervisor.clock import Clock
from supervisor.links import LinkClient, LinkServer
from supervisor.process import ProcessContext

HOUR_US = 3_600_000_000
MODEL = Site("depot", (Circuit("main", limit_a=32.0),), (EvsePlace("A/1", "A", 1, "main"),))
NOBODY = {"demands": b"", "loads": b"", "reserved": b""}


def wishes() -> dict[str, bytes]:
    now_us = Clock().now_us()
    car = Demand("A/1", now_us, departure_us=now_us + 6 * HOUR_US, energy_wh=9_000.0)
    return {
        "demands": msgspec.msgpack.encode([car]),
        "loads": msgspec.msgpack.encode([]),
        "reserved": msgspec.msgpack.encode({}),
    }


async def test_looks_are_counted_by_how_they_ended_and_plans_by_their_time(tmp_path: Path) -> None:
    said = {"wants": NOBODY}
    heard: list[object] = []
    site = SiteRecord("depot", model=msgspec.json.encode(MODEL).decode(), revision=1)
    changes = msgspec.msgpack.encode(Changes(1, complete=True, sites=(site,)))
    ledger = LinkServer(tmp_path / "ledger.sock", {"subscribe": lambda _link, _body: changes})
    gateway = LinkServer(
        tmp_path / "gw0.sock",
        {
            "wants": lambda _link, _body: said["wants"],
            "site": lambda _link, body: heard.append(body),
        },
    )
    config = Config.model_validate({"planner": {"enabled": True, "every_s": 1}})
    draining = asyncio.Event()
    context = ProcessContext(
        "planner",
        ProcessSettings(config, b"s" * 32, ("gw0",)),
        tmp_path,
        Clock(),
        draining,
        {},
    )
    async with ledger, gateway:
        serving = asyncio.create_task(PlannerProcess(context).serve())
        async with LinkClient(tmp_path / "planner.sock", {}) as link:
            await link.connected(5)

            async def counted(series: str) -> float:
                page = str(await link.ask("metrics", {}, 5))
                lines = (line.rpartition(" ") for line in page.splitlines())
                return next((float(value) for name, _, value in lines if name == series), 0.0)

            async def until_counted(outcome: str) -> None:
                async with asyncio.timeout(20):
                    while not await counted(f'csms_plans_total{{outcome="{outcome}"}}'):
                        await asyncio.sleep(0.05)

            await until_counted("nothing_to_plan")
            assert await counted("csms_plan_seconds_count") == 0
            said["wants"] = wishes()
            await until_counted("planned")
            planned = await counted('csms_plans_total{outcome="planned"}')
            assert planned <= await counted("csms_plan_seconds_count") <= planned + 1
            assert 0 < await counted("csms_plan_seconds_sum") < 20
            assert isinstance(heard[0], dict)
            assert heard[0]["kind"] == "GuideSet"
            assert not await counted('csms_plans_total{outcome="failed"}')
            said["wants"] = wishes() | {"demands": b"\xc1"}  # no MessagePack
            await until_counted("failed")
        draining.set()
        await asyncio.wait_for(serving, 10)
