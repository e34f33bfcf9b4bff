"""Jobs and their chargers in the relational store.

Every change of an item that matters for sending (its command's id) is committed before the command
leaves, so that a runner that dies can be followed by another one that sends nothing twice.

Raises everywhere: Unavailable; NotFound.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import NotFound
from storage.relational.cursors import older, whole
from storage.relational.engine import chunks, reading, writing
from storage.relational.reads import Page
from storage.relational.tables import (
    charger_states,
    chargers,
    connectors,
    job_items,
    jobs,
)
from storage.relational.tags import has_tag

WAITING: Final = "waiting"
SENDING: Final = "sending"
DONE: Final = "done"
JSON: Final = ("payload", "filter")


class Chosen(msgspec.Struct, frozen=True):
    """A charger that a filter finds."""

    charger: str
    tenant: str
    site: str
    subprotocol: str
    vendor: str
    model: str
    firmware: str
    connected: bool


class Result(msgspec.Struct, frozen=True):
    """The end of one charger's command."""

    job: str
    charger: str
    command: str
    outcome: str
    finished_us: int
    sent_us: int = 0
    response: str = ""
    error: str = ""


async def choose(
    engine: AsyncEngine, where: Mapping[str, Any], tenant: str | None, limit: int
) -> list[Chosen]:
    """Return the chargers of a filter, by id: at most `limit` + 1.

    Args:
        engine: the store.
        where: ids, site, vendor, model, firmware, status, connected, tags; all must hold.
        tenant: None: of all.
        limit: one more says that there are more.
    """
    state = charger_states.c
    conditions: list[Any] = [~chargers.c.deleted]
    if tenant is not None:
        conditions.append(chargers.c.tenant == tenant)
    for name, column in (
        ("site", chargers.c.site),
        ("vendor", state.vendor),
        ("model", state.model),
        ("firmware", state.firmware),
    ):
        if where.get(name):
            conditions.append(column == where[name])
    if where.get("connected") is not None:
        conditions.append(func.coalesce(state.connected, False) == where["connected"])
    if where.get("status"):
        conditions.append(
            select(connectors.c.charger)
            .where(connectors.c.charger == chargers.c.id, connectors.c.status == where["status"])
            .exists()
        )
    conditions += [has_tag(tag) for tag in where.get("tags") or ()]
    subprotocol = func.coalesce(state.subprotocol, chargers.c.subprotocol)
    query = (
        select(
            chargers.c.id.label("charger"),
            chargers.c.tenant,
            chargers.c.site,
            subprotocol.label("subprotocol"),
            func.coalesce(state.vendor, "").label("vendor"),
            func.coalesce(state.model, "").label("model"),
            func.coalesce(state.firmware, "").label("firmware"),
            func.coalesce(state.connected, False).label("connected"),
        )
        .select_from(chargers.outerjoin(charger_states, state.charger == chargers.c.id))
        .order_by(chargers.c.id)
        .limit(limit + 1)
    )
    found: list[Chosen] = []
    ids = where.get("ids")
    parts = [None] if not ids else list(chunks(sorted(set(ids))))
    async with reading(engine) as connection:
        for names in parts:
            narrowed = conditions if names is None else [*conditions, chargers.c.id.in_(names)]
            rows = await connection.execute(query.where(and_(*narrowed)))
            found += [Chosen(**row._mapping) for row in rows]  # noqa: SLF001 public in spite of it
    return found[: limit + 1]


async def create(
    engine: AsyncEngine, job: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> None:
    """Write a job with its chargers, all at once."""
    async with writing(engine) as connection:
        await connection.execute(insert(jobs), [dict(job)])
        for part in chunks(items):
            await connection.execute(insert(job_items), [dict(one) for one in part])


async def get(engine: AsyncEngine, name: str) -> dict[str, Any]:
    """Return a job with how many chargers are where, by outcome."""
    async with reading(engine) as connection:
        row = (await connection.execute(select(jobs).where(jobs.c.id == name))).one_or_none()
        if row is None:
            raise NotFound("job", name)
        return _shown(row) | {"counts": await _counts(connection, name)}


async def listed(
    engine: AsyncEngine, tenant: str | None, *, state: str = "", cursor: str = "", limit: int = 100
) -> Page:
    """Return jobs, newest first."""
    conditions: list[Any] = [] if tenant is None else [jobs.c.tenant == tenant]
    if state:
        conditions.append(jobs.c.state == state)
    if cursor:
        conditions.append(older(cursor, jobs.c.created_us, jobs.c.id))
    query = select(jobs).where(*conditions)
    query = query.order_by(jobs.c.created_us.desc(), jobs.c.id.desc()).limit(limit + 1)
    async with reading(engine) as connection:
        rows = list(await connection.execute(query))
        items = [
            _shown(row) | {"counts": await _counts(connection, row.id)} for row in rows[:limit]
        ]
    more = len(rows) > limit
    return Page(items, f"{items[-1]['created_us']}.{items[-1]['id']}" if more else "")


async def items_of(
    engine: AsyncEngine, name: str, *, outcome: str = "", cursor: str = "", limit: int = 100
) -> Page:
    """Return the chargers of a job in their order, with what became of each."""
    column = job_items.c
    conditions = [column.job == name]
    if outcome:
        field = column.state if outcome in {WAITING, SENDING} else column.outcome
        conditions.append(field == outcome)
    if cursor:
        conditions.append(column.position > whole(cursor))
    query = select(job_items).where(*conditions).order_by(column.position).limit(limit + 1)
    async with reading(engine) as connection:
        rows = [dict(row._mapping) for row in await connection.execute(query)]  # noqa: SLF001
    for row in rows:
        row["response"] = json.loads(row["response"]) if row["response"] else None
        del row["job"]
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, str(rows[-1]["position"]) if more else "")


async def set_state(
    engine: AsyncEngine,
    name: str,
    state: str,
    reason: str,
    now_us: int,
    *,
    of: Sequence[str],
    canary_passed: bool = False,
) -> bool:
    """Change a job's state when it is one of `of`; return whether it was.

    A job that is over for good leaves nobody waiting: those are `not_sent`.
    """
    over = state not in {"running", "paused"}
    values: dict[str, Any] = {"state": state, "reason": reason}
    if over:
        values["finished_us"] = now_us
    if canary_passed:
        values["canary_passed"] = True
    async with writing(engine) as connection:
        changing = update(jobs).where(jobs.c.id == name, jobs.c.state.in_(of)).values(values)
        if not (await connection.execute(changing)).rowcount:
            return False
        if over:
            await connection.execute(
                update(job_items)
                .where(job_items.c.job == name, job_items.c.state == WAITING)
                .values(state=DONE, outcome="not_sent", finished_us=now_us)
            )
        return True


async def running(engine: AsyncEngine) -> list[dict[str, Any]]:
    """Return the jobs that are running, or have commands on their way."""
    still = select(job_items.c.job).where(job_items.c.state == SENDING)
    query = select(jobs).where(or_(jobs.c.state == "running", jobs.c.id.in_(still)))
    async with reading(engine) as connection:
        return [_shown(row) for row in await connection.execute(query)]


async def tally(engine: AsyncEngine, name: str, canary: int) -> list[tuple[str, str, bool, int]]:
    """Return (state, outcome, whether among the canaries, how many)."""
    column = job_items.c
    is_canary = case((column.position < canary, 1), else_=0)
    query = (
        select(column.state, column.outcome, is_canary, func.count())
        .where(column.job == name)
        .group_by(column.state, column.outcome, is_canary)
    )
    async with reading(engine) as connection:
        rows = await connection.execute(query)
        return [(state, outcome, bool(first), count) for state, outcome, first, count in rows]


async def claim(
    engine: AsyncEngine, name: str, commands: Sequence[str], deadline_us: int
) -> list[tuple[str, str]]:
    """Note that the next chargers are about to be commanded; return (charger, command).

    Nobody is claimed of a job that runs no more.
    """
    column = job_items.c
    async with writing(engine) as connection:
        state = (
            await connection.execute(select(jobs.c.state).where(jobs.c.id == name))
        ).scalar_one_or_none()
        if state != "running":
            return []
        query = (
            select(column.charger)
            .where(column.job == name, column.state == WAITING)
            .order_by(column.position)
            .limit(len(commands))
        )
        names = list((await connection.execute(query)).scalars())
        pairs = list(zip(names, commands, strict=False))
        if pairs:
            await connection.execute(
                _CLAIM,
                [
                    {"of": name, "who": charger, "new": command, "until": deadline_us}
                    for charger, command in pairs
                ],
            )
    return pairs


async def finish(engine: AsyncEngine, results: Sequence[Result]) -> None:
    """Note how commands ended; each counts once."""
    async with writing(engine) as connection:
        await connection.execute(
            _FINISH,
            [
                {
                    "of": one.job,
                    "who": one.charger,
                    "which": one.command,
                    "said": one.outcome,
                    "went": one.sent_us,
                    "ended": one.finished_us,
                    "answer": one.response,
                    "why": one.error[:1_000],
                }
                for one in results
            ],
        )


async def release(engine: AsyncEngine, name: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Let chargers wait again whose commands were never sent: (charger, command)."""
    async with writing(engine) as connection:
        await connection.execute(
            _RELEASE, [{"of": name, "who": who, "which": which} for who, which in pairs]
        )


async def sending(engine: AsyncEngine, name: str) -> list[tuple[str, str, int]]:
    """Return whose commands are on their way: (charger, command, deadline)."""
    column = job_items.c
    query = select(column.charger, column.command, column.deadline_us).where(
        column.job == name, column.state == SENDING
    )
    async with reading(engine) as connection:
        return [(row[0], row[1], row[2]) for row in await connection.execute(query)]


async def _counts(connection: AsyncConnection, name: str) -> dict[str, int]:
    column = job_items.c
    query = (
        select(column.state, column.outcome, func.count())
        .where(column.job == name)
        .group_by(column.state, column.outcome)
    )
    return {outcome or state: count for state, outcome, count in await connection.execute(query)}


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    shown = dict(row._mapping)  # noqa: SLF001 public in spite of its name
    return shown | {name: json.loads(shown[name] or "{}") for name in JSON}


_MINE: Final = and_(job_items.c.job == bindparam("of"), job_items.c.charger == bindparam("who"))
_CLAIM: Final = (
    update(job_items)
    .where(_MINE, job_items.c.state == WAITING)
    .values(state=SENDING, command=bindparam("new"), deadline_us=bindparam("until"))
)
_FINISH: Final = (
    update(job_items)
    .where(_MINE, job_items.c.state == SENDING, job_items.c.command == bindparam("which"))
    .values(
        state=DONE,
        outcome=bindparam("said"),
        sent_us=bindparam("went"),
        finished_us=bindparam("ended"),
        response=bindparam("answer"),
        error=bindparam("why"),
    )
)
_RELEASE: Final = (
    update(job_items)
    .where(_MINE, job_items.c.state == SENDING, job_items.c.command == bindparam("which"))
    .values(state=WAITING, command="", deadline_us=0)
)
