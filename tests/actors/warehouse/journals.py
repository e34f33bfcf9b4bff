"""Journals for tests, written by the real writer."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from domain.errors import JournalFailed
from domain.events import Entry, encode_entry
from storage.journal import Done, JournalSettings, JournalWriter


class Journal:
    """A journal whose `append` returns when everything is on disk."""

    def __init__(self, path: Path) -> None:
        self.failures: list[JournalFailed] = []
        self.writer = JournalWriter(
            path, JournalSettings(readers=("warehouse",)), self._deliver, self.failures.append
        )

    @staticmethod
    def _deliver(dones: Sequence[Done]) -> None:
        for done in dones:
            done()

    def append(self, entries: Iterable[Entry]) -> int:
        """Commit `entries`; return the lsn of the last one."""
        return self.append_raw(encode_entry(entry) for entry in entries)

    def append_raw(self, blobs: Iterable[bytes]) -> int:
        committed = threading.Event()
        all_blobs = list(blobs)
        for blob in all_blobs[:-1]:
            self.writer.append(blob)
        self.writer.append(all_blobs[-1], committed.set)
        assert committed.wait(20)
        return self.writer.last_lsn

    def close(self) -> None:
        self.writer.close()
