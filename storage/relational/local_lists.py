"""Which local authorization list a charger has, as far as it is known.

Raises everywhere: Unavailable.
"""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import reading, upsert, writing
from storage.relational.tables import local_lists


class ListState(msgspec.Struct, frozen=True):
    """A charger's list. `entries` and `filter` are JSON texts."""

    charger: str
    subprotocol: str = ""
    version: int = 0
    """0: it is not known what the charger has."""
    content_hash: str = ""
    entries: str = "{}"
    filter: str = "{}"
    sent_by: str = ""
    sent_us: int = 0


async def get(engine: AsyncEngine, charger: str) -> ListState | None:
    """Return what is known of a charger's list; None: none was ever sent."""
    query = select(local_lists).where(local_lists.c.charger == charger)
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    return None if row is None else ListState(**row._mapping)  # noqa: SLF001 public in spite of it


async def keep(engine: AsyncEngine, state: ListState) -> None:
    """Keep what a charger has."""
    values = msgspec.structs.asdict(state)
    columns = [name for name in values if name != "charger"]
    async with writing(engine) as connection:
        await connection.execute(upsert(connection, local_lists, columns), [values])
