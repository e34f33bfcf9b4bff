"""Limits that may hold at the EVSEs of a site, for its actor when it begins anew."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.site import RememberedLimit
from storage.relational.engine import reading
from storage.relational.tables import evse_limits


async def remembered(engine: AsyncEngine, site: str) -> list[RememberedLimit]:
    """Return what is known of each EVSE of a site, by the id of its place.

    Raises:
        Unavailable: the database is away.
    """
    t = evse_limits.c
    query = (
        select(t.place, t.charger, t.evse, t.session, t.standing_a, t.session_a, t.charger_a)
        .where(t.site == site)
        .order_by(t.place)
    )
    async with reading(engine) as connection:
        return [RememberedLimit(*row) for row in await connection.execute(query)]
