"""Monitors of chargers: pages of those that are active, and what holds for all of one charger.

Raises everywhere: Unavailable; InvalidInput for a filter, limit or cursor that is none.
"""

from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational import reads
from storage.relational.engine import reading
from storage.relational.tables import charger_states, chargers, monitoring, monitors

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

_WENT = monitors.c.received_us < func.coalesce(monitoring.c.whole_us, 0)
"""A whole report of all monitors came later, without it."""
_CONFIRMED = monitors.c.received_us >= func.coalesce(charger_states.c.booted_us, 0)
"""It was told since the charger's last boot; after one its number may be another's (N04.FR.19)."""

LIST: Final = reads.List(
    source=monitors.outerjoin(chargers, chargers.c.id == monitors.c.charger)
    .outerjoin(monitoring, monitoring.c.charger == monitors.c.charger)
    .outerjoin(charger_states, charger_states.c.charger == monitors.c.charger),
    columns=[
        *(column for column in monitors.columns if column.name != "cleared"),
        _CONFIRMED.label("confirmed"),
    ],
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
        "confirmed": _CONFIRMED,
        "site": chargers.c.site,
        "tenant": chargers.c.tenant,
    },
    time=monitors.c.received_us,
    condition=and_(~monitors.c.cleared, ~func.coalesce(_ENDED, False), ~_WENT),
)


async def page(
    engine: AsyncEngine, filters: dict[str, Any], *, cursor: str = "", limit: int = 100
) -> reads.Page:
    """Return one page of monitors, by their numbers; see `reads.page`."""
    return await reads.page_of(engine, LIST, filters, cursor=cursor, limit=limit)


async def of_charger(engine: AsyncEngine, charger: str) -> dict[str, Any]:
    """Return `base`, `base_us`, `level`, `level_us`, `whole_us` of a charger.

    And how many `monitors` it has, and how many of them are `unconfirmed` since it booted.
    """
    query = select(monitoring).where(monitoring.c.charger == charger)
    condition = LIST.condition
    assert condition is not None
    count = (
        select(func.count(), func.coalesce(func.sum(case((_CONFIRMED, 0), else_=1)), 0))
        .select_from(LIST.source)
        .where(monitors.c.charger == charger, condition)
    )
    async with reading(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
        number, unconfirmed = (await connection.execute(count)).one()
    told = {"base": "", "base_us": 0, "level": -1, "level_us": 0, "whole_us": 0}
    if row is not None:
        told = {name: row._mapping[name] for name in told}  # noqa: SLF001 public in spite of it
    return told | {"monitors": number, "unconfirmed": unconfirmed}
