import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import Unavailable
from storage.journal_reader import JournalReader
from tests.storage.journal_kit import Kit, wait_until

ROOT = Path(__file__).parents[2]

FOLLOWER = """
import sys, time
from pathlib import Path
from storage.journal_reader import JournalReader

reader, seen, end = JournalReader(sys.argv[1]), 0, time.monotonic() + 30
while seen < int(sys.argv[2]) and time.monotonic() < end:
    for row in reader.read(seen, 300):
        assert row.lsn == seen + 1 and row.blob == b"%d" % row.lsn, row
        seen = row.lsn
print(seen)
"""


def test_there_is_nothing_before_the_file_is_there(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "gw0.db")
    assert (reader.uuid, reader.read(0), reader.last_lsn()) == ("", [], 0)
    kit = Kit(tmp_path / "gw0.db")
    kit.append_and_wait(b"x")
    assert reader.uuid == kit.writer.uuid
    assert [row.blob for row in reader.read(0)] == [b"x"]
    kit.writer.close()
    reader.close()


def test_a_file_without_tables_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "gw0.db"
    path.touch()
    reader = JournalReader(path)
    assert (reader.uuid, reader.read(0), reader.last_lsn()) == ("", [], 0)


def test_pages_are_bounded_in_rows_and_bytes_but_never_empty(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db")
    kit.append_and_wait(*[b"x" * 100] * 50)
    reader = JournalReader(kit.path)
    assert [row.lsn for row in reader.read(0, limit=3)] == [1, 2, 3]
    assert [row.lsn for row in reader.read(3, bytes_max=250)] == [4, 5, 6]
    assert [row.lsn for row in reader.read(48, bytes_max=1)] == [49]
    assert reader.read(50) == []
    reader.close()
    kit.writer.close()


def test_what_waits_is_counted_without_reading_it(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "gw0.db")
    assert reader.waiting(0) == (0, 0)
    kit = Kit(tmp_path / "gw0.db")
    assert reader.waiting(0) == (0, 0)
    kit.append_and_wait(*[b"x"] * 5)
    committed_us = reader.read(0)[0].committed_us
    assert [reader.waiting(lsn) for lsn in (0, 3)] == [(5, committed_us), (2, committed_us)]
    assert reader.waiting(5) == (0, 0)
    kit.writer.close()
    reader.close()


def test_it_sees_what_is_written_after_it_was_opened(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db")
    reader = JournalReader(kit.path)
    for number in range(1, 20):
        kit.append_and_wait(b"%d" % number)
        assert [row.lsn for row in reader.read(number - 1)] == [number]
        assert reader.last_lsn() == number
    reader.close()
    kit.writer.close()


def test_it_reads_while_no_writer_lives(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db")
    kit.append_and_wait(b"x")
    kit.writer.close()
    reader = JournalReader(kit.path)
    assert reader.uuid == kit.writer.uuid
    assert [row.blob for row in reader.read(0)] == [b"x"]
    reader.close()


def test_it_follows_over_restarts_of_the_writer(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path / "gw0.db")
    for number in range(5):
        kit = Kit(tmp_path / "gw0.db")
        kit.append_and_wait(b"%d" % number)
        assert [row.blob for row in reader.read(number)] == [b"%d" % number]
        kit.writer.close()
    reader.close()


def test_it_steps_over_what_was_pruned(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db", readers=("one",))
    kit.append_and_wait(*[b"x"] * 10)
    reader = JournalReader(kit.path)
    assert len(reader.read(0)) == 10
    kit.writer.passed("one", 10)
    wait_until(lambda: kit.writer.pruned_to == 10, "not pruned")
    assert reader.read(0) == []
    assert reader.last_lsn() == 10
    kit.append_and_wait(b"y")
    assert [row.lsn for row in reader.read(0)] == [11]
    reader.close()
    kit.writer.close()


def test_a_replaced_journal_is_never_taken_for_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "gw0.db"
    old = Kit(path)
    old.append_and_wait(*[b"old"] * 3)
    reader = JournalReader(path)
    assert len(reader.read(0)) == 3
    old.writer.close()
    for file in list(tmp_path.iterdir()):
        file.unlink()
    assert reader.read(3) == []
    new = Kit(path)
    new.append_and_wait(*[b"new"] * 5)
    assert reader.read(3) == []  # the read that notices
    assert reader.uuid == new.writer.uuid != old.writer.uuid
    assert [row.blob for row in reader.read(0)] == [b"new"] * 5
    reader.close()
    new.writer.close()


def test_a_file_that_is_no_journal_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "gw0.db"
    path.write_bytes(b"nonsense" * 1_000)
    reader = JournalReader(path)
    for ask in (lambda: reader.uuid, lambda: reader.read(0), reader.last_lsn):
        with pytest.raises(Unavailable):
            ask()


def test_it_never_writes(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db")
    kit.append_and_wait(b"x")
    kit.writer.close()
    before = kit.path.read_bytes()
    reader = JournalReader(kit.path)
    reader.read(0)
    reader.close()
    assert kit.path.read_bytes() == before


@pytest.mark.slow
def test_another_process_follows_a_busy_writer_without_gaps(tmp_path: Path) -> None:
    path, total = tmp_path / "gw0.db", 20_000
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(path), str(total)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    kit = Kit(path, checkpoint_pages=50)
    for first in range(1, total, 500):
        kit.append_and_wait(*[b"%d" % lsn for lsn in range(first, first + 500)])
    assert follower.communicate(timeout=40)[0] == f"{total}\n"
    assert follower.returncode == 0
    kit.writer.close()
    wal = path.with_name("gw0.db-wal")
    assert not wal.exists() or wal.stat().st_size < 4_000_000  # readers let it be reset


CLOSED_WHILE_READING = """
import sys, threading
from storage.journal_reader import JournalReader

reader, lost, end = JournalReader(sys.argv[1]), [], threading.Event()

def read():
    while not end.is_set():
        if reader.uuid and len(reader.read(0)) != 900:
            lost.append(1)

threads = [threading.Thread(target=read) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(300):
    end.wait(0.001)
    reader.close()
end.set()
for thread in threads:
    thread.join()
reader.close()
print(len(lost))
"""


def test_it_can_be_closed_while_another_thread_reads(tmp_path: Path) -> None:
    # An actor that stops closes its reader; a read that was cancelled goes on in its thread.
    kit = Kit(tmp_path / "gw0.db")
    kit.append_and_wait(*[b"x" * 1_000] * 900)
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_WHILE_READING, str(kit.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    kit.writer.close()
