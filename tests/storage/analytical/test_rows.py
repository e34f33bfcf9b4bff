import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import (
    ConnectionRefused,
    DeviceNotice,
    DeviceNoticed,
    Event,
    HeartbeatReceived,
    MessageExchanged,
    Sample,
    StreamReported,
    StreamValue,
    TimeQuality,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStopped,
    encode_entry,
)
from storage.analytical.blocks import Block, Window, columns, to_arrow
from storage.analytical.builder import DAY_US, SECOND_US, month_of_day
from storage.analytical.facts import HANDLERS
from storage.analytical.rows import build
from storage.analytical.tables import TABLES
from tests.storage.analytical.helper import (
    DAY,
    HOUR,
    T0,
    Row,
    energy,
    entry,
    exchanged,
    measured,
    rows_of,
    story,
)

WINDOW = Window(400 * DAY_US, DAY_US)


def built(*entries: Any, rows_max: int = 100_000, places: Any = None) -> list[Block]:
    return build(rows_of(*entries), places or {}, WINDOW, rows_max).blocks


def dicts(block: Block) -> list[dict[str, Any]]:
    names = [name for name, _ in block.table.columns]
    return [dict(zip(names, row, strict=False)) for row in block.rows]


def only(*events: Event, at_us: int = T0, places: Any = None) -> dict[str, Any]:
    (block,) = built(entry("c1", *events, at_us=at_us), places=places)
    (row,) = dicts(block)
    return row


def test_every_row_has_a_value_for_every_column_and_then_its_lsn() -> None:
    seen = set()
    said = (
        TransactionProgressed("tx", 9, "Started", 0, T0, "Authorized", 1, 1, meter_wh=5),
        TransactionProgressed("tx", 9, "Updated", 1, T0, "Trigger", samples=(energy(7.0),)),
        DeviceNoticed((DeviceNotice(1, T0, "Alerting", "Connector", "Problem", "true"),)),
    )
    refused = entry("x", ConnectionRefused("/x", "ip", 401, "no"))
    for block in built(*story("c1"), refused, entry("c2", *said)):
        seen.add(block.table.name)
        assert all(len(row) == len(block.table.columns) + 1 for row in block.rows)
        arrow, rejects = to_arrow(block)
        # Columns and rows say the same, however the block keeps them.
        assert arrow.to_pylist() == columns(block.table, block.rows).to_pylist()
        assert rejects == []
    assert seen == {table.name for table in TABLES}


def test_each_value_of_a_stream_is_a_row_with_the_number_of_its_stream() -> None:
    values = (StreamValue(T0, "230.4"), StreamValue(T0 + SECOND_US, "230.2"))
    (block,) = built(entry("c1", StreamReported(5, values)))
    rows = dicts(block)
    assert [(row["event"], row["kind"], row["value"]) for row in rows] == [
        (5, "PeriodicEventStream", "230.4"),
        (5, "PeriodicEventStream", "230.2"),
    ]
    assert rows[0]["ts"] != rows[1]["ts"]


def test_tenant_and_site_are_those_of_the_charger_and_empty_while_unknown() -> None:
    places = {"c1": ("acme", "berlin")}
    assert only(measured(energy(1.0)), places=places)["site"] == "berlin"
    assert only(measured(energy(1.0)), places=places)["tenant"] == "acme"
    assert only(exchanged())["site"] == ""


@pytest.mark.parametrize(
    ("unit", "value", "stored"),
    [
        ("Wh", 5.0, (5.0, "Wh")),
        ("kWh", 1.25, (1_250.0, "Wh")),
        ("kW", 7.2, (7_200.0, "W")),
        ("kvarh", 1.0, (1_000.0, "varh")),
        ("Celsius", 21.5, (21.5, "Celsius")),
    ],
)
def test_kilo_units_become_base_units(unit: str, value: float, stored: tuple[float, str]) -> None:
    row = only(measured(energy(value, unit=unit)))
    assert (row["value"], row["unit"]) == stored


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_kept_as_text(value: float) -> None:
    row = only(measured(energy(value)))
    assert (row["value"], row["text"]) == (0.0, repr(value))


def test_the_time_of_receipt_is_kept_in_whole_seconds() -> None:
    assert only(measured(energy(1.0)), at_us=T0 + 999_999)["received_at"] == T0 // SECOND_US


@pytest.mark.parametrize(
    ("at_us", "quality", "stored"),
    [
        (T0, "ok", (T0, "ok")),
        (T0 - 399 * DAY, "ok", (T0 - 399 * DAY, "ok")),
        (T0 - 401 * DAY, "ok", (T0, "absurd")),
        (T0 + DAY + 1, "ok", (T0, "absurd")),
        (0, "missing", (T0, "missing")),
        (-(1 << 62), "skewed", (T0, "skewed")),
        (1 << 62, "ok", (T0, "absurd")),
    ],
)
def test_absurd_timestamps_become_the_time_of_receipt(
    at_us: int, quality: str, stored: tuple[int, str]
) -> None:
    row = only(measured(energy(1.0, at_us, quality=quality)))
    assert (row["ts"], row["quality"]) == stored


def test_a_broken_clock_cannot_make_more_partitions_than_the_window_has_months() -> None:
    samples = [energy(1.0, T0 + n * 17 * DAY) for n in range(-4_000, 4_000)]
    blocks = built(entry("c1", measured(*samples)))
    assert len(blocks) <= 15
    assert sum(len(block.rows) for block in blocks) == 8_000


def test_a_block_has_one_partition_and_at_most_the_rows_that_fit() -> None:
    samples = [energy(n, T0 - DAY + n * HOUR) for n in range(48)]
    blocks = built(entry("c1", measured(*samples)), rows_max=10)
    assert [(b.partition, b.part, len(b.rows)) for b in blocks] == [
        (202512, 0, 10),
        (202512, 1, 10),
        (202512, 2, 4),
        (202601, 0, 10),
        (202601, 1, 10),
        (202601, 2, 4),
    ]
    assert len({block.name for block in blocks}) == 6


def test_columns_of_samples_say_the_same_as_rows_wherever_a_block_is_cut() -> None:
    samples = [energy(n, T0 + n * HOUR, unit="kWh" if n % 3 else "Wh") for n in range(40)]
    entries = [
        entry(f"c{n}", measured(*samples[n : n + 7], connector=n), measured(samples[n]))
        for n in range(20)
    ]
    blocks = built(*entries, places={"c3": ("acme", "berlin")}, rows_max=11)
    assert len(blocks) == 15
    for block in blocks:
        assert block.arrow().to_pylist() == columns(block.table, block.rows).to_pylist()
    assert [row[-1] for block in blocks for row in block.rows] == sorted([*range(1, 21)] * 8)


def test_an_unreadable_entry_is_put_aside_and_the_others_go_on() -> None:
    journal = rows_of(*story("c1"))
    journal.insert(3, Row(99, b"\xc1 no entry"))
    journal.insert(0, Row(100, msgspec.msgpack.encode(["c1", 1, T0, [["NewKindOfFact", 1]]])))
    result = build(journal, {}, WINDOW, 1_000)
    assert [(reject.lsn, reject.body) for reject in result.rejects] == [
        (100, journal[0].blob),
        (99, b"\xc1 no entry"),
    ]
    assert all(reject.reason for reject in result.rejects)
    assert result.entries == len(journal)
    assert sum(len(block.rows) for block in result.blocks) == 12


def test_rows_that_fit_no_column_are_named_with_their_reason() -> None:
    (block,) = built(
        entry("c1", measured(energy(1.0), connector=1)),
        entry("c1", measured(energy(2.0), connector=-1)),
        entry("c1", measured(energy(3.0), connector=1, transaction=1 << 40)),
    )
    arrow, rejects = to_arrow(block)
    assert arrow.column("value").to_pylist() == [1.0]
    assert [(reject.lsn, reject.ordinal) for reject in rejects] == [(2, 2), (3, 3)]
    assert msgspec.msgpack.decode(rejects[0].body)[4] == -1


def test_a_stop_belongs_to_the_number_that_the_charger_said_when_ours_is_not_known() -> None:
    def stop(ours: int, said: int) -> int:
        stopped = TransactionStopped(said, ours, 5, T0, "raw")
        return int(only(stopped)["transaction"])

    assert stop(7, 3) == 7
    assert stop(0, 3) == 3
    assert stop(0, 0) == -1


def test_a_provisional_end_is_an_event_of_its_transaction() -> None:
    row = only(TransactionEndedProvisionally(7, 1, T0, "boot"))
    assert (row["kind"], row["reason"], row["transaction"]) == ("ended_provisionally", "boot", 7)


def test_facts_without_a_table_make_no_rows() -> None:
    assert built(entry("c1", HeartbeatReceived())) == []
    assert HeartbeatReceived not in HANDLERS


@given(st.integers(min_value=-200_000, max_value=200_000))
def test_months_agree_with_the_calendar(day: int) -> None:
    try:
        date = datetime.fromtimestamp(day * 86_400, UTC)
    except (OverflowError, ValueError):
        return
    assert month_of_day(day) == date.year * 100 + date.month


finite = st.floats(allow_nan=False, allow_infinity=False)
samples = st.builds(
    Sample,
    at_us=st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1),
    measurand=st.text(max_size=5),
    value=st.floats(),
    unit=st.sampled_from(["Wh", "kWh", "W", ""]),
    phase=st.text(max_size=3),
    quality=st.sampled_from(list(TimeQuality)),
)


@given(st.lists(st.lists(samples, max_size=4), max_size=5), st.integers(min_value=1, max_value=3))
def test_whatever_is_sent_no_sample_is_lost_and_building_again_gives_the_same(
    batches: list[list[Sample]], rows_max: int
) -> None:
    entries = [entry("c1", measured(*batch)) for batch in batches]
    blocks = built(*entries, rows_max=rows_max)
    assert sum(len(block.rows) for block in blocks) == sum(map(len, batches))
    assert all(1 <= len(block.rows) <= rows_max for block in blocks)
    assert all(to_arrow(block)[1] == [] for block in blocks)
    again = built(*entries, rows_max=rows_max)
    assert [(b.name, b.rows) for b in again] == [(b.name, b.rows) for b in blocks]


@pytest.mark.parametrize(
    ("exchange", "latency_us"),
    [
        (exchanged(started_us=T0, latency_us=300), 12_000),
        (exchanged(started_us=T0 + 20_000, latency_us=300), 300),
        (exchanged(started_us=0, latency_us=300), 300),
        (exchanged(started_us=T0, latency_us=0, outcome="error"), 0),
        (exchanged(started_us=T0, latency_us=300, incoming=False), 300),
    ],
    ids=["answered", "clock went back", "start unknown", "not answered by us", "our own call"],
)
def test_what_a_charger_asked_took_until_its_commit_began(
    exchange: MessageExchanged, latency_us: int
) -> None:
    journal = [Row(1, encode_entry(entry("c1", exchange)), T0 + 12_000)]
    (block,) = build(journal, {}, WINDOW, 1_000).blocks
    assert dicts(block)[0]["latency_us"] == latency_us
