"""What stands for the journal while it cannot be opened: it takes nothing."""

from collections.abc import Callable

from domain.errors import JournalFailed
from storage.journal import JournalStats


class NoJournal:
    """Refuses every record, so that nothing is acknowledged."""

    congested = False
    failed = None
    uuid = ""
    stats = JournalStats(0, 0, 0, 0, 0, 0, 0)

    def append(self, blob: bytes, done: Callable[[], None] | None = None) -> None:
        """Refuse.

        Raises:
            JournalFailed: always.
        """
        del blob, done
        raise JournalFailed("the journal is not open")

    def passed(self, reader: str, lsn: int, uuid: str = "") -> bool:
        """Refuse: there is nothing to pass."""
        del reader, lsn, uuid
        return False

    def close(self) -> None:
        """Nothing is open."""
