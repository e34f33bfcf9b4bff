"""Monitors of chargers: pages of those that are active, and what holds for all of one charger.

Raises everywhere: Unavailable; InvalidInput for a filter, limit or cursor that is none.
"""

from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational import reads
from storage.relational.engine import reading
from storage.relational.tables import chargers, monitoring, monitors

CUSTOM, PRECONFIGURED = "CustomMonitor", "PreconfiguredMonitor"
ALL, FACTORY, HARD_WIRED = "All", "FactoryDefault", "HardWiredOnly"

_SINCE_BASE = monitors.c.received_us <= func.coalesce(monitoring.c.base_us, 0)
_ENDED = and_(
    _SINCE_BASE,
    or_(
        and_(monitors.c.origin == CUSTOM, monitoring.c.base.in_((FACTORY, HARD_WIRED))),
        and_(monitors.c.origin == PRECONFIGURED, monitoring.c.base == HARD_WIRED),
    ),
)
"""SetMonitoringBase came later and ended it (N03.FR.04 and N03.FR.05)."""

LIST: Final = reads.List(
    source=monitors.outerjoin(chargers, chargers.c.id == monitors.c.charger).outerjoin(
        monitoring, monitoring.c.charger == monitors.c.charger
    ),
    columns=[column for column in monitors.columns if column.name != "cleared"],
    order=monitors.c.number,
    key=monitors.c.id,
    descending=False,
    equal={
        "charger": monitors.c.charger,
        "number": monitors.c.number,
        "component": monitors.c.component,
        "variable": monitors.c.variable,
        "evse": monitors.c.evse,
        "kind": monitors.c.kind,
        "severity": monitors.c.severity,
        "origin": monitors.c.origin,
        "site": chargers.c.site,
        "tenant": chargers.c.tenant,
    },
    time=monitors.c.received_us,
    condition=and_(~monitors.c.cleared, ~func.coalesce(_ENDED, False)),
)


async def page(
    engine: AsyncEngine, filters: dict[str, Any], *, cursor: str = "", limit: int = 100
) -> reads.Page:
    """Return one page of monitors, by their numbers; see `reads.page`."""
    return await reads.page_of(engine, LIST, filters, cursor=cursor, limit=limit)


async def of_charger(engine: AsyncEngine, charger: str) -> dict[str, Any]:
    """Return `base`, `base_us`, `level`, `level_us` of a charger, and how many monitors it has."""
    query = select(monitoring).where(monitoring.c.charger == charger)
    condition = LIST.condition
    assert condition is not None
    count = (
        select(func.count())
        .select_from(LIST.source)
        .where(monitors.c.charger == charger, condition)
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
        number = (await connection.execute(count)).scalar_one()
    told = {"base": "", "base_us": 0, "level": -1, "level_us": 0}
    if row is not None:
        told = {name: row._mapping[name] for name in told}  # noqa: SLF001 public in spite of it
    return told | {"monitors": number}
