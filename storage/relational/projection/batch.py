"""What a batch of entries comes down to, in memory: of what is newest only the newest."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import Entry, Event, SecurityRaised, TimeQuality
from domain.text import clean
from storage.relational.engine import upsert
from storage.relational.reservations import Told
from storage.relational.transaction_rows import TransactionEvent

TRUSTED: Final = (TimeQuality.OK, TimeQuality.NO_ZONE, TimeQuality.SKEWED)
FUTURE_US_MAX: Final = 86_400_000_000
"""A charger's time further ahead than this (a day) does not count as newer than what follows."""


class ToldMonitoring:
    """Monitors that are there, those that are gone, and what holds for all of a charger's."""

    def __init__(self) -> None:
        self.monitors: dict[str, dict[str, Any]] = {}
        self.cleared: dict[str, dict[str, Any]] = {}
        self.bases: dict[str, dict[str, Any]] = {}
        self.levels: dict[str, dict[str, Any]] = {}
        self.whole: dict[str, dict[str, Any]] = {}


class Batch:
    """What a batch of entries comes down to: rows by table, last one wins."""

    def __init__(self, journal: str, text_max: int) -> None:
        self.journal = journal
        self.text_max = text_max
        self.lsn = 0
        self.nth = 0
        self.boots: dict[str, dict[str, Any]] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.disconnections: list[dict[str, Any]] = []
        self.seen: dict[str, int] = {}
        self.enrolled: dict[str, str] = {}
        self.raised: dict[str, list[SecurityRaised]] = {}
        self.meters: dict[tuple[str, int], tuple[int, int]] = {}
        self.transactions: list[tuple[Entry, TransactionEvent]] = []
        self.queued: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, dict[str, Any]] = {}
        self.finished: dict[str, dict[str, Any]] = {}
        self.followed: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, dict[str, Any]] = {}
        self.reservations: list[Told] = []
        self.monitoring = ToldMonitoring()
        self.appended: dict[Table, list[dict[str, Any]]] = {}
        self._newest: dict[Table, tuple[str, dict[tuple[Any, ...], dict[str, Any]]]] = {}

    def text(self, value: str) -> str:
        """Return `value` without control characters, cut to the limit."""
        return clean(value, self.text_max)

    def append(self, table: Table, entry: Entry, **values: object) -> None:
        """Add a row to a table that only grows. Its id follows from its place in the journal."""
        row = {
            "id": f"{self.journal}:{self.lsn}:{self.nth}",
            "charger": clean(entry.charger, 255),
            "received_us": entry.received_us,
            **values,
        }
        self.appended.setdefault(table, []).append(row)

    def newest(self, table: Table, newer: str, row: dict[str, Any]) -> None:
        """Put a row into a table that has the newest of each key.

        `newer` is the column that decides; each row of a table must have the same columns.
        """
        found = self._newest.get(table)
        if found is None:
            found = self._newest[table] = (newer, {})
        rows = found[1]
        key = tuple(row[column.name] for column in table.primary_key.columns)
        before = rows.get(key)
        if before is None or before[newer] <= row[newer]:
            rows[key] = row

    async def store_newest(self, connection: AsyncConnection) -> None:
        """Write what `newest` was told."""
        for table, (newer, rows) in self._newest.items():
            keys = {column.name for column in table.primary_key.columns}
            columns = [name for name in any_row(rows) if name not in keys]
            await connection.execute(
                upsert(connection, table, columns, newer=newer), in_order(rows)
            )


Fold: TypeAlias = Callable[[Batch, Entry, Any], None]
Folds: TypeAlias = Mapping[type[Event], Fold]


def chain(*tables: Folds) -> Folds:
    """Return the folds of all tables; what several of them have is folded by each, in order."""
    found: dict[type[Event], Fold] = {}
    for table in tables:
        for kind, fold in table.items():
            before = found.get(kind)
            found[kind] = fold if before is None else _then(before, fold)
    return found


def _then(first: Fold, second: Fold) -> Fold:
    def fold(batch: Batch, entry: Entry, event: Any) -> None:  # noqa: ANN401 any event
        first(batch, entry, event)
        second(batch, entry, event)

    return fold


def nothing(_batch: Batch, _entry: Entry, _event: Any) -> None:  # noqa: ANN401 any event
    """The event is of no interest to this store."""


def order_us(at_us: int, quality: str, received_us: int) -> int:
    """Return the instant that decides which of two reports is newer."""
    if quality in TRUSTED and at_us <= received_us + FUTURE_US_MAX:
        return at_us
    return received_us


def any_row(rows: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    """Return one of the rows: all have the same columns."""
    return next(iter(rows.values()))


def in_order(rows: Mapping[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows by key, so that two writers of one PostgreSQL never lock crosswise."""
    return [rows[key] for key in sorted(rows)]
