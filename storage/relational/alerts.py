"""Rules, alerts, silences, channels and deliveries in the relational store.

What happens to an alert and what is to be told of it are written together, so nothing that has
happened stays untold, whatever dies.

Raises everywhere: Unavailable; NotFound.
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.alerts import Alert, AlertState, Change, Rule, Silence
from domain.errors import NotFound
from storage.relational.cursors import older
from storage.relational.engine import reading, upsert, writing
from storage.relational.reads import Page
from storage.relational.tables import (
    alert_channels,
    alert_rules,
    alert_silences,
    alerts,
    deliveries,
)

KINDS: Final[Mapping[str, Table]] = {
    "alert": alerts,
    "rule": alert_rules,
    "silence": alert_silences,
    "channel": alert_channels,
    "delivery": deliveries,
}
JSON: Final = frozenset({"params", "channels", "escalate_channels", "body"})
ORDER: Final = {"alert": "opened_us"}
SECRET: Final = frozenset({"secret"})
NOT_ENDED: Final = "the attempt has not ended"
"""Of an attempt that runs, or whose process has died: it may have been delivered or not."""


async def listed(
    engine: AsyncEngine,
    kind: str,
    tenant: str | None,
    *,
    equal: Mapping[str, str] = {},
    cursor: str = "",
    limit: int = 100,
) -> Page:
    """Return rows of a kind (a key of KINDS), newest first. Secrets are left out.

    `equal`: column -> value; state `active`: all alerts that are not over.
    """
    table = KINDS[kind]
    order = table.c[ORDER.get(kind, "created_us")]
    conditions: list[Any] = [] if tenant is None else [table.c.tenant == tenant]
    for name, value in equal.items():
        if name == "state" and value == "active":
            conditions.append(table.c.state != AlertState.RESOLVED)
        elif value:
            conditions.append(table.c[name] == value)
    if cursor:
        conditions.append(older(cursor, order, table.c.id))
    query = select(table).where(*conditions).order_by(order.desc(), table.c.id.desc())
    async with reading(engine) as connection:
        rows = list(await connection.execute(query.limit(limit + 1)))
    items = [_shown(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items)
    return Page(items, f"{items[-1][order.name]}.{items[-1]['id']}")


async def get(engine: AsyncEngine, kind: str, name: str) -> dict[str, Any]:
    """Return one row; secrets are left out."""
    table = KINDS[kind]
    async with reading(engine) as connection:
        row = (await connection.execute(select(table).where(table.c.id == name))).one_or_none()
    if row is None:
        raise NotFound(kind, name)
    return _shown(row)


async def put(engine: AsyncEngine, kind: str, values: Mapping[str, Any]) -> None:
    """Write one row by its id: new, or in place of the old one."""
    table = KINDS[kind]
    row = {name: json.dumps(value) if name in JSON else value for name, value in values.items()}
    columns = [name for name in row if name not in {"id", "created_us", "tenant"}]
    async with writing(engine) as connection:
        await connection.execute(upsert(connection, table, columns), [row])


async def remove(engine: AsyncEngine, kind: str, name: str) -> None:
    """Remove one row. Alerts of a rule that goes are over at the next look."""
    table = KINDS[kind]
    async with writing(engine) as connection:
        await connection.execute(delete(table).where(table.c.id == name))


async def acknowledge(engine: AsyncEngine, name: str, who: str, now_us: int) -> bool:
    """Note that somebody cares; False: the alert is not open."""
    changing = (
        update(alerts)
        .where(alerts.c.id == name, alerts.c.state == AlertState.OPEN)
        .values(state=AlertState.ACKNOWLEDGED, acknowledged_us=now_us, acknowledged_by=who)
    )
    async with writing(engine) as connection:
        return bool((await connection.execute(changing)).rowcount)


# ---- for the process that looks ---------------------------------------------------------------


async def rules(engine: AsyncEngine) -> list[tuple[Rule, dict[str, Any], str]]:
    """Return the rules that are switched on, with params and site."""
    query = select(alert_rules).where(alert_rules.c.enabled)
    async with reading(engine) as connection:
        found = [_shown(row) for row in await connection.execute(query)]
    return [(msgspec.convert(row, Rule), row["params"], row["site"]) for row in found]


async def active(engine: AsyncEngine) -> dict[str, dict[str, Alert]]:
    """Return the alerts that are not over: rule -> subject -> alert."""
    query = select(alerts).where(alerts.c.state != AlertState.RESOLVED)
    found: dict[str, dict[str, Alert]] = {}
    async with reading(engine) as connection:
        for row in await connection.execute(query):
            alert = msgspec.convert(_shown(row), Alert)
            found.setdefault(alert.rule, {})[alert.subject] = alert
    return found


async def silences(engine: AsyncEngine, now_us: int) -> dict[str, list[Silence]]:
    """Return those that hold, by tenant."""
    query = select(alert_silences).where(alert_silences.c.until_us > now_us)
    found: dict[str, list[Silence]] = {}
    async with reading(engine) as connection:
        for row in await connection.execute(query):
            silence = Silence(row.until_us, row.rule, row.charger, row.site)
            found.setdefault(row.tenant, []).append(silence)
    return found


async def apply(engine: AsyncEngine, rule: Rule, changes: Sequence[Change], now_us: int) -> None:
    """Write changes and what is to be told of them, all at once.

    Somebody may have acknowledged meanwhile: that is kept.
    """
    async with writing(engine) as connection:
        for change in changes:
            values = msgspec.structs.asdict(change.alert)
            if change.event == "opened":
                await connection.execute(insert(alerts), [values])
            else:
                kept = {"id", "acknowledged_us"} | (
                    set() if change.event == "resolved" else {"state"}
                )
                changed = {name: value for name, value in values.items() if name not in kept}
                await connection.execute(
                    update(alerts).where(alerts.c.id == change.alert.id).values(**changed)
                )
            await _tell(connection, rule, change, now_us)


async def _tell(connection: AsyncConnection, rule: Rule, change: Change, now_us: int) -> None:
    if not change.channels:
        return
    known = await connection.execute(
        select(alert_channels.c.id).where(
            alert_channels.c.id.in_(change.channels), alert_channels.c.enabled
        )
    )
    body = body_of(rule.name or rule.kind, rule.kind, change.event, change.alert)
    rows = [
        delivery(name, rule.tenant, change.alert.id, change.event, body, now_us)
        for name in known.scalars()
    ]
    if rows:
        await connection.execute(insert(deliveries), rows)


def body_of(name: str, kind: str, event: str, alert: Alert) -> dict[str, Any]:
    """Return what is told of an alert."""
    return {
        "event": f"alert.{event}",
        "rule": {"id": alert.rule, "name": name, "kind": kind},
        "alert": msgspec.to_builtins(alert),
    }


def delivery(
    channel: str, tenant: str, alert: str, event: str, body: Mapping[str, Any], now_us: int
) -> dict[str, Any]:
    """Return the row of a delivery that is to be attempted now."""
    return {
        "id": str(uuid.uuid4()),
        "tenant": tenant,
        "channel": channel,
        "alert": alert,
        "event": event,
        "body": json.dumps(body),
        "state": "pending",
        "attempts": 0,
        "next_us": now_us,
        "created_us": now_us,
    }


async def enqueue(engine: AsyncEngine, row: Mapping[str, Any]) -> None:
    """Write a delivery."""
    async with writing(engine) as connection:
        await connection.execute(insert(deliveries), [dict(row)])


async def due(engine: AsyncEngine, now_us: int, limit: int) -> list[dict[str, Any]]:
    """Return deliveries whose time has come, with `kind`, `target` and `secret` of the channel.

    A channel that is gone has an empty kind.
    """
    query = (
        select(deliveries, alert_channels.c.kind, alert_channels.c.target, alert_channels.c.secret)
        .select_from(
            deliveries.outerjoin(alert_channels, alert_channels.c.id == deliveries.c.channel)
        )
        .where(deliveries.c.state == "pending", deliveries.c.next_us <= now_us)
        .order_by(deliveries.c.next_us)
        .limit(limit)
    )
    async with reading(engine) as connection:
        return [dict(row._mapping) for row in await connection.execute(query)]  # noqa: SLF001


async def begun(engine: AsyncEngine, names: Collection[str]) -> None:
    """Note that deliveries are attempted: also one that nobody lives to see the end of counts."""
    async with writing(engine) as connection:
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(names))
            .values(attempts=deliveries.c.attempts + 1, last_status=0, last_error=NOT_ENDED)
        )


async def attempted(engine: AsyncEngine, name: str, values: Mapping[str, Any]) -> None:
    """Note how an attempt that was begun went."""
    async with writing(engine) as connection:
        await connection.execute(update(deliveries).where(deliveries.c.id == name).values(values))


async def replay(engine: AsyncEngine, name: str, now_us: int) -> None:
    """Let a delivery be attempted anew, whatever became of it, from its first attempt on."""
    async with writing(engine) as connection:
        changed = await connection.execute(
            update(deliveries)
            .where(deliveries.c.id == name)
            .values(state="pending", attempts=0, next_us=now_us)
        )
        if not changed.rowcount:
            raise NotFound("delivery", name)


async def trim(engine: AsyncEngine, kept_max: int) -> None:
    """Keep the log of deliveries at its limit; what is pending stays."""
    oldest = (
        select(deliveries.c.created_us)
        .order_by(deliveries.c.created_us.desc())
        .offset(kept_max)
        .limit(1)
        .scalar_subquery()
    )
    async with writing(engine) as connection:
        await connection.execute(
            delete(deliveries).where(
                deliveries.c.created_us <= func.coalesce(oldest, 0),
                deliveries.c.state != "pending",
            )
        )


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    return {
        str(name): json.loads(value or "null") if name in JSON else value
        for name, value in row._mapping.items()  # noqa: SLF001 public in spite of its name
        if name not in SECRET
    }
