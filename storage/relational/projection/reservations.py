"""Reservations: answers of chargers, what they told later, and transactions that used one."""

from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import (
    Entry,
    NoticeReported,
    ReservationTold,
    TransactionProgressed,
    TransactionStarted,
)
from domain.reservations import TOLD, Happening, cancelled
from storage.relational.engine import chunks, upsert
from storage.relational.projection.batch import Batch, Folds
from storage.relational.reservations import Reservation, Told, after, reservation_id
from storage.relational.tables import reservations

STATUS_UPDATE: Final = "ReservationStatusUpdate"


def _answered(batch: Batch, entry: Entry, event: ReservationTold) -> None:
    at = (entry.charger, event.number, entry.received_us)
    if event.cancels:
        batch.reservations.append(Told(*at, cancelled(event.status), event.status))
    else:
        batch.reservations.append(Told(*at, None, answer=event))


def _noticed(batch: Batch, entry: Entry, event: NoticeReported) -> None:
    if event.topic != STATUS_UPDATE:
        return
    what = TOLD.get(event.status.strip().casefold())
    if what is not None:
        told = Told(entry.charger, event.request, entry.received_us, what, event.status)
        batch.reservations.append(told)


def _used(batch: Batch, entry: Entry, event: TransactionStarted | TransactionProgressed) -> None:
    if event.reservation:
        batch.reservations.append(
            Told(
                entry.charger,
                event.reservation,
                entry.received_us,
                Happening.USED,
                transaction=event.transaction,
            )
        )


FOLDS: Final[Folds] = {
    ReservationTold: _answered,
    NoticeReported: _noticed,
    TransactionStarted: _used,
    TransactionProgressed: _used,
}


async def store(connection: AsyncConnection, batch: Batch) -> None:
    """Write reservations."""
    if not batch.reservations:
        return
    rows: dict[str, Reservation] = {}
    names = sorted({reservation_id(told.charger, told.number) for told in batch.reservations})
    for some in chunks(names):
        query = select(reservations).where(reservations.c.id.in_(some))
        for row in await connection.execute(query):
            rows[row.id] = Reservation(**row._mapping)  # noqa: SLF001 public in spite of its name
    changed = set()
    for told in batch.reservations:
        name = reservation_id(told.charger, told.number)
        new = after(rows.get(name), told)
        if new is not None:
            rows[name] = new
            changed.add(name)
    if changed:
        columns = [column.name for column in reservations.columns if column.name != "id"]
        statement = upsert(connection, reservations, columns)
        await connection.execute(
            statement, [msgspec.structs.asdict(rows[name]) for name in sorted(changed)]
        )
