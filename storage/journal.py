"""The journal of one gateway: a fact is durable here before its charger is answered.

One SQLite file in WAL mode with `synchronous=FULL`, written by one thread of one process. A group
is whatever queued while the last commit ran, so there is no timer and an idle journal commits a
lone record at once.

Laws:
    1. `done` of a record is called only after the commit that holds it has been fsynced.
    2. Log sequence numbers (lsn) only grow: over restarts and over pruning.
    3. The first error is the last: the group is rolled back, none of its `done` is called,
       `on_failure` is called once and every later `append` raises JournalFailed. A failed fsync
       must not be tried again, because the kernel may have dropped the dirty pages.
    4. Nothing is pruned until every reader has reported for this journal (its uuid).

`storage.journal_reader` follows the file from another process.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import uuid as uuids
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import JournalFailed, Unavailable
from supervisor.clock import Clock

Done: TypeAlias = Callable[[], None]
Deliver: TypeAlias = Callable[[Sequence[Done]], None]
Soon: TypeAlias = Callable[[Callable[[], None]], object]

FORMAT: Final = 1
"""Layout of the file; a writer or reader refuses any other."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (lsn INTEGER PRIMARY KEY, committed_us INTEGER NOT NULL,
                                    blob BLOB NOT NULL);
"""

_CHUNKS: Final = tuple(1 << power for power in range(9, -1, -1))
"""Rows per INSERT statement. `executemany` gives the GIL away once a row, and a busy loop thread
returns it only after its switch interval; a statement of many rows gives it away once."""

_SHRINK_PAGES: Final = 64


class JournalSettings(BaseModel):
    """Limits of one journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readers: tuple[str, ...] = Field(
        default=("ledger", "warehouse"),
        description="Who must have passed a record before it is deleted.",
    )
    queue_records_max: int = Field(
        default=50_000,
        gt=0,
        description="Records that wait for a commit. At the limit `congested` is true until half "
        "of them are gone: stop reading sockets. At twice the limit append() raises Unavailable.",
    )
    queue_bytes_max: int = Field(
        default=64 * 1024 * 1024,
        gt=0,
        description="Bytes that wait for a commit. Behaves like queue_records_max.",
    )
    group_records_max: int = Field(
        default=4_096, gt=0, description="Records in one commit; the rest goes into the next one."
    )
    group_bytes_max: int = Field(
        default=8 * 1024 * 1024,
        gt=0,
        description="Bytes in one commit, not counting its last record; the rest goes into the "
        "next one.",
    )
    prune_records_step: int = Field(
        default=2_000,
        gt=0,
        description="Records deleted in one step, between two looks at the queue.",
    )
    prune_backlog_records_max: int = Field(
        default=100_000,
        gt=0,
        description="Deletable records that may lie around while there is no idle moment; above "
        "it one step of pruning follows every commit.",
    )
    checkpoint_pages: int = Field(
        default=500,
        gt=0,
        description="Pages (16 KiB) in the WAL at which SQLite copies it into the file.",
    )
    free_bytes_max: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Unused space inside the file; above it an idle journal gives pages back to "
        "the file system.",
    )
    room_bytes_min: int = Field(
        default=256 * 1024,
        ge=0,
        description="Room that must be left when the journal is opened, else it fails as on a full "
        "disk. Without it a gateway would let its chargers in for the few records that still fit.",
    )
    size_bytes_max: int = Field(
        default=0,
        ge=0,
        description="Size of the file. At the limit the journal fails like on a full disk. "
        "0: only the disk limits it.",
    )


class JournalStats(NamedTuple):
    """Counters since the start, and what waits now."""

    records: int
    bytes: int
    groups: int
    queued_records: int
    queued_bytes: int
    pruned_to: int
    last_lsn: int


def deliver_in(loop: AbstractEventLoop) -> Deliver:
    """Return a `deliver` that runs the callbacks in `loop`, one wake-up for a group.

    A callback that raises goes to the loop's exception handler; the others still run. After the
    loop has closed the callbacks are dropped.
    """

    def run(dones: Sequence[Done]) -> None:
        for done in dones:
            try:
                done()
            except Exception as error:  # noqa: BLE001 one caller's fault is not the others'
                loop.call_exception_handler(
                    {"message": "a journal callback failed", "exception": error}
                )

    def deliver(dones: Sequence[Done]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to answer
            loop.call_soon_threadsafe(run, dones)

    return deliver


def _at_once(run: Callable[[], None]) -> None:
    run()


class JournalWriter:
    """The one writer of a journal file.

    `append`, `passed`, `congested` and `close` belong to one thread (the loop's). `deliver(dones)`
    is called in the writer thread, once a group, and must hand the callables to the loop thread;
    `on_failure(error)` travels the same way, so both run in the loop thread.

    Args:
        passed: what readers have reported before, reader -> (uuid, lsn): a journal that is full of
            what every reader has passed is emptied by it, which nobody else could do.
        on_commit: called in the writer thread with the seconds that each commit took, fsync
            included. Must not raise.
        soon: runs a callable later in the loop thread, as `loop.call_soon` does. With it the writer
            thread is woken once for all that one pass of the loop appends: bigger groups, fewer
            commits. Without it, by the first record.

    Raises:
        Unavailable: another process writes this journal.
        JournalFailed: the file cannot be opened, or has an unknown format.
    """

    def __init__(
        self,
        path: Path | str,
        settings: JournalSettings,
        deliver: Deliver,
        on_failure: Callable[[JournalFailed], None],
        *,
        now_us: Callable[[], int] | None = None,
        passed: Mapping[str, tuple[str, int]] | None = None,
        on_commit: Callable[[float], None] = lambda _took_s: None,
        soon: Soon = _at_once,
    ) -> None:
        self.path = Path(path)
        self._settings = settings
        self._deliver = deliver
        self._on_failure = on_failure
        self._on_commit = on_commit
        self._soon = soon
        self._waking = False
        self._now_us = now_us or Clock().now_us
        self._queue: deque[tuple[bytes, Done | None]] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._failed: JournalFailed | None = None
        self._congested = False
        # Each counter has one writing thread, so none needs a lock.
        self._records_in = self._bytes_in = 0
        self._records_out = self._bytes_out = self._groups = 0
        self._passed: dict[str, int] = {}
        self._told = dict(passed or {})

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        try:
            self._db = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._begin()

    def _begin(self) -> None:
        """Start the writer thread."""
        self._thread = threading.Thread(
            target=self._run, name=f"journal {self.path.name}", daemon=True
        )
        self._thread.start()

    def _end(self) -> None:
        """Wait until the writer thread has written what waits."""
        self._thread.join()

    # ---- the loop thread ------------------------------------------------------------------

    def append(self, blob: bytes, done: Done | None = None) -> None:
        """Queue one record; `done()` runs after the commit that holds it.

        Raises:
            JournalFailed: the journal has failed or is closed; nothing may be acknowledged.
            Unavailable: twice the limits of the queue are waiting.
        """
        if self._failed is not None or self._closing:
            raise self._failed or JournalFailed("the journal is closed")
        self._records_in += 1
        self._bytes_in += len(blob)
        if (
            self._records_in - self._records_out >= self._settings.queue_records_max
            or self._bytes_in - self._bytes_out >= self._settings.queue_bytes_max
        ):
            self._over_limit(len(blob))
        self._queue.append((blob, done))
        if not self._waking:
            self._waking = True
            self._soon(self._wake_writer)

    def _wake_writer(self) -> None:
        self._waking = False
        self._wake.set()

    @property
    def congested(self) -> bool:
        """True from the queue's limit on until half of it is committed: stop reading sockets.

        Look again whenever a `done` runs.
        """
        if self._congested:
            self._congested = (
                self._records_in - self._records_out > self._settings.queue_records_max // 2
                or self._bytes_in - self._bytes_out > self._settings.queue_bytes_max // 2
            )
        return self._congested

    def passed(self, reader: str, lsn: int, uuid: str = "") -> bool:
        """Note that `reader` will never again ask for records up to `lsn`.

        Returns False, and does nothing, when the report is for another journal (uuid), from an
        unknown reader, or for records that are not written yet.
        """
        if (uuid and uuid != self.uuid) or reader not in self._settings.readers:
            return False
        if not 0 <= lsn <= self.last_lsn:
            return False
        self._passed[reader] = max(lsn, self._passed.get(reader, 0))
        self._wake.set()
        return True

    @property
    def failed(self) -> JournalFailed | None:
        """Why nothing can be appended any more."""
        return self._failed

    @property
    def stats(self) -> JournalStats:
        """Counters for the metrics page."""
        return JournalStats(
            records=self._records_out,
            bytes=self._bytes_out,
            groups=self._groups,
            queued_records=self._records_in - self._records_out,
            queued_bytes=self._bytes_in - self._bytes_out,
            pruned_to=self.pruned_to,
            last_lsn=self.last_lsn,
        )

    def close(self) -> None:
        """Commit what waits, deliver it, end the thread, release the file. May be called twice."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        self._end()
        os.close(self._lock)

    def _over_limit(self, size: int) -> None:
        self._congested = True
        if (
            self._records_in - self._records_out > 2 * self._settings.queue_records_max
            or self._bytes_in - self._bytes_out > 2 * self._settings.queue_bytes_max
        ):
            self._records_in -= 1
            self._bytes_in -= size
            raise Unavailable("the journal's queue is full")

    # ---- opening --------------------------------------------------------------------------

    def _take_lock(self) -> int:
        lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise Unavailable(f"another process writes {self.path}") from error
        return lock

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, timeout=1.0
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
        except sqlite3.Error as error:
            raise JournalFailed(f"{self.path}: {error}") from error
        # The names of a new file and its WAL must survive a power cut as well.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        # A record is about 1 kB: pages of 4 kB cost a third more CPU and wall time.
        db.execute("PRAGMA page_size=16384")
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={self._settings.checkpoint_pages}")
        db.execute("PRAGMA journal_size_limit=16777216")
        db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.executemany(
            "INSERT OR IGNORE INTO meta VALUES (?, ?)",
            [("uuid", uuids.uuid4().hex), ("pruned_to", 0), ("format", FORMAT)],
        )
        db.execute("COMMIT")
        meta = dict(db.execute("SELECT key, value FROM meta"))
        if meta["format"] != FORMAT:
            raise JournalFailed(f"{self.path} has format {meta['format']}, not {FORMAT}")
        self.uuid: str = meta["uuid"]
        self.pruned_to: int = meta["pruned_to"]
        (last,) = db.execute("SELECT max(lsn) FROM entries").fetchone()
        self.last_lsn: int = max(last or 0, self.pruned_to)
        if self._settings.size_bytes_max:
            (page,) = db.execute("PRAGMA page_size").fetchone()
            db.execute(f"PRAGMA max_page_count={max(1, self._settings.size_bytes_max // page)}")
        self._db = db
        for reader, (uuid, lsn) in self._told.items():
            self.passed(reader, lsn, uuid)
        try:
            self._make_room(db)
        except sqlite3.Error:
            if not self._prune_step():
                raise
            while self._prune_step():
                pass
            self._make_room(db)
        self._inserts = {
            # OR ROLLBACK, which is what an error comes to here anyway: to undo one statement alone
            # SQLite would copy each page into a temporary file first, one file a commit.
            rows: f"INSERT OR ROLLBACK INTO entries VALUES {','.join(['(?,?,?)'] * rows)}"  # noqa: S608
            for rows in _CHUNKS
        }

    def _make_room(self, db: sqlite3.Connection) -> None:
        """Write a large record and delete it: its pages stay in the file, free."""
        if self._settings.room_bytes_min:
            db.execute(
                "INSERT OR REPLACE INTO entries VALUES (0, 0, zeroblob(?))",
                (self._settings.room_bytes_min,),
            )
            db.execute("DELETE FROM entries WHERE lsn = 0")

    # ---- the writer thread ----------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing or self._queue:
                self._wake.clear()  # before the look at the queue: no wake-up is lost
                if not self._turn():
                    self._wake.wait()
        except Exception as error:  # noqa: BLE001 whatever it was, nothing is safe to acknowledge
            self._fail(error)
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()

    def _turn(self) -> bool:
        """Commit a group, or else tidy up a little; False when there was nothing to do."""
        group = self._take_group()
        if group:
            self._commit(group)
            if self._prunable() > self._settings.prune_backlog_records_max:
                self._prune_step()
            return True
        return self._closing or self._prune_step() or self._shrink_step()

    def _take_group(self) -> list[tuple[bytes, Done | None]]:
        group: list[tuple[bytes, Done | None]] = []
        size = 0
        queue = self._queue
        while queue and len(group) < self._settings.group_records_max:
            record = queue.popleft()
            group.append(record)
            size += len(record[0])
            if size >= self._settings.group_bytes_max:
                break
        return group

    def _commit(self, group: list[tuple[bytes, Done | None]]) -> None:
        committed_us = self._now_us()
        values: list[int | bytes] = []
        lsn = self.last_lsn
        size = 0
        for blob, _ in group:
            lsn += 1
            size += len(blob)
            values += (lsn, committed_us, blob)
        execute = self._db.execute
        began_s = perf_counter()
        execute("BEGIN IMMEDIATE")
        at = 0
        for rows in _CHUNKS:
            while len(values) - at >= 3 * rows:
                execute(self._inserts[rows], values[at : at + 3 * rows])
                at += 3 * rows
        execute("COMMIT")
        self._on_commit(perf_counter() - began_s)
        self.last_lsn = lsn
        self._records_out += len(group)
        self._bytes_out += size
        self._groups += 1
        dones = [done for _, done in group if done is not None]
        if dones:
            self._deliver(dones)

    def _prunable(self) -> int:
        """Return how many records every reader has passed."""
        if len(self._passed) < len(set(self._settings.readers)):
            return 0
        return min(self._passed.values(), default=0) - self.pruned_to

    def _prune_step(self) -> bool:
        step = min(self._prunable(), self._settings.prune_records_step)
        if step <= 0:
            return False
        to = self.pruned_to + step
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM entries WHERE lsn <= ?", (to,))
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'pruned_to'", (to,))
        self._db.execute("COMMIT")
        self.pruned_to = to
        return True

    def _shrink_step(self) -> bool:
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (page,) = self._db.execute("PRAGMA page_size").fetchone()
        if free * page <= self._settings.free_bytes_max:
            return False
        # fetchall: the pragma frees one page a step.
        self._db.execute(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})").fetchall()
        return True

    def _fail(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")
        failure = JournalFailed(f"{self.path}: {error}")
        failure.__cause__ = error
        self._failed = failure
        self._queue.clear()
        self._deliver([lambda: self._on_failure(failure)])
