"""What requests with an Idempotency-Key were answered, so that a second one does nothing."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.relational.engine import chunks, insert, writing
from storage.relational.tables import idempotency_keys as table

OF_KEY: Final = (table.c.caller == bindparam("by"), table.c.name == bindparam("key"))


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


class End(NamedTuple):
    """How a request with a key ended; `answer` None: it did nothing, the key can be used again."""

    caller: str
    name: str
    answer: "Kept | None"


async def write(
    engine: AsyncEngine, begins: Sequence[Begin], ends: Sequence[End]
) -> list[Kept | None]:
    """Write requests and answers down, in one transaction.

    Returns:
        For each of `begins`: the request that came before with the same key, if one did; of
        those that come at the same time the first one is before the others.

    Raises:
        Unavailable: the store is away; nothing is written.
    """
    async with writing(engine, at_once=True) as connection:
        await _end(connection, ends)
        return await _begin(connection, begins)


async def _end(connection: AsyncConnection, ends: Sequence[End]) -> None:
    told = [
        {"by": end.caller, "key": end.name, **end.answer._asdict()}
        for end in ends
        if end.answer is not None
    ]
    forgotten = [{"by": end.caller, "key": end.name} for end in ends if end.answer is None]
    if told:
        columns = ("digest", "status", "headers", "body")
        values: dict[str, Any] = {name: bindparam(name) for name in columns}
        await connection.execute(update(table).where(*OF_KEY).values(values), told)
    if forgotten:
        await connection.execute(delete(table).where(*OF_KEY), forgotten)


async def _begin(connection: AsyncConnection, begins: Sequence[Begin]) -> list[Kept | None]:
    if not begins:
        return []
    now_us = max(request.now_us for request in begins)
    await connection.execute(delete(table).where(table.c.expires_us <= now_us))
    firsts: dict[tuple[str, str], int] = {}
    for place, request in enumerate(begins):
        firsts.setdefault((request.caller, request.name), place)
    rows = [_row(begins[place]) for place in firsts.values()]
    statement = insert(connection, table).on_conflict_do_nothing()
    written = await connection.execute(statement.returning(table.c.caller, table.c.name), rows)
    new = {(row.caller, row.name) for row in written}
    known: dict[tuple[str, str], Kept] = {}
    for keys in chunks(set(firsts) - new):
        query = select(table).where(tuple_(table.c.caller, table.c.name).in_(keys))
        for row in await connection.execute(query):
            known[row.caller, row.name] = Kept(row.digest, row.status, row.headers, row.body or b"")
    found: list[Kept | None] = []
    for place, request in enumerate(begins):
        key = request.caller, request.name
        if key in new:
            first = firsts[key]
            found.append(None if first == place else Kept(begins[first].digest, 0, "", b""))
        else:
            found.append(known[key])
    return found


def _row(request: Begin) -> dict[str, object]:
    return {
        "caller": request.caller,
        "name": request.name,
        "tenant": request.tenant,
        "digest": request.digest,
        "created_us": request.now_us,
        "expires_us": request.expires_us,
    }
