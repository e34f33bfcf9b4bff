"""Words that operators give to chargers, to find them by: groups without a tree.

Raises everywhere: Unavailable; InvalidInput naming the field and the rule.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import reading, writing
from storage.relational.record_rules import NAME, check
from storage.relational.tables import charger_tags, chargers

TAGS_MAX: Final = 50
"""Of one charger."""


def has_tag(tag: str) -> ColumnElement[bool]:
    """Return the condition that a charger has a tag."""
    return (
        select(charger_tags.c.charger)
        .where(charger_tags.c.charger == chargers.c.id, charger_tags.c.tag == tag)
        .exists()
    )


async def of_charger(engine: AsyncEngine, charger: str) -> list[str]:
    """Return the tags of a charger, in order."""
    query = select(charger_tags.c.tag).where(charger_tags.c.charger == charger)
    async with reading(engine) as connection:
        return list((await connection.execute(query.order_by(charger_tags.c.tag))).scalars())


async def put(engine: AsyncEngine, charger: str, tags: Iterable[str], now_us: int) -> list[str]:
    """Give a charger these tags and no others; return them in order."""
    wanted = sorted(set(tags))
    check(len(wanted) <= TAGS_MAX, "tags", f"at most {TAGS_MAX}")
    for tag in wanted:
        check(NAME.fullmatch(tag), "tags", f"{tag[:80]!r} must match {NAME.pattern}")
    rows = [{"charger": charger, "tag": tag, "created_us": now_us} for tag in wanted]
    async with writing(engine) as connection:
        await connection.execute(delete(charger_tags).where(charger_tags.c.charger == charger))
        if rows:
            await connection.execute(charger_tags.insert(), rows)
    return wanted


async def counts(
    engine: AsyncEngine, tenant: str | None, sites: Iterable[str] = ()
) -> dict[str, int]:
    """Return how many chargers have each tag; tenant None and no sites: of all."""
    query = (
        select(charger_tags.c.tag, func.count())
        .join(chargers, chargers.c.id == charger_tags.c.charger)
        .where(~chargers.c.deleted)
        .group_by(charger_tags.c.tag)
        .order_by(charger_tags.c.tag)
    )
    if tenant is not None:
        query = query.where(chargers.c.tenant == tenant)
    only = list(sites)
    if only:
        query = query.where(chargers.c.site.in_(only))
    async with reading(engine) as connection:
        return {tag: count for tag, count in await connection.execute(query)}  # noqa: C416
