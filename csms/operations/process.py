"""Jobs and alerts as a process of the node. What it does is in the relational store."""

import asyncio
import contextlib
import logging
import os

from actors.ledger.live import LiveWindow
from actors.ledger.watchers import Watchers
from csms.api.backplane import Backplane
from csms.operations.alerts import AlertWatch
from csms.operations.delivery import Deliverer
from csms.operations.jobs import JobRunner
from csms.settings import ProcessSettings
from storage.relational.engine import open_engine
from supervisor.link_frames import Body
from supervisor.links import Link, LinkServer
from supervisor.process import ProcessContext
from supervisor.telemetry import Telemetry

log = logging.getLogger(__name__)

CHANGES_MAX = 10_000
TELL_S = 0.2


class OperationsProcess:
    """One operations process. `serve()` returns when it has drained."""

    def __init__(self, ctx: ProcessContext) -> None:
        node = ctx.settings
        assert isinstance(node, ProcessSettings)
        config = node.config
        self._ctx = ctx
        self._engine = open_engine(config.database_url, config.relational)
        self._backplane = Backplane(ctx.run_dir, node.gateways, config.api, config.links)
        self._telemetry = Telemetry()
        self._window = LiveWindow(lambda _charger: ("", ""), CHANGES_MAX)
        self._watchers = Watchers(self._window, TELL_S)
        self._jobs = JobRunner(
            self._engine, self._backplane, config.operations, ctx.clock, self._window.put
        )
        self._alerts = AlertWatch(
            self._engine, self._backplane, config.operations, ctx.clock, self._window.put
        )
        self._deliverer = Deliverer(self._engine, config.operations, ctx.clock)
        self._server = LinkServer(
            ctx.run_dir / f"{ctx.name}.sock",
            {"metrics": self._metrics, "live": self._watch_live, "look": self._look},
            config.links,
            on_lost=self._watchers.lost,
        )

    async def serve(self) -> None:
        """Work until draining."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._engine.dispose)
            await stack.enter_async_context(self._server)
            await stack.enter_async_context(self._backplane)
            stack.push_async_callback(self._jobs.close)
            working = [
                asyncio.create_task(work)
                for work in (
                    self._jobs.run(),
                    self._alerts.run(),
                    self._deliverer.run(),
                    self._watchers.run(),
                )
            ]
            try:
                await self._ctx.draining.wait()
            finally:
                for task in working:
                    task.cancel()
                await asyncio.gather(*working, return_exceptions=True)

    def _look(self, link: Link, body: Body) -> Body:
        """Tell: something was written that is to be done."""
        del link, body
        self._jobs.look()
        return {}

    def _watch_live(self, link: Link, body: Body) -> Body:
        """{"kinds"} -> {}: from now on `live` is told with LiveChanges of these kinds."""
        kinds = body.get("kinds") if isinstance(body, dict) else None
        wanted = kinds if isinstance(kinds, list) else []
        self._watchers.watch(link, frozenset(str(kind) for kind in wanted))
        return {}

    def _metrics(self, link: Link, body: Body) -> Body:
        """{} -> Prometheus text."""
        del link, body
        return self._telemetry.render()


async def run(ctx: ProcessContext) -> None:
    """Entry of the process; see the module."""
    os.nice(ctx.settings.config.operations.nice)
    await OperationsProcess(ctx).serve()
