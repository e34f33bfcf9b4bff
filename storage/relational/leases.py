"""Blocks of transaction numbers.

A 1.6 charger knows its transaction by a positive 31-bit number. Each gateway leases blocks and
hands out numbers without asking anybody; what a crash leaves of a block is lost, not reused.
"""

from collections.abc import Callable

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational import revisions
from storage.relational.engine import upsert, writing
from storage.relational.tables import counters, leases

NUMBER_MAX = (1 << 30) - 1
"""Half of what 31 bits hold: the other half is free for numbers given without a lease."""


async def lease(
    engine: AsyncEngine, gateway: str, count: int, now_us: Callable[[], int]
) -> tuple[int, int]:
    """Return (first, last) of `count` numbers that nobody else gets, both included.

    After the last number of all the count begins again at 1: by then a billion transactions
    have passed, and every look-up of a number is scoped by its charger.

    Raises:
        Unavailable: the database is away.
    """
    async with writing(engine) as connection:
        block = await revisions.take(connection, revisions.TRANSACTION, count)
        if block[-1] > NUMBER_MAX:
            block = range(1, count + 1)
            await connection.execute(
                update(counters)
                .where(counters.c.name == revisions.TRANSACTION)
                .values(value=block[-1])
            )
        row = {
            "first": block[0],
            "last": block[-1],
            "gateway": gateway,
            "leased_us": now_us(),
        }
        columns = ("last", "gateway", "leased_us")
        await connection.execute(upsert(connection, leases, columns), [row])
    return block[0], block[-1]
