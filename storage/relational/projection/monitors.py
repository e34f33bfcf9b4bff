"""Monitors of variables: the newest that is told of each, and of all of a charger's together."""

import hashlib
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import Entry, MonitoringTold
from domain.text import clean
from storage.relational.engine import chunks, upsert
from storage.relational.projection.batch import Batch, Folds, in_order
from storage.relational.projection.device import forget_oldest, path
from storage.relational.tables import monitoring, monitors


def monitor_id(charger: str, number: int) -> str:
    """Return the id of a charger's monitor."""
    content = msgspec.msgpack.encode(("monitor", charger, number))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _told(batch: Batch, entry: Entry, event: MonitoringTold) -> None:
    charger, at_us = entry.charger, entry.received_us
    told = batch.monitoring
    for each in event.monitors:
        name = monitor_id(charger, each.number)
        told.cleared.pop(name, None)
        told.monitors[name] = {
            "id": name,
            "charger": charger,
            "number": each.number,
            "component": path(each.component, each.component_instance),
            "variable": path(each.variable, each.variable_instance),
            "evse": each.evse,
            "connector": each.connector,
            "kind": clean(each.kind, 255),
            "value": each.value,
            "severity": each.severity,
            "in_transaction": each.in_transaction,
            "origin": clean(each.origin, 255),
            "cleared": False,
            "received_us": at_us,
        }
    for number in event.cleared:
        name = monitor_id(charger, number)
        gone = {"cleared": True, "received_us": at_us}
        if name in told.monitors:
            told.monitors[name].update(gone)
        else:
            told.cleared[name] = {"id": name, "charger": charger, "number": number, **gone}
    if event.base:
        base = {"charger": charger, "base": clean(event.base, 255), "base_us": at_us}
        told.bases[charger] = base
    if event.all_since_us:
        told.whole[charger] = {"charger": charger, "whole_us": event.all_since_us}
    if event.level >= 0:
        told.levels[charger] = {"charger": charger, "level": event.level, "level_us": at_us}


FOLDS: Final[Folds] = {MonitoringTold: _told}


async def store(connection: AsyncConnection, batch: Batch, monitors_max: int) -> None:
    """Write monitors; of a charger with too many the oldest are forgotten."""
    told = batch.monitoring
    everything = [column.name for column in monitors.columns if column.name != "id"]
    for table, rows, columns, newer in (
        (monitors, told.monitors, everything, "received_us"),
        (monitors, told.cleared, ["cleared", "received_us"], "received_us"),
        (monitoring, told.bases, ["base", "base_us"], "base_us"),
        (monitoring, told.levels, ["level", "level_us"], "level_us"),
        (monitoring, told.whole, ["whole_us"], "whole_us"),
    ):
        for part in chunks(in_order(rows)):
            await connection.execute(upsert(connection, table, columns, newer=newer), part)
    for charger in sorted({row["charger"] for row in told.monitors.values()}):
        await forget_oldest(connection, monitors, charger, monitors_max)
