import time as clock
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.reading import Reading, ReadingLimits
from protocol.time import read_time, readable_time, write_time

S = 1_000_000
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def us(moment: datetime) -> int:
    return round(moment.timestamp()) * S


NOW_US = us(NOW)
READING = Reading(NOW_US)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T11:00:00Z", "2026-05-01T11:00:00Z"),
        ("2026-05-01T11:00:00.999Z", "2026-05-01T11:00:00Z"),
        ("2026-05-01T11:00:00.123456789Z", "2026-05-01T11:00:00Z"),
        ("2026-05-01T11:00:00+00:00", "2026-05-01T11:00:00Z"),
        ("2026-05-01T14:00:00+03", "2026-05-01T11:00:00Z"),
        ("2026-05-01T14:00:00+3", "2026-05-01T11:00:00Z"),
        ("2026-05-01T14:00:00+0300", "2026-05-01T11:00:00Z"),
        ("2026-05-01T08:30:00-02:30", "2026-05-01T11:00:00Z"),
        ("2026-05-01 11:00:00Z", "2026-05-01T11:00:00Z"),
        ("2026-05-01t11:00:00z", "2026-05-01T11:00:00Z"),
        ("2026-05-01T11:00:00 UTC", "2026-05-01T11:00:00Z"),
        ("2026-05-01T11:00Z", "2026-05-01T11:00:00Z"),
        (" 2026-05-01T11:00:00Z\x00", "2026-05-01T11:00:00Z"),
        ("2026-5-1T1:02:03Z", "2026-05-01T01:02:03Z"),
        ("2026-04-30T24:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-04-30T23:59:60Z", "2026-05-01T00:00:00Z"),
        ("2019-05-01T11:00:00Z", "2019-05-01T11:00:00Z"),
    ],
)
def test_what_chargers_write_is_read_as_what_they_mean(text: str, expected: str) -> None:
    at_us, quality = read_time(text, READING)
    assert (write_time(at_us), quality) == (expected, "ok")


def test_fractions_are_kept() -> None:
    assert read_time("2026-05-01T11:59:59.250Z", READING)[0] == NOW_US - 750_000
    assert read_time("2026-05-01T11:59:59,5 Z", READING)[0] == NOW_US - 500_000


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00Z",
        "2009-12-31T23:59:59Z",
        "222222017-10-27T19:10:11Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+12:00",
        "2026-05-03T12:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-05-01T25:00:00Z",
        "2026-05-01T11:60:00Z",
        "2026-05-01T11:00:61Z",
        "2026-05-01T11:00:00+99",
        "yesterday",
        "\ud800",
        5,
        1.5,
        True,
        [],
        {},
    ],
)
def test_an_absurd_time_becomes_the_receive_time(text: object) -> None:
    assert read_time(text, READING) == (NOW_US, "absurd")


@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_missing_time_becomes_the_receive_time(text: object) -> None:
    assert read_time(text, READING) == (NOW_US, "missing")


def test_a_time_without_zone_is_utc_unless_the_charger_has_a_zone() -> None:
    naive = "2026-05-01T11:00:00"
    assert read_time(naive, READING) == (NOW_US - 3600 * S, "no_zone")
    berlin = Reading(NOW_US, "Europe/Berlin")
    assert read_time(naive, berlin) == (NOW_US - 3 * 3600 * S, "no_zone")


@pytest.mark.parametrize("zone", ["Nowhere/At_All", "../../etc/passwd", "\x00"])
def test_an_unknown_zone_is_taken_for_utc(zone: str) -> None:
    assert read_time("2026-05-01T11:00:00", Reading(NOW_US, zone)) == (NOW_US - 3600 * S, "no_zone")


def test_an_hour_across_the_change_of_summer_time_is_an_hour() -> None:
    received = us(datetime(2026, 10, 25, 12, tzinfo=UTC))
    berlin = Reading(received, "Europe/Berlin")
    before, _ = read_time("2026-10-25T01:30:00", berlin)
    after, _ = read_time("2026-10-25T03:30:00", berlin)
    wall = datetime(2026, 10, 25, 3, 30, tzinfo=ZoneInfo("Europe/Berlin")) - datetime(
        2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")
    )
    assert wall.total_seconds() == 2 * 3600  # what a subtraction of wall clocks gives
    assert after - before == 3 * 3600 * S


def test_a_future_of_more_than_five_minutes_is_skewed_and_kept() -> None:
    assert read_time("2026-05-01T12:05:00Z", READING) == (NOW_US + 300 * S, "ok")
    assert read_time("2026-05-01T12:05:01Z", READING) == (NOW_US + 301 * S, "skewed")


def test_a_clock_known_to_be_ahead_is_not_skewed_by_as_much() -> None:
    ahead = Reading(NOW_US, "", 3600 * S)
    assert read_time("2026-05-01T13:00:00Z", ahead) == (NOW_US + 3600 * S, "ok")
    assert read_time("2026-05-01T13:06:00Z", ahead)[1] == "skewed"


def test_the_limits_are_settings() -> None:
    limits = ReadingLimits(year_min=2025, future_max_s=60, skew_max_s=1)
    reading = Reading(NOW_US, "", 0, limits)
    assert read_time("2024-12-31T00:00:00Z", reading)[1] == "absurd"
    assert read_time("2026-05-01T12:00:30Z", reading)[1] == "skewed"
    assert read_time("2026-05-01T12:02:00Z", reading) == (NOW_US, "absurd")


def test_our_times_have_neither_fraction_nor_offset() -> None:
    assert write_time(NOW_US + 999_999) == "2026-05-01T12:00:00Z"
    assert write_time(0) == "1970-01-01T00:00:00Z"


@given(st.integers(-(2**63), 2**63))
def test_every_instant_can_be_written(at_us: int) -> None:
    text = write_time(at_us)
    assert len(text) == 20
    clock.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


@given(st.datetimes(datetime(2010, 1, 1), datetime(2026, 5, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_we_write_we_read(moment: datetime) -> None:
    at_us = us(moment.replace(microsecond=0))
    assert read_time(write_time(at_us), READING) == (at_us, "ok")


@given(
    st.text()
    | st.from_regex(
        r"\d{1,5}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}(:\d{1,3})?(\.\d*)?(Z|[+-]\d{1,2}(:?\d\d)?)?",
        fullmatch=True,
    )
)
def test_no_text_is_too_strange(text: str) -> None:
    at_us, quality = read_time(text, READING)
    assert quality in {"ok", "skewed", "no_zone", "absurd", "missing"}
    assert us(datetime(2009, 12, 31, tzinfo=UTC)) < at_us <= NOW_US + 86_400 * S
    if not readable_time(text):
        assert at_us == NOW_US
