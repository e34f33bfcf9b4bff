"""The device model: the newest value of each variable, the newest notice of each monitor."""

import hashlib
from typing import Any, Final

import msgspec
from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import DeviceNoticed, Entry, NoticeReported, Variable, VariablesReported
from domain.text import clean
from storage.relational.engine import chunks, upsert
from storage.relational.projection.batch import Batch, Folds, in_order, order_us
from storage.relational.tables import device_notices, notices, variables

HELD: Final = frozenset({"Accepted", "RebootRequired"})
"""Answers to a get or a set that tell a value."""
OF_RESULT: Final = ("value", "status", "received_us")
"""All that the result of a get or a set says; what a report said of the rest stays."""
VALUE_CHARACTERS_MAX: Final = 2_500
"""Of a value (2.0.1 part 2, ReportingValueSize)."""


def variable_id(charger: str, variable: Variable) -> str:
    """Return the id of a charger's variable and attribute."""
    return _hash(charger, *_place(variable), variable.attribute)


def _hash(*parts: str | int) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()


def _place(variable: Variable) -> tuple[str, str, int, int]:
    return (
        path(variable.component, variable.component_instance),
        path(variable.variable, variable.variable_instance),
        variable.evse,
        variable.connector,
    )


def path(name: str, instance: str) -> str:
    """Return a name with its instance, if it has one."""
    return clean(f"{name}/{instance}" if instance else name, 255)


def _reported(batch: Batch, entry: Entry, event: VariablesReported) -> None:
    for each in event.variables:
        if each.status and each.status not in HELD:
            continue  # the one who asked has the answer; the device model is as it was
        component, variable, evse, connector = _place(each)
        name = variable_id(entry.charger, each)
        result = {
            "value": clean(each.value, VALUE_CHARACTERS_MAX),
            "status": each.status,
            "received_us": entry.received_us,
        }
        before = batch.variables.get(name)
        if each.status and before is not None:
            before.update(result)
            if each.mutability:
                before["mutability"] = each.mutability
            continue
        batch.variables[name] = {
            "id": name,
            "charger": entry.charger,
            "path": f"{component}@{evse:06}.{connector:06}/{variable}#{each.attribute}",
            "component": component,
            "variable": variable,
            "evse": evse,
            "connector": connector,
            "attribute": clean(each.attribute, 255),
            "mutability": clean(each.mutability, 255),
            "persistent": each.persistent,
            "constant": each.constant,
            "unit": clean(each.unit, 255),
            "data_type": clean(each.data_type, 255),
            "limit_min": each.limit_min,
            "limit_max": each.limit_max,
            "values_list": clean(each.values_list, VALUE_CHARACTERS_MAX),
            "monitored": each.monitored,
            **result,
        }


def _noticed(batch: Batch, entry: Entry, event: DeviceNoticed) -> None:
    for notice in event.notices:
        component = path(notice.component, notice.component_instance)
        variable = path(notice.variable, notice.variable_instance)
        row: dict[str, Any] = {
            "id": _hash(entry.charger, component, variable, notice.evse, notice.connector),
            "charger": entry.charger,
            "component": component,
            "variable": variable,
            "evse": notice.evse,
            "connector": notice.connector,
            "event": notice.event,
            "trigger": clean(notice.trigger, 255),
            "kind": clean(notice.kind, 255),
            "value": clean(notice.value, VALUE_CHARACTERS_MAX),
            "severity": notice.severity,
            "monitor": notice.monitor,
            "cleared": notice.cleared,
            "code": clean(notice.code, 255),
            "text": clean(notice.text, 1_000),
            "transaction": clean(notice.transaction, 255),
            "at_us": notice.at_us,
            "quality": notice.quality,
            "received_us": entry.received_us,
            "order_us": order_us(notice.at_us, notice.quality, entry.received_us),
        }
        batch.newest(device_notices, "order_us", row)


def _notice(batch: Batch, entry: Entry, event: NoticeReported) -> None:
    batch.append(
        notices,
        entry,
        topic=clean(event.topic, 255),
        key=clean(event.key, 255),
        body=batch.text(event.body),
        status=clean(event.status, 255),
        request=event.request,
        more=event.more,
        at_us=event.at_us,
    )


FOLDS: Final[Folds] = {
    VariablesReported: _reported,
    DeviceNoticed: _noticed,
    NoticeReported: _notice,
}


async def store(connection: AsyncConnection, batch: Batch, variables_max: int) -> None:
    """Write variables; of a charger with too many the oldest are forgotten."""
    rows = batch.variables
    if not rows:
        return
    reports = {key: row for key, row in rows.items() if not row["status"]}
    with_rights = {k: r for k, r in rows.items() if r["status"] and r["mutability"]}
    results = {k: r for k, r in rows.items() if r["status"] and not r["mutability"]}
    everything = [column.name for column in variables.columns if column.name != "id"]
    for some, columns in (
        (reports, everything),
        (with_rights, (*OF_RESULT, "mutability")),
        (results, OF_RESULT),
    ):
        for part in chunks(in_order(some), 500):
            statement = upsert(connection, variables, columns, newer="received_us")
            await connection.execute(statement, part)
    for charger in sorted({row["charger"] for row in rows.values()}):
        await forget_oldest(connection, variables, charger, variables_max)


async def forget_oldest(
    connection: AsyncConnection, table: Table, charger: str, rows_max: int
) -> None:
    """Delete what was received longest ago of a charger with more than `rows_max` rows."""
    mine = table.c.charger == charger
    query = select(func.count()).select_from(table).where(mine)
    count = (await connection.execute(query)).scalar_one()
    if count > rows_max:
        oldest = select(table.c.id).where(mine).order_by(table.c.received_us)
        excess = oldest.limit(count - rows_max).scalar_subquery()
        await connection.execute(delete(table).where(table.c.id.in_(excess)))
