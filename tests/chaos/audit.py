"""The stores of a stopped node against the books of its chargers.

Two numbers say it all: `lost` counts what was acknowledged and is not there, or not as it was said;
`doubled` counts what is there more than once, or was never said.
"""

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.chaos.books import Books, Sample, Session, Status
from tests.chaos.node import ROOT

STATEMENTS = (
    """SELECT charger, connector, transaction, measurand, context, toUnixTimestamp64Milli(ts), value,
    quality, text FROM csms.samples FINAL""",
    "SELECT charger, connector, status, toUnixTimestamp64Milli(ts) FROM csms.status_history FINAL",
    """SELECT charger, uid, action, count() FROM csms.ocpp_messages WHERE direction = 'in'
    GROUP BY ALL""",
    "SELECT charger, kind, transaction, meter_wh FROM csms.transaction_events FINAL",
    "SELECT charger, count() FROM csms.connections WHERE kind = 'connected' GROUP BY ALL",
    "SELECT count() FROM csms.samples",
)


@dataclass
class Report:
    """What the audit found; the lists name the first of each kind."""

    checked: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def lose(self, what: object) -> None:
        self.lost.append(str(what))

    def double(self, what: object) -> None:
        self.doubled.append(str(what))

    def __str__(self) -> str:
        checked = " ".join(f"{name}:{count}" for name, count in sorted(self.checked.items()))
        lines = [f"lost {len(self.lost)}  doubled {len(self.doubled)}  ({checked})"]
        lines += [f"  lost: {what}" for what in self.lost[:20]]
        lines += [f"  doubled: {what}" for what in self.doubled[:20]]
        return "\n".join(lines)


async def audit(data: Path, books: Books) -> Report:
    """Compare; the node must be stopped. SQLite and the embedded engine only."""
    return await asyncio.to_thread(_audit, data, books)


def _audit(data: Path, books: Books) -> Report:
    report = Report()
    database = sqlite3.connect(f"file:{data / 'csms.db'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        tables = ("transactions", "transaction_aliases", "transaction_stops", "quarantine")
        rows, aliases, stops, quarantine = (
            database.execute(f"SELECT * FROM {table}").fetchall() for table in tables
        )
    finally:
        database.close()
    for row in quarantine:
        report.lose(f"the ledger did not understand: {row['reason']}")
    check_transactions(rows, aliases, stops, books, report)
    check_warehouse(data, books, report)
    return report


def check_warehouse(data: Path, books: Books, report: Report) -> None:
    """Compare the embedded engine with the books."""
    plans = sqlite3.connect(f"file:{data / 'warehouse' / 'plan.db'}?mode=ro", uri=True)
    for row in plans.execute("SELECT reason FROM quarantine"):
        report.lose(f"the warehouse did not understand: {row[0]}")
    plans.close()
    samples, statuses, messages, events, connections, raw = dump(data, *STATEMENTS)
    report.checked["sample rows before merge"] = raw[0][0]
    check_samples(samples, books, report)
    check_statuses(statuses, books, report)
    check_messages(messages, books, report)
    check_events(events, books, report)
    for charger, count in connections:
        if count > books.attempts[charger]:
            report.double(f"connections of {charger}: {count} > {books.attempts[charger]}")


def dump(data: Path, *statements: str) -> list[list[list[Any]]]:
    """Return the rows of each statement from the embedded engine of a stopped node."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.warehouse_dump", str(data), *statements],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    tables: list[list[list[Any]]] = msgspec.msgpack.decode(done.stdout)
    return tables


def check_transactions(
    rows: Iterable[Any], aliases: Iterable[Any], stops: Iterable[Any], books: Books, report: Report
) -> None:
    """Compare the relational rows (mappings by column name) with the sessions."""
    by_key: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        if row["state"] == "orphan":
            report.double(f"orphan stop of {row['charger']} {row['stopped_raw']}")
            continue
        key = tuple(
            row[name] for name in ("charger", "connector", "started_raw", "token", "meter_start_wh")
        )
        by_key[key].append(row)
    aliases = list(aliases)
    report.checked["aliases"] = len(aliases)
    numbers = {(row["charger"], row["number"]): row["transaction"] for row in aliases}
    stops_of: dict[str, list[Any]] = defaultdict(list)
    for row in stops:
        stops_of[row["transaction"]].append(row)
    given: Counter[int] = Counter()
    for session in books.sessions:
        found = by_key.pop(session.key, [])
        if len(found) > 1:
            report.double(f"{len(found)} rows of {session.key}")
        if session.start is None or session.start.answer is None:
            continue
        report.checked["starts"] += 1
        given[session.number] += 1
        if not found:
            report.lose(f"start {session.key} number {session.number}")
            continue
        row = found[0]
        if session.number != row["number"] and (
            numbers.get((session.charger, session.number)) != row["id"]
        ):
            report.lose(f"number {session.number} of {session.key}: row has {row['number']}")
        _stop(session, row, stops_of[row["id"]], report)
    for number, count in given.items():
        if count > 1:
            report.double(f"transactionId {number} was given to {count} starts")
    for key in by_key:
        report.double(f"start that nobody sent: {key}")


def _stop(session: Session, row: Any, stops: list[Any], report: Report) -> None:
    if len(stops) > 1:
        report.double(f"{len(stops)} stops of {session.key}")
    if session.stop is None or not session.stop.uids:
        if stops or row["state"] == "ended":
            report.double(f"stop that nobody sent: {session.key}")
        return
    if session.stop.answer is None:
        return
    report.checked["stops"] += 1
    said = (session.stopped_raw, session.meter_stop_wh, session.reason)
    kept = (row["stopped_raw"], row["meter_stop_wh"], row["stop_reason"])
    if row["state"] != "ended" or said != kept:
        report.lose(f"stop {session.key}: said {said}, kept {row['state']} {kept} {row['flags']}")


def check_samples(rows: list[list[Any]], books: Books, report: Report) -> None:
    sessions = {(s.charger, s.index): s for s in books.sessions}
    said: dict[tuple[Any, ...], tuple[Sample, bool]] = {}
    for message in books.messages:
        for fact in message.facts:
            if isinstance(fact, Sample) and message.uids:
                key = (fact.charger, fact.connector, fact.measurand, fact.context, fact.at_ms)
                said[key] = (fact, message.answer is not None)
    seen: Counter[tuple[Any, ...]] = Counter()
    for charger, connector, number, measurand, context, at_ms, value, quality, text in rows:
        key = (charger, connector, measurand, context, at_ms)
        seen[key] += 1
        if key not in said:
            report.double(f"sample that nobody sent: {key}")
            continue
        sample = said[key][0]
        expected = sessions[charger, sample.session].number
        if (value, text, number) != (sample.value, "", expected) or quality not in ("ok", "skewed"):
            report.lose(f"sample {key}: {value} {text!r} {number} {quality}, not {sample}")
    for key, (_, acknowledged) in said.items():
        report.checked["samples"] += acknowledged
        if acknowledged and not seen[key]:
            report.lose(f"sample {key}")
        if seen[key] > 1:
            report.double(f"sample {key}: {seen[key]} rows")


def check_statuses(rows: list[list[Any]], books: Books, report: Report) -> None:
    said: dict[tuple[Any, ...], bool] = {}
    for message in books.messages:
        for fact in message.facts:
            if isinstance(fact, Status) and message.uids:
                said[fact.charger, fact.connector, fact.status, fact.at_ms] = bool(
                    message.answer is not None
                )
    seen = Counter(tuple(row) for row in rows)
    for key, count in seen.items():
        if key not in said or count > 1:
            report.double(f"status {key}: {count} rows")
    for key, acknowledged in said.items():
        report.checked["statuses"] += acknowledged
        if acknowledged and not seen[key]:
            report.lose(f"status {key}")


def check_messages(rows: list[list[Any]], books: Books, report: Report) -> None:
    """The log has a row for every exchange: as many as frames were sent under an id, at most."""
    seen = {(charger, uid): (action, count) for charger, uid, action, count in rows}
    for message in books.messages:
        for uid, sent in Counter(message.uids).items():
            action, count = seen.get((message.charger, uid), (message.action, 0))
            if action != message.action or count > sent:
                report.double(f"logged {count} times, sent {sent}: {message.charger} {uid}")
        if message.answer is not None:
            report.checked["messages"] += 1
            if not any((message.charger, uid) in seen for uid in message.uids):
                report.lose(f"not logged: {message.charger} {message.uids}")


def check_events(rows: list[list[Any]], books: Books, report: Report) -> None:
    """Starts and stops in the warehouse; further numbers of one start have rows of their own."""
    kinds: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for charger, kind, number, meter_wh in rows:
        kinds[charger, kind, number].add(meter_wh)
    for session in books.sessions:
        if session.start is None or session.start.answer is None:
            continue
        if kinds[session.charger, "started", session.number] != {session.meter_start_wh}:
            report.lose(f"warehouse has no start {session.key} number {session.number}")
        if session.stop is not None and session.stop.answer is not None:
            stopped = kinds[session.charger, "stopped", session.number]
            if stopped != {session.meter_stop_wh}:
                report.lose(
                    f"warehouse has no stop {session.key} number {session.number}: {stopped}"
                )
