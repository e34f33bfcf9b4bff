"""Uptime, reckoned by hand: outages, exclusions, gaps over borders of months, overlapping faults."""

from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from domain.events import ChargerConnected, ChargerDisconnected, ConnectorStatusReported, Entry
from storage.analytical import exclusions
from storage.analytical.blocks import Window
from storage.analytical.builder import DAY_US
from storage.analytical.migrate import migrate
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from tests.storage.analytical.helper import DAY, HOUR, T0, ClickHouse, entry, rows_of

FEBRUARY = 31
HOURS_OF_JANUARY = 22 * 24
"""From the first connection, on the 10th."""


def at(day: int, hour: int = 0) -> int:
    """An instant of 2026; days are counted from the first of January on."""
    return T0 + (day - 1) * DAY + hour * HOUR


def connected(charger: str, generation: int, at_us: int) -> Entry:
    event = ChargerConnected("10.0.0.1:5", "ocpp1.6", 1, "gw0")
    return entry(charger, event, at_us=at_us, generation=generation)


def disconnected(charger: str, generation: int, at_us: int) -> Entry:
    return entry(charger, ChargerDisconnected(1006, "", 1, 1), at_us=at_us, generation=generation)


def told(connector: int, status: str, at_us: int, received_us: int = 0) -> Entry:
    report = ConnectorStatusReported(connector, status, at_us)
    return entry("c1", report, at_us=received_us or at_us)


STORY = (
    connected("c1", 1, at(10)),
    told(1, "Available", at(10)),
    told(2, "Available", at(10)),
    # Twelve hours, of which the charger as a whole was faulted for six, and for six more.
    told(1, "Faulted", at(15, 0)),
    told(0, "Faulted", at(15, 6)),
    told(1, "Available", at(15, 12)),
    told(0, "Available", at(15, 18)),
    # Away for six hours; a fault began meanwhile and was told afterwards.
    disconnected("c1", 1, at(20)),
    connected("c1", 2, at(20, 6)),
    told(1, "Faulted", at(20, 3), at(20, 6)),
    told(1, "Available", at(20, 10)),
    told(1, "Unavailable", at(25, 0)),
    told(1, "Available", at(25, 4)),
    # Over the end of the month.
    told(1, "Faulted", at(FEBRUARY, 22)),
    told(1, "Charging", at(FEBRUARY + 1, 3)),
    disconnected("c1", 2, at(FEBRUARY + 2)),
    # One that tells no status, and of whose first connection the end was never seen.
    connected("c2", 1, at(1)),
    connected("c2", 2, at(3)),
    disconnected("c2", 2, at(4)),
)


def excluded(
    name: str, connector: int, since_us: int, until_us: int, version: int = 1, removed: int = 0
) -> exclusions.Copy:
    return name, "", "c1", connector, since_us, until_us, "maintenance", removed, version


EXCLUDED = (
    excluded("all", 0, at(25, 0), at(25, 6)),
    excluded("one", 1, at(20, 5), at(20, 9)),
    excluded("one and a piece of it again", 1, at(20, 8), at(20, 12)),
    excluded("the other", 2, at(20, 0), at(20, 2)),
    excluded("removed", 0, at(15, 0), at(16, 0), 1),
    excluded("removed", 0, at(15, 0), at(16, 0), 2, 1),
)


@pytest.fixture(scope="module")
def store(engine: ClickHouse) -> Iterator[tuple[Client, WarehouseSettings]]:
    settings = engine.settings()
    client = engine.client(settings)
    migrate(client, settings)
    built = build(rows_of(*STORY), {}, Window(DAY_US, DAY_US), 1_000)
    Sink(client, settings).write("t", built.blocks)
    assert exclusions.put(client, settings, EXCLUDED) == 2
    yield client, settings
    client.command(f"DROP DATABASE {settings.database}")
    client.close()


def asked(
    store: tuple[Client, WarehouseSettings], columns: str, view: str, where: str
) -> list[tuple[Any, ...]]:
    client, settings = store
    query = f"SELECT {columns} FROM {settings.database}.{view} WHERE {where}"
    return list(client.query(query).result_rows)


HOURS = "period_s / 3600, connected_s / 3600, faulted_s / 3600, outage_s / 3600, excluded_s / 3600"


@pytest.mark.parametrize(
    ("charger", "connector", "month", "hours"),
    [
        # Faults: 18 + 7 + 2. Outage: 18, ten of the 20th, four, two. Excluded: four and five.
        ("c1", 1, "2026-01-01", (HOURS_OF_JANUARY, HOURS_OF_JANUARY - 6, 27, 34, 9)),
        # The charger's fault is its own, too; of its exclusions only what was an outage counts.
        ("c1", 2, "2026-01-01", (HOURS_OF_JANUARY, HOURS_OF_JANUARY - 6, 12, 18, 2)),
        ("c1", 1, "2026-02-01", (672, 24, 3, 651, 0)),
        ("c1", 2, "2026-02-01", (672, 24, 0, 648, 0)),
        ("c1", 1, "2026-03-01", (744, 0, 0, 744, 0)),
        ("c2", 0, "2026-01-01", (744, 72, 0, 672, 0)),
    ],
)
def test_hours_of_a_month_are_those_reckoned_by_hand(
    store: tuple[Client, WarehouseSettings],
    charger: str,
    connector: int,
    month: str,
    hours: tuple[float, ...],
) -> None:
    where = f"charger = '{charger}' AND connector = {connector} AND month = '{month}'"
    assert asked(store, HOURS, "uptime_by_month", where) == [hours]


def test_three_percentages_stand_side_by_side(store: tuple[Client, WarehouseSettings]) -> None:
    where = "charger = 'c1' AND connector = 1 AND month = '2026-01-01'"
    columns = "connectivity, fault_free, nevi"
    (found,) = asked(store, columns, "uptime_by_month", where)
    whole = HOURS_OF_JANUARY
    wanted = [100 * (whole - lost) / whole for lost in (6, 27, 34 - 9)]
    assert found == pytest.approx(wanted)


def test_a_charger_is_the_sum_of_its_connectors(store: tuple[Client, WarehouseSettings]) -> None:
    where = "charger = 'c1' AND month = '2026-01-01'"
    (found,) = asked(store, f"connectors, {HOURS}, nevi", "uptime_of_chargers_by_month", where)
    whole = 2 * HOURS_OF_JANUARY
    assert found[:-1] == (2, whole, whole - 12, 39, 52, 11)
    assert found[-1] == pytest.approx(100 * (whole - 41) / whole)


def test_there_is_a_row_for_each_month_since_the_first_connection(
    store: tuple[Client, WarehouseSettings],
) -> None:
    rows = asked(
        store,
        "count(), min(month), max(month) = toStartOfMonth(now('UTC')), max(period_s)",
        "uptime_by_month",
        "charger = 'c1' AND connector = 1",
    )
    ((count, first, is_until_now, longest_s),) = rows
    assert (str(first), bool(is_until_now)) == ("2026-01-01", True)
    assert count >= 11
    assert longest_s <= 31 * 86_400
