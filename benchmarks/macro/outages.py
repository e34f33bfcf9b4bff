"""The stores behind the journal are away for a while: what do chargers wait, and is anything lost?

PostgreSQL, then ClickHouse is killed and comes back after a while (an hour, scaled: what counts is
that a gateway keeps all that comes meanwhile in its journal, and that both readers catch up after).
Meanwhile 200 chargers send at fixed times, StartTransaction beside PostgreSQL's outage, MeterValues
beside ClickHouse's. At the end every answered one must be in the store, once.

A real PostgreSQL; ClickHouse's HTTP interface over the embedded engine in a process of its own, as
in the tests: a server cannot be installed everywhere. Both kept on the same machine.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.effort import Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.node import Node, running_node
from benchmarks.postgres import Cluster
from storage.relational.engine import open_engine, reading
from storage.relational.tables import transactions

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "storage" / "analytical" / "clickhouse_http.py"
CHARGERS = 200
STARTS_PER_S = 100.0
LEAD_S = 1.0


class Engine:
    """ClickHouse's interface in a process; can be killed, and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self._folder), str(self.port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """Kill it: every connection breaks."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def stores() -> Iterator[tuple[Cluster, Engine]]:
    """Both, running."""
    with tempfile.TemporaryDirectory(prefix="csms-bench-ch-") as folder:
        cluster = Cluster()
        try:
            engine = Engine(Path(folder))
            try:
                yield cluster, engine
            finally:
                engine.stop()
        finally:
            cluster.remove()


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the figures and both windows."""
    with stores() as (cluster, engine):
        environment = {"CSMS_RELATIONAL__URL": cluster.url, "CSMS_WAREHOUSE__DSN": engine.url}
        with (
            running_node(environment=environment) as node,
            Generator(node.port, prefix="AWAY") as generator,
        ):
            generator.do("grow", to=CHARGERS)
            generator.do("paced", per_s=STARTS_PER_S, seconds=effort.warm_up_s)
            node.catch_up()
            begun = stored_starts(cluster.url)
            starts = away(
                node, generator, cluster, effort, per_s=STARTS_PER_S, action="StartTransaction"
            )
            starts["lost"] = begun + starts["answered"] - stored_starts(cluster.url)
            begun, _ = stored_messages(node)
            samples = away(
                node, generator, engine, effort, per_s=effort.outage_per_s, action="MeterValues"
            )
            stored, twice = stored_messages(node)
            samples |= {"lost": begun + samples["answered"] - stored, "twice": twice}
    figures = {
        "postgresql_p99_ms": starts["p99_ms"],
        "clickhouse_p99_ms": samples["p99_ms"],
        "postgresql_lost": starts["lost"],
        "clickhouse_lost": samples["lost"],
        "clickhouse_twice": samples["twice"],
        "postgresql_catch_up_s": starts["catch_up_s"],
        "clickhouse_catch_up_s": samples["catch_up_s"],
        "away_s": effort.outage_s,
    }
    return figures, {"postgresql": starts, "clickhouse": samples}


def away(
    node: Node,
    generator: Generator,
    store: Cluster | Engine,
    effort: Effort,
    *,
    per_s: float,
    action: str,
) -> dict[str, Any]:
    """Send at a fixed rate; the store goes after a second, and comes back before the last one."""
    store_back = threading.Timer(LEAD_S + effort.outage_s, store.start)
    timers = (threading.Timer(LEAD_S, store.stop), store_back)
    for timer in timers:
        timer.start()
    seconds = effort.outage_s + 2 * LEAD_S
    window: dict[str, Any] = generator.do(
        "paced", seconds * 3 + 60, per_s=per_s, seconds=seconds, action=action
    )
    for timer in timers:
        timer.join()
    return window | {"catch_up_s": until_caught_up(node)}


def until_caught_up(node: Node) -> float:
    """Wait until both readers have all; return how long that took. The node may restart readers."""
    begun_s = time.monotonic()
    node.wait_until_up()
    node.catch_up()
    return time.monotonic() - begun_s


def stored_starts(url: str) -> int:
    """How many transactions the relational store has."""

    async def count() -> int:
        engine = open_engine(url)
        try:
            async with reading(engine) as connection:
                query = select(func.count()).select_from(transactions)
                return int((await connection.execute(query)).scalar_one())
        finally:
            await engine.dispose()

    return asyncio.run(count())


def stored_messages(node: Node) -> tuple[int, int]:
    """How many MeterValues the analytical store has, and how many rows of them are too many."""
    (row,) = node.sql(
        "SELECT uniqExact(charger, uid) AS n, count() - n AS twice "
        "FROM ocpp_messages WHERE action = 'MeterValues' AND outcome = 'result'"
    )
    return int(row["n"]), int(row["twice"])
