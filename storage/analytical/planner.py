"""Blocks are planned before they are inserted.

`plan.db` (SQLite, synchronous=FULL) has, for every journal, how far the warehouse is, and the one
block that may be under way: the stretch of lsns (after, last] and its token. Whatever happens after
the plan is written (kill, cut, timeout), the next attempt reads the same stretch, builds the same
rows in the same order and sends them under the same tokens, so the engine keeps them once.

If plan.db is lost, what is left of the journals is read again with other boundaries: samples
collapse by their key, messages and connections of that stretch are stored twice.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.analytical.blocks import Reject

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journals (uuid TEXT PRIMARY KEY, name TEXT NOT NULL,
    position INTEGER NOT NULL, quarantined INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS plans (uuid TEXT PRIMARY KEY, after INTEGER NOT NULL,
    last INTEGER NOT NULL, token TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS quarantine (uuid TEXT NOT NULL, lsn INTEGER NOT NULL,
    block TEXT NOT NULL, ordinal INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL,
    at_us INTEGER NOT NULL, PRIMARY KEY (uuid, lsn, block, ordinal)) STRICT;
CREATE TABLE IF NOT EXISTS places (charger TEXT PRIMARY KEY, tenant TEXT NOT NULL,
    site TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rewinds (uuid TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class Plan:
    """A stretch of a journal that is one block: lsns greater than `after`, up to `last`."""

    uuid: str
    after: int
    last: int
    token: str


class PlanStore:
    """The warehouse's own memory. For one thread at a time.

    Raises:
        sqlite3.Error: the file cannot be read or written (disk full, ...). Nothing is half done.
    """

    def __init__(self, path: Path, quarantine_rows_max: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._quarantine_rows_max = quarantine_rows_max
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def position(self, uuid: str) -> int:
        """Return the last lsn of the journal that is in all tables; 0: none."""
        row = self._db.execute("SELECT position FROM journals WHERE uuid = ?", (uuid,)).fetchone()
        return int(row[0]) if row else 0

    def pending(self, uuid: str) -> Plan | None:
        """Return the block that was planned and is not known to be in."""
        row = self._db.execute(
            "SELECT uuid, after, last, token FROM plans WHERE uuid = ?", (uuid,)
        ).fetchone()
        return Plan(*row) if row else None

    def plan(self, uuid: str, name: str, last: int) -> Plan:
        """Write down that the next block ends with `last`; return it.

        The journal (its file is called `name`) must have no pending plan.
        """
        after = self.position(uuid)
        assert last > after, "a block has at least one entry"
        times = self._rewinds(uuid)
        # The engine drops a block whose token it has seen, and these are other rows.
        again = f"#{times}" if times else ""
        plan = Plan(uuid, after, last, f"{uuid}:{after}-{last}{again}")
        with _Transaction(self._db):
            self._db.execute(
                "INSERT INTO journals (uuid, name, position) VALUES (?, ?, ?) "
                "ON CONFLICT (uuid) DO UPDATE SET name = excluded.name",
                (uuid, name, after),
            )
            self._db.execute(
                "INSERT INTO plans VALUES (?, ?, ?, ?)", (uuid, plan.after, plan.last, plan.token)
            )
        return plan

    def finish(self, plan: Plan, rejects: Iterable[Reject], now_us: int) -> None:
        """Note that all rows of `plan` are in, or in quarantine: the position moves on."""
        kept = list(rejects)
        with _Transaction(self._db):
            self._db.execute("DELETE FROM plans WHERE uuid = ?", (plan.uuid,))
            self._db.execute(
                "UPDATE journals SET position = ?, quarantined = quarantined + ? WHERE uuid = ?",
                (plan.last, len(kept), plan.uuid),
            )
            if kept:
                self._quarantine(plan.uuid, kept, now_us)

    def rewind(self, uuid: str) -> None:
        """Forget how far a journal is read, and what was planned: it is read again."""
        with _Transaction(self._db):
            self._db.execute("DELETE FROM plans WHERE uuid = ?", (uuid,))
            self._db.execute("UPDATE journals SET position = 0 WHERE uuid = ?", (uuid,))
            self._db.execute(
                "INSERT INTO rewinds VALUES (?, 1) "
                "ON CONFLICT (uuid) DO UPDATE SET count = count + 1",
                (uuid,),
            )

    def abandon(self, plan: Plan) -> None:
        """Give a planned block up whose records are gone: the journal is read on behind it."""
        with _Transaction(self._db):
            self._db.execute("DELETE FROM plans WHERE uuid = ?", (plan.uuid,))
            self._db.execute(
                "UPDATE journals SET position = ? WHERE uuid = ?", (plan.last, plan.uuid)
            )

    def _rewinds(self, uuid: str) -> int:
        row = self._db.execute("SELECT count FROM rewinds WHERE uuid = ?", (uuid,)).fetchone()
        return int(row[0]) if row else 0

    def quarantined(self) -> dict[str, int]:
        """Return how many rows and entries were ever put aside, by journal uuid."""
        return dict(self._db.execute("SELECT uuid, quarantined FROM journals"))

    def places(self) -> dict[str, tuple[str, str]]:
        """Return charger -> (tenant, site) as last told."""
        rows = self._db.execute("SELECT charger, tenant, site FROM places")
        return {charger: (tenant, site) for charger, tenant, site in rows}

    def set_places(self, places: Mapping[str, tuple[str, str]], *, complete: bool) -> None:
        """Remember where chargers are; `complete`: forget what was known before."""
        with _Transaction(self._db):
            if complete:
                self._db.execute("DELETE FROM places")
            self._db.executemany(
                "INSERT OR REPLACE INTO places VALUES (?, ?, ?)",
                [(charger, tenant, site) for charger, (tenant, site) in places.items()],
            )

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def _quarantine(self, uuid: str, rejects: list[Reject], now_us: int) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(uuid, r.lsn, r.table, r.ordinal, r.reason, r.body, now_us) for r in rejects],
        )
        self._db.execute(
            "DELETE FROM quarantine WHERE rowid IN (SELECT rowid FROM quarantine "
            "ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
            (self._quarantine_rows_max,),
        )


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when something raised."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
