"""What a charger is and how it is: boots, connections, statuses, enrolment, proved security."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain import security_upgrade
from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerEnrolled,
    ConnectorStatusReported,
    DiagnosticsStatusReported,
    Entry,
    FirmwareStatusReported,
    HeartbeatReceived,
    LimitDecided,
    LogStatusReported,
    SecurityRaised,
)
from domain.records import ChargerRecord
from domain.text import clean
from storage.relational import revisions
from storage.relational.engine import chunks, insert, upsert
from storage.relational.projection.batch import (
    Batch,
    Fold,
    Folds,
    any_row,
    in_order,
    nothing,
    order_us,
)
from storage.relational.record_rows import charger_record, charger_row
from storage.relational.tables import (
    charger_states,
    chargers,
    connectors,
    evse_limits,
    progress_reports,
)


def _booted(batch: Batch, entry: Entry, event: ChargerBooted) -> None:
    batch.boots[entry.charger] = {
        "charger": entry.charger,
        "vendor": clean(event.vendor, 255),
        "model": clean(event.model, 255),
        "serial": clean(event.serial, 255),
        "firmware": clean(event.firmware, 255),
        "iccid": clean(event.iccid, 255),
        "imsi": clean(event.imsi, 255),
        "meter_type": clean(event.meter_type, 255),
        "meter_serial": clean(event.meter_serial, 255),
        "box_serial": clean(event.box_serial, 255),
        "boot_reason": clean(event.reason, 255),
        "boot_status": event.status,
        "booted_us": entry.received_us,
    }


def _status(batch: Batch, entry: Entry, event: ConnectorStatusReported) -> None:
    row = {
        "charger": entry.charger,
        "connector": event.connector,
        "plug": event.plug,
        "status": clean(event.status, 255),
        "error_code": clean(event.error_code, 255),
        "info": clean(event.info, 1_000),
        "vendor": clean(event.vendor, 255),
        "vendor_error": clean(event.vendor_error, 255),
        "at_us": event.at_us,
        "quality": event.quality,
        "received_us": entry.received_us,
        "order_us": order_us(event.at_us, event.quality, entry.received_us),
    }
    batch.newest(connectors, "order_us", row)


def _connected(batch: Batch, entry: Entry, event: ChargerConnected) -> None:
    before = batch.connections.get(entry.charger)
    if before is not None and before["generation"] > entry.generation:
        return
    batch.connections[entry.charger] = {
        "charger": entry.charger,
        "connected": True,
        "generation": entry.generation,
        "gateway": clean(event.gateway, 255),
        "remote": clean(event.remote, 255),
        "subprotocol": clean(event.subprotocol, 255),
        "connected_us": entry.received_us,
    }


def _disconnected(batch: Batch, entry: Entry, event: ChargerDisconnected) -> None:
    batch.disconnections.append(
        {
            "key": entry.charger,
            "of_generation": entry.generation,
            "connected": False,
            "disconnected_us": entry.received_us,
            "close_code": event.code,
            "close_reason": clean(event.reason, 255),
        }
    )


def _limit(batch: Batch, entry: Entry, event: LimitDecided) -> None:
    row = {
        "site": clean(event.site, 255),
        "place": clean(event.place, 255),
        "charger": clean(entry.charger, 255),
        "evse": event.evse,
        "session": clean(event.session, 255),
        "standing_a": event.standing_a,
        "session_a": event.session_a,
        "charger_a": event.charger_a,
        "at_us": event.at_us,
    }
    batch.newest(evse_limits, "at_us", row)


def _progress(kind: str) -> Fold:
    def fold(batch: Batch, entry: Entry, event: Any) -> None:  # noqa: ANN401 three kinds
        row = {
            "charger": entry.charger,
            "kind": kind,
            "status": clean(event.status, 255),
            "request": getattr(event, "request", 0),
            "signed": getattr(event, "signed", False),
            "received_us": entry.received_us,
        }
        batch.newest(progress_reports, "received_us", row)

    return fold


def _raised(batch: Batch, entry: Entry, event: SecurityRaised) -> None:
    batch.raised.setdefault(entry.charger, []).append(event)


def _enrolled(batch: Batch, entry: Entry, event: ChargerEnrolled) -> None:
    batch.enrolled.setdefault(entry.charger, event.network)


FOLDS: Final[Folds] = {
    ChargerBooted: _booted,
    HeartbeatReceived: nothing,
    ConnectorStatusReported: _status,
    FirmwareStatusReported: _progress("firmware"),
    DiagnosticsStatusReported: _progress("diagnostics"),
    LogStatusReported: _progress("log"),
    ChargerConnected: _connected,
    ChargerDisconnected: _disconnected,
    ChargerEnrolled: _enrolled,
    SecurityRaised: _raised,
    LimitDecided: _limit,
}


async def store(connection: AsyncConnection, batch: Batch) -> None:
    """Write how chargers are."""
    if batch.boots:
        columns = [name for name in any_row(batch.boots) if name != "charger"]
        statement = upsert(connection, charger_states, columns, newer="booted_us")
        await connection.execute(statement, in_order(batch.boots))
    if batch.connections:
        columns = [name for name in any_row(batch.connections) if name != "charger"]
        statement = upsert(connection, charger_states, columns, newer="generation")
        await connection.execute(statement, in_order(batch.connections))
    if batch.disconnections:
        await connection.execute(_DISCONNECT, batch.disconnections)
    if batch.seen:
        statement = upsert(connection, charger_states, ["last_seen_us"], newer="last_seen_us")
        seen = sorted(batch.seen.items())
        await connection.execute(
            statement, [{"charger": name, "last_seen_us": at_us} for name, at_us in seen]
        )


async def raise_security(
    connection: AsyncConnection, raised: Mapping[str, list[SecurityRaised]]
) -> int:
    """Let records follow what chargers have proved; return how many changed."""
    changed = []
    for names in chunks(sorted(raised)):
        query = select(chargers).where(chargers.c.id.in_(names), ~chargers.c.deleted)
        for row in await connection.execute(query):
            before = after = charger_record(row)
            for event in raised[row.id]:
                after = security_upgrade.raised(after, event.profile, event.key)
            if after != before:
                changed.append(charger_row(after))
    if changed:
        numbers = await revisions.take(connection, revisions.REVISION, len(changed))
        rows = [row | {"revision": n} for row, n in zip(changed, numbers, strict=True)]
        wanted = set(rows[0]) - {"id", "created_us"}
        await connection.execute(upsert(connection, chargers, wanted), rows)
    return len(changed)


async def enrol(connection: AsyncConnection, enrolled: Mapping[str, str], now_us: int) -> int:
    """Make records of chargers that were let in without one; return how many."""
    known: set[str] = set()
    for names in chunks(sorted(enrolled)):
        query = select(chargers.c.id).where(chargers.c.id.in_(names), ~chargers.c.deleted)
        known.update((await connection.execute(query)).scalars())
    new = {name: enrolled[name] for name in sorted(enrolled) if name not in known}
    if new:
        numbers = await revisions.take(connection, revisions.REVISION, len(new))
        rows = [
            charger_row(ChargerRecord(id=name, security_profile=0, networks=(network,)))
            | {"created_us": now_us, "revision": number}
            for (name, network), number in zip(new.items(), numbers, strict=True)
        ]
        await connection.execute(_BURY, [{"key": name} for name in new])
        # A charger whose id differs by case only from another one keeps having no record.
        await connection.execute(insert(connection, chargers).on_conflict_do_nothing(), rows)
    return len(new)


_DISCONNECT: Final = (
    update(charger_states)
    .where(
        charger_states.c.charger == bindparam("key"),
        charger_states.c.generation == bindparam("of_generation"),
    )
    .values(
        connected=bindparam("connected"),
        disconnected_us=bindparam("disconnected_us"),
        close_code=bindparam("close_code"),
        close_reason=bindparam("close_reason"),
    )
)

_BURY: Final = delete(chargers).where(chargers.c.id == bindparam("key"), chargers.c.deleted)
"""Makes room for a charger that was deleted and is enrolled again."""
