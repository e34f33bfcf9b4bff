from pathlib import Path

import pytest

from supervisor.child import ChildStatus, State, TreeStatus
from supervisor.status import read_status, render_status, write_status

ROW = ChildStatus(
    name="gateway-0",
    entry="m:f",
    stage=0,
    state=State.RUNNING,
    pid=7,
    restarts=2,
    last_exit=-9,
    last_reason="signal 9",
    since_us=5,
    info={"connections": 3},
)
STATUS = TreeStatus(at_us=9, supervisor_pid=6, draining=False, children=(ROW,))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_status(tmp_path, STATUS)
    assert read_status(tmp_path) == STATUS


def test_there_is_none_before_the_first_writing(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None


def test_a_child_is_found_by_its_name() -> None:
    assert STATUS.child("gateway-0") is ROW
    with pytest.raises(KeyError):
        STATUS.child("gateway-1")


def test_the_table_is_text() -> None:
    assert render_status(STATUS).splitlines() == [
        "child      state    pid  restarts  last end  info",
        "gateway-0  running  7    2         signal 9  connections=3",
    ]
