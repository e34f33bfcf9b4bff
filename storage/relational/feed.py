"""The change feed: what gateways must know, everything after a revision.

Every changed row has a revision of its own and revisions are committed in order, so a piece of the
feed may end at any row. A snapshot is the same feed from 0, without what is deleted or ended.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.records import ActiveTransaction, Changes
from storage.relational import revisions
from storage.relational.engine import reading
from storage.relational.record_rows import charger_record, token_record
from storage.relational.site_models import site_record
from storage.relational.tables import chargers, site_models, tokens, transactions

ACTIVE_STATES = ("open",)
_LIVING: Mapping[Table, ColumnElement[bool]] = {
    chargers: ~chargers.c.deleted,
    tokens: ~tokens.c.deleted,
    transactions: transactions.c.state.in_(ACTIVE_STATES),
    site_models: ~site_models.c.deleted,
}
"""What is told to whoever knows nothing, in the order of `Changes`."""


def _since(table: Table) -> Select[Any]:
    """Return the rows of a table with a revision above `after` up to `last`, at most `most`."""
    if table is transactions:
        columns = ("charger", "number", "token", "state", "revision")
        query = select(*(table.c[name] for name in columns))
    else:
        query = select(table)
    column = table.c.revision
    return (
        query.where(column > bindparam("after"), column <= bindparam("last"))
        .order_by(column)
        .limit(bindparam("most", type_=Integer))
    )


# Made once: to make them takes longer than to execute them.
_SINCE: Mapping[Table, Select[Any]] = {table: _since(table) for table in _LIVING}
_ALL: Mapping[Table, Select[Any]] = {
    table: _since(table).where(living) for table, living in _LIVING.items()
}


async def revision(engine: AsyncEngine) -> int:
    """Return the last revision.

    Raises:
        Unavailable: the database is away.
    """
    async with reading(engine) as connection:
        return await revisions.current(connection)


async def changes_since(engine: AsyncEngine, after: int, limit: int = 20_000) -> Changes:
    """Return the changes after revision `after`, at most `limit` of each kind, oldest first.

    `complete` is True when `after` is 0, or greater than any revision there is (the store was
    replaced by an older copy): forget what was known. Ask again with the answer's `revision`
    until it no longer grows.

    Raises:
        Unavailable: the database is away.
    """
    async with reading(engine) as connection:
        # Read first: whatever commits between the queries below is newer, and left for later.
        last = await revisions.current(connection)
        complete = after <= 0 or after > last
        after = 0 if complete else after
        found: list[list[Any]] = []
        for query in (_ALL if complete else _SINCE).values():
            bounds = {"after": after, "last": last, "most": limit}
            rows = list(await connection.execute(query, bounds))
            if len(rows) == limit:
                last = min(last, rows[-1].revision)
            found.append(rows)
    for rows in found:
        while rows and rows[-1].revision > last:
            rows.pop()
    return Changes(
        revision=last,
        chargers=tuple(charger_record(row) for row in found[0]),
        tokens=tuple(token_record(row) for row in found[1]),
        transactions=tuple(
            ActiveTransaction(
                charger=row.charger,
                transaction=row.number,
                token=row.token,
                active=row.state in ACTIVE_STATES,
                revision=row.revision,
            )
            for row in found[2]
            if row.number is not None
        ),
        complete=complete,
        sites=tuple(site_record(row) for row in found[3]),
    )
