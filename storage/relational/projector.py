"""Journal entries to rows.

A batch is one transaction that also advances the journal's position, so an entry counts once,
whatever dies when. A batch is folded in memory first (`storage.relational.projection`): a thousand
meter values become one row per charger and one per transaction. Samples are not stored here;
ClickHouse has them.

An entry that cannot be decoded or stored is put into `quarantine` with the reason, and the rest
goes on. When the database is away nothing happened: apply the same rows again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Unavailable
from domain.events import (
    ChargerDisconnected,
    CommandFinished,
    CommandFollowed,
    CommandQueued,
    CommandSent,
    ConnectionRefused,
    Entry,
    LimitDecided,
    MessageExchanged,
    StreamReported,
    TokenChecked,
    TransactionEndedProvisionally,
    decode_entry,
)
from domain.text import clean
from storage.journal_reader import Row
from storage.relational.engine import chunks, insert, is_refused_data, reading, upsert, writing
from storage.relational.projection import (
    chargers,
    commands,
    device,
    logs,
    monitors,
    reservations,
    transactions,
)
from storage.relational.projection.batch import Batch, Folds, chain, nothing
from storage.relational.settings import ProjectorSettings
from storage.relational.tables import journal_positions, quarantine


class Applied(NamedTuple):
    """What `apply` did: the position now, how many entries counted and how many were poison.

    `fed`: how many changes gateways must hear of.
    """

    lsn: int
    entries: int
    quarantined: int
    fed: int = 0


def _sum(first: Applied, then: Applied) -> Applied:
    return Applied(
        then.lsn,
        first.entries + then.entries,
        first.quarantined + then.quarantined,
        first.fed + then.fed,
    )


class Poison(NamedTuple):
    """A record that was put aside."""

    row: Row
    reason: str


@dataclass(slots=True)
class _Folded:
    """What some records come down to."""

    after: int
    """The position before them."""
    batch: Batch
    lsn: int = 0
    """Of the last of them; 0: there are none."""
    poison: list[Poison] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


FOLDS: Final[Folds] = chain(
    chargers.FOLDS,
    transactions.FOLDS,
    commands.FOLDS,
    logs.FOLDS,
    device.FOLDS,
    reservations.FOLDS,
    monitors.FOLDS,
    dict.fromkeys((TokenChecked, MessageExchanged, StreamReported), nothing),
)
"""What is kept of each kind of event; total."""

_SILENT: Final = frozenset(
    {
        ChargerDisconnected,
        ConnectionRefused,
        MessageExchanged,
        CommandFinished,
        CommandFollowed,
        CommandQueued,
        CommandSent,
        TransactionEndedProvisionally,
        LimitDecided,
    }
)
"""Events that do not prove that the charger was heard."""


class Projector:
    """Applies journal entries to the relational store. One at a time."""

    def __init__(
        self,
        engine: AsyncEngine,
        now_us: Callable[[], int],
        settings: ProjectorSettings | None = None,
        on_poison: Callable[[Poison], None] = lambda _poison: None,
        on_stored: Callable[[Sequence[Entry]], None] = lambda _entries: None,
    ) -> None:
        self._engine = engine
        self._now_us = now_us
        self._settings = settings or ProjectorSettings()
        self._on_poison = on_poison
        self._on_stored = on_stored
        """Called with the entries of each batch after its commit. Must not raise."""
        self._positions: dict[str, int] = {}
        """Of the journals, as they were seen last: what is in the store decides."""
        self._trimmer = logs.Trimmer(self._settings.rows_kept_max, self._settings.trim_rows_step)

    async def position(self, journal: str) -> int:
        """Return the last lsn of the journal with this uuid that is projected; 0 when none.

        Raises:
            Unavailable: the database is away.
        """
        query = select(journal_positions.c.lsn).where(journal_positions.c.uuid == journal)
        async with reading(self._engine) as connection:
            return (await connection.execute(query)).scalar() or 0

    async def rewind(self, journal: str) -> None:
        """Forget how far a journal is projected: all that it has is projected again.

        Raises:
            Unavailable: the database is away.
        """
        async with writing(self._engine) as connection:
            mine = journal_positions.c.uuid == journal
            await connection.execute(journal_positions.delete().where(mine))

    async def apply(self, journal: str, rows: Sequence[Row], name: str = "") -> Applied:
        """Project `rows` of the journal with uuid `journal`; those that are already in are skipped.

        Returns what was done when all rows are committed.

        Raises:
            Unavailable: the database is away; some batches may be in. Apply the same rows again.
        """
        applied = Applied(0, 0, 0)
        for batch in chunks(rows, self._settings.batch_entries_max):
            done = await self._apply_or_split(journal, batch, name)
            applied = _sum(applied, done)
        return applied

    async def _apply_or_split(self, journal: str, rows: Sequence[Row], name: str) -> Applied:
        """Find the entry that cannot be stored by halving, and put it aside."""
        try:
            return await self._apply_batch(journal, rows, name, None)
        except Exception as error:
            if isinstance(error, (Unavailable, DBAPIError)) and not is_refused_data(error):
                raise
            if len(rows) == 1:
                reason = str(getattr(error, "orig", None) or error)
                return await self._apply_batch(journal, rows, name, reason)
        half = len(rows) // 2
        first = await self._apply_or_split(journal, rows[:half], name)
        second = await self._apply_or_split(journal, rows[half:], name)
        return _sum(first, second)

    async def _apply_batch(
        self, journal: str, rows: Sequence[Row], name: str, refused: str | None
    ) -> Applied:
        """Project one batch in one transaction; `refused`: quarantine it all, for this reason."""
        # Read before the transaction: it holds the write lock, for which others wait.
        folded = self._folded(journal, rows, self._positions.get(journal, 0), refused)
        async with writing(self._engine, at_once=True) as connection:
            query = select(journal_positions.c.lsn).where(journal_positions.c.uuid == journal)
            before = (await connection.execute(query.with_for_update())).scalar() or 0
            if before != folded.after:
                folded = self._folded(journal, rows, before, refused)
            self._positions[journal] = before
            if not folded.lsn:
                return Applied(before, 0, 0)
            fed = await self._store(connection, folded.batch)
            if folded.poison:
                await self._put_aside(connection, journal, folded.poison)
            position = {
                "uuid": journal,
                "name": name,
                "lsn": folded.lsn,
                "updated_us": self._now_us(),
            }
            columns = ("name", "lsn", "updated_us")
            await connection.execute(upsert(connection, journal_positions, columns), [position])
        self._positions[journal] = folded.lsn
        for put_aside in folded.poison:
            self._on_poison(put_aside)
        self._on_stored(folded.entries)
        entries, poison = len(folded.entries), len(folded.poison)
        return Applied(folded.lsn, entries, poison, fed)

    def _folded(
        self, journal: str, rows: Sequence[Row], after: int, refused: str | None
    ) -> _Folded:
        """Return what rows with a greater lsn than `after` come down to."""
        folded = _Folded(after, Batch(journal, self._settings.text_characters_max))
        for row in rows:
            if row.lsn <= after:
                continue
            folded.lsn = row.lsn
            try:
                entry = decode_entry(row.blob)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                folded.poison.append(Poison(row, f"not readable: {error}"))
                continue
            if refused is None:
                _fold(folded.batch, row.lsn, entry)
                folded.entries.append(entry)
            else:
                folded.poison.append(Poison(row, f"not storable: {refused}"))
        return folded

    # ---- writing --------------------------------------------------------------------------
    async def _store(self, connection: AsyncConnection, batch: Batch) -> int:
        """Store what the batch says; return how many changes gateways must hear of."""
        await chargers.store(connection, batch)
        await batch.store_newest(connection)
        await commands.store(connection, batch)
        await device.store(connection, batch, self._settings.variables_max)
        await reservations.store(connection, batch)
        await monitors.store(connection, batch, self._settings.monitors_max)
        await self._trimmer.store(connection, batch)
        feed = await transactions.store(connection, batch, self._settings.match_days)
        # The counter's row is locked from here to the commit: last, and not for long.
        fed = await chargers.raise_security(connection, batch.raised)
        fed += await transactions.number(connection, feed)
        return fed + await chargers.enrol(connection, batch.enrolled, self._now_us())

    async def _put_aside(
        self, connection: AsyncConnection, journal: str, poison: Iterable[Poison]
    ) -> None:
        rows = [
            {
                "id": f"{journal}:{put_aside.row.lsn}",
                "journal": journal,
                "lsn": put_aside.row.lsn,
                "reason": clean(put_aside.reason, 1_000),
                "blob": put_aside.row.blob,
                "received_us": put_aside.row.committed_us,
            }
            for put_aside in poison
        ]
        await connection.execute(insert(connection, quarantine).on_conflict_do_nothing(), rows)
        await self._trimmer.trim(connection, quarantine, len(rows))


def _fold(batch: Batch, lsn: int, entry: Entry) -> None:
    batch.lsn = lsn
    batch.nth = 0
    seen = False
    for event in entry.events:
        kind = type(event)
        FOLDS[kind](batch, entry, event)
        batch.nth += 1
        seen = seen or kind not in _SILENT
    if seen and batch.seen.get(entry.charger, 0) < entry.received_us:
        batch.seen[entry.charger] = entry.received_us
