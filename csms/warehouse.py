"""The warehouse as a process of the node: journals -> ClickHouse, and analysts' SQL.

It owns the embedded engine: `chdb` is imported here and in no other process of the tree, by the
worker threads, and nothing is forked after that.

Threads: the loop (links only), one for the follower (its engine client lives there), and
`sql_threads` for statements, each with a client of its own. The engine releases the interpreter.

Where chargers are comes from the ledger by the same feed that the gateways get; until it has come
at all, rows carry an empty tenant and site.

Drain: what is in the journals goes in (the gateways have drained before); if the engine is away the
process ends all the same, nothing is lost.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from actors.warehouse.follower import Follower, Position
from actors.warehouse.shell import Warehouse
from csms.records_feed import RecordsFeed
from csms.settings import ProcessSettings
from domain.errors import InvalidInput, Unavailable
from domain.records import Changes, ChargerRecord
from storage.analytical import exclusions
from storage.analytical.client import dsn_of, open_client, plain_text
from storage.analytical.console import Answer, Console
from storage.analytical.gate import Refused
from storage.analytical.migrate import migrate
from storage.analytical.planner import PlanStore
from storage.analytical.sink import Sink
from supervisor.link_frames import Body
from supervisor.links import Link, LinkClient, LinkError, LinkServer, RemoteFailed
from supervisor.process import ProcessContext
from supervisor.telemetry import Telemetry

log = logging.getLogger(__name__)

READER = "warehouse"
"""Our name among the readers of a journal."""

RETELL_S = 10.0
"""Positions are told again so often: a tell may be lost with its link."""

"""The answer comes when all pieces of the feed are confirmed; then the link is made anew."""


class WarehouseProcess:
    """One warehouse process. `serve()` returns when it has drained."""

    def __init__(self, ctx: ProcessContext) -> None:
        node = ctx.settings
        assert isinstance(node, ProcessSettings)
        config = node.config
        paths = config.paths
        self._ctx = ctx
        self._settings = config.warehouse
        self._dsn = dsn_of(config.warehouse, paths.chdb)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")
        self._sql_threads = ThreadPoolExecutor(
            config.warehouse.sql_threads, thread_name_prefix="sql"
        )
        self._console = Console(self._dsn, config.warehouse)
        self._statements = 0
        self._telemetry = Telemetry()
        self._statements_total = self._telemetry.counter("csms_sql_statements_total")
        self._lags: dict[tuple[str, ...], float] = {}
        self._feed = RecordsFeed(ctx.name, self._apply)
        self._schema_ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        plans = PlanStore(paths.warehouse / "plan.db", config.warehouse.quarantine_rows_max)
        self._warehouse = Warehouse(
            Follower(paths.journal, plans, self._open_sink, config.warehouse, ctx.clock),
            self._thread,
            paths.journal,
            config.warehouse,
            self._tell_passed,
        )
        self._ledger = LinkClient(
            ctx.run_dir / "ledger.sock",
            {"changed": self._feed.changed},
            config.links,
            on_link=self._feed.subscribe,
        )
        self._gateways = {
            name: LinkClient(
                ctx.run_dir / f"{name}.sock", {}, config.links, on_link=partial(self._retell, name)
            )
            for name in node.gateways
        }
        self._server = LinkServer(
            ctx.run_dir / f"{ctx.name}.sock",
            {
                "sql": self._sql,
                "lag": self._lag,
                "exclusions": self._exclusions,
                "metrics": self._metrics,
                # What is meant for gateways and comes over the feed is none of our business.
                "passed": lambda _link, _body: None,
            },
            config.links,
        )
        self._watch()

    async def serve(self) -> None:
        """Follow, answer, drain."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._server)
            for client in (self._ledger, *self._gateways.values()):
                await stack.enter_async_context(client)
            retelling = self._loop.create_task(self._keep_retelling())
            opening = self._loop.create_task(self._keep_opening())
            try:
                await self._warehouse.run(self._ctx.draining)
            finally:
                for task in (retelling, opening):
                    task.cancel()
                await asyncio.gather(retelling, opening, return_exceptions=True)
        await asyncio.to_thread(self._sql_threads.shutdown, wait=True, cancel_futures=True)
        await self._loop.run_in_executor(self._thread, self._warehouse.follower.close)
        self._thread.shutdown(wait=True)
        self._console.close()

    # The engine: these run in worker threads.

    def _open_sink(self) -> Sink:
        """Bring the schema up to date and open the client for inserts."""
        client = open_client(self._dsn, self._settings)
        try:
            applied = migrate(client, self._settings)
        except (ClickHouseError, OSError) as error:
            client.close()
            raise Unavailable(f"the schema cannot be prepared: {plain_text(error)}") from error
        if applied:
            log.info("applied to the analytical store: %s", ", ".join(applied))
        self._loop.call_soon_threadsafe(self._schema_ready.set)
        return Sink(client, self._settings)

    # Tasks.

    async def _keep_opening(self) -> None:
        """Open the engine early: statements may come before the first block does."""
        pause_s = self._settings.retry_ms_min / 1_000
        while not self._schema_ready.is_set():
            try:
                await self._loop.run_in_executor(self._thread, self._warehouse.follower.open)
            except Unavailable as error:
                log.warning("the analytical store cannot be opened yet: %s", error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._settings.retry_ms_max / 1_000)

    async def _keep_retelling(self) -> None:
        while True:
            await asyncio.sleep(RETELL_S)
            for position in self._warehouse.follower.positions.values():
                self._tell_passed(position)
            counters = self._warehouse.follower.counters
            self._ctx.report({"rows": counters.rows, "quarantined": counters.quarantined})

    # Gateways.

    def _tell_passed(self, position: Position) -> None:
        gateway = self._gateways.get(position.name)
        if gateway is None or position.lsn == 0:
            return  # a journal that was left behind by a gateway that is no more
        body: Body = {"reader": READER, "uuid": position.uuid, "lsn": position.lsn}
        with contextlib.suppress(LinkError):  # it will be told again
            gateway.tell("passed", body)

    def _retell(self, name: str, link: Link) -> None:
        position = self._warehouse.follower.positions.get(name)
        if position is not None and position.lsn:
            body: Body = {"reader": READER, "uuid": position.uuid, "lsn": position.lsn}
            link.tell("passed", body)

    # The ledger.

    def _apply(self, changes: Changes) -> None:
        self._warehouse.set_places(
            {record.id: _place(record) for record in changes.chargers}, complete=changes.complete
        )

    # What others ask.

    async def _sql(self, link: Link, body: Body) -> Body:
        """{"query", "format", "rows_max", "fresh"} -> {"columns", "types", "rows"} or bytes."""
        del link
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise RemoteFailed("InvalidInput", "query: is needed, as text")
        settings = self._settings
        if self._statements >= settings.sql_threads + settings.sql_waiting_max:
            raise RemoteFailed("Unavailable", "too many statements are running; try later")
        self._statements += 1
        self._statements_total.add()
        try:
            if body.get("fresh"):
                await self._warehouse.catch_up(settings.sql_fresh_s_max)
            async with asyncio.timeout(settings.connect_timeout_s):
                await self._schema_ready.wait()
            answer = await self._loop.run_in_executor(
                self._sql_threads,
                self._console.run,
                body["query"],
                str(body.get("format") or "table"),
                int(body.get("rows_max") or 1_000),
            )
        except TimeoutError:
            raise RemoteFailed("Unavailable", "the analytical store is not open yet") from None
        except Refused as error:
            raise RemoteFailed("Refused", str(error)) from error
        except (InvalidInput, Unavailable) as error:
            raise RemoteFailed(type(error).__name__, str(error)) from error
        finally:
            self._statements -= 1
        return asdict(answer) if isinstance(answer, Answer) else answer

    async def _exclusions(self, link: Link, body: Body) -> Body:
        """{"rows": [exclusions.Copy]} -> {"version"}: copies of outages that do not count."""
        del link
        rows = msgspec.convert(body, dict[str, list[exclusions.Copy]])["rows"]
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._schema_ready.wait()
            version = await self._loop.run_in_executor(self._sql_threads, self._copy, rows)
        except TimeoutError:
            raise RemoteFailed("Unavailable", "the analytical store is not open yet") from None
        except Unavailable as error:
            raise RemoteFailed("Unavailable", str(error)) from error
        return {"version": version}

    def _copy(self, rows: list[exclusions.Copy]) -> int:
        # A client of its own, for this thread: so seldom that it need not be kept.
        with contextlib.closing(open_client(self._dsn, self._settings)) as client:
            return exclusions.put(client, self._settings, rows)

    async def _lag(self, link: Link, body: Body) -> Body:
        del link, body
        return await self._warehouse.lag()

    async def _metrics(self, link: Link, body: Body) -> Body:
        """{} -> Prometheus text."""
        del link, body
        lags = await self._warehouse.lag()
        self._lags = {
            (READER, name): float(max(0, lag["last"] - lag["lsn"])) for name, lag in lags.items()
        }
        return self._telemetry.render()

    def _watch(self) -> None:
        telemetry, counters = self._telemetry, self._warehouse.follower.counters
        values: Mapping[str, Callable[[], float]] = {
            "csms_warehouse_blocks_total": lambda: counters.blocks,
            "csms_warehouse_records_total": lambda: counters.entries,
            "csms_warehouse_rows_total": lambda: counters.rows,
            "csms_warehouse_failures_total": lambda: counters.failures,
            "csms_quarantined_total": lambda: counters.quarantined,
            "csms_records_revision": lambda: self._feed.revision,
            "csms_store_away": lambda: bool(
                self._warehouse.away or not self._schema_ready.is_set()
            ),
            "csms_sql_statements_open": lambda: self._statements,
        }
        for name, read in values.items():
            telemetry.watch(name, partial(_one, read))
        telemetry.watch("csms_projection_lag_records", lambda: self._lags)
        telemetry.watch_links("server", self._server.stats)
        for name, client in {"ledger": self._ledger, **self._gateways}.items():
            telemetry.watch_links(name, client.stats)


def _one(read: Callable[[], float]) -> dict[tuple[str, ...], float]:
    return {(): float(read())}


def _place(record: ChargerRecord) -> tuple[str, str]:
    return (record.tenant, record.site)


async def run(ctx: ProcessContext) -> None:
    """Entry of the process; see the module."""
    os.nice(ctx.settings.config.warehouse.nice)
    await WarehouseProcess(ctx).serve()
