from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from domain.errors import Unavailable
from domain.events import ConnectionRefused
from storage.analytical.blocks import Block, Window
from storage.analytical.builder import DAY_US
from storage.analytical.client import INSERT_SETTINGS, open_client
from storage.analytical.migrate import migrate
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from tests.storage.analytical.helper import (
    HOUR,
    MINUTE,
    T0,
    ClickHouse,
    count,
    energy,
    entry,
    exchanged,
    measured,
    rows_of,
    story,
)

WINDOW = Window(400 * DAY_US, DAY_US)
PLACES = {"c1": ("acme", "berlin")}


def blocks_of(*entries: Any, rows_max: int = 100_000) -> list[Block]:
    built = build(rows_of(*entries), PLACES, WINDOW, rows_max)
    assert not built.rejects
    return built.blocks


@pytest.fixture
def settings(clickhouse: ClickHouse) -> WarehouseSettings:
    return clickhouse.settings(insert_timeout_s=2)


@pytest.fixture
def client(clickhouse: ClickHouse, settings: WarehouseSettings) -> Iterator[Client]:
    client = clickhouse.client(settings)
    migrate(client, settings)
    yield client
    client.command(f"DROP DATABASE {settings.database}")
    client.close()


@pytest.fixture
def sink(client: Client, settings: WarehouseSettings) -> Sink:
    return Sink(client, settings)


def a_thousand() -> Sequence[Block]:
    return blocks_of(
        *(
            entry("c1", measured(energy(n, T0 + n * MINUTE)), exchanged(str(n)), at_us=T0 + n)
            for n in range(1_000)
        )
    )


def assert_samples_exactly_once(client: Client, settings: WarehouseSettings) -> None:
    assert count(client, settings.database, "samples") == 1_000
    assert count(client, settings.database, "samples", "FINAL") == 1_000
    assert count(client, settings.database, "ocpp_messages") == 1_000


def assert_exactly_once(client: Client, settings: WarehouseSettings) -> None:
    assert_samples_exactly_once(client, settings)
    # The view's target has one part for one block: it was fed once.
    hours = (1_000 + 59) // 60
    assert count(client, settings.database, "samples_hourly") == hours


def test_every_fact_arrives_in_its_table(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    assert sink.write("t", blocks_of(*story("c1"))) == []
    found = {
        table: count(client, settings.database, table)
        for table in (
            "samples",
            "ocpp_messages",
            "status_history",
            "connections",
            "transaction_events",
            "security_events",
            "evse_limits",
        )
    }
    assert found == {
        "samples": 4,
        "ocpp_messages": 1,
        "status_history": 1,
        "connections": 2,
        "transaction_events": 2,
        "security_events": 1,
        "evse_limits": 1,
    }


def test_values_survive_the_way_to_the_engine(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    sample = energy(
        1.5,
        T0 + 1_234_000,
        unit="kWh",
        phase="L1",
        location="Inlet",
        context="Sample.Clock",
        quality="skewed",
    )
    said = exchanged("u1", flags=("type:/a", "extra:/b"), request='{"ü":"\\n"}', latency_us=2_000)
    sink.write("t", blocks_of(entry("c1", measured(sample, connector=2), said, at_us=T0 + HOUR)))
    columns = (
        "tenant, site, measurand, charger, connector, phase, location, context, "
        "toUnixTimestamp64Milli(ts), value, unit, transaction, text, quality, "
        "toUnixTimestamp(received_at)"
    )
    row = client.query(f"SELECT {columns} FROM {settings.database}.samples").result_rows[0]
    assert row == (
        "acme",
        "berlin",
        "Energy.Active.Import.Register",
        "c1",
        2,
        "L1",
        "Inlet",
        "Sample.Clock",
        (T0 + 1_234_000) // 1_000,
        1_500.0,
        "Wh",
        7,
        "",
        "skewed",
        (T0 + HOUR) // 1_000_000,
    )
    columns = "direction, action, uid, payload, response, outcome, latency_us, flags"
    row = client.query(f"SELECT {columns} FROM {settings.database}.ocpp_messages").result_rows[0]
    assert row == (
        "in",
        "MeterValues",
        "u1",
        '{"ü":"\\n"}',
        "{}",
        "result",
        2_000,
        ["type:/a", "extra:/b"],
    )


def test_the_same_block_sent_again_is_stored_once(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    for _ in range(3):
        sink.write("t", a_thousand())
    assert_exactly_once(client, settings)


def test_a_large_block_becomes_one_part(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    samples = tuple(energy(n, T0 + n * 1_000) for n in range(100_000))
    sink.write("t", blocks_of(entry("c1", measured(*samples), at_us=T0)))
    parts = client.query(
        "SELECT rows FROM system.parts WHERE database = {d:String} AND table = 'samples' AND active",
        parameters={"d": settings.database},
    ).result_rows
    assert list(parts) == [(100_000,)]


def test_an_insert_that_the_client_replays_by_itself_is_stored_once(
    client: Client, settings: WarehouseSettings, clickhouse: ClickHouse
) -> None:
    clickhouse.fault(kind="cut_after", match="INSERT INTO")
    client.insert(
        f"{settings.database}.security_events",
        [["c1", str(n), datetime.fromtimestamp(T0 / 1e6, UTC)] for n in range(1_000)],
        column_names=["charger", "kind", "ts"],
        settings=INSERT_SETTINGS | {"insert_deduplication_token": "t"},
    )
    assert clickhouse.hits() == [1]
    assert count(client, settings.database, "security_events") == 1_000


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_before", "times": 4},
        {"kind": "cut_after", "times": 4},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "status_after", "status": 500},
        {"kind": "poison", "code": 241},
        {"kind": "slow", "seconds": 2.5},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', fault.get('code', ''))}",
)
def test_a_fault_is_reported_and_the_same_blocks_go_in_later(
    sink: Sink,
    client: Client,
    settings: WarehouseSettings,
    clickhouse: ClickHouse,
    fault: dict[str, Any],
) -> None:
    blocks = a_thousand()
    clickhouse.fault(match="ocpp_messages", **fault)
    with pytest.raises(Unavailable):
        sink.write("t", blocks)
    assert clickhouse.hits()[0] >= 1
    clickhouse.no_faults()
    assert sink.write("t", blocks, again=True) == []
    assert_samples_exactly_once(client, settings)


@pytest.mark.parametrize("table", ["samples", "ocpp_messages"])
def test_a_block_whose_token_was_burnt_by_a_crash_is_stored_all_the_same(
    sink: Sink, client: Client, settings: WarehouseSettings, table: str
) -> None:
    blocks = a_thousand()
    sink.write("t", blocks)
    # The token stays and the rows go: as if killed after the one and before the other.
    client.command(
        f"ALTER TABLE {settings.database}.{table} DELETE WHERE 1", settings={"mutations_sync": 2}
    )
    sink.write("t", blocks)
    assert count(client, settings.database, table) == 0
    for _ in range(2):
        sink.write("t", blocks, again=True)
        assert_samples_exactly_once(client, settings)


def test_a_roll_up_that_was_lost_by_a_crash_is_fed_once_more(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    blocks = a_thousand()
    query = (
        "SELECT hour, min(least), max(most), argMaxMerge(last) "
        f"FROM {settings.database}.samples_hourly GROUP BY hour ORDER BY hour"
    )
    sink.write("t", blocks)
    whole = client.query(query).result_rows
    client.command(
        f"ALTER TABLE {settings.database}.samples_hourly DELETE WHERE 1",
        settings={"mutations_sync": 2},
    )
    for _ in range(2):
        sink.write("t", blocks, again=True)
        assert client.query(query).result_rows == whole


def test_every_kind_of_row_is_found_when_it_is_sent_again(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    odd = "ü'\\\"\n{}"
    blocks = blocks_of(
        *story("c1"),
        *story(odd),
        entry(odd, ConnectionRefused("/x", odd, 401, odd), exchanged(odd, action=odd)),
    )
    sink.write("one token", blocks)
    tables = {block.table.name for block in blocks}
    assert len(tables) == 7
    before = {table: count(client, settings.database, table) for table in tables}
    sink.write("another token", blocks, again=True)
    assert {table: count(client, settings.database, table) for table in tables} == before


def test_the_rows_that_the_engine_refuses_are_put_aside_and_the_others_go_in(
    sink: Sink, client: Client, settings: WarehouseSettings, clickhouse: ClickHouse
) -> None:
    clickhouse.fault(kind="poison", match="bad-uid", times=1_000)
    blocks = blocks_of(
        *(entry("c1", exchanged("bad-uid" if n in {3, 20} else f"u{n}")) for n in range(40))
    )
    for _ in range(2):
        rejects = sink.write("t", blocks)
        assert [(reject.lsn, reject.ordinal) for reject in rejects] == [(4, 4), (21, 21)]
    assert all("injected" in reject.reason for reject in rejects)
    assert count(client, settings.database, "ocpp_messages") == 38


def test_rows_that_fit_no_column_are_put_aside_and_the_others_go_in(
    sink: Sink, client: Client, settings: WarehouseSettings
) -> None:
    blocks = blocks_of(
        entry("c1", measured(energy(1.0))),
        entry("c1", measured(energy(2.0), connector=-1)),
        entry("c1", measured(energy(3.0, T0 + MINUTE), connector=70_000)),
        entry("c1", measured(energy(4.0, T0 + MINUTE))),
    )
    rejects = sink.write("t", blocks)
    assert [reject.lsn for reject in rejects] == [2, 3]
    assert count(client, settings.database, "samples") == 2


def test_a_store_that_cannot_be_reached_is_unavailable(clickhouse: ClickHouse) -> None:
    settings = clickhouse.settings(connect_timeout_s=1)
    with pytest.raises(Unavailable):
        open_client("http://127.0.0.1:1", settings)
