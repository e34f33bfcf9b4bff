"""The numbers of the change feed, and other counters that several processes share.

Taking numbers locks the counter's row until the transaction ends, so transactions that change
records commit in the order of their revisions: whoever has seen revision n has seen all before it.
Take numbers late in a transaction.
"""

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.relational.tables import counters

REVISION = "revision"
TRANSACTION = "transaction"
_CURRENT = select(counters.c.value).where(counters.c.name == bindparam("counter"))


async def take(connection: AsyncConnection, name: str, count: int) -> range:
    """Return the next `count` (>= 1) numbers of a counter."""
    statement = (
        update(counters)
        .where(counters.c.name == name)
        .values(value=counters.c.value + count)
        .returning(counters.c.value)
    )
    last: int = (await connection.execute(statement)).scalar_one()
    return range(last - count + 1, last + 1)


async def current(connection: AsyncConnection, name: str = REVISION) -> int:
    """Return the last number that was taken."""
    value: int = (await connection.execute(_CURRENT, {"counter": name})).scalar_one()
    return value
