"""The journal's disk is full: chargers are sent away until there is space again."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.boot import ExitCode
from tests.chaos.audit import audit
from tests.chaos.charger import Fleet, Pace
from tests.chaos.node import Node, running_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHARGERS = 12


@contextlib.contextmanager
def small_disk(node: Node) -> Iterator[Path]:
    """A small file system in place of the journals' folder."""
    journal = node.data / "journal"
    journal.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(journal)]
    subprocess.run(mount, check=True)
    try:
        yield journal
    finally:
        node.kill_all()
        subprocess.run(["umount", "--lazy", str(journal)], check=True)


def fill(folder: Path) -> Path:
    """Take all space that is left; return what takes it."""
    balloon = folder / "balloon"
    with balloon.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    return balloon


async def assert_sent_away(fleet: Fleet) -> None:
    """Wait until every charger was, and see that nobody is let in and nothing acknowledged."""
    books = fleet.books
    await fleet.until(lambda: books.closes["1013"] >= CHARGERS, 30)
    await fleet.until(lambda: books.closes["HTTP 503"] >= 2 * CHARGERS, 20)
    before = (books.answers, books.closes["1013"])
    await asyncio.sleep(2)
    assert (books.answers, books.closes["1013"]) == before


async def assert_all_is_well(node: Node, fleet: Fleet) -> None:
    """Chargers are served again; nothing was lost or doubled."""
    await fleet.served(30)
    await fleet.progress(200, 20)
    await fleet.finish(30)
    assert await node.terminate() == ExitCode.DRAINED
    report = await audit(node.data, fleet.books)
    assert (report.lost, report.doubled, fleet.books.errors) == ([], [], []), str(report)
    assert set(fleet.books.closes) <= {"1013", "HTTP 503"}
    assert report.checked["samples"] > 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a file system")
async def test_chargers_are_sent_away_from_a_full_disk_and_nothing_is_lost() -> None:
    node = Node(gateway={"journal_retry_s": 0.5})
    fleet = Fleet(CHARGERS, node.url, 11, Pace(0.01, 0.1, answer_s=3.0))
    try:
        with small_disk(node) as folder:
            node.start()
            await node.up()
            fleet.start()
            await fleet.served(20)
            await fleet.progress(200, 20)
            assert fleet.books.closes.total() == 0

            balloon = fill(folder)
            await assert_sent_away(fleet)
            balloon.unlink()

            await assert_all_is_well(node, fleet)
    finally:
        await fleet.stop()
        node.close()


async def test_a_journal_that_is_full_because_the_warehouse_hung_is_emptied_again() -> None:
    """The space can only come from pruning, and only the journal's writer prunes."""
    async with running_node(
        journal={"size_bytes_max": 2 * 1_024 * 1_024}, gateway={"journal_retry_s": 0.5}
    ) as node:
        fleet = Fleet(CHARGERS, node.url, 12, Pace(0.001, 0.01, answer_s=3.0))
        fleet.start()
        try:
            await fleet.served(20)
            hung = node.kill("warehouse", signal.SIGSTOP)
            await fleet.until(lambda: fleet.books.closes["1013"] >= CHARGERS // 2, 14)
            if node.pid("warehouse") == hung:
                node.kill("warehouse", signal.SIGCONT)

            await assert_all_is_well(node, fleet)
        finally:
            await fleet.stop()
