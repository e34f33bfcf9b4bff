"""What a node needs is away for a while; its chargers are answered all the same."""

import asyncio
import time

import pytest
from sqlalchemy import select

from benchmarks.postgres import Cluster
from storage.relational.engine import open_engine
from storage.relational.tables import transaction_aliases, transaction_stops, transactions
from supervisor.boot import ExitCode
from tests.chaos import audit
from tests.chaos.charger import Fleet, Pace
from tests.chaos.node import GATEWAYS, Node, running_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHARGERS = 12
BRISK = Pace(0.01, 0.1)
STORM = 500


@pytest.fixture
def database(postgres: Cluster):
    """A cluster that is running again after the test."""
    yield postgres
    if not postgres.running:
        postgres.start()


async def test_chargers_are_answered_while_postgresql_is_away(database: Cluster) -> None:
    url = database.fresh()
    async with running_node(relational={"url": url}) as node:
        fleet = Fleet(CHARGERS, node.url, 21, BRISK)
        late = Fleet(3, node.url, 22, BRISK, "LATE", fleet.books)
        fleet.start()
        try:
            await fleet.served(20)
            await fleet.progress(100, 20)

            await asyncio.to_thread(database.stop)
            await fleet.progress(300, 30)
            late.start()  # never seen before
            await late.served(20)
            gateway = node.kill(GATEWAYS[0])
            await node.up([gateway])
            await fleet.progress(100, 30)

            await asyncio.to_thread(database.start)
            await fleet.progress(100, 30)
            await asyncio.gather(fleet.finish(30), late.finish(30))
        finally:
            await fleet.stop()
            await late.stop()
        assert await node.terminate() == ExitCode.DRAINED
        report = audit.Report()
        audit.check_transactions(*await rows(url), fleet.books, report)
        audit.check_warehouse(node.data, fleet.books, report)
        print(f"\n{report}")
        assert (report.lost, report.doubled, fleet.books.errors) == ([], [], [])


async def rows(url: str) -> list[list[dict[str, object]]]:
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            return [
                [dict(row) for row in (await connection.execute(select(table))).mappings()]
                for table in (transactions, transaction_aliases, transaction_stops)
            ]
    finally:
        await engine.dispose()


async def test_hundreds_of_chargers_come_back_after_a_gateway_was_killed() -> None:
    async with running_node() as node:
        slow = Pace(pause_min_s=2.0, pause_max_s=6.0, answer_s=10.0, retry_max_s=0.2)
        fleet = Fleet(STORM, node.url, 23, slow)
        fleet.start()
        try:
            await fleet.served(60)
            before = fleet.books.handshakes.total()
            held = {name: await held_by(node, name) for name in GATEWAYS}
            fuller = max(held, key=held.__getitem__)
            began = time.monotonic()
            dead = node.kill(fuller)
            await fleet.until(
                lambda: fleet.books.closes.total() >= held[fuller],
                10,
            )
            await fleet.served(60)
            took_s = time.monotonic() - began
            came = fleet.books.handshakes.total() - before
            print(f"\n{came} of {STORM} chargers served again after {took_s:.1f} s")
            assert came >= held[fuller]
            await node.up([dead])
            await fleet.progress(50, 20)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        report = await audit.audit(node.data, fleet.books)
        assert (report.lost, report.doubled, fleet.books.errors) == ([], [], []), str(report)


async def held_by(node: Node, gateway: str) -> int:
    return len(await node.ask(gateway, "presence", {"chargers": None}))
