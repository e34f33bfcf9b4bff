"""Following a journal from another process, read-only, while its gateway writes.

Every read is one short transaction, so the writer can always reset its WAL. The reader lives
through pruning, a restart of the writer, a file that is not there yet, and a journal that was
replaced by another one (another uuid).
"""

import sqlite3
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from domain.errors import Unavailable
from storage.journal import FORMAT


class Row(NamedTuple):
    """One record: `blob` is an encoded domain.events.Entry."""

    lsn: int
    committed_us: int
    blob: bytes


class JournalReader:
    """Reads one journal file. Blocking, for any threads: a call waits for the one before it.

    Look at `uuid` before every `read`: positions belong to a uuid. When the file was replaced,
    the `read` that notices it returns nothing, so no row of the new journal can be taken for one
    of the old.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._uuid = ""
        # A read whose caller was cancelled goes on in its thread, and SQLite's driver does not
        # survive that its connection is closed under it.
        self._turn = threading.RLock()

    @property
    def uuid(self) -> str:
        """The name of the journal that `read` reads now; empty when there is none yet.

        Raises:
            Unavailable: there is a file, and it cannot be read.
        """
        with self._turn:
            self._follow_file()
            return self._uuid

    def read(self, after_lsn: int, limit: int = 1_000, bytes_max: int = 4 << 20) -> list[Row]:
        """Return the rows after `after_lsn` in order: at most `limit`, about `bytes_max` bytes.

        Pruned rows are skipped silently. At least one row is returned when there is one, however
        long it is.

        Raises:
            Unavailable: there is a file, and it cannot be read now.
        """
        with self._turn:
            if self._follow_file() or self._db is None:
                return []
            return self._read(self._db, after_lsn, limit, bytes_max)

    def last_lsn(self) -> int:
        """Return the greatest lsn that was ever committed (pruned ones too); 0 when none.

        Raises:
            Unavailable: there is a file, and it cannot be read now.
        """
        with self._turn:
            self._follow_file()
            return 0 if self._db is None else self._last_lsn(self._db)

    def waiting(self, after_lsn: int) -> tuple[int, int]:
        """Return how many rows there are after `after_lsn`, and when the first was committed.

        Without reading them. Rows have no gaps but pruned ones, which nobody waits for.

        Raises:
            Unavailable: there is a file, and it cannot be read now.
        """
        with self._turn:
            if self._follow_file() or self._db is None:
                return 0, 0
            try:
                first = self._db.execute(
                    "SELECT lsn, committed_us FROM entries WHERE lsn > ? ORDER BY lsn LIMIT 1",
                    (after_lsn,),
                ).fetchone()
                last = self._db.execute("SELECT max(lsn) FROM entries").fetchone()
            except sqlite3.Error as error:
                self.close()
                raise Unavailable(f"{self.path}: {error}") from error
            return (last[0] - first[0] + 1, first[1]) if first and last else (0, 0)

    def close(self) -> None:
        """Release the file. The next call opens it again."""
        with self._turn:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _read(
        self, db: sqlite3.Connection, after_lsn: int, limit: int, bytes_max: int
    ) -> list[Row]:
        rows: list[Row] = []
        size = 0
        try:
            cursor = db.execute(
                "SELECT lsn, committed_us, blob FROM entries WHERE lsn > ? ORDER BY lsn LIMIT ?",
                (after_lsn, limit),
            )
            try:
                for values in cursor:
                    row = Row(*values)
                    rows.append(row)
                    size += len(row.blob)
                    if size >= bytes_max:
                        break
            finally:
                cursor.close()  # ends the read transaction
        except sqlite3.Error as error:
            self.close()
            raise Unavailable(f"{self.path}: {error}") from error
        return rows

    def _last_lsn(self, db: sqlite3.Connection) -> int:
        try:
            (last,) = db.execute(
                "SELECT max(coalesce((SELECT max(lsn) FROM entries), 0),"
                " (SELECT value FROM meta WHERE key = 'pruned_to'))"
            ).fetchone()
        except sqlite3.Error as error:
            self.close()
            raise Unavailable(f"{self.path}: {error}") from error
        return int(last)

    def _follow_file(self) -> bool:
        """Open the file that the path names now. Return True when the uuid has changed."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self.close()
            return False
        file = (stat.st_dev, stat.st_ino)
        if self._db is not None and file == self._file:
            return False
        self.close()
        before = self._uuid
        self._file = file
        try:
            self._db = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=1.0,
            )
            meta = dict(self._db.execute("SELECT key, value FROM meta"))
        except sqlite3.Error as error:
            self.close()
            if "no such table" in str(error):  # its writer is just about to make it
                return False
            raise Unavailable(f"{self.path}: {error}") from error
        if meta["format"] != FORMAT:
            self.close()
            raise Unavailable(f"{self.path} has format {meta['format']}, not {FORMAT}")
        self._uuid = meta["uuid"]
        return bool(before) and before != self._uuid
