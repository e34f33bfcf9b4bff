"""The audit log: rows are added. The database itself refuses to change or remove one."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import writing
from storage.relational.tables import audit


class AuditRow(msgspec.Struct, frozen=True):
    """Who did what, when, from where, to what, and how it ended. Never a secret."""

    id: str
    """Sorts by time."""
    at_us: int
    tenant: str
    actor_kind: str
    """user, key, command_line or nobody."""
    actor: str
    actor_name: str
    remote: str
    action: str
    object: str
    detail: str
    """JSON."""
    status: int
    """Of HTTP; 0: not by HTTP."""
    outcome: str
    """done, refused or failed."""
    request: str
    """Id of the request, which its answer has as X-Request-Id."""


async def append(engine: AsyncEngine, rows: Sequence[AuditRow]) -> None:
    """Add rows in one transaction.

    Raises:
        Unavailable: the store is away; nothing was added.
    """
    async with writing(engine, at_once=True) as connection:
        await connection.execute(audit.insert(), [msgspec.structs.asdict(row) for row in rows])
