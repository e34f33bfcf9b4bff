import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.postgres import Cluster
from domain.events import (
    ChargerBooted,
    ConnectionRefused,
    ConnectorStatusReported,
    TransactionStarted,
)
from domain.records import Changes, ChargerRecord, TokenRecord
from storage.relational.engine import open_engine
from storage.relational.migrations import upgrade
from storage.relational.registry import Registry
from storage.relational.tables import quarantine, refusals
from supervisor.links import LinkClient, RemoteFailed
from tests.actors.ledger.kit import PATIENCE_S, T0, FakeGateway, Home, decode_changes, until

LAG = 'csms_projection_lag_records{journal="gw0",reader="ledger"} 0.0\n'
ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
async def registry(home: Home) -> AsyncIterator[Registry]:
    """Another process's view of the store: the command line's, say."""
    await upgrade(home.config.database_url)
    engine = open_engine(home.config.database_url)
    yield Registry(engine, lambda: T0)
    await engine.dispose()


def started(number: int) -> TransactionStarted:
    return TransactionStarted(number, 1, "T", 100, T0, f"t{number}")


class TestActivation:
    async def test_what_was_acknowledged_before_is_in_the_answer(self, home: Home) -> None:
        async with home.ledger(), FakeGateway(home, "gw0") as gw0, FakeGateway(home, "gw1") as gw1:
            for number in range(1, 60):
                await gw0.keep("A", started(number), ConnectorStatusReported(1, f"S{number}", T0))
                (known,) = await gw1.activate("A")
                open_ones = [one.transaction for one in known.transactions if one.open]
                assert open_ones[-1] == number
                assert known.connectors[0].status == f"S{number}"

    async def test_a_storm_is_answered_whole(self, home: Home) -> None:
        async with home.ledger(), FakeGateway(home) as gateway:
            for number in range(1, 201):
                gateway.journal.append(b"not an entry")
                await gateway.keep(f"C{number}", started(number))
            asks = [gateway.activate(f"C{number}", "stranger") for number in range(1, 201)]
            for number, (known, stranger) in enumerate(await asyncio.gather(*asks), 1):
                assert [one.transaction for one in known.transactions] == [number]
                assert (stranger.charger, stranger.transactions) == ("stranger", ())

    async def test_a_journal_that_nobody_followed_yet_is_read_first(self, home: Home) -> None:
        home = Home(home.config.data, scan_ms=60_000)
        async with home.ledger(), FakeGateway(home, "gw0") as gateway:
            await gateway.activate("A")
            async with FakeGateway(home, "gw7") as late:
                await late.keep("A", ChargerBooted("V", "M"))
                assert (await late.activate("A"))[0].booted

    async def test_a_broken_journal_does_not_keep_the_others_from_being_known(
        self, home: Home
    ) -> None:
        (home.config.paths.journal / "gw9.db").write_bytes(b"nonsense" * 1_000)
        async with home.ledger(), FakeGateway(home) as gateway:
            await gateway.keep("A", ChargerBooted("V", "M"))
            assert (await gateway.activate("A"))[0].booted

    async def test_a_question_that_makes_no_sense_is_refused(self, home: Home) -> None:
        async with home.ledger() as link:
            for body in (None, {}, {"chargers": "A"}, {"chargers": [1]}):
                with pytest.raises(RemoteFailed, match="chargers"):
                    await link.ask("activate", body)


class TestListeners:
    async def test_who_listens_has_forgotten_before_a_change_is_said_to_be_known(
        self, home: Home
    ) -> None:
        forgotten: list[str] = []

        def forget(_link: object, _body: object) -> dict[str, object]:
            forgotten.append("keys")
            return {}

        path = home.config.paths.socket("ledger")
        async with home.ledger() as link, LinkClient(path, {"forget": forget}) as api:
            assert await api.ask("listen") == {}
            await link.ask("sync")
            assert forgotten == ["keys"]
        assert forgotten == ["keys"]

    async def test_who_does_not_answer_holds_a_change_up_for_a_while_only(self, home: Home) -> None:
        home = Home(home.config.data, sync_s=0.05)

        async def hang(_link: object, _body: object) -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        path = home.config.paths.socket("ledger")
        async with home.ledger() as link, LinkClient(path, {"forget": hang}) as api:
            await api.ask("listen")
            assert "revision" in str(await link.ask("sync"))


class TestJournals:
    async def test_a_gateway_hears_what_is_passed_and_prunes(self, home: Home) -> None:
        async with home.ledger(), FakeGateway(home) as gateway:
            for _ in range(10):
                await gateway.keep("A", ChargerBooted("V", "M"))
            await until(lambda: gateway.journal.pruned_to == 10, "nothing was pruned")
            assert gateway.passed[-1] == {
                "reader": "ledger",
                "uuid": gateway.journal.uuid,
                "lsn": 10,
            }

    async def test_a_gateway_that_comes_back_is_told_again(self, home: Home) -> None:
        async with home.ledger():
            async with FakeGateway(home) as gateway:
                await gateway.keep("A", ChargerBooted("V", "M"))
                await until(lambda: gateway.journal.pruned_to == 1, "nothing was pruned")
            async with FakeGateway(home) as again:
                await until(lambda: bool(again.passed), "nothing was told")
                assert again.passed[0]["lsn"] == 1

    async def test_a_replaced_journal_is_followed_from_its_beginning(self, home: Home) -> None:
        async with home.ledger():
            async with FakeGateway(home) as gateway:
                await gateway.keep("A", started(1))
                await gateway.activate("A")
            for file in home.config.paths.journal.iterdir():
                file.unlink()
            async with FakeGateway(home) as again:
                await again.keep("A", TransactionStarted(2, 2, "T", 0, T0, "new"))
                (known,) = await again.activate("A")
                assert [one.transaction for one in known.transactions] == [1, 2]

    async def test_poison_is_put_aside(self, home: Home, registry: Registry) -> None:
        async with home.ledger() as link, FakeGateway(home) as gateway:
            await gateway.keep_blob(b"\xc1")
            await gateway.keep("A", ChargerBooted("V", "M"))
            assert (await gateway.activate("A"))[0].booted
            assert "csms_quarantined_total 1.0" in str(await link.ask("metrics"))
        async with registry._engine.connect() as connection:
            assert len(list(await connection.execute(select(quarantine)))) == 1

    async def test_lag_is_told(self, home: Home) -> None:
        async with home.ledger() as link, FakeGateway(home) as gateway:
            await gateway.keep("A", ChargerBooted("V", "M"))
            await gateway.activate("A")
            assert await link.ask("lag") == {"gw0": {"lsn": 1, "last": 1}}
            assert LAG in str(await link.ask("metrics"))

    async def test_a_drain_takes_in_what_is_left(self, home: Home, registry: Registry) -> None:
        home = Home(home.config.data, poll_idle_ms=60_000, poll_busy_ms=60_000)
        async with FakeGateway(home) as gateway:
            async with home.ledger():
                await gateway.activate("A")
                for number in range(5):
                    await gateway.keep("A", ConnectionRefused(f"/{number}", "r", 404, "x"))
            async with registry._engine.connect() as connection:
                assert len(list(await connection.execute(select(refusals)))) == 5


class TestFeed:
    async def test_a_subscriber_gets_all_then_what_changes(
        self, home: Home, registry: Registry
    ) -> None:
        await registry.import_chargers([ChargerRecord(f"C{n}") for n in range(3)])
        async with home.ledger(), FakeGateway(home) as gateway:
            end = await gateway.subscribe()
            assert end == Changes(3)
            (complete,) = gateway.changes
            assert complete.complete
            assert [one.id for one in complete.chargers] == ["C0", "C1", "C2"]
            await registry.upsert_token(TokenRecord("T"))
            await until(lambda: len(gateway.changes) > 1, "no change came")
            assert [one.id for one in gateway.changes[1].tokens] == ["T"]
            assert not gateway.changes[1].complete

    async def test_a_large_fleet_comes_in_pieces_in_order(
        self, home: Home, registry: Registry
    ) -> None:
        await registry.import_chargers([ChargerRecord(f"C{n:03}") for n in range(100)])
        home = Home(home.config.data, feed_rows_max=30)
        async with home.ledger(), FakeGateway(home) as gateway:
            assert (await gateway.subscribe()).revision == 100
            assert [piece.complete for piece in gateway.changes] == [True, False, False, False]
            names = [one.id for piece in gateway.changes for one in piece.chargers]
            assert names == [f"C{n:03}" for n in range(100)]

    async def test_who_is_up_to_date_hears_nothing(self, home: Home, registry: Registry) -> None:
        await registry.create_charger(ChargerRecord("A"))
        async with home.ledger(), FakeGateway(home) as gateway:
            assert await gateway.subscribe(1) == Changes(1)
            assert gateway.changes == []

    async def test_a_revision_that_never_was_gets_everything(
        self, home: Home, registry: Registry
    ) -> None:
        await registry.create_charger(ChargerRecord("A"))
        async with home.ledger(), FakeGateway(home) as gateway:
            assert (await gateway.subscribe(99)).revision == 1
            assert gateway.changes[0].complete

    async def test_sync_returns_when_everybody_has_confirmed(
        self, home: Home, registry: Registry
    ) -> None:
        home = Home(home.config.data, feed_poll_ms=60_000)
        async with home.ledger() as cli, FakeGateway(home) as gw0, FakeGateway(home, "gw1") as gw1:
            await gw0.subscribe()
            await gw1.subscribe()
            record = await registry.create_charger(ChargerRecord("A"))
            assert await cli.ask("sync", {}) == {"revision": record.revision}
            for gateway in (gw0, gw1):
                assert gateway.changes[-1].chargers == (record,)

    async def test_sync_does_not_wait_for_one_that_hangs(
        self, home: Home, registry: Registry
    ) -> None:
        home = Home(home.config.data, feed_poll_ms=60_000, sync_s=2.0, push_s=4.0)
        async with home.ledger() as cli, FakeGateway(home) as gw0, FakeGateway(home, "gw1") as gw1:
            await gw0.subscribe()
            await gw1.subscribe()
            gw0.hold = asyncio.Event()
            await registry.create_charger(ChargerRecord("A"))
            assert await cli.ask("sync", {}) == {"revision": 1}
            assert gw1.changes[-1].revision == 1
            gw0.hold.set()
            await until(
                lambda: bool(gw0.changes) and gw0.changes[-1].revision == 1,
                "the slow one never heard",
            )

    async def test_transactions_are_told_without_waiting_for_the_next_poll(
        self, home: Home
    ) -> None:
        home = Home(home.config.data, feed_poll_ms=60_000)
        async with home.ledger(), FakeGateway(home) as gw0, FakeGateway(home, "gw1") as gw1:
            await gw1.subscribe()
            for number in (7, 8):
                await gw0.keep("A", TransactionStarted(number, number, "T", 0, T0, f"t{number}"))
                await until(lambda: bool(gw1.changes), "not told")
                (running,) = gw1.changes.pop().transactions
                assert running.transaction == number

    async def test_transactions_are_told_to_every_gateway(self, home: Home) -> None:
        async with home.ledger(), FakeGateway(home) as gw0, FakeGateway(home, "gw1") as gw1:
            await gw1.subscribe()
            await gw0.keep("A", started(7))
            await until(lambda: bool(gw1.changes and gw1.changes[-1].transactions), "not told")
            (running,) = gw1.changes[-1].transactions
            assert (running.charger, running.transaction, running.active) == ("A", 7, True)


class TestSnapshot:
    async def test_the_copy_on_disk_is_complete_and_private(
        self, home: Home, registry: Registry
    ) -> None:
        path = home.config.paths.root / "registry.snapshot"

        def copy() -> Changes:
            return decode_changes(path.read_bytes())

        a = await registry.create_charger(ChargerRecord("A"))
        await registry.create_charger(ChargerRecord("B"))
        async with home.ledger(), FakeGateway(home) as gateway:
            await until(path.exists, "there is no copy")
            assert copy().complete
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            await registry.delete_charger("B")
            await registry.upsert_token(TokenRecord("T"))
            await gateway.keep("A", started(7))
            await until(lambda: bool(copy().transactions and copy().tokens), "it is not renewed")
            assert copy().chargers == (a,)
            assert copy().revision == 5


class TestLeases:
    async def test_blocks_do_not_meet(self, home: Home) -> None:
        async with home.ledger() as link:
            assert await link.ask("lease", {"gateway": "gw0"}) == {"first": 1, "last": 100}
            assert await link.ask("lease", {"gateway": "gw1"}) == {"first": 101, "last": 200}
            with pytest.raises(RemoteFailed, match="gateway"):
                await link.ask("lease", {})


async def spawn(home: Home) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.actors.ledger.process",
        str(home.config.data),
        str(home.run),
        cwd=ROOT,
    )


@pytest.mark.slow
async def test_kill_9_at_any_time_loses_and_doubles_nothing(home: Home, registry: Registry) -> None:
    async with FakeGateway(home) as gateway:
        written = 0
        for _ in range(4):
            process = await spawn(home)
            async with LinkClient(home.run / "ledger.sock", {}) as link:
                await link.connected(PATIENCE_S)
            end_s = time.monotonic() + 0.3
            while time.monotonic() < end_s:
                for _ in range(50):
                    written += 1
                    gateway.journal.append(_refusal(written))
                await asyncio.sleep(0.002)
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        process = await spawn(home)
        await until(lambda: gateway.journal.pruned_to == written, "it does not catch up")
        process.terminate()
        assert await process.wait() == 0
    async with registry._engine.connect() as connection:
        paths = [row.path for row in await connection.execute(select(refusals))]
    assert sorted(map(int, paths)) == list(range(1, written + 1))
    assert written > 500


def _refusal(number: int) -> bytes:
    from domain.events import Entry, encode_entry

    event = ConnectionRefused(str(number), "r", 404, "x")
    return encode_entry(Entry("A", 1, T0 + number, (event,)))


@pytest.mark.slow
class TestDatabaseAway:
    async def test_it_answers_with_an_error_at_once_and_goes_on_later(
        self, postgres: Cluster, tmp_path: Path
    ) -> None:
        home = Home(tmp_path, postgres.fresh())
        async with home.ledger() as link, FakeGateway(home) as gateway:
            await gateway.keep("A", started(1))
            await until(lambda: _knows(gateway, 1), "not known")
            await gateway.subscribe()
            postgres.stop()
            try:
                await gateway.keep("A", TransactionStarted(2, 2, "T", 0, T0, "t2"))
                for _ in range(3):
                    began_s = time.monotonic()
                    with pytest.raises(RemoteFailed) as failed:
                        await gateway.activate("A")
                    assert failed.value.kind == "Unavailable"
                    assert time.monotonic() - began_s < 5
                with pytest.raises(RemoteFailed, match="away"):
                    await link.ask("lease", {"gateway": "gw0"})
                await until(lambda: _says_away(link), "the metrics do not tell")
                assert gateway.journal.pruned_to <= 1
            finally:
                postgres.start()
            await until(lambda: _knows(gateway, 1, 2), "it did not come back")
            await until(lambda: gateway.journal.pruned_to == 2, "not told")

    async def test_it_may_be_away_at_the_start(self, postgres: Cluster, tmp_path: Path) -> None:
        home = Home(tmp_path, postgres.fresh())
        postgres.stop()
        try:
            async with FakeGateway(home) as gateway, home.ledger() as link:
                await gateway.keep("A", started(1))
                with pytest.raises(RemoteFailed) as failed:
                    await gateway.activate("A")
                assert failed.value.kind == "Unavailable"
                with pytest.raises(RemoteFailed):
                    await gateway.subscribe()
                assert await link.ask("lag") == {"gw0": {"lsn": 0, "last": 1}}
                postgres.start()
                await until(lambda: _knows(gateway, 1), "it did not come back")
        finally:
            if not postgres.running:
                postgres.start()


async def _knows(gateway: FakeGateway, *numbers: int) -> bool:
    try:
        (known,) = await gateway.activate("A")
    except RemoteFailed:
        return False
    return [one.transaction for one in known.transactions] == list(numbers)


async def _says_away(link: LinkClient) -> bool:
    return "csms_store_away 1.0" in str(await link.ask("metrics"))
