"""Outages that do not count against uptime, as operators say so and why.

They are copied into the analytical store, where uptime is reckoned; a removed one stays as a row,
so that the copy learns of it.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import NotFound
from storage.relational import revisions
from storage.relational.engine import reading, writing
from storage.relational.record_rules import PAGE_MAX, check
from storage.relational.tables import chargers, outage_exclusions

REASONS: Final = ("utility", "vehicle", "maintenance", "vandalism", "disaster")
"""23 CFR 680.116(b)(3): interruption by the electric utility, a failure that the vehicle causes,
scheduled maintenance, vandalism, natural disaster."""
CONNECTOR_MAX: Final = 65_535
LATEST_US: Final = 4_102_444_800_000_000
"""2100-01-01: within the calendars of all stores."""


class Exclusion(msgspec.Struct, frozen=True):
    """A span that does not count."""

    id: str
    tenant: str
    charger: str
    connector: int
    """0: all of the charger."""
    from_us: int
    to_us: int
    reason: str
    issued_by: str = ""
    created_us: int = 0
    removed_us: int = 0
    """0: it holds."""
    revision: int = 0
    """When it was last written: whoever has seen n has seen all before."""


async def add(engine: AsyncEngine, exclusion: Exclusion) -> None:
    """Write one."""
    check(0 <= exclusion.from_us < exclusion.to_us <= LATEST_US, "to_us", "must be after from_us")
    check(0 <= exclusion.connector <= CONNECTOR_MAX, "connector", f"must be 0 to {CONNECTOR_MAX}")
    check(exclusion.reason in REASONS, "reason", f"must be one of {', '.join(REASONS)}")
    row = msgspec.structs.asdict(exclusion)
    async with writing(engine) as connection:
        (row["revision"],) = await revisions.take(connection, revisions.REVISION, 1)
        await connection.execute(outage_exclusions.insert(), [row])


async def get(engine: AsyncEngine, name: str) -> Exclusion:
    """Return one that holds."""
    query = select(outage_exclusions).where(
        outage_exclusions.c.id == name, outage_exclusions.c.removed_us == 0
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("exclusion", name)
    return _exclusion(row)


async def page(
    engine: AsyncEngine,
    *,
    tenant: str | None = None,
    sites: Collection[str] = (),
    charger: str = "",
    after: str = "",
    limit: int = 100,
) -> list[Exclusion]:
    """Return a page of those that hold, by id; tenant None: of all."""
    check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
    query = (
        select(outage_exclusions)
        .where(outage_exclusions.c.removed_us == 0, outage_exclusions.c.id > after)
        .order_by(outage_exclusions.c.id)
        .limit(limit)
    )
    if tenant is not None:
        query = query.where(outage_exclusions.c.tenant == tenant)
    if sites:
        of_sites = select(chargers.c.id).where(chargers.c.site.in_(sites))
        query = query.where(outage_exclusions.c.charger.in_(of_sites))
    if charger:
        query = query.where(outage_exclusions.c.charger == charger)
    async with reading(engine) as connection:
        return [_exclusion(row) for row in await connection.execute(query)]


async def remove(engine: AsyncEngine, name: str, now_us: int) -> None:
    """Let an outage count again."""
    async with writing(engine) as connection:
        (number,) = await revisions.take(connection, revisions.REVISION, 1)
        await connection.execute(
            update(outage_exclusions)
            .where(outage_exclusions.c.id == name, outage_exclusions.c.removed_us == 0)
            .values(removed_us=now_us, revision=number)
        )


async def since(engine: AsyncEngine, revision: int, limit: int) -> list[Exclusion]:
    """Return what was written after a revision, removed ones too, oldest first."""
    query = (
        select(outage_exclusions)
        .where(outage_exclusions.c.revision > revision)
        .order_by(outage_exclusions.c.revision)
        .limit(limit)
    )
    async with reading(engine) as connection:
        return [_exclusion(row) for row in await connection.execute(query)]


def _exclusion(row: Row[Any]) -> Exclusion:
    return Exclusion(**row._mapping)  # noqa: SLF001 public in spite of its name
