"""Starts, stops and readings of meters: what `storage.relational.transactions` decides."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import (
    EnergyMeasured,
    Entry,
    Sample,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStatusTold,
    TransactionStopped,
)
from storage.relational import progress, revisions
from storage.relational.engine import chunks, upsert
from storage.relational.projection.batch import Batch, Folds, order_us
from storage.relational.tables import transaction_aliases, transaction_stops, transactions
from storage.relational.transaction_rows import (
    OPEN,
    PROVISIONAL,
    Needs,
    Stop,
    Transaction,
    TransactionEvent,
)
from storage.relational.transactions import Book

ENERGY: Final = "Energy.Active.Import.Register"
WH_PER_UNIT: Final = {"Wh": 1.0, "kWh": 1_000.0, "": 1.0}
METER_WH_MAX: Final = 1 << 53


def _measured(batch: Batch, entry: Entry, event: EnergyMeasured) -> None:
    if event.transaction > 0:
        _read(batch, entry, event.transaction, event.samples)


def _progressed(batch: Batch, entry: Entry, event: TransactionProgressed) -> None:
    batch.transactions.append((entry, event))
    _read(batch, entry, event.transaction, event.samples)
    if event.meter_wh >= 0:
        at_us = order_us(event.at_us, event.quality, entry.received_us)
        _note(batch, (entry.charger, event.transaction), (at_us, event.meter_wh))


def _read(batch: Batch, entry: Entry, transaction: int, samples: Sequence[Sample]) -> None:
    """Note the newest reading of the energy register."""
    newest: tuple[int, int] | None = None
    for sample in samples:
        if sample.measurand != ENERGY or sample.phase or sample.text:
            continue
        value_wh = sample.value * WH_PER_UNIT.get(sample.unit, math.nan)
        if not abs(value_wh) < METER_WH_MAX:  # also false for what is no number
            continue
        at_us = order_us(sample.at_us, sample.quality, entry.received_us)
        if newest is None or at_us >= newest[0]:
            newest = (at_us, round(value_wh))
    if newest is not None:
        _note(batch, (entry.charger, transaction), newest)


def _note(batch: Batch, key: tuple[str, int], reading: tuple[int, int]) -> None:
    before = batch.meters.get(key)
    if before is None or before[0] <= reading[0]:
        batch.meters[key] = reading


def _transaction(batch: Batch, entry: Entry, event: TransactionEvent) -> None:
    batch.transactions.append((entry, event))


FOLDS: Final[Folds] = {
    EnergyMeasured: _measured,
    TransactionStarted: _transaction,
    TransactionStopped: _transaction,
    TransactionEndedProvisionally: _transaction,
    TransactionProgressed: _progressed,
    TransactionStatusTold: _transaction,
}


async def store(connection: AsyncConnection, batch: Batch, match_days: int) -> list[Transaction]:
    """Write transactions; return those that began or ceased to run, for `number`."""
    book = await load_book(connection, batch, match_days) if batch.transactions else None
    if book is not None:
        await _store_book(connection, book)
    if batch.meters:
        await _store_meters(connection, batch.meters)
    return book.feed() if book is not None else []


async def number(connection: AsyncConnection, feed: list[Transaction]) -> int:
    """Give what gateways must hear of its numbers in the change feed; return how many."""
    if feed:
        numbers = await revisions.take(connection, revisions.REVISION, len(feed))
        rows = [{"key": t.id, "new": n} for t, n in zip(feed, numbers, strict=True)]
        await connection.execute(_NUMBER_TRANSACTION, rows)
    return len(feed)


async def load_book(connection: AsyncConnection, batch: Batch, match_days: int) -> Book:
    """Load what the transaction events need, and apply them."""
    needs = Needs()
    for entry, event in batch.transactions:
        needs.add(entry, event)
    book = Book()
    columns = transactions.c
    since_us = min(entry.received_us for entry, _ in batch.transactions)
    since_us -= match_days * 86_400_000_000
    for ids in chunks(sorted(needs.ids)):
        book.load(await _load(connection, select(transactions).where(columns.id.in_(ids))))
    for said in chunks(sorted(needs.said)):
        query = select(transactions).where(
            columns.said.in_(said), columns.charger.in_(sorted(needs.chargers))
        )
        book.load(await _load(connection, query))
    for numbers in chunks(sorted(needs.numbers)):
        query = select(transactions).where(columns.number.in_(numbers))
        book.load(await _load(connection, query))
    for names in chunks(sorted(needs.chargers)):
        query = select(transactions).where(
            columns.charger.in_(names),
            columns.state.in_((OPEN, PROVISIONAL)),
            columns.start_received_us >= since_us,
        )
        book.load(await _load(connection, query))
    linked: set[str] = set()
    aliases: list[tuple[str, int, str]] = []
    for numbers in chunks(sorted(needs.numbers)):
        found = await connection.execute(
            select(transaction_aliases).where(transaction_aliases.c.number.in_(numbers))
        )
        aliases += [(row.charger, row.number, row.transaction) for row in found]
        linked.update(alias[2] for alias in aliases)
    for ids in chunks(sorted(needs.stops)):
        query = select(transaction_stops).where(transaction_stops.c.id.in_(ids))
        book.load_stops(await _rows(connection, query, Stop))
    for numbers in chunks(sorted(needs.started_numbers)):
        query = select(transaction_stops).where(transaction_stops.c.said_transaction.in_(numbers))
        stops = await _rows(connection, query, Stop)
        book.load_stops(stops)
        linked.update(stop.transaction for stop in stops)
    for ids in chunks(sorted(book.missing(linked))):
        book.load(await _load(connection, select(transactions).where(columns.id.in_(ids))))
    book.load_aliases(aliases)
    for ids in chunks(sorted(book.guesses())):
        query = select(transaction_stops).where(transaction_stops.c.id.in_(ids))
        book.load_stops(await _rows(connection, query, Stop))
    for entry, event in batch.transactions:
        if isinstance(event, TransactionProgressed):
            progress.progressed(book, entry, event)
        elif isinstance(event, TransactionStatusTold):
            progress.status_told(book, entry, event)
        else:
            book.apply(entry, event)
    return book


Loaded = TypeVar("Loaded", bound=msgspec.Struct)


async def _rows(
    connection: AsyncConnection, query: Select[Any], kind: type[Loaded]
) -> list[Loaded]:
    return [kind(**row._mapping) for row in await connection.execute(query)]  # noqa: SLF001 public


async def _load(connection: AsyncConnection, query: Select[Any]) -> list[Transaction]:
    return await _rows(connection, query, Transaction)


async def _store_book(connection: AsyncConnection, book: Book) -> None:
    for ids in chunks(sorted(book.removed)):
        await connection.execute(delete(transactions).where(transactions.c.id.in_(ids)))
    if book.changed:
        columns = [c.name for c in transactions.columns if c.name not in _UNCHANGED]
        rows = [msgspec.structs.asdict(book.changed[key]) for key in sorted(book.changed)]
        await connection.execute(upsert(connection, transactions, columns), rows)
    if book.changed_stops:
        rows = [
            msgspec.structs.asdict(book.changed_stops[key]) for key in sorted(book.changed_stops)
        ]
        statement = upsert(connection, transaction_stops, ("transaction", "guessed"))
        await connection.execute(statement, rows)
    if book.new_aliases:
        rows = [
            {"charger": charger, "number": number, "transaction": name}
            for (charger, number), name in sorted(book.new_aliases.items())
        ]
        statement = upsert(connection, transaction_aliases, ["transaction"])
        await connection.execute(statement, rows)


async def _store_meters(
    connection: AsyncConnection, meters: Mapping[tuple[str, int], tuple[int, int]]
) -> None:
    """Note the last reading of each transaction, under its own number or an alias."""
    own: dict[tuple[str, int], int] = {}
    for numbers in chunks(sorted({number for _, number in meters})):
        found = await connection.execute(
            select(
                transaction_aliases.c.charger, transaction_aliases.c.number, transactions.c.number
            )
            .join(transactions, transactions.c.id == transaction_aliases.c.transaction)
            .where(transaction_aliases.c.number.in_(numbers))
        )
        own.update({(charger, alias): number for charger, alias, number in found})
    await connection.execute(
        _METER,
        [
            {
                "of_charger": key[0],
                "of_number": own.get(key, key[1]),
                "new_us": at_us,
                "new_wh": reading_wh,
            }
            for key, (at_us, reading_wh) in sorted(meters.items())
        ],
    )


_NUMBER_TRANSACTION: Final = (
    update(transactions)
    .where(transactions.c.id == bindparam("key"))
    .values(revision=bindparam("new"))
)

_METER: Final = (
    update(transactions)
    .where(
        transactions.c.number == bindparam("of_number"),
        transactions.c.charger == bindparam("of_charger"),
        transactions.c.last_meter_us <= bindparam("new_us"),
    )
    .values(last_meter_wh=bindparam("new_wh"), last_meter_us=bindparam("new_us"))
)

_UNCHANGED: Final = ("id", "last_meter_wh", "last_meter_us", "revision")
"""Columns that a new event of a transaction never overwrites: see _store_meters and number."""
