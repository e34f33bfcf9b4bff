"""The fast reader of TransactionEvent says what schema and tolerant reader say, or nothing."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.load import transaction_event
from protocol.version import Reading
from protocol.versions import VERSIONS
from tests.protocol.payloads_v2 import PAYLOADS
from tests.protocol.test_v16_readers import mutate

NOW = Reading(1_796_000_000_000_000)
NAMES = st.sampled_from(["ocpp2.0.1", "ocpp2.1"])
COMMON = msgspec.json.decode(transaction_event(4))


def both(name, payload):
    version = VERSIONS[name]
    row = version.inbound["TransactionEvent"]
    decoded = msgspec.json.decode(msgspec.json.encode(payload))
    exact = None
    try:
        typed = row.exact.decode(msgspec.json.encode(payload))
    except msgspec.DecodeError:
        pass
    else:
        exact = row.exact.read(typed, NOW)
    flags = version.schemas.request("TransactionEvent").flags(decoded)
    return exact, flags, row.read(decoded, NOW)


def leaves(payload) -> list[tuple]:
    found, stack = [], [((), payload)]
    while stack:
        path, value = stack.pop()
        found.append(path)
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            stack += [((*path, name), inner) for name, inner in items]
    return [path for path in found if path]


ODD = st.sampled_from(
    [None, "", 0, -1, 1.5, 2**31, 2**40, "x" * 40, [], {}, True, "Voltage", "kWh", "Hertz", "Upstream", "L1",
     "CostLimitReached", "2026-11-22T10:00:00", "soon", 1e300, -40, 40]
)  # fmt: skip


@given(st.data(), NAMES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_the_exact_reader_takes_is_valid_and_reads_the_same(data, name) -> None:
    payload = msgspec.json.decode(msgspec.json.encode(COMMON))
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(leaves(payload) or [("x",)]))
        place = payload
        for step in path[:-1]:
            place = place[step]
        if data.draw(st.booleans()) and isinstance(place, dict):
            place.pop(path[-1], None)
        else:
            place[path[-1]] = data.draw(ODD)
    exact, flags, tolerant = both(name, payload)
    if exact is not None:
        assert flags == ()
        assert exact == tolerant


@given(st.data(), NAMES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_of_a_full_event_is_lost_by_the_exact_reader(data, name) -> None:
    payload = msgspec.json.decode(msgspec.json.encode(PAYLOADS[name].inbound["TransactionEvent"]))
    mutate(payload, data)
    try:
        exact, flags, tolerant = both(name, payload)
    except (msgspec.MsgspecError, OverflowError, ValueError, UnicodeEncodeError):
        return  # no JSON
    if exact is not None:
        assert flags == ()
        assert exact == tolerant


@pytest.mark.parametrize("name", ["ocpp2.0.1", "ocpp2.1"])
def test_the_common_event_is_taken(name) -> None:
    exact, flags, tolerant = both(name, COMMON)
    assert exact is not None
    assert exact == tolerant
    assert flags == ()
    assert len(exact.samples) == 4
    assert exact.meter_wh == round(exact.samples[0].value) > 0


def test_words_of_2_1_are_left_to_the_schema_in_2_0_1() -> None:
    payload = {**COMMON, "triggerReason": "CostLimitReached"}
    assert both("ocpp2.1", payload)[0] is not None
    exact, flags, _ = both("ocpp2.0.1", payload)
    assert exact is None
    assert flags == ("enum:/triggerReason",)
