"""The journal's disk is full: chargers are sent away until there is space again."""

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator

import pytest

from supervisor.boot import ExitCode
from tests.chaos.audit import audit
from tests.chaos.charger import Fleet, Pace
from tests.chaos.node import GATEWAYS, Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHARGERS = 12


class Disk:
    """Makes the journals' disk full, and free again."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def fill(self) -> None:
        raise NotImplementedError

    def free(self) -> None:
        raise NotImplementedError


class Tmpfs(Disk):
    """A small file system in place of the journals' folder."""

    def fill(self) -> None:
        path = self.node.data / "journal" / "balloon"
        with path.open("wb", buffering=0) as balloon, contextlib.suppress(OSError):
            while True:
                balloon.write(bytes(65_536))

    def free(self) -> None:
        (self.node.data / "journal" / "balloon").unlink()


class FileLimit(Disk):
    """No file of a gateway may grow: any user can do that to his own processes."""

    def fill(self) -> None:
        self._limit(1)

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size_bytes: int) -> None:
        for name in GATEWAYS:
            hard = resource.prlimit(self.node.pid(name), resource.RLIMIT_FSIZE)[1]
            limits = (size_bytes, hard)
            resource.prlimit(self.node.pid(name), resource.RLIMIT_FSIZE, limits)


@pytest.fixture(params=["file system", "file limit"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    node = Node(gateway={"journal_retry_s": 0.5})
    journal = node.data / "journal"
    mounted = False
    try:
        if request.param == "file system":
            if os.getuid() != 0:
                pytest.skip("only root may mount a file system")
            journal.mkdir(mode=0o700)
            mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(journal)]
            subprocess.run(mount, check=True)
            mounted = True
        node.start()
        node.wait_up()
        yield Tmpfs(node) if mounted else FileLimit(node)
    finally:
        node.kill_all()
        if mounted:
            subprocess.run(["umount", "--lazy", str(journal)], check=True)
        node.close()


async def test_chargers_are_sent_away_from_a_full_disk_and_nothing_is_lost(disk: Disk) -> None:
    node = disk.node
    fleet = Fleet(CHARGERS, node.url, 11, Pace(0.01, 0.1, answer_s=3.0))
    books = fleet.books
    fleet.start()
    try:
        await fleet.served(20)
        await fleet.progress(200, 20)
        assert books.closes.total() == 0

        disk.fill()
        await fleet.until(lambda: books.closes["1013"] >= CHARGERS, 20)
        await fleet.until(lambda: books.closes["HTTP 503"] >= CHARGERS, 20)
        answered, sent_away = books.answers, books.closes["1013"]
        await asyncio.sleep(3)
        # Full is full: nobody is let in to be sent away again, and nothing is acknowledged.
        assert (books.answers, books.closes["1013"]) == (answered, sent_away)

        disk.free()
        await fleet.served(20)
        await fleet.progress(200, 20)
        await fleet.finish(30)
    finally:
        await fleet.stop()
    assert await node.terminate() == ExitCode.DRAINED
    report = await audit(node.data, books)
    assert (report.lost, report.doubled, books.errors) == ([], [], []), str(report)
    assert set(books.closes) <= {"1013", "HTTP 503"}
    assert report.checked["samples"] > 0
