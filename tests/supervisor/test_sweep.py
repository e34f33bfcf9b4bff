import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.sweep import Mark, SweepError, holders, members, sweep
from tests.supervisor.tree.harness import until


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Mark]]:
    path = tmp_path / "mark"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    process = subprocess.Popen(["sleep", "60"], pass_fds=[fd], start_new_session=True)
    found = os.fstat(fd)
    yield process, Mark(fd, found.st_dev, found.st_ino)
    os.close(fd)
    process.kill()
    process.wait()


def test_who_inherited_the_file_carries_the_mark(
    marked: tuple[subprocess.Popen[bytes], Mark],
) -> None:
    process, mark = marked
    assert holders(mark) == [process.pid]
    assert holders(Mark(None, mark.device, mark.inode)) == [process.pid]


def test_the_same_number_with_another_file_is_no_mark(
    marked: tuple[subprocess.Popen[bytes], Mark],
) -> None:
    _, mark = marked
    assert holders(Mark(mark.fd, mark.device, mark.inode + 1)) == []
    assert holders(Mark(0, mark.device, mark.inode)) == []


def test_a_session_has_members(marked: tuple[subprocess.Popen[bytes], Mark]) -> None:
    process, _ = marked
    until(lambda: members(process.pid) == [process.pid])


def test_sweeping_kills_until_nobody_is_left(
    marked: tuple[subprocess.Popen[bytes], Mark],
) -> None:
    process, mark = marked
    assert sweep(lambda: holders(mark)) == 1
    assert process.wait() == -9
    assert sweep(lambda: holders(mark)) == 0


def test_who_does_not_die_is_reported() -> None:
    unkillable = 2**22 + 1
    with pytest.raises(SweepError, match=str(unkillable)) as error:
        sweep(lambda: [unkillable] if True else [], deadline_s=0.05)
    assert error.value.pids == [unkillable]
