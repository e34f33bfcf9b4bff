"""What requests with an Idempotency-Key were answered, so that a second one does nothing."""

from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import insert, writing
from storage.relational.tables import idempotency_keys as table


class Kept(NamedTuple):
    """A request that came before."""

    digest: bytes
    status: int
    """0: it has not been answered yet, or the process that would have answered has died."""
    headers: str
    body: bytes


class Begin(NamedTuple):
    """A request with a key."""

    caller: str
    name: str
    tenant: str
    digest: bytes
    now_us: int
    expires_us: int


async def begin(engine: AsyncEngine, request: Begin) -> Kept | None:
    """Write a request down; return the one that came before with the same key, if one did.

    Raises:
        Unavailable: the store is away.
    """
    row = {
        "caller": request.caller,
        "name": request.name,
        "tenant": request.tenant,
        "digest": request.digest,
        "created_us": request.now_us,
        "expires_us": request.expires_us,
    }
    async with writing(engine) as connection:
        await connection.execute(delete(table).where(table.c.expires_us <= request.now_us))
        statement = insert(connection, table).values(row).on_conflict_do_nothing()
        if (await connection.execute(statement)).rowcount == 1:
            return None
        query = select(table).where(table.c.caller == request.caller, table.c.name == request.name)
        found = (await connection.execute(query)).one()
        return Kept(found.digest, found.status, found.headers, found.body or b"")


async def answered(
    engine: AsyncEngine, caller: str, name: str, status: int, headers: str, body: bytes
) -> None:
    """Keep the answer to a request.

    Raises:
        Unavailable: the store is away.
    """
    async with writing(engine) as connection:
        await connection.execute(
            update(table)
            .where(table.c.caller == caller, table.c.name == name)
            .values(status=status, headers=headers, body=body)
        )


async def forget(engine: AsyncEngine, caller: str, name: str) -> None:
    """Let a key be used again: its request did nothing.

    Raises:
        Unavailable: the store is away.
    """
    async with writing(engine) as connection:
        await connection.execute(
            delete(table).where(table.c.caller == caller, table.c.name == name)
        )
