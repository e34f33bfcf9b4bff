"""The fast reader of MeterValues says what schema and tolerant reader say, or nothing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import meter_values
from protocol.v16 import V16
from protocol.v16.exact_metering import read_exact_meter_values
from protocol.version import Reading

NOW = Reading(1_796_000_000_000_000)
ROW = V16.inbound["MeterValues"]
SCHEMA = V16.schemas.request("MeterValues")

words = st.sampled_from(
    ["Voltage", "SoC", "Energy.Active.Import.Register", "kWh", "Wh", "Celcius", "Hertz", "L1", "L1-N", "Outlet",
     "EV", "Sample.Clock", "Raw", "SignedData", "", "voltage", "x" * 30]
)  # fmt: skip
values = st.one_of(
    st.floats().map(str),
    st.integers().map(str),
    st.text(max_size=5),
    st.integers(),
    st.none(),
    st.just("1_0"),
    st.just(" 5 "),
)
times = st.one_of(
    st.datetimes().map(lambda t: t.isoformat() + "Z"),
    st.datetimes().map(lambda t: t.isoformat()),
    st.sampled_from(
        [
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00.123+03:00",
            "2026-11-22T10:00:00+03",
            "",
            "soon",
            "1970-01-01T00:00:00Z",
        ]
    ),
    st.none(),
)
sampled = st.fixed_dictionaries(
    {"value": values},
    optional={
        "context": words, "format": words, "measurand": words, "phase": words, "location": words, "unit": words,
        "more": words,
    },
)  # fmt: skip
payloads = st.fixed_dictionaries(
    {
        "connectorId": st.one_of(st.integers(-2, 3), st.just("1"), st.just(1.0), st.just(2**40)),
        "meterValue": st.lists(
            st.fixed_dictionaries(
                {"timestamp": times, "sampledValue": st.lists(sampled, max_size=3)}
            ),
            max_size=3,
        ),
    },
    optional={"transactionId": st.one_of(st.integers(-2, 2**31), st.just("7"), st.none())},
)


def both(payload):
    text = msgspec.json.encode(payload)
    decoded = msgspec.json.decode(text)
    return read_exact_meter_values(text, NOW), SCHEMA.flags(decoded), ROW.read(decoded, NOW)


@given(payloads)
def test_what_the_exact_reader_takes_is_valid_and_reads_the_same(payload) -> None:
    exact, flags, tolerant = both(payload)
    if exact is not None:
        assert flags == ()
        assert exact == tolerant


def test_the_common_message_is_taken() -> None:
    exact, flags, tolerant = both(msgspec.json.decode(meter_values(4)) | {"transactionId": 7})
    assert exact is not None
    assert exact == tolerant
    assert flags == ()
    assert len(exact.samples) == 4


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"null", b"[" * 5_000, b'{"connectorId":1e999,"meterValue":[]}']
)
def test_what_is_no_such_payload_is_left_to_others(text) -> None:
    assert read_exact_meter_values(text, NOW) is None
