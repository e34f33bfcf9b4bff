from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from domain.events import DeviceNotice, DeviceNoticed, TransactionProgressed
from storage.analytical.blocks import Window
from storage.analytical.builder import DAY_US
from storage.analytical.migrate import RETENTION, migrate, statements
from storage.analytical.rows import build
from storage.analytical.settings import WarehouseSettings
from storage.analytical.sink import Sink
from storage.analytical.tables import TABLES
from tests.storage.analytical.helper import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    ClickHouse,
    energy,
    entry,
    exchanged,
    measured,
    power,
    rows_of,
    story,
)

FILES = [
    "0001_facts",
    "0002_rollups",
    "0003_views",
    "0004_evse_limits",
    "0005_messages_of_2x",
    "0006_uptime",
]


@pytest.fixture
def settings(clickhouse: ClickHouse) -> WarehouseSettings:
    return clickhouse.settings()


@pytest.fixture
def client(clickhouse: ClickHouse, settings: WarehouseSettings) -> Iterator[Client]:
    client = clickhouse.client(settings)
    yield client
    client.command(f"DROP DATABASE IF EXISTS {settings.database}")
    client.close()


def test_every_file_is_applied_once(client: Client, settings: WarehouseSettings) -> None:
    assert migrate(client, settings) == FILES
    assert migrate(client, settings) == []


def test_a_migration_that_was_cut_half_way_is_finished_the_next_time(
    client: Client, settings: WarehouseSettings, clickhouse: ClickHouse
) -> None:
    clickhouse.fault(kind="status", match="security_events")
    with pytest.raises(Exception, match="injected"):
        migrate(client, settings)
    assert migrate(client, settings) == FILES


def test_the_tables_have_the_columns_that_rows_are_made_for(
    client: Client, settings: WarehouseSettings
) -> None:
    migrate(client, settings)
    for table in TABLES:
        found = client.query(
            "SELECT name FROM system.columns WHERE database = {d:String} AND table = {t:String}",
            parameters={"d": settings.database, "t": table.name},
        ).result_rows
        assert sorted(name for (name,) in found) == sorted(name for name, _ in table.columns)


def test_every_table_that_grows_remembers_tokens_syncs_and_forgets(
    client: Client, settings: WarehouseSettings
) -> None:
    migrate(client, settings)
    found = dict(
        client.query(
            "SELECT name, create_table_query FROM system.tables "
            "WHERE database = {d:String} AND engine LIKE '%MergeTree'",
            parameters={"d": settings.database},
        ).result_rows
    )
    assert set(found) == {*RETENTION, "schema_migrations"}
    for name, query in found.items():
        assert "non_replicated_deduplication_window = 10000" in query, name
        assert "fsync_after_insert = 1" in query, name
        assert (" TTL " in query) == (name in RETENTION), name


def test_tables_views_and_columns_are_described(
    client: Client, settings: WarehouseSettings
) -> None:
    migrate(client, settings)
    without = client.query(
        "SELECT name FROM system.tables WHERE database = {d:String} AND comment = '' "
        "AND engine != 'MaterializedView' UNION ALL "
        "SELECT table || '.' || name FROM system.columns WHERE database = {d:String} "
        "AND comment = '' AND table IN (SELECT name FROM system.tables WHERE "
        "database = {d:String} AND engine LIKE '%MergeTree' AND name != 'schema_migrations')",
        parameters={"d": settings.database},
    ).result_rows
    assert list(without) == []


def test_another_retention_changes_the_tables(client: Client, settings: WarehouseSettings) -> None:
    migrate(client, settings)
    migrate(client, settings.model_copy(update={"samples_days": 77}))
    query = client.command(f"SHOW CREATE TABLE {settings.database}.samples")
    assert "toIntervalDay(77)" in str(query)


def test_the_flavour_for_a_cluster_is_understood_by_the_engine(
    client: Client, settings: WarehouseSettings
) -> None:
    cluster = settings.model_copy(update={"cluster": "main"})
    texts = [text for group in statements(cluster).values() for text in group]
    for text in texts:
        assert "ON CLUSTER 'main'" in text
        assert str(client.command(f"EXPLAIN AST {text}")).startswith(
            ("CreateQuery", "AlterQuery", "DropQuery")
        )
        if "ENGINE = " in text and "ENGINE = Null" not in text:
            assert "ENGINE = Replicated" in text
            assert "replicated_deduplication_window_seconds = 604800" in text
            assert "non_replicated" not in text


@pytest.fixture
def told(client: Client, settings: WarehouseSettings) -> Any:
    """Store entries, then answer `SELECT ...` with `@` for the database."""
    migrate(client, settings)
    window = Window(400 * DAY_US, DAY_US)

    def tell(query: str, *entries: Any) -> list[tuple[Any, ...]]:
        places = {"c1": ("acme", "berlin"), "c2": ("acme", "berlin"), "c3": ("acme", "paris")}
        built = build(rows_of(*entries), places, window, 100_000)
        Sink(client, settings).write("t", built.blocks)
        return list(client.query(query.replace("@", settings.database)).result_rows)

    return tell


def test_energy_of_an_hour_is_counted_from_the_last_reading_of_the_hour_before(told: Any) -> None:
    entries = [
        entry("c1", measured(energy(reading, T0 + at_us)))
        for at_us, reading in (
            (10 * MINUTE, 1_000.0),
            (50 * MINUTE, 1_400.0),
            (HOUR + 10 * MINUTE, 2_000.0),
            (HOUR + 50 * MINUTE, 2_500.0),
            (5 * HOUR, 2_600.0),
        )
    ]
    rows = told("SELECT toHour(hour), energy_wh FROM @.energy_by_charger_hour ORDER BY 1", *entries)
    assert rows == [(0, 400.0), (1, 1_100.0), (5, 100.0)]


def test_a_register_that_begins_anew_counts_from_its_new_begin(told: Any) -> None:
    entries = [
        entry("c1", measured(energy(reading, T0 + hour * HOUR)))
        for hour, reading in ((0, 9_000.0), (1, 9_500.0), (2, 10.0), (3, 60.0))
    ]
    rows = told("SELECT energy_wh FROM @.energy_by_charger_hour ORDER BY hour", *entries)
    assert rows == [(0.0,), (500.0,), (0.0,), (50.0,)]


def test_energy_by_site_and_day_adds_up_chargers_but_no_phases_and_no_stop_samples(
    told: Any,
) -> None:
    entries = [
        entry("c1", measured(energy(0.0), energy(99.0, phase="L1"))),
        entry("c1", measured(energy(500.0, T0 + HOUR))),
        entry("c1", measured(energy(900.0, T0 + DAY))),
        entry("c2", measured(energy(100.0, T0 + MINUTE), energy(200.0, T0 + HOUR))),
        entry("c3", measured(energy(1.0, unit="kWh"), energy(3.0, T0 + HOUR, unit="kWh"))),
        # Samples of a StopTransaction: connector 0 and a transaction.
        entry("c1", measured(energy(0.0), energy(77_777.0, T0 + HOUR), connector=0)),
    ]
    rows = told(
        "SELECT site, toString(day), energy_wh, chargers FROM @.energy_by_site_day ORDER BY 1, 2",
        *entries,
    )
    assert rows == [
        ("berlin", "2026-01-01", 600.0, 2),
        ("berlin", "2026-01-02", 400.0, 1),
        ("paris", "2026-01-01", 2_000.0, 1),
    ]


def test_a_sample_that_comes_again_does_not_change_the_roll_ups(told: Any) -> None:
    again = [entry("c1", measured(energy(1_000.0), energy(1_500.0, T0 + MINUTE)))] * 3
    query = "SELECT charger, value, unit FROM @.last_values"
    assert told(query, *again) == [("c1", 1_500.0, "Wh")]
    assert told("SELECT count() FROM @.samples FINAL") == [(2,)]


def test_the_load_profile_adds_the_peaks_of_the_connectors(told: Any) -> None:
    entries = [
        entry("c1", measured(power(1_000.0), power(7_000.0, T0 + MINUTE))),
        entry("c2", measured(power(2_000.0))),
    ]
    query = "SELECT site, power_w_most, power_w_least, connectors FROM @.load_profile"
    assert told(query, *entries) == [("berlin", 9_000.0, 3_000.0, 2)]


def test_a_session_has_its_start_its_end_and_its_energy(told: Any) -> None:
    query = (
        "SELECT charger, connector, transaction, token, energy_wh, duration_s, reason, state "
        "FROM @.sessions"
    )
    assert told(query, *story("c1")) == [("c1", 1, 7, "tag", 2_500, 3_600, "Local", "stopped")]


def test_a_session_without_an_end_is_running(told: Any) -> None:
    query = "SELECT state, stopped_at, energy_wh FROM @.sessions"
    assert told(query, *story("c1")[:5]) == [("running", None, None)]


def test_a_session_of_2x_has_its_events(told: Any) -> None:
    of_tx = {"said": "tx-1", "transaction": 9, "connector": 2, "plug": 1}
    entries = [
        entry("c2", TransactionProgressed(
            kind="Started", seq=0, at_us=T0, trigger="Authorized", token="t2", meter_wh=100,
            **of_tx)),
        entry("c2", TransactionProgressed(
            kind="Updated", seq=1, at_us=T0 + MINUTE, trigger="MeterValuePeriodic", meter_wh=600,
            **of_tx)),
        entry("c2", TransactionProgressed(
            kind="Ended", seq=2, at_us=T0 + HOUR, trigger="EVDeparted",
            stop_reason="EVDisconnected", cost=1.5, **of_tx)),
    ]  # fmt: skip
    query = (
        "SELECT connector, transaction, said, token, energy_wh, duration_s, reason, state, cost "
        "FROM @.sessions WHERE charger = 'c2'"
    )
    wanted = (2, 9, "tx-1", "t2", 500, 3_600, "EVDisconnected", "stopped", 1.5)
    assert told(query, *entries, *entries) == [wanted]


def test_alerts_last_until_they_are_cleared(told: Any) -> None:
    alert = DeviceNotice(1, T0, "Alerting", "Connector", "Problem", "true", evse=1, severity=3)
    query = "SELECT component, variable, evse, value, severity FROM @.device_alerts"
    assert told(query, entry("c2", DeviceNoticed((alert,)))) == [
        ("Connector", "Problem", 1, "true", 3)
    ]


def test_an_alert_that_is_cleared_is_none_any_more(told: Any) -> None:
    alert = DeviceNotice(1, T0, "Alerting", "Connector", "Problem", "true", evse=1, severity=3)
    over = msgspec.structs.replace(alert, event=2, at_us=T0 + MINUTE, value="false", cleared=True)
    query = "SELECT component FROM @.device_alerts"
    assert told(query, entry("c2", DeviceNoticed((alert, over)))) == []


def test_connections_become_spans_and_uptime(told: Any) -> None:
    entries = story("c1", T0 + 23 * HOUR)
    query = "SELECT charger, generation, duration_s, code, reason FROM @.connection_spans"
    assert told(query, *entries) == [("c1", 1, 7_200, 1_000, "bye")]
    rows = told("SELECT toString(day), connected_s FROM @.uptime_by_day ORDER BY 1")
    assert rows == [("2026-01-01", 3_600), ("2026-01-02", 3_600)]


def test_latency_is_told_by_action_and_direction(told: Any) -> None:
    entries = [
        entry(
            "c1", exchanged(str(n), latency_us=n * 1_000, outcome="error" if n == 5 else "result")
        )
        for n in range(1, 6)
    ]
    query = "SELECT direction, action, messages, failures, p50_ms, most_ms FROM @.message_latency"
    assert told(query, *entries) == [("in", "MeterValues", 5, 1, 3.0, 5.0)]
