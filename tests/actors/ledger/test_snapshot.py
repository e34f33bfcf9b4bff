import stat
from pathlib import Path

import pytest

from actors.ledger.snapshot import Mirror, write_snapshot
from domain.records import ActiveTransaction, Changes, ChargerRecord, TokenRecord
from tests.actors.ledger.kit import decode_changes

A, B = ChargerRecord("A", revision=1), ChargerRecord("B", revision=2)
T = TokenRecord("T", revision=3)
RUNNING = ActiveTransaction("A", 7, "T", active=True, revision=4)


@pytest.fixture
def mirror() -> Mirror:
    mirror = Mirror()
    mirror.apply(Changes(4, (A, B), (T,), (RUNNING,), complete=True))
    return mirror


def test_it_encodes_to_everything_there_is(mirror: Mirror) -> None:
    assert decode_changes(mirror.encode()) == Changes(4, (A, B), (T,), (RUNNING,), complete=True)


def test_it_follows_changes_and_deletions(mirror: Mirror) -> None:
    mirror.apply(
        Changes(
            8,
            (ChargerRecord("A", revision=5, heartbeat_s=9), ChargerRecord("B", deleted=True)),
            (TokenRecord("t", deleted=True),),
            (ActiveTransaction("A", 7, "T", active=False),),
        )
    )
    assert decode_changes(mirror.encode()) == Changes(
        8, (ChargerRecord("A", revision=5, heartbeat_s=9),), complete=True
    )


def test_a_complete_piece_replaces_everything(mirror: Mirror) -> None:
    mirror.apply(Changes(1, (A,), complete=True))
    assert decode_changes(mirror.encode()) == Changes(1, (A,), complete=True)


def test_it_knows_what_kind_of_thing_has_changed(mirror: Mirror) -> None:
    assert (mirror.changed, mirror.records_changed) == (True, True)
    mirror.encode()
    assert (mirror.changed, mirror.records_changed) == (False, False)
    mirror.apply(Changes(9, transactions=(RUNNING,)))
    assert (mirror.changed, mirror.records_changed) == (True, False)
    mirror.apply(Changes(10, tokens=(T,)))
    assert (mirror.changed, mirror.records_changed) == (True, True)


def test_the_file_is_replaced_whole_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "registry.snapshot"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_snapshot(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["registry.snapshot"]


def test_a_folder_that_is_not_there_leaves_the_old_copy_alone(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_snapshot(tmp_path / "nowhere" / "registry.snapshot", b"new")
