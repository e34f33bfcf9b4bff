"""The numbers of the first page, of all or of one tenant."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import reading
from storage.relational.tables import (
    charger_states,
    chargers,
    connectors,
    refusals,
    sites,
    transactions,
)


async def overview(
    engine: AsyncEngine, day_us: int, tenant: str | None = None, sites: Collection[str] = ()
) -> dict[str, Any]:
    """Return the numbers of a day.

    Args:
        engine: the relational store.
        day_us: when the day began.
        tenant: whose; None: all. Refusals are nobody's: a tenant has none.
        sites: only of these, when there are some.

    Raises:
        Unavailable: the store is away.
    """
    living: ColumnElement[bool] = ~chargers.c.deleted
    theirs: ColumnElement[bool] = true()
    if tenant is not None:
        theirs &= chargers.c.tenant == tenant
    if sites:
        theirs &= chargers.c.site.in_(sites)
    confined = tenant is not None or bool(sites)
    living &= theirs
    of_charger = transactions.join(chargers, chargers.c.id == transactions.c.charger)
    source = of_charger if confined else transactions
    energy = transactions.c.meter_stop_wh - transactions.c.meter_start_wh
    state = chargers.join(charger_states, charger_states.c.charger == chargers.c.id)
    questions: dict[str, Select[Any]] = {
        "chargers": select(func.count()).select_from(chargers).where(living),
        "connected": select(func.count())
        .select_from(state)
        .where(living, charger_states.c.connected),
        "transactions_open": select(func.count())
        .select_from(source)
        .where(theirs, transactions.c.state == "open"),
        "sessions_today": select(func.count())
        .select_from(source)
        .where(theirs, transactions.c.started_us >= day_us),
        "energy_today_wh": select(func.coalesce(func.sum(energy), 0))
        .select_from(source)
        .where(
            theirs,
            transactions.c.state == "ended",
            transactions.c.started_us >= day_us - DAY_US,
            transactions.c.ended_us >= day_us,
        ),
    }
    if not confined:
        questions["refusals_today"] = (
            select(func.count()).select_from(refusals).where(refusals.c.received_us >= day_us)
        )
    by_status = (
        select(connectors.c.status, func.count())
        .join(chargers, chargers.c.id == connectors.c.charger)
        .where(connectors.c.connector > 0, living)
        .group_by(connectors.c.status)
    )
    found: dict[str, Any] = {"refusals_today": 0}
    async with reading(engine) as connection:
        for name, query in questions.items():
            found[name] = int((await connection.execute(query)).scalar_one())
        found["statuses"] = {row[0]: row[1] for row in await connection.execute(by_status)}
    return found


async def sites_overview(
    engine: AsyncEngine, tenant: str | None = None, only: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return every site with where it is and how its chargers are, in the order of ids.

    Each has `id`, `name`, `latitude`, `longitude`, `chargers`, `connected`, and how many of its
    connectors are `charging` and `faulted`.

    Args:
        engine: the relational store.
        tenant: whose; None: all.
        only: these, when there are some.

    Raises:
        Unavailable: the store is away.
    """
    living: ColumnElement[bool] = ~chargers.c.deleted
    theirs: ColumnElement[bool] = ~sites.c.deleted
    if tenant is not None:
        theirs &= sites.c.tenant == tenant
    if only:
        theirs &= sites.c.id.in_(only)
    of_site = select(sites.c.id, sites.c.name, sites.c.latitude, sites.c.longitude).where(theirs)
    connected = func.sum(case((charger_states.c.connected, 1), else_=0))
    counted = (
        select(chargers.c.site, func.count(), connected)
        .select_from(chargers.outerjoin(charger_states, charger_states.c.charger == chargers.c.id))
        .where(living, chargers.c.site != "")
        .group_by(chargers.c.site)
    )
    statuses = (
        select(chargers.c.site, connectors.c.status, func.count())
        .join(chargers, chargers.c.id == connectors.c.charger)
        .where(living, connectors.c.connector > 0, connectors.c.status.in_(SHOWN))
        .group_by(chargers.c.site, connectors.c.status)
    )
    async with reading(engine) as connection:
        found = {
            row.id: dict(row._mapping)  # noqa: SLF001 public in spite of its name
            | {"chargers": 0, "connected": 0, "charging": 0, "faulted": 0}
            for row in await connection.execute(of_site.order_by(sites.c.id))
        }
        for site, count, up in await connection.execute(counted):
            if site in found:
                found[site] |= {"chargers": count, "connected": int(up or 0)}
        for site, status, count in await connection.execute(statuses):
            if site in found:
                found[site][SHOWN[status]] += count
    return list(found.values())


SHOWN = {"Charging": "charging", "Faulted": "faulted"}
"""Status of a connector -> what it counts as."""
DAY_US = 86_400_000_000
"""Transactions are looked up by their begin: longer ones than a day are not in today's energy."""
