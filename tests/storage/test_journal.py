import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from domain.errors import JournalFailed, Unavailable
from storage.journal import Done, JournalSettings, JournalWriter, deliver_in
from storage.journal_reader import JournalReader
from tests.storage.journal_kit import Kit, wait_until


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path / "gw0.db")
    yield kit
    kit.writer.close()


def read_all(path: Path) -> list[tuple[int, bytes]]:
    reader = JournalReader(path)
    rows = [(row.lsn, row.blob) for row in reader.read(0, 1_000_000)]
    reader.close()
    return rows


class TestAppend:
    def test_a_record_is_on_disk_when_its_callback_runs(self, kit: Kit) -> None:
        seen: list[list[tuple[int, bytes]]] = []
        kit.writer.append(b"one", lambda: seen.append(read_all(kit.path)))
        kit.run_callbacks(lambda: bool(seen))
        assert seen == [[(1, b"one")]]

    def test_records_keep_their_order_and_callbacks_too(self, kit: Kit) -> None:
        blobs = [b"%d" % number for number in range(5_000)]
        kit.append_and_wait(*blobs)
        assert read_all(kit.path) == list(enumerate(blobs, 1))

    def test_what_queued_during_a_commit_is_one_group_and_one_delivery(self, kit: Kit) -> None:
        # The writer thread sits in a transaction of the test's making, so all of these queue.
        blocker = sqlite3.connect(kit.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        kit.writer.append(b"first")
        wait_until(lambda: not kit.writer._queue, "the writer has not begun")
        count = 0

        def done() -> None:
            nonlocal count
            count += 1

        for _ in range(300):
            kit.writer.append(b"x", done)
        blocker.execute("ROLLBACK")
        blocker.close()
        kit.run_callbacks(lambda: count == 300)
        assert kit.group_sizes == [300]
        assert kit.writer.stats.groups == 2

    async def test_what_one_pass_of_the_loop_appends_is_one_group(self, tmp_path: Path) -> None:
        loop = asyncio.get_running_loop()
        writer = JournalWriter(
            tmp_path / "gw1.db",
            JournalSettings(),
            deliver_in(loop),
            lambda _error: None,
            soon=loop.call_soon,
        )
        last = asyncio.Event()
        for _ in range(300):
            writer.append(b"x")
        writer.append(b"last", last.set)
        await asyncio.wait_for(last.wait(), 10)
        assert (writer.stats.groups, writer.stats.records) == (1, 301)
        last.clear()
        writer.append(b"in another pass", last.set)
        await asyncio.wait_for(last.wait(), 10)
        assert writer.stats.groups == 2
        writer.append(b"not handed over when the writer is closed")
        writer.close()
        assert writer.stats.records == 303

    @pytest.mark.parametrize(("records", "statements"), [(27, 4), (64, 1), (511, 9), (1_100, 5)])
    async def test_a_group_of_any_size_takes_few_statements(
        self, tmp_path: Path, records: int, statements: int
    ) -> None:
        loop = asyncio.get_running_loop()
        writer = JournalWriter(
            tmp_path / "gw1.db",
            JournalSettings(),
            deliver_in(loop),
            lambda _error: None,
            soon=loop.call_soon,
        )
        said: list[str] = []
        writer._db.set_trace_callback(said.append)
        last = asyncio.Event()
        for _ in range(records - 1):
            writer.append(b"x")
        writer.append(b"last", last.set)
        await asyncio.wait_for(last.wait(), 10)
        assert sum(each.startswith("INSERT") for each in said) == statements
        assert len(read_all(tmp_path / "gw1.db")) == records
        await loop.run_in_executor(None, writer.close)

    def test_a_group_is_bounded_in_records_and_bytes(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", group_records_max=10, group_bytes_max=1_000)
        kit.append_and_wait(*[b"x"] * 100)
        assert max(kit.group_sizes) <= 10
        kit.group_sizes.clear()
        kit.append_and_wait(*[b"x" * 500] * 20)
        assert max(kit.group_sizes) <= 2
        kit.writer.close()

    def test_how_long_a_commit_took_is_told_before_its_callbacks(self, tmp_path: Path) -> None:
        took_s: list[float] = []
        seen: list[int] = []

        def deliver(dones: Sequence[Done]) -> None:
            seen.append(len(took_s))

        def fail(error: JournalFailed) -> None:
            raise error

        path = tmp_path / "a.db"
        writer = JournalWriter(path, JournalSettings(), deliver, fail, on_commit=took_s.append)
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        writer.append(b"x", lambda: None)
        wait_until(lambda: not writer._queue, "the writer has not begun")
        threading.Event().wait(0.2)
        blocker.execute("ROLLBACK")
        blocker.close()
        wait_until(lambda: bool(seen), "nothing was committed")
        writer.close()
        assert seen == [1]
        assert took_s[0] > 0.05

    def test_a_record_needs_no_callback(self, kit: Kit) -> None:
        kit.writer.append(b"quiet")
        wait_until(lambda: kit.writer.last_lsn == 1, "not committed")
        assert kit.groups.empty()

    def test_records_carry_the_time_of_their_commit(self, kit: Kit) -> None:
        kit.append_and_wait(b"one")
        reader = JournalReader(kit.path)
        assert reader.read(0)[0].committed_us == 1_767_225_600_000_000
        reader.close()

    def test_many_sizes_of_groups_lose_nothing(self, kit: Kit) -> None:
        total = 0
        for size in (1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 1_025):
            kit.append_and_wait(*[b"%d" % size] * size)
            total += size
        assert [lsn for lsn, _ in read_all(kit.path)] == list(range(1, total + 1))


class TestCongestion:
    def test_it_is_told_at_the_limit_and_until_half_is_gone(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", queue_records_max=10)
        blocker = sqlite3.connect(kit.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        for _ in range(9):
            kit.writer.append(b"x")
        assert not kit.writer.congested
        kit.writer.append(b"x")
        assert kit.writer.congested
        for _ in range(10):
            kit.writer.append(b"x")
        with pytest.raises(Unavailable):
            kit.writer.append(b"one too many")
        blocker.execute("ROLLBACK")
        blocker.close()
        wait_until(lambda: kit.writer.last_lsn == 20, "not committed")
        assert not kit.writer.congested
        kit.append_and_wait(b"again")
        kit.writer.close()

    def test_bytes_count_as_well(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", queue_bytes_max=1_000)
        blocker = sqlite3.connect(kit.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        kit.writer.append(b"x" * 999)
        assert not kit.writer.congested
        kit.writer.append(b"x")
        assert kit.writer.congested
        with pytest.raises(Unavailable):
            kit.writer.append(b"x" * 1_001)
        blocker.execute("ROLLBACK")
        blocker.close()
        kit.writer.close()
        assert kit.writer.stats.queued_bytes == 0


class TestLife:
    def test_close_commits_what_waits(self, kit: Kit) -> None:
        for number in range(1_000):
            kit.writer.append(b"%d" % number)
        kit.writer.close()
        kit.writer.close()
        assert len(read_all(kit.path)) == 1_000
        with pytest.raises(JournalFailed):
            kit.writer.append(b"late")

    def test_lsns_grow_over_restarts_and_the_uuid_stays(self, kit: Kit) -> None:
        kit.append_and_wait(b"one", b"two")
        kit.writer.close()
        again = Kit(kit.path)
        assert again.writer.uuid == kit.writer.uuid
        assert again.writer.last_lsn == 2
        again.append_and_wait(b"three")
        assert read_all(kit.path) == [(1, b"one"), (2, b"two"), (3, b"three")]
        again.writer.close()

    def test_only_one_writer_at_a_time(self, kit: Kit) -> None:
        with pytest.raises(Unavailable, match="another process writes"):
            Kit(kit.path)
        kit.append_and_wait(b"still fine")

    def test_a_file_of_another_format_is_refused(self, kit: Kit) -> None:
        kit.writer.close()
        db = sqlite3.connect(kit.path)
        db.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
        db.commit()
        db.close()
        with pytest.raises(JournalFailed, match="format 99"):
            Kit(kit.path)

    def test_a_file_that_is_no_database_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        path.write_bytes(b"this is no database" * 100)
        with pytest.raises(JournalFailed):
            Kit(path)
        path.unlink()
        Kit(path).writer.close()  # the lock was released


class TestPruning:
    def test_nothing_is_pruned_until_every_reader_has_reported(self, kit: Kit) -> None:
        kit.append_and_wait(*[b"x"] * 100)
        assert kit.writer.passed("ledger", 100)
        kit.append_and_wait(b"y")
        assert len(read_all(kit.path)) == 101
        assert kit.writer.passed("warehouse", 40)
        wait_until(lambda: kit.writer.pruned_to == 40, "not pruned")
        assert read_all(kit.path)[0][0] == 41

    def test_it_goes_in_steps(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", readers=("one",), prune_records_step=7)
        kit.append_and_wait(*[b"x"] * 100)
        kit.writer.passed("one", 95)
        wait_until(lambda: kit.writer.pruned_to == 95, "not pruned")
        assert [lsn for lsn, _ in read_all(kit.path)] == [96, 97, 98, 99, 100]
        kit.writer.close()

    def test_lsns_grow_over_pruning_everything_and_a_restart(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", readers=("one",))
        kit.append_and_wait(b"1", b"2", b"3")
        kit.writer.passed("one", 3)
        wait_until(lambda: kit.writer.pruned_to == 3, "not pruned")
        kit.writer.close()
        again = Kit(kit.path, readers=("one",))
        assert again.writer.last_lsn == 3
        again.append_and_wait(b"4")
        assert read_all(kit.path) == [(4, b"4")]
        again.writer.close()

    def test_a_restarted_journal_waits_for_the_readers_again(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", readers=("one", "two"))
        kit.append_and_wait(b"1", b"2")
        kit.writer.passed("one", 2)
        kit.writer.close()
        again = Kit(kit.path, readers=("one", "two"))
        again.writer.passed("two", 2)
        again.append_and_wait(b"3")
        assert len(read_all(kit.path)) == 3
        again.writer.close()

    def test_reports_that_cannot_be_meant_are_ignored(self, kit: Kit) -> None:
        kit.append_and_wait(b"1")
        assert not kit.writer.passed("stranger", 1)
        assert not kit.writer.passed("ledger", 2)
        assert not kit.writer.passed("ledger", -1)
        assert not kit.writer.passed("ledger", 1, uuid="another journal")
        assert kit.writer.passed("ledger", 1, uuid=kit.writer.uuid)

    def test_a_large_backlog_is_pruned_without_an_idle_moment(self, tmp_path: Path) -> None:
        kit = Kit(
            tmp_path / "a.db",
            readers=("one",),
            prune_records_step=50,
            prune_backlog_records_max=100,
        )
        kit.append_and_wait(*[b"x"] * 1_000)
        blocker = sqlite3.connect(kit.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        kit.writer.append(b"held")
        wait_until(lambda: not kit.writer._queue, "the writer has not begun")
        kit.writer.passed("one", 1_000)
        kit.writer._closing = True  # from here on there is no idle moment
        blocker.execute("ROLLBACK")
        blocker.close()
        kit.writer._thread.join(10)
        assert kit.writer.pruned_to == 50
        kit.writer._closing = False
        kit.writer.close()

    def test_free_space_goes_back_to_the_file_system(self, tmp_path: Path) -> None:
        kit = Kit(tmp_path / "a.db", readers=("one",), free_bytes_max=65_536)
        kit.append_and_wait(*[b"x" * 4_000] * 2_000)
        kit.writer.passed("one", 2_000)

        def free_bytes() -> int:
            db = sqlite3.connect(kit.path)
            (pages,) = db.execute("PRAGMA freelist_count").fetchone()
            db.close()
            return int(pages) * 4_096

        wait_until(lambda: kit.writer.pruned_to == 2_000 and free_bytes() <= 65_536, "still big")
        kit.append_and_wait(b"fine")
        kit.writer.close()
        assert kit.path.stat().st_size < 2_000_000


class TestDeliverIn:
    async def test_callbacks_run_in_the_loop(self, tmp_path: Path) -> None:
        loop = asyncio.get_running_loop()
        writer = JournalWriter(
            tmp_path / "a.db", JournalSettings(), deliver_in(loop), lambda _error: None
        )
        here = threading.get_ident()
        done: asyncio.Future[int] = loop.create_future()
        writer.append(b"x", lambda: done.set_result(threading.get_ident()))
        assert await done == here
        writer.close()

    async def test_one_that_raises_does_not_harm_the_others(self) -> None:
        loop = asyncio.get_running_loop()
        faults: list[object] = []
        loop.set_exception_handler(lambda _loop, context: faults.append(context["exception"]))
        error = ValueError("mine")
        done = asyncio.Event()

        def fail() -> None:
            raise error

        deliver_in(loop)([fail, done.set])
        await done.wait()
        assert faults == [error]

    def test_after_the_loop_has_closed_nothing_happens(self) -> None:
        loop = asyncio.new_event_loop()
        loop.close()
        deliver_in(loop)([lambda: pytest.fail("nobody may run this")])
