"""Tables that only grow: refusals, security events, vendor messages, signing requests."""

from typing import Final

from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import (
    CertificateRequested,
    ConnectionRefused,
    DataTransferred,
    Entry,
    SecurityEventReported,
)
from domain.text import clean
from storage.relational.engine import insert
from storage.relational.projection.batch import Batch, Folds
from storage.relational.tables import (
    certificate_requests,
    data_transfers,
    refusals,
    security_events,
)


def _security(batch: Batch, entry: Entry, event: SecurityEventReported) -> None:
    batch.append(
        security_events,
        entry,
        kind=clean(event.kind, 255),
        at_us=event.at_us,
        quality=event.quality,
        info=clean(event.info, 1_000),
    )


def _data(batch: Batch, entry: Entry, event: DataTransferred) -> None:
    batch.append(
        data_transfers,
        entry,
        vendor=clean(event.vendor, 255),
        message=clean(event.message, 255),
        data=batch.text(event.data),
        status=event.status,
    )


def _certificate(batch: Batch, entry: Entry, event: CertificateRequested) -> None:
    batch.append(
        certificate_requests,
        entry,
        csr=batch.text(event.csr),
        status=event.status,
        kind=clean(event.kind, 255),
        request=event.request,
    )


def _refused(batch: Batch, entry: Entry, event: ConnectionRefused) -> None:
    batch.append(
        refusals,
        entry,
        path=clean(event.path, 1_000),
        remote=clean(event.remote, 255),
        status=event.status,
        reason=clean(event.reason, 255),
        detail=clean(event.detail, 1_000),
        subprotocols=clean(event.subprotocols, 255),
        user_agent=clean(event.user_agent, 255),
        tls=clean(event.tls, 255),
        authorization=clean(event.authorization, 255),
    )


FOLDS: Final[Folds] = {
    SecurityEventReported: _security,
    DataTransferred: _data,
    CertificateRequested: _certificate,
    ConnectionRefused: _refused,
}


class Trimmer:
    """Keeps growing tables at their limit."""

    def __init__(self, rows_kept_max: int, step: int) -> None:
        self._rows_kept_max = rows_kept_max
        self._step = step
        self._untrimmed: dict[Table, int] = {}

    async def store(self, connection: AsyncConnection, batch: Batch) -> None:
        """Add the rows of a batch."""
        for table, appended in batch.appended.items():
            statement = insert(connection, table).on_conflict_do_nothing()
            await connection.execute(statement, appended)
            await self.trim(connection, table, len(appended))

    async def trim(self, connection: AsyncConnection, table: Table, added: int) -> None:
        """Delete the oldest rows when `added` more have come, and enough since the last time."""
        self._untrimmed[table] = self._untrimmed.get(table, 0) + added
        if self._untrimmed[table] < self._step:
            return
        self._untrimmed[table] = 0
        oldest = (
            select(table.c.received_us)
            .order_by(table.c.received_us.desc())
            .offset(self._rows_kept_max)
            .limit(1)
            .scalar_subquery()
        )
        await connection.execute(delete(table).where(table.c.received_us <= oldest))
