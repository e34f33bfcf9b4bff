"""The planner as a process of the node.

Every `planner.every_s`, for each site: what its owner believes of the cars, what operators set,
what loads were on the days before; a linear program over the slots ahead; and its current slot
goes to the owner as a guide. The owner keeps every limit by itself: a wrong plan, or none, harms no
fuse, and a guide that grows old is no longer followed.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
from typing import Any

import msgspec

from actors.site.plan.program import plan
from actors.site.tree import SiteModelWrong, Tree, compile_tree
from csms.planner import history
from csms.planner.build import Known, forecast, guide, problem, worth_planning
from csms.records_feed import RecordsFeed
from csms.settings import ProcessSettings
from csms.site_messages import tell_site
from domain.errors import ConfigError, Unavailable
from domain.records import Changes, SiteRecord
from domain.site import CapacityLimit, CircuitLoad, Demand, MeterOf, PerPhase, Site, SiteSignal
from supervisor.link_frames import Body
from supervisor.links import Link, LinkClient, LinkError, LinkServer
from supervisor.process import ProcessContext
from supervisor.telemetry import Telemetry

log = logging.getLogger(__name__)

NICE = 10
"""Plans can wait; what answers chargers cannot."""


class _Planned(msgspec.Struct):
    """A site whose model is known."""

    record: SiteRecord
    tree: Tree
    schedule: tuple[CapacityLimit, ...]
    signals: tuple[SiteSignal, ...]


class PlannerProcess:
    """One planner process. `serve()` returns when it has drained."""

    def __init__(self, ctx: ProcessContext) -> None:
        node = ctx.settings
        assert isinstance(node, ProcessSettings)
        config = node.config
        self._ctx = ctx
        self._config = config
        self._settings = config.planner
        self._telemetry = Telemetry()
        self._took = self._telemetry.histogram("csms_plan_seconds")
        self._sites: dict[str, _Planned] = {}
        self._feed = RecordsFeed(ctx.name, self._apply)
        self._forecasts: dict[tuple[str, str], tuple[int, list[PerPhase]]] = {}
        """(site, circuit) -> the slot that it was made in, and the currents."""
        self._ledger = LinkClient(
            ctx.run_dir / "ledger.sock",
            {"changed": self._feed.changed},
            config.links,
            on_link=self._feed.subscribe,
        )
        self._warehouse = LinkClient(ctx.run_dir / "warehouse.sock", {}, config.links)
        self._gateways = {
            name: LinkClient(ctx.run_dir / f"{name}.sock", {}, config.links)
            for name in node.gateways
        }
        self._server = LinkServer(
            ctx.run_dir / f"{ctx.name}.sock", {"metrics": self._metrics}, config.links
        )

    async def serve(self) -> None:
        """Plan until draining."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._server)
            for client in (self._ledger, self._warehouse, *self._gateways.values()):
                await stack.enter_async_context(client)
            planning = asyncio.create_task(self._keep_planning())
            try:
                await self._ctx.draining.wait()
            finally:
                planning.cancel()
                await asyncio.gather(planning, return_exceptions=True)

    async def _keep_planning(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            for site in list(self._sites.values()):
                outcome = "failed"
                try:
                    outcome = await self._plan(site)
                except (LinkError, Unavailable) as error:
                    log.warning("site %s is not planned: %s", site.record.id, error)
                except Exception:
                    log.exception("site %s cannot be planned", site.record.id)
                self._telemetry.counter("csms_plans_total", outcome).add()
            self._ctx.report({"sites": len(self._sites)})
            await asyncio.sleep(max(0.1, self._settings.every_s - (loop.time() - began_s)))

    async def _plan(self, site: _Planned) -> str:
        """Plan one site; return the outcome for the metrics."""
        now_us = self._ctx.clock.now_us()
        known = await self._known(site)
        if not worth_planning(known, now_us):
            return "nothing_to_plan"
        known = msgspec.structs.replace(known, forecast=await self._forecast(site, now_us))
        config, loop = self._config, asyncio.get_running_loop()
        began_s = loop.time()
        asked = problem(site.tree, known, config.sites, config.plan, now_us)
        # The solver releases the interpreter, so pings are answered meanwhile.
        result = await asyncio.to_thread(plan, site.tree, asked, config.plan)
        self._took.observe(loop.time() - began_s)
        message = guide(result, now_us, self._settings.fresh_s)
        tell_site(self._gateways.values(), site.record.id, message)
        return "planned"

    async def _known(self, site: _Planned) -> Known:
        """Ask every gateway; the owner knows."""
        body: Body = {"site": site.record.id}
        answers = await asyncio.gather(
            *(link.ask("wants", body, self._settings.ask_s) for link in self._gateways.values()),
            return_exceptions=True,
        )
        known = Known(schedule=site.schedule, signals=site.signals)
        for answer in answers:
            if isinstance(answer, dict) and answer.get("demands"):
                known = msgspec.structs.replace(
                    known,
                    demands=_decode(answer["demands"], tuple[Demand, ...]),
                    loads=_decode(answer["loads"], tuple[CircuitLoad, ...]),
                    reserved_a=_decode(answer["reserved"], dict[str, float]),
                )
        return known

    async def _forecast(self, site: _Planned, now_us: int) -> dict[str, list[PerPhase]]:
        """Return what metered circuits are to carry; once for each slot."""
        found: dict[str, list[PerPhase]] = {}
        slot_s, days = self._config.plan.slot_s, self._settings.history_days
        slot = now_us // (slot_s * 1_000_000)
        for circuit in site.tree.order:
            if not circuit.meter or circuit.meter_of is not MeterOf.LOADS:
                continue
            key = site.record.id, circuit.id
            made = self._forecasts.get(key)
            if made is None or made[0] != slot:
                statement = history.query(circuit.meter, slot_s, days)
                body: Body = {"query": statement, "format": "table", "rows_max": 20_000}
                try:
                    answer: Any = await self._warehouse.ask("sql", body, self._settings.ask_s)
                except LinkError as error:
                    log.info("no history of %s: %s", circuit.meter, error)
                    continue
                rows = history.rows_of(answer["rows"])
                if not rows:
                    continue
                made = slot, forecast(rows, now_us, self._config.plan, days)
                self._forecasts[key] = made
            found[circuit.id] = made[1]
        return found

    # The ledger.

    def _apply(self, changes: Changes) -> None:
        for record in changes.sites:
            self._sites.pop(record.id, None)
            if record.deleted or not record.model:
                continue
            try:
                self._sites[record.id] = _planned(record)
            except (msgspec.DecodeError, SiteModelWrong) as error:
                log.error("site %s cannot be used: %s", record.id, error)  # noqa: TRY400

    def _metrics(self, link: Link, body: Body) -> Body:
        """{} -> Prometheus text."""
        del link, body
        return self._telemetry.render()


def _planned(record: SiteRecord) -> _Planned:
    return _Planned(
        record,
        compile_tree(msgspec.json.decode(record.model, type=Site)),
        msgspec.json.decode(record.schedule, type=tuple[CapacityLimit, ...]),
        msgspec.json.decode(record.signals, type=tuple[SiteSignal, ...]),
    )


def _decode(blob: object, kind: Any) -> Any:  # noqa: ANN401 - a type for msgspec
    assert isinstance(blob, bytes)
    return msgspec.msgpack.decode(blob, type=kind)


def check_extra() -> None:
    """Say before the start when the extra is missing.

    Raises:
        ConfigError: highspy is not installed.
    """
    if importlib.util.find_spec("highspy") is None:
        raise ConfigError(["planner.enabled: needs the extra: pip install 'csms[planning]'"])


async def run(ctx: ProcessContext) -> None:
    """Entry of the process; see the module."""
    os.nice(NICE)
    await PlannerProcess(ctx).serve()
