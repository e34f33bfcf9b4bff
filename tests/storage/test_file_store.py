import hashlib
from pathlib import Path

import pytest

from domain.errors import InvalidInput, NotFound
from storage.file_store import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def test_what_is_finished_is_there_whole(store: FileStore, tmp_path: Path) -> None:
    file = store.new_id()
    with store.writer(file, 100) as writer:
        writer.write(b"ab")
        writer.write(b"cd")
        written = writer.finish()
    assert store.path(file).read_bytes() == b"abcd"
    assert written == (4, hashlib.sha256(b"abcd").hexdigest())
    assert [path.name for path in (tmp_path / "files").iterdir()] == [file]
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0


def test_what_is_too_long_or_cut_off_leaves_nothing_behind(
    store: FileStore, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="4 bytes"), store.writer(store.new_id(), 4) as writer:
        writer.write(b"12345")
    with pytest.raises(ConnectionError), store.writer(store.new_id(), 4) as writer:
        writer.write(b"1234")
        raise ConnectionError
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", "a" * 32 + "/..", "A" * 32, "x"])
def test_only_names_of_its_own_lead_to_a_file(store: FileStore, name: str) -> None:
    for act in (store.path, store.remove, lambda name: store.writer(name, 1)):
        with pytest.raises(NotFound):
            act(name)
