"""Refused connections, grouped by who they say that they are: what waits for an operator.

A group is a claimed identity, or the address of connections that claimed none. It waits until the
identity was let in later than it was refused last, or somebody dismisses it.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import InvalidInput
from storage.relational import cursors
from storage.relational.engine import reading, upsert, writing
from storage.relational.reads import PAGE_MAX, Page
from storage.relational.tables import charger_states, chargers, dismissals, refusals

STATES: Final = ("waiting", "dismissed", "all")
NAME_LENGTH_MAX: Final = 255


class Group(NamedTuple):
    """Whose connections; `remote` is empty where there is an identity."""

    charger: str
    remote: str


# Without bound values: to PostgreSQL two expressions with values of their own are not the same.
_remote: ColumnElement[str] = literal_column(
    "CASE WHEN refusals.charger = '' THEN refusals.remote ELSE '' END"
).label("group_remote")
_first = func.min(refusals.c.received_us)
_last = func.max(refusals.c.received_us)


async def page(
    engine: AsyncEngine,
    *,
    since_us: int,
    state: str = "waiting",
    search: str = "",
    cursor: str = "",
    limit: int = 100,
) -> Page:
    """Return groups, those that knocked last first.

    Each has `charger` and `remote` (of the group), `count`, `first_us`, `last_us`, `reasons` (how
    often each), the fields of its last refusal, `known`, `site`, `vendor` and `model` of the record
    and last boot of that identity, and `dismissed_us`, `dismissed_by`.

    Args:
        engine: the relational store.
        since_us: refusals before are not looked at.
        state: one of STATES.
        search: part of the claimed identity, path, address or User-Agent.
        cursor: `next` of the page before.
        limit: groups, 1 to PAGE_MAX.

    Raises:
        InvalidInput: an unknown state, a cursor that is none, or a limit.
        Unavailable: the store is away.
    """
    if state not in STATES:
        raise InvalidInput("state", f"must be one of {', '.join(STATES)}")
    if not 0 < limit <= PAGE_MAX:
        raise InvalidInput("limit", f"must be 1 to {PAGE_MAX}")
    query = _groups(since_us, state, search)
    if cursor:
        query = query.having(_before(*cursors.decode(cursor, (int, str, str))))
    query = query.order_by(_last.desc(), refusals.c.charger.desc(), _remote.desc())
    async with reading(engine) as connection:
        rows = list(await connection.execute(query.limit(limit + 1)))
        following = ""
        if len(rows) > limit:
            rows = rows[:limit]
            following = cursors.encode(rows[-1].last_us, rows[-1].charger, rows[-1].group_remote)
        items = [
            {
                "charger": row.charger,
                "remote": row.group_remote,
                "count": row.count,
                "first_us": row.first_us,
                "last_us": row.last_us,
                "dismissed_us": row.dismissed_us or 0,
                "dismissed_by": row.dismissed_by or "",
            }
            for row in rows
        ]
        if items:
            await _describe(connection, items, since_us)
    return Page(items, following)


def _groups(since_us: int, state: str, search: str) -> Select[Any]:
    query = (
        select(
            refusals.c.charger,
            _remote,
            func.count().label("count"),
            _first.label("first_us"),
            _last.label("last_us"),
            func.max(dismissals.c.dismissed_us).label("dismissed_us"),
            func.max(dismissals.c.dismissed_by).label("dismissed_by"),
        )
        .select_from(
            refusals.outerjoin(
                dismissals,
                and_(
                    dismissals.c.charger == refusals.c.charger,
                    or_(refusals.c.charger != "", dismissals.c.remote == refusals.c.remote),
                ),
            ).outerjoin(charger_states, charger_states.c.charger == refusals.c.charger)
        )
        .where(refusals.c.received_us >= since_us)
        .group_by(refusals.c.charger, _remote)
    )
    if search:
        looked = (
            refusals.c.charger, refusals.c.path, refusals.c.remote, refusals.c.user_agent,
        )  # fmt: skip
        query = query.where(or_(*(one.icontains(search, autoescape=True) for one in looked)))
    if state == "dismissed":
        return query.where(dismissals.c.charger.is_not(None))
    if state == "waiting":
        query = query.where(dismissals.c.charger.is_(None))
        return query.having(_last > func.max(func.coalesce(charger_states.c.connected_us, 0)))
    return query


async def _describe(
    connection: AsyncConnection, items: list[dict[str, Any]], since_us: int
) -> None:
    """Put the reasons, the last refusal and what is known of its identity into each group."""
    names = {item["charger"] for item in items}
    groups = {Group(item["charger"], item["remote"]): item for item in items}
    of_groups = tuple_(refusals.c.charger, _remote).in_(list(groups))
    counted = (
        select(refusals.c.charger, _remote, refusals.c.reason, func.count().label("count"))
        .where(refusals.c.received_us >= since_us, of_groups)
        .group_by(refusals.c.charger, _remote, refusals.c.reason)
        .order_by(func.count().desc(), refusals.c.reason)
    )
    for item in items:
        item["reasons"] = []
    for row in await connection.execute(counted):
        reasons = groups[Group(row.charger, row.group_remote)]["reasons"]
        reasons.append({"reason": row.reason, "count": row.count})
    lasts = {item["last_us"] for item in items}
    last = select(refusals, _remote).where(refusals.c.received_us.in_(lasts), of_groups)
    for row in await connection.execute(last.order_by(refusals.c.received_us, refusals.c.id)):
        item = groups[Group(row.charger, row.group_remote)]
        if row.received_us == item["last_us"]:
            item |= {
                "path": row.path,
                "address": row.remote,
                "status": row.status,
                "reason": row.reason,
                "detail": row.detail,
                "subprotocols": row.subprotocols,
                "user_agent": row.user_agent,
                "tls": row.tls,
                "authorization": row.authorization,
            }
    known = {}
    folded = {name.casefold() for name in names if name}
    records = select(chargers.c.folded, chargers.c.id, chargers.c.site).where(
        chargers.c.folded.in_(folded), ~chargers.c.deleted
    )
    for row in await connection.execute(records):
        known[row.folded] = row
    booted = select(charger_states.c.charger, charger_states.c.vendor, charger_states.c.model)
    names |= {row.id for row in known.values()}
    states = {
        row.charger: row
        for row in await connection.execute(booted.where(charger_states.c.charger.in_(names)))
    }
    for item in items:
        record = known.get(item["charger"].casefold())
        state = states.get(record.id if record is not None else item["charger"])
        item["known"] = record is not None
        item["site"] = record.site if record is not None else ""
        item["vendor"] = state.vendor if state is not None else ""
        item["model"] = state.model if state is not None else ""


async def dismiss(engine: AsyncEngine, group: Group, by: str, now_us: int) -> None:
    """Take a group out of the inbox, also when it knocks again.

    Raises:
        InvalidInput: neither an identity nor an address, or both.
        Unavailable: the store is away.
    """
    row = _checked(group)._asdict() | {"dismissed_by": by, "dismissed_us": now_us}
    async with writing(engine) as connection:
        changed = ["dismissed_by", "dismissed_us"]
        await connection.execute(upsert(connection, dismissals, changed), [row])


async def restore(engine: AsyncEngine, group: Group) -> None:
    """Show a group again; one that was not dismissed stays as it is.

    Raises:
        InvalidInput: neither an identity nor an address, or both.
        Unavailable: the store is away.
    """
    charger, remote = _checked(group)
    async with writing(engine) as connection:
        await connection.execute(
            delete(dismissals).where(dismissals.c.charger == charger, dismissals.c.remote == remote)
        )


def _checked(group: Group) -> Group:
    if bool(group.charger) == bool(group.remote):
        raise InvalidInput("charger", "say an identity, or the address of those that claim none")
    for field, text in group._asdict().items():
        if len(text) > NAME_LENGTH_MAX or "\0" in text:
            raise InvalidInput(field, f"has {NAME_LENGTH_MAX} characters at most, none of them NUL")
    return group


def _before(last_us: int, charger: str, remote: str) -> ColumnElement[bool]:
    return or_(
        _last < last_us,
        and_(_last == last_us, tuple_(refusals.c.charger, _remote) < tuple_(charger, remote)),
    )
