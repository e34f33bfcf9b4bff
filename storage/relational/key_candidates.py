"""New keys of chargers whose time is over: the old key alone counts again (A01)."""

from functools import partial

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain import security_upgrade
from storage.relational.engine import reading
from storage.relational.registry import Registry
from storage.relational.tables import chargers


async def expire(engine: AsyncEngine, registry: Registry, now_us: int, limit: int) -> list[str]:
    """Drop new keys that nobody has used in time; return whose.

    A gateway takes none of them after its time anyway: this makes the record say so.

    Raises:
        Unavailable: the database is away.
    """
    until_us = chargers.c.candidate_until_us
    query = (
        select(chargers.c.id)
        .where(until_us > 0, until_us <= now_us, ~chargers.c.deleted)
        .order_by(until_us)
        .limit(limit)
    )
    async with reading(engine) as connection:
        found = [str(row.id) for row in await connection.execute(query)]
    for charger in found:
        await registry.raise_security(charger, partial(security_upgrade.key_expired, now_us=now_us))
    return found
