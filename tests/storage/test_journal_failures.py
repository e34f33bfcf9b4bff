"""Full disks, I/O errors, kill -9."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import JournalFailed
from storage.journal_reader import JournalReader
from tests.storage.journal_kit import Kit, wait_until

ROOT = Path(__file__).parents[2]

WRITER = """
import sys, threading
from storage.journal import JournalSettings, JournalWriter

ready = threading.Semaphore(0)
def deliver(dones):
    for done in dones:
        done()
    sys.stdout.flush()
writer = JournalWriter(sys.argv[1], JournalSettings(checkpoint_pages=20), deliver, print)
number = writer.last_lsn
for _ in range(200):
    ready.release()
while True:
    ready.acquire()
    number += 1
    def done(number=number):
        print(number)
        ready.release()
    writer.append(b"%d" % number + bytes(300), done)
"""


def acknowledged_before_kill(path: Path, after_s: float) -> int:
    """Run a writer, kill it after a while, return the last number that it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 30)[0], "no acknowledgement at all"
    time.sleep(after_s)
    os.kill(process.pid, signal.SIGKILL)
    output = process.communicate()[0]
    lines = output[: output.rfind(b"\n")].split()
    return int(lines[-1])


@pytest.mark.slow
def test_kill_9_loses_no_acknowledged_record(tmp_path: Path) -> None:
    path, chance = tmp_path / "gw0.db", random.Random(7)
    acknowledged = 0
    for _ in range(8):
        acknowledged = acknowledged_before_kill(path, chance.uniform(0.0, 0.15))
        reader = JournalReader(path)
        rows = reader.read(0, 10_000_000, 1 << 30)
        reader.close()
        assert [row.lsn for row in rows] == list(range(1, len(rows) + 1))
        assert len(rows) >= acknowledged
        assert all(row.blob.startswith(b"%d\0" % row.lsn) for row in rows)
    assert acknowledged > 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill_until_failure(kit: Kit) -> list[int]:
    """Append until the journal has failed; return the numbers that were acknowledged."""
    acknowledged: list[int] = []
    for number in range(1, 10_000):
        try:
            kit.writer.append(
                b"%d" % number + bytes(1_000), lambda number=number: acknowledged.append(number)
            )
        except JournalFailed:
            break
        if number % 50 == 0:
            kit.run_callbacks(lambda: bool(kit.failures) or len(acknowledged) == number)  # noqa: B023
            if kit.failures:
                break
    assert kit.failures, "the disk did not fill up"
    return acknowledged


def check_failed(kit: Kit, acknowledged: list[int]) -> None:
    kit.writer._thread.join(10)
    while not kit.groups.empty():
        for done in kit.groups.get():
            done()
    assert len(kit.failures) == 1
    assert kit.writer.failed is kit.failures[0]
    with pytest.raises(JournalFailed):
        kit.writer.append(b"after the failure")
    assert acknowledged == list(range(1, len(acknowledged) + 1))
    reader = JournalReader(kit.path)
    rows = reader.read(0, 1_000_000, 1 << 30)
    reader.close()
    assert len(rows) >= len(acknowledged) > 0
    kit.writer.close()


def test_a_full_disk_ends_the_journal_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    kit = Kit(small_disk / "gw0.db")
    check_failed(kit, fill_until_failure(kit))


def test_after_room_was_made_a_new_writer_goes_on(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(800_000))
    kit = Kit(small_disk / "gw0.db")
    acknowledged = fill_until_failure(kit)
    kit.writer.close()
    ballast.unlink()
    again = Kit(small_disk / "gw0.db")
    assert again.writer.last_lsn >= len(acknowledged)
    again.append_and_wait(b"works again")
    again.writer.close()


def test_the_limit_of_the_file_acts_like_a_full_disk(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db", size_bytes_max=500_000)
    acknowledged = fill_until_failure(kit)
    check_failed(kit, acknowledged)
    assert kit.path.stat().st_size <= 500_000


def test_an_error_rolls_the_whole_group_back(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db", size_bytes_max=200_000, room_bytes_min=0)
    kit.append_and_wait(b"kept")
    kit.writer.append(bytes(300_000), lambda: pytest.fail("was not committed"))
    kit.writer.append(b"in the same group or after it", lambda: pytest.fail("must not be answered"))
    kit.run_callbacks(lambda: bool(kit.failures))
    kit.writer.close()
    reader = JournalReader(kit.path)
    assert [row.blob for row in reader.read(0)] == [b"kept"]
    reader.close()


def test_a_writer_thread_that_fails_for_any_reason_is_a_failed_journal(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "gw0.db")
    kit.writer._now_us = lambda: 1 // 0
    kit.writer.append(b"x", lambda: pytest.fail("was not committed"))
    kit.run_callbacks(lambda: bool(kit.failures))
    assert "division" in str(kit.failures[0])
    wait_until(lambda: not kit.writer._thread.is_alive(), "the thread lives")
    kit.writer.close()
