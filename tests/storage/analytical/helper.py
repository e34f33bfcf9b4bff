"""What the tests of the warehouse share. Nothing here imports chdb."""

import json
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from domain.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConnectorStatusReported,
    EnergyMeasured,
    Entry,
    Event,
    LimitDecided,
    MessageExchanged,
    Sample,
    SecurityEventReported,
    TransactionStarted,
    TransactionStopped,
    encode_entry,
)
from storage.analytical.client import open_client
from storage.analytical.settings import WarehouseSettings

T0 = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z"""

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


KEEP = dict.fromkeys(("samples_days", "hourly_days", "messages_days", "history_days"), 20_000)
"""T0 stays where it is; the engine would soon delete what is so old."""


class Row(msgspec.Struct):
    lsn: int
    blob: bytes
    committed_us: int = 0


def entry(charger: str, *events: Event, at_us: int = T0, generation: int = 1) -> Entry:
    return Entry(charger, generation, at_us, events)


def energy(value: float, at_us: int = T0, **changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "at_us": at_us,
        "measurand": "Energy.Active.Import.Register",
        "value": value,
        "unit": "Wh",
    }
    return Sample(**(fields | changes))


def power(value: float, at_us: int = T0) -> Sample:
    return energy(value, at_us, measurand="Power.Active.Import", unit="W")


def measured(*samples: Sample, connector: int = 1, transaction: int = 7) -> EnergyMeasured:
    return EnergyMeasured(connector, transaction, samples)


def exchanged(uid: str = "1", **changes: Any) -> MessageExchanged:
    fields: dict[str, Any] = {
        "incoming": True,
        "uid": uid,
        "action": "MeterValues",
        "request": '{"connectorId":1}',
        "response": "{}",
        "outcome": "result",
        "latency_us": 1_500,
    }
    return MessageExchanged(**(fields | changes))


def rows_of(*entries: Entry, first: int = 1) -> list[Row]:
    return [Row(lsn, encode_entry(item)) for lsn, item in enumerate(entries, first)]


def story(charger: str, at_us: int = T0) -> list[Entry]:
    """One charger's short life: every kind of fact that has a table."""
    started = TransactionStarted(7, 1, "tag", 1_000, at_us, "raw", token_status="Accepted")
    stopped = TransactionStopped(
        7, 7, 3_500, at_us + HOUR, "raw2", "tag", "Local", (energy(3_500.0, at_us + HOUR),)
    )
    return [
        entry(charger, ChargerConnected("10.0.0.1:5", "ocpp1.6", 1, "gw0"), at_us=at_us),
        entry(charger, ConnectorStatusReported(1, "Charging", at_us), exchanged(), at_us=at_us),
        entry(charger, started, at_us=at_us),
        entry(charger, measured(energy(1_000.0, at_us), power(7_000.0, at_us)), at_us=at_us),
        entry(charger, measured(energy(3_500.0, at_us + 30 * MINUTE)), at_us=at_us + 30 * MINUTE),
        entry(charger, stopped, at_us=at_us + HOUR),
        entry(charger, SecurityEventReported("TamperDetectionActivated", at_us), at_us=at_us),
        entry(charger, LimitDecided("depot", "c1/1", 1, at_us, 16.0, 11_040.0), at_us=at_us),
        entry(charger, ChargerDisconnected(1000, "bye", 5, 6), at_us=at_us + 2 * HOUR),
    ]


def ended_and_running(at_us: int) -> list[Entry]:
    """Two that charge since a minute before `at_us`: `over` for twenty seconds, `on` until now."""
    entries = []
    for charger, transaction in (("over", 8), ("on", 9)):
        began_us = at_us - MINUTE
        started = TransactionStarted(transaction, 1, "tag", 0, began_us, "raw")
        draws = measured(power(7_000.0, began_us), transaction=transaction)
        entries += [
            entry(charger, started, at_us=began_us),
            entry(charger, draws, at_us=began_us),
        ]
    ended_us = at_us - MINUTE + 20_000_000
    stopped = TransactionStopped(8, 8, 100, ended_us, "raw2", "tag", "Local")
    return [*entries, entry("over", stopped, at_us=ended_us)]


@dataclass(frozen=True)
class ClickHouse:
    """A running test server."""

    url: str

    def fault(self, **fault: Any) -> None:
        self._faults("POST", fault)

    def no_faults(self) -> None:
        self._faults("DELETE")

    def hits(self) -> list[int]:
        return [fault["hits"] for fault in self._faults("GET")]

    def settings(self, **changes: Any) -> WarehouseSettings:
        """Settings for a database that nobody else uses, and that forgets nothing."""
        fields: dict[str, Any] = {
            "dsn": self.url,
            "database": f"t_{uuid.uuid4().hex[:12]}",
            **KEEP,
        }
        return WarehouseSettings(**(fields | changes))

    def client(self, settings: WarehouseSettings) -> Client:
        return open_client(self.url, settings)

    def _faults(self, method: str, fault: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            f"{self.url}/faults",
            method=method,
            data=json.dumps(fault).encode() if fault else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@contextmanager
def clickhouse_server(folder: Path) -> Iterator[ClickHouse]:
    """Run the test server in a process of its own: chdb must not be in the process that forks."""
    script = Path(__file__).with_name("clickhouse_http.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            port = process.stdout.readline().strip()
            assert port, "the test server did not start"
            yield ClickHouse(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            process.wait(20)


def count(client: Client, database: str, table: str, more: str = "") -> int:
    return int(client.query(f"SELECT count() FROM {database}.{table} {more}").result_rows[0][0])
