import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode
from protocol.schemas import CODES, FLAGS_MAX, KINDS, RULES
from protocol.v16 import V16
from tests.protocol.payloads_v16 import INBOUND, OUTBOUND

METER_VALUES = V16.schemas.request("MeterValues")
START = V16.schemas.request("StartTransaction")


@pytest.mark.parametrize(("action", "payload"), [*INBOUND.items(), *OUTBOUND.items()])
def test_a_valid_request_has_no_flags_and_no_error(action: str, payload: dict[str, Any]) -> None:
    assert V16.schemas.request(action).flags(payload) == ()
    assert V16.schemas.request(action).error(payload) is None


def test_every_kind_of_violation_has_its_flag() -> None:
    payload = {
        "connectorId": "1",
        "color": "red",
        "meterValue": [
            {"timestamp": "soon", "sampledValue": [{"value": 1.5, "unit": "horses", "x": 1}, {}]},
            {"sampledValue": []},
        ],
    }
    assert set(METER_VALUES.flags(payload)) == {
        "type:/connectorId",
        "extra:/",
        "format:/meterValue/*/timestamp",
        "type:/meterValue/*/sampledValue/*/value",
        "enum:/meterValue/*/sampledValue/*/unit",
        "extra:/meterValue/*/sampledValue/*",
        "missing:/meterValue/*/sampledValue/*/value",
        "missing:/meterValue/*/timestamp",
        "length:/meterValue/*/sampledValue",
    }
    assert V16.schemas.request("Authorize").flags({"idTag": "x" * 21}) == ("length:/idTag",)


def test_a_flag_is_given_once_however_often_it_is_earned() -> None:
    group = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}] * 50}
    flags = METER_VALUES.flags({"connectorId": 1, "meterValue": [group] * 50})
    assert flags == ("type:/meterValue/*/sampledValue/*/value",)


def test_a_violation_after_thousands_of_good_items_is_found() -> None:
    good = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}
    payload = {"connectorId": 1, "meterValue": [good] * 5_000 + [{}]}
    assert METER_VALUES.flags(payload) == ("missing:/meterValue/*/timestamp",)
    assert METER_VALUES.error(payload) is not None


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00", "2026-01-01T00:00:00+03", "2026-01-01T00:00:00.123456789Z"]
)
def test_a_time_that_can_be_read_is_not_flagged(text: str) -> None:
    payload = INBOUND["StartTransaction"] | {"timestamp": text}
    assert START.flags(payload) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"idTag": None}, ErrorCode.TYPE_CONSTRAINT),
        ({"connectorId": "1"}, ErrorCode.TYPE_CONSTRAINT),
        ({"idTag": "x" * 21}, ErrorCode.PROPERTY_CONSTRAINT),
        ({"timestamp": "soon"}, ErrorCode.PROPERTY_CONSTRAINT),
        ({"color": "red"}, ErrorCode.FORMATION),
        ({"color": "red", "connectorId": "1"}, ErrorCode.TYPE_CONSTRAINT),
    ],
)
def test_a_strict_reading_names_the_rule_that_is_broken(
    change: dict[str, Any], code: ErrorCode
) -> None:
    found = START.error(INBOUND["StartTransaction"] | change)
    assert found is not None
    assert found[0] is code


def test_a_strict_reading_of_a_missing_member_is_an_occurrence_violation() -> None:
    payload = {k: v for k, v in INBOUND["StartTransaction"].items() if k != "idTag"}
    assert START.error(payload) == (ErrorCode.OCCURRENCE_CONSTRAINT, "/idTag: required")


@pytest.mark.parametrize("payload", [None, [], "text", 5])
def test_a_payload_that_is_no_object_is_a_protocol_error(payload: object) -> None:
    found = START.error(payload)
    assert found is not None
    assert found[0] is ErrorCode.PROTOCOL
    assert START.flags(payload) == ("type:/",)


def test_an_error_never_repeats_a_value() -> None:
    schema = V16.schemas.request("ChangeConfiguration")
    found = schema.error({"key": "AuthorizationKey", "value": "hunter2" * 100})
    assert found is not None
    assert "hunter2" not in found[1]


def test_every_kind_of_flag_has_an_error_code_and_a_rule() -> None:
    assert set(KINDS.values()) <= set(CODES)
    assert set(KINDS.values()) <= set(RULES)


@pytest.mark.parametrize(
    "value", ["\ud800", math.nan, math.inf, 10**400, "\x00", {"\ud800": 1}, -0.0]
)
def test_values_that_are_no_decent_json_are_flagged_and_never_raise(value: object) -> None:
    payload = INBOUND["StartTransaction"] | {"meterStart": value, "idTag": value}
    assert START.flags(payload)
    assert START.error(payload) is not None


def test_a_payload_too_deep_for_the_validator_is_flagged() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2_000):
        deep = {"a": deep}
    assert START.flags(deep) == ("unreadable:/",)
    assert START.error(deep) == (ErrorCode.FORMATION, "/: the payload cannot be read")


def test_an_action_that_the_version_does_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        V16.schemas.request("TransactionEvent")
    with pytest.raises(KeyError):
        V16.schemas.response("TransactionEvent")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(
    st.sampled_from(sorted(INBOUND)),
    st.dictionaries(
        st.sampled_from(sorted({n for p in INBOUND.values() for n in p})) | st.text(), JSON
    ),
)
def test_flags_and_error_agree_on_what_is_valid(action: str, payload: dict[str, Any]) -> None:
    schema = V16.schemas.request(action)
    flags = schema.flags(payload)
    assert len(flags) <= FLAGS_MAX
    assert (schema.error(payload) is None) == (flags == ())
    assert all(flag.partition(":")[0] in CODES for flag in flags)
