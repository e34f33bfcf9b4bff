"""Pages for REST and the dashboard.

A list is a table of this module's `LISTS`: what may be filtered, and in which order it comes. Pages
follow a cursor, not an offset, so a page is as cheap as the first and nothing is shown twice.

Raises everywhere: Unavailable; InvalidInput for a filter, limit or cursor that is none; NotFound.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, FromClause, Row, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import InvalidInput, NotFound
from storage.relational import cursors
from storage.relational.engine import reading
from storage.relational.tables import (
    audit,
    certificate_requests,
    charger_states,
    chargers,
    commands,
    connectors,
    data_transfers,
    device_notices,
    notices,
    progress_reports,
    quarantine,
    refusals,
    security_events,
    transaction_stops,
    transactions,
    variables,
)
from storage.relational.tags import has_tag

PAGE_MAX: Final = 1_000
SECRET: Final = frozenset(
    {
        "credential_kind",
        "credential_salt",
        "credential_digest",
        "candidate_kind",
        "candidate_salt",
        "candidate_digest",
        "folded",
    }
)
JSON_LISTS: Final = frozenset({"flags", "networks"})


class Page(msgspec.Struct, frozen=True):
    """Some rows, and the cursor of the page after them (empty: there is none)."""

    items: list[dict[str, Any]]
    next: str = ""


class List(NamedTuple):
    """One kind of list."""

    source: FromClause
    columns: Sequence[ColumnElement[Any]]
    order: Column[Any]
    key: Column[Any]
    descending: bool
    equal: Mapping[str, ColumnElement[Any]]
    """Filter name -> column that must equal its value."""
    time: Column[Any] | None = None
    """What `since_us` (included) and `until_us` (not included) look at."""
    search: Sequence[ColumnElement[Any]] = ()
    """Columns that `search` looks into."""
    condition: ColumnElement[bool] | None = None
    tests: Mapping[str, Callable[[str], ColumnElement[bool]]] = {}
    """Filter name -> what must be true of its value."""


def _log(table: Any, *equal: str) -> List:  # noqa: ANN401 a Table
    """Return the list of a table that only grows, newest first."""
    columns = [column for column in table.columns if column.name != "blob"]
    filters = {name: table.c[name] for name in equal}
    source = table
    if "charger" in filters:
        source = table.outerjoin(chargers, chargers.c.id == table.c.charger)
        filters |= {"tenant": chargers.c.tenant, "site": chargers.c.site}
    return List(
        source=source,
        columns=columns,
        order=table.c.received_us,
        key=table.c.id,
        descending=True,
        equal=filters,
        time=table.c.received_us,
    )


_state_columns = [c for c in charger_states.columns if c.name not in {"charger", "subprotocol"}]

LISTS: Final[Mapping[str, List]] = {
    "chargers": List(
        source=chargers.outerjoin(charger_states, charger_states.c.charger == chargers.c.id),
        columns=[
            *(c for c in chargers.columns if c.name not in SECRET | {"deleted"}),
            *_state_columns,
            charger_states.c.subprotocol.label("connected_subprotocol"),
        ],
        order=chargers.c.id,
        key=chargers.c.id,
        descending=False,
        equal={
            "tenant": chargers.c.tenant,
            "site": chargers.c.site,
            "connected": func.coalesce(charger_states.c.connected, False),
            "vendor": charger_states.c.vendor,
            "model": charger_states.c.model,
            "firmware": charger_states.c.firmware,
        },
        search=(chargers.c.id, charger_states.c.vendor, charger_states.c.model),
        condition=~chargers.c.deleted,
        tests={"tag": has_tag},
    ),
    "transactions": List(
        source=transactions.outerjoin(chargers, chargers.c.id == transactions.c.charger),
        columns=[*transactions.columns, chargers.c.site, chargers.c.tenant],
        order=transactions.c.start_received_us,
        key=transactions.c.id,
        descending=True,
        equal={
            "charger": transactions.c.charger,
            "connector": transactions.c.connector,
            "token": transactions.c.token,
            "state": transactions.c.state,
            "number": transactions.c.number,
            "site": chargers.c.site,
            "tenant": chargers.c.tenant,
        },
        time=transactions.c.start_received_us,
    ),
    "commands": _log(commands, "charger", "action", "outcome"),
    "audit": List(
        source=audit,
        columns=list(audit.columns),
        order=audit.c.at_us,
        key=audit.c.id,
        descending=True,
        equal={
            name: audit.c[name]
            for name in (
                "tenant",
                "actor_kind",
                "actor",
                "actor_name",
                "action",
                "object",
                "outcome",
                "remote",
            )
        },
        time=audit.c.at_us,
        search=(audit.c.action, audit.c.object, audit.c.actor_name, audit.c.detail),
    ),
    "refusals": _log(refusals, "charger", "reason", "status"),
    "security_events": _log(security_events, "charger", "kind"),
    "data_transfers": _log(data_transfers, "charger", "vendor"),
    "variables": List(
        source=variables.outerjoin(chargers, chargers.c.id == variables.c.charger),
        columns=list(variables.columns),
        order=variables.c.path,
        key=variables.c.id,
        descending=False,
        equal={
            "charger": variables.c.charger,
            "component": variables.c.component,
            "variable": variables.c.variable,
            "evse": variables.c.evse,
            "attribute": variables.c.attribute,
            "mutability": variables.c.mutability,
            "site": chargers.c.site,
            "tenant": chargers.c.tenant,
        },
        search=(variables.c.component, variables.c.variable, variables.c.value),
    ),
    "device_notices": List(
        source=device_notices.outerjoin(chargers, chargers.c.id == device_notices.c.charger),
        columns=[c for c in device_notices.columns if c.name != "order_us"],
        order=device_notices.c.received_us,
        key=device_notices.c.id,
        descending=True,
        equal={
            "charger": device_notices.c.charger,
            "component": device_notices.c.component,
            "variable": device_notices.c.variable,
            "severity": device_notices.c.severity,
            "cleared": device_notices.c.cleared,
            "site": chargers.c.site,
            "tenant": chargers.c.tenant,
        },
        time=device_notices.c.received_us,
    ),
    "notices": List(
        source=notices.outerjoin(chargers, chargers.c.id == notices.c.charger),
        columns=list(notices.columns),
        order=notices.c.received_us,
        key=notices.c.id,
        descending=True,
        equal={
            "charger": notices.c.charger,
            "topic": notices.c.topic,
            "key": notices.c.key,
            "request": notices.c.request,
            "site": chargers.c.site,
            "tenant": chargers.c.tenant,
        },
        time=notices.c.received_us,
    ),
    "certificate_requests": _log(certificate_requests, "charger", "status"),
    "quarantine": _log(quarantine, "journal"),
}


async def page(
    engine: AsyncEngine,
    kind: str,
    filters: Mapping[str, object] | None = None,
    *,
    cursor: str = "",
    limit: int = 100,
) -> Page:
    """Return one page of `kind` (a key of LISTS).

    Args:
        engine: the relational store.
        kind: which list.
        filters: `equal` filters and `tests` of the list, and `since_us`, `until_us`, `search` where
            it has them; `sites`, a tuple, where it has `site`. None values are left out.
        cursor: `next` of the page before.
        limit: rows, 1 to PAGE_MAX.
    """
    if kind not in LISTS:
        raise NotFound("list", kind)
    return await page_of(engine, LISTS[kind], filters, cursor=cursor, limit=limit)


async def page_of(
    engine: AsyncEngine,
    a_list: List,
    filters: Mapping[str, object] | None = None,
    *,
    cursor: str = "",
    limit: int = 100,
) -> Page:
    """Return one page of a list; see `page`."""
    if not 0 < limit <= PAGE_MAX:
        raise InvalidInput("limit", f"must be 1 to {PAGE_MAX}")
    conditions = [] if a_list.condition is None else [a_list.condition]
    for name, value in (filters or {}).items():
        if value is not None:
            conditions.append(_condition(a_list, name, value))
    order: ColumnElement[Any] = tuple_(a_list.order, a_list.key)
    if cursor:
        kinds = (a_list.order.type.python_type, str)
        last = tuple_(*cursors.decode(cursor, kinds))
        conditions.append(order < last if a_list.descending else order > last)
    ordered = (a_list.order, a_list.key)
    query = (
        select(*a_list.columns)
        .select_from(a_list.source)
        .where(and_(True, *conditions))  # noqa: FBT003 the neutral element
        .order_by(*(c.desc() if a_list.descending else c.asc() for c in ordered))
        .limit(limit + 1)
    )
    async with reading(engine) as connection:
        rows = list(await connection.execute(query))
    following = ""
    if len(rows) > limit:
        rows = rows[:limit]
        mapping = rows[-1]._mapping  # noqa: SLF001 public in spite of its name
        following = cursors.encode(mapping[a_list.order], mapping[a_list.key])
    return Page([_shown(row) for row in rows], following)


async def charger(engine: AsyncEngine, name: str) -> dict[str, Any]:
    """Return one charger: record, state, `connectors`, `progress`, and open `transactions`."""
    a_list = LISTS["chargers"]
    async with reading(engine) as connection:
        query = select(*a_list.columns).select_from(a_list.source)
        query = query.where(chargers.c.id == name, ~chargers.c.deleted)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("charger", name)
        result = _shown(row)
        of_connectors = select(connectors).where(connectors.c.charger == name)
        found = await connection.execute(of_connectors.order_by(connectors.c.connector))
        result["connectors"] = [_shown(one) for one in found]
        of_progress = select(progress_reports).where(progress_reports.c.charger == name)
        found = await connection.execute(of_progress.order_by(progress_reports.c.kind))
        result["progress"] = [_shown(one) for one in found]
        running = select(transactions).where(
            transactions.c.charger == name, transactions.c.state == "open"
        )
        found = await connection.execute(running.order_by(transactions.c.started_us))
        result["transactions"] = [_shown(one) for one in found]
    return result


async def transaction(engine: AsyncEngine, name: str) -> dict[str, Any]:
    """Return one transaction by its id, with every stop that came for it."""
    async with reading(engine) as connection:
        query = select(transactions).where(transactions.c.id == name)
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("transaction", name)
        result = _shown(row)
        stops = select(transaction_stops).where(transaction_stops.c.transaction == name)
        found = await connection.execute(stops.order_by(transaction_stops.c.received_us))
        result["stops"] = [_shown(one) for one in found]
    return result


async def command(engine: AsyncEngine, name: str) -> dict[str, Any]:
    """Return one command that has ended, and what it led to."""
    async with reading(engine) as connection:
        query = select(commands).where(commands.c.id == name)
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("command", name)
    return _shown(row)


def _condition(a_list: List, name: str, value: object) -> ColumnElement[bool]:
    if name == "sites" and "site" in a_list.equal and isinstance(value, tuple):
        return a_list.equal["site"].in_(value)
    if name in a_list.equal:
        return a_list.equal[name] == value
    if name in a_list.tests:
        return a_list.tests[name](str(value))
    if a_list.time is not None and name == "since_us":
        return a_list.time >= value
    if a_list.time is not None and name == "until_us":
        return a_list.time < value
    if a_list.search and name == "search":
        text = str(value)
        return or_(*(column.icontains(text, autoescape=True) for column in a_list.search))
    raise InvalidInput(name, "is no filter of this list")


def _shown(row: Row[Any]) -> dict[str, Any]:
    """Return a row as JSON can have it."""
    return {
        name: json.loads(value or "[]") if name in JSON_LISTS else value
        for name, value in row._mapping.items()  # noqa: SLF001 public in spite of its name
    }
