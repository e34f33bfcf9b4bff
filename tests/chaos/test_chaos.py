"""Processes are killed again and again under load; nothing acknowledged may be lost or doubled.

Another seed: CHAOS_SEED=7. Another number of kills: CHAOS_KILLS=200.
"""

import os
import time

import pytest

from supervisor.boot import ExitCode
from tests.chaos.audit import audit
from tests.chaos.charger import Fleet, Pace, shares
from tests.chaos.killer import Killer
from tests.chaos.node import running_node

CHARGERS = 40
ANSWERS_BETWEEN = 20
"""So many messages are answered after a fault before the next one comes."""


async def torment(kills: int, seed: int) -> None:
    began = time.monotonic()
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, seed, Pace(haste=0.9))
        killer = Killer(node, seed)
        fleet.start()
        try:
            await fleet.served(20)
            await killer.run(kills, lambda: fleet.progress(ANSWERS_BETWEEN, 30))
            await fleet.finish(60)
        finally:
            await fleet.stop()
        code = await node.terminate()
        report = await audit(node.data, fleet.books)
    books = fleet.books
    print(
        f"\nseed {seed}, {CHARGERS} chargers, {time.monotonic() - began:.0f} s, "
        f"longest until all processes ran again {killer.longest_s:.1f} s"
    )
    print(killer.table())
    print(f"connections {books.handshakes.total()}, ended: {shares(books.closes)}")
    print(f"sent        {shares(books.sent)}")
    print(f"answered    {shares(books.acknowledged)}")
    print(report)
    assert code == ExitCode.DRAINED
    assert books.errors == []
    assert (report.lost, report.doubled) == ([], [])


@pytest.mark.slow
@pytest.mark.timeout(int(os.environ.get("CHAOS_KILLS", "50")) * 6)
async def test_fifty_kills_lose_and_double_nothing() -> None:
    await torment(int(os.environ.get("CHAOS_KILLS", "50")), int(os.environ.get("CHAOS_SEED", "1")))


@pytest.mark.long
@pytest.mark.timeout(4 * 3_600)
async def test_a_thousand_kills_lose_and_double_nothing() -> None:
    await torment(
        int(os.environ.get("CHAOS_KILLS", "1000")), int(os.environ.get("CHAOS_SEED", "2"))
    )
