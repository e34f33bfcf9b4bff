"""The warehouse process: embedded engine, links, kill -9. Each test has a process of its own."""

import asyncio
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.warehouse.console import run_sql
from domain.errors import InvalidInput, Unavailable
from domain.records import Changes, ChargerRecord
from storage.analytical.console import Answer
from storage.analytical.gate import Refused
from supervisor.links import Link, LinkClient, LinkServer
from tests.actors.warehouse.journals import Journal
from tests.storage.analytical.helper import MINUTE, T0, energy, entry, exchanged, measured, story

pytestmark = pytest.mark.slow


@pytest.fixture
def data() -> Iterator[Path]:
    # Short: a unix socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="wh") as folder:
        for name in ("journal", "run"):
            Path(folder, name).mkdir()
        yield Path(folder)


@contextmanager
def warehouse(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.actors.warehouse.process", str(data), "gw0", "gw1"]
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while not serves(data / "run" / "warehouse.sock"):
                assert process.poll() is None, "the warehouse ended"
                assert time.monotonic() < deadline, "the warehouse does not serve"
                time.sleep(0.02)
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def serves(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def progress(data: Path) -> int:
    """How many entries the warehouse has finished."""
    with closing(sqlite3.connect(data / "warehouse" / "plan.db", timeout=5)) as db:
        return int(db.execute("SELECT coalesce(sum(position), 0) FROM journals").fetchone()[0])


def drain(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def ask(data: Path, query: str, **more: Any) -> list[list[Any]]:
    answer = run_sql(data, query, **more)
    assert isinstance(answer, Answer)
    return answer.rows


def test_statements_see_what_was_journaled_before_they_were_asked(data: Path) -> None:
    journal = Journal(data / "journal" / "gw0.db")
    with warehouse(data) as process:
        for n in range(5):
            journal.append([entry("c1", measured(energy(n, T0 + n * MINUTE)))])
            assert ask(data, "SELECT count() FROM samples FINAL") == [[n + 1]]
        answer = run_sql(data, "SELECT charger, value FROM samples ORDER BY ts LIMIT 1", "json")
        assert isinstance(answer, bytes)
        assert json.loads(answer) == [{"charger": "c1", "value": 0}]
        with pytest.raises(Refused, match="the function file is not allowed"):
            run_sql(data, "SELECT file('/etc/passwd')")
        with pytest.raises(Refused, match="Syntax error"):
            run_sql(data, "SELEKT 1")
        with pytest.raises(InvalidInput, match="format"):
            run_sql(data, "SELECT 1", "xml")
        # The engine's folder belongs to the process that runs.
        journal.append(story("c2"))
        drain(process)
    assert not (data / "run" / "warehouse.sock").exists()
    journal.close()


async def test_gateways_are_told_what_has_passed_and_may_delete_it(data: Path) -> None:
    journal = Journal(data / "journal" / "gw0.db")
    told: list[dict[str, Any]] = []
    passed = asyncio.Event()

    def note(_link: Link, body: Any) -> None:
        told.append(body)
        if body["lsn"] == last:
            passed.set()

    last = journal.append(story("c1"))
    handlers: Any = {"passed": note}
    async with LinkServer(data / "run" / "gw0.sock", handlers):
        with warehouse(data):
            async with asyncio.timeout(20):
                await passed.wait()
    assert told[-1] == {"reader": "warehouse", "uuid": journal.writer.uuid, "lsn": last}
    assert journal.writer.passed("warehouse", told[-1]["lsn"], told[-1]["uuid"])
    journal.close()


async def test_sites_come_from_the_feed_of_the_ledger(data: Path) -> None:
    journal = Journal(data / "journal" / "gw0.db")
    changes = Changes(7, (ChargerRecord("c1", "acme", "berlin"),), complete=True)
    subscribed: list[Any] = []

    async def subscribe(link: Link, body: Any) -> bytes:
        # As the ledger does: the pieces are asked one by one, the answer itself is empty.
        await link.ask("changed", msgspec.msgpack.encode(changes), 10)
        subscribed.append(body)
        return msgspec.msgpack.encode(Changes(7))

    ledger = LinkServer(data / "run" / "ledger.sock", {"subscribe": subscribe})
    async with ledger:
        with warehouse(data):
            async with LinkClient(data / "run" / "warehouse.sock", {}) as client:
                async with asyncio.timeout(20):
                    while not ledger.links or not subscribed:
                        await asyncio.sleep(0.02)
                assert subscribed == [{"gateway": "warehouse", "revision": 0}]
                more = Changes(8, (ChargerRecord("c2", "acme", "paris"),))
                (link,) = ledger.links
                confirmed = await link.ask("changed", msgspec.msgpack.encode(more), 10)
                assert confirmed == {"revision": 8}
                journal.append([entry(c, exchanged(c)) for c in ("c1", "c2", "c3")])
                query = "SELECT charger, tenant, site FROM ocpp_messages ORDER BY charger"
                body: Any = {"query": query, "fresh": True}
                answer: Any = await client.ask("sql", body, 20)
                assert answer["rows"] == [
                    ["c1", "acme", "berlin"],
                    ["c2", "acme", "paris"],
                    ["c3", "", ""],
                ]
                lag: Any = await client.ask("lag", {}, 5)
                assert lag == {"gw0": {"lsn": 3, "last": 3}}
                metrics: Any = await client.ask("metrics", {}, 5)
                assert "csms_warehouse_rows_total 3.0\n" in metrics
                lag_line = 'csms_projection_lag_records{journal="gw0",reader="warehouse"} 0.0\n'
                assert lag_line in metrics
                assert "csms_store_away 0.0\n" in metrics
                assert 'csms_link_frames_total{direction="in",link="ledger"}' in metrics
    journal.close()


@pytest.mark.timeout(180)  # three starts of an engine, on a machine that may be busy
def test_killed_at_any_moment_everything_is_stored_exactly_once(data: Path) -> None:
    chance = random.Random(7)
    journals = [Journal(data / "journal" / f"gw{n}.db") for n in range(2)]
    total = 0
    for _ in range(2):
        with warehouse(data) as process:
            before = progress(data)
            until = time.monotonic() + 40
            kill_at = 0.0
            while not kill_at or time.monotonic() < kill_at:
                assert time.monotonic() < until, "nothing is being inserted"
                for journal in journals:
                    journal.append(
                        entry(f"c{n % 50}", measured(energy(n, T0 + n * 1_000)), exchanged(str(n)))
                        for n in range(total, total + 200)
                    )
                    total += 200
                time.sleep(0.03)
                # From here on blocks follow each other: the kill falls into the middle of one.
                if not kill_at and progress(data) > before:
                    kill_at = time.monotonic() + chance.uniform(0, 0.3)
            process.kill()
            process.wait()
    with warehouse(data) as process:
        deadline = time.monotonic() + 120
        while (found := ask(data, "SELECT count() FROM ocpp_messages")) != [[total]]:
            assert time.monotonic() < deadline, f"{found} of {total} have come"
        assert ask(data, "SELECT count(), uniqExact(uid) FROM ocpp_messages") == [[total, total]]
        assert ask(data, "SELECT count() FROM samples FINAL") == [[total]]
        assert ask(data, "SELECT count() FROM samples") == [[total]]
        drain(process)
    for journal in journals:
        journal.close()


def test_without_a_store_the_analyst_is_told_so(data: Path) -> None:
    with pytest.raises(Unavailable, match="no analytical store"):
        run_sql(data, "SELECT 1")


def test_without_a_running_node_the_store_is_opened_directly(data: Path) -> None:
    journal = Journal(data / "journal" / "gw0.db")
    journal.append(story("c1"))
    with warehouse(data) as process:
        assert ask(data, "SELECT count() FROM samples") == [[4]]
        drain(process)
    journal.close()
    script = (
        "import sys; from pathlib import Path; from actors.warehouse.console import run_sql; "
        "sys.stdout.buffer.write(run_sql(Path(sys.argv[1]), sys.argv[2], 'csv'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(data), "SELECT count() AS n FROM transaction_events"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b'"n"\n2\n'
