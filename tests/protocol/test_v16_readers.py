"""Every reader takes every JSON object; chapters in the order of the specification."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    DiagnosticsStatusReported,
    Entry,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    SecurityEventReported,
    decode_entry,
    encode_entry,
)
from domain.reports import (
    AuthorizationAsked,
    CertificateAsked,
    DataOffered,
    Report,
    StartReported,
    StopReported,
)
from protocol.reading import Reading, ReadingLimits
from protocol.time import read_time
from protocol.v16 import INBOUND
from tests.protocol.payloads_v16 import INBOUND as PAYLOADS
from tests.protocol.payloads_v16 import T

NOW_US = 1_777_636_800_000_000
READING = Reading(NOW_US)
T_US = read_time(T, READING)[0]


def read(action: str, payload: Any) -> Any:
    return INBOUND[action].read(payload, READING)


# --- as the specification has it ---------------------------------------------------------------


def test_authorize() -> None:
    assert read("Authorize", PAYLOADS["Authorize"]) == AuthorizationAsked("CARD1")


def test_boot_notification() -> None:
    assert read("BootNotification", PAYLOADS["BootNotification"]) == ChargerBooted(
        vendor="Acme",
        model="One",
        serial="SN1",
        firmware="1.2.3",
        iccid="8931",
        imsi="2040",
        meter_type="DIN",
        meter_serial="M1",
        box_serial="BOX1",
    )


def test_data_transfer() -> None:
    assert read("DataTransfer", PAYLOADS["DataTransfer"]) == DataOffered("acme", "hello", "text")


def test_data_transfer_keeps_the_names_inside_data_that_is_no_text() -> None:
    offered = read("DataTransfer", {"vendorId": "acme", "data": {"camelCase": [1, None, "é"]}})
    assert msgspec.json.decode(offered.data) == {"camelCase": [1, None, "é"]}


def test_diagnostics_and_firmware_status() -> None:
    assert read(
        "DiagnosticsStatusNotification", {"status": "Uploading"}
    ) == DiagnosticsStatusReported("Uploading")
    assert read("FirmwareStatusNotification", {"status": "Installed"}) == FirmwareStatusReported(
        "Installed"
    )


def test_heartbeat_ignores_whatever_comes_along() -> None:
    assert read("Heartbeat", {"x": 1}) == HeartbeatReceived()


def test_start_transaction() -> None:
    assert read("StartTransaction", PAYLOADS["StartTransaction"]) == StartReported(
        connector=1,
        token="CARD1",
        meter_start_wh=1000,
        at_us=T_US,
        started_raw=T,
        reservation=7,
    )


def test_status_notification() -> None:
    assert read("StatusNotification", PAYLOADS["StatusNotification"]) == ConnectorStatusReported(
        connector=1,
        status="Available",
        at_us=T_US,
        info="fine",
        vendor="acme",
        vendor_error="0",
    )


def test_stop_transaction() -> None:
    report = read("StopTransaction", PAYLOADS["StopTransaction"])
    assert isinstance(report, StopReported)
    assert (report.said_transaction, report.meter_stop_wh, report.at_us) == (5, 2500, T_US)
    assert (report.token, report.reason, report.stopped_raw) == ("CARD1", "EVDisconnected", T)
    assert len(report.samples) == 4
    assert report.flags == ()


def test_security_extension() -> None:
    assert read("LogStatusNotification", PAYLOADS["LogStatusNotification"]) == LogStatusReported(
        "Uploaded", 3
    )
    assert read(
        "SecurityEventNotification", PAYLOADS["SecurityEventNotification"]
    ) == SecurityEventReported("InvalidTLSVersion", T_US, "1.0")
    assert read("SignCertificate", PAYLOADS["SignCertificate"]) == CertificateAsked(
        "-----BEGIN CERTIFICATE REQUEST-----"
    )
    assert read(
        "SignedFirmwareStatusNotification", PAYLOADS["SignedFirmwareStatusNotification"]
    ) == FirmwareStatusReported("Installing", 4, signed=True)


# --- as chargers have it -----------------------------------------------------------------------


def start(**change: Any) -> StartReported:
    report = read("StartTransaction", PAYLOADS["StartTransaction"] | change)
    assert isinstance(report, StartReported)
    return report


@pytest.mark.parametrize(
    ("said", "wh", "flags"),
    [
        ("1234", 1234, ("coerced:/meterStart",)),
        (" 1234.4 ", 1234, ("coerced:/meterStart",)),
        (1234.4, 1234, ("coerced:/meterStart",)),
        (True, 1, ("coerced:/meterStart",)),
        (-5, -5, ()),
        (None, 0, ("missing:/meterStart",)),
        ("", 0, ("unreadable:/meterStart",)),
        ("1,5", 0, ("unreadable:/meterStart",)),
        ("1_000", 0, ("unreadable:/meterStart",)),
        ("NaN", 0, ("unreadable:/meterStart",)),
        (float("inf"), 0, ("unreadable:/meterStart",)),
        ([1], 0, ("unreadable:/meterStart",)),
        (1e300, 0, ("range:/meterStart", "coerced:/meterStart")),
        (2**63, 0, ("range:/meterStart",)),
    ],
)
def test_a_meter_value_is_understood_or_marked(
    said: object, wh: int, flags: tuple[str, ...]
) -> None:
    report = start(meterStart=said)
    assert report.meter_start_wh == wh
    assert set(report.flags) == set(flags)


@pytest.mark.parametrize(
    ("said", "token", "flags"),
    [
        (12345, "12345", ("coerced:/idTag",)),
        ("A\x00B\ud800", "AB?", ()),
        ("x" * 300, "x" * 255, ("cut:/idTag",)),
        ("tag\\\\", "tag\\\\", ()),
        (None, "", ("missing:/idTag",)),
        ({"id": "x"}, '{"id":"x"}', ("coerced:/idTag",)),
    ],
)
def test_a_token_is_text_whatever_was_sent(
    said: object, token: str, flags: tuple[str, ...]
) -> None:
    report = start(idTag=said)
    assert (report.token, report.flags) == (token, flags)


@pytest.mark.parametrize("said", [-1, 2**31, "x"])
def test_a_connector_that_cannot_be_is_connector_0(said: object) -> None:
    assert start(connectorId=said).connector == 0


@pytest.mark.parametrize(
    ("said", "raw", "quality"),
    [
        ("2026-03-29T00:30:00.000Z", "2026-03-29T00:30:00.000Z", "ok"),
        ("1970-01-01T00:00:07Z", "1970-01-01T00:00:07Z", "absurd"),
        (None, "", "missing"),
        (5, "5", "absurd"),
    ],
)
def test_the_time_is_also_kept_as_it_was_written(said: object, raw: str, quality: str) -> None:
    report = start(timestamp=said)
    assert (report.started_raw, report.quality) == (raw, quality)


@pytest.mark.parametrize("number", [-1, 0, 2**31 - 1])
def test_a_stop_of_any_transaction_number_is_read(number: int) -> None:
    report = read("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": T})
    assert (report.said_transaction, report.reason, report.flags) == (number, "Local", ())


def test_a_status_without_a_status_is_unknown_and_in_another_case_is_the_same() -> None:
    assert read("StatusNotification", {}).status == "Unknown"
    assert read("StatusNotification", {"status": "suspended_EV"}).status == "SuspendedEV"
    assert read("StatusNotification", {"status": "Parked"}).status == "Parked"


def test_the_limits_of_texts_are_settings() -> None:
    limits = ReadingLimits(token_length_max=20, name_length_max=50, text_length_max=255)
    reading = Reading(NOW_US, "", 0, limits)
    payload = {"vendorId": "v" * 100, "data": "d" * 1000}
    assert INBOUND["DataTransfer"].read(payload, reading) == DataOffered("v" * 50, "", "d" * 255)
    assert INBOUND["Authorize"].read({"idTag": "t" * 30}, reading) == AuthorizationAsked("t" * 20)


# --- whatever comes ----------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.sampled_from(["1e400", "NaN", "٣", "1" * 5000, "\ud800", "SignedData", "kwh", "L1", T])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
MEMBERS = sorted(
    {name for payload in PAYLOADS.values() for name in payload}
    | {"sampledValue", "value", "measurand", "unit", "phase", "location", "context", "format"}
)
NAMED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6)
    ),
    max_leaves=20,
)
ACTIONS = st.sampled_from(sorted(INBOUND))


def assert_storable(report: Report) -> None:
    """What a reader returns goes through MessagePack, SQL and ClickHouse unharmed."""
    encoded = msgspec.msgpack.encode(report)
    assert msgspec.msgpack.decode(encoded, type=type(report)) == report
    encoded.decode("latin-1")
    if type(report).__module__ == "domain.events":
        entry = Entry("c", 1, NOW_US, (report,))
        assert decode_entry(encode_entry(entry)) == entry
    texts, numbers = [], []
    stack: list[Any] = [msgspec.to_builtins(report)]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
        else:
            (texts if isinstance(value, str) else numbers).append(value)
    assert all("\x00" not in text for text in texts)
    assert all(abs(number) < 1e301 for number in numbers)


@given(ACTIONS, st.dictionaries(st.text() | st.sampled_from(MEMBERS), JSON))
def test_no_reader_raises_for_any_object(action: str, payload: dict[str, Any]) -> None:
    assert_storable(read(action, payload))


@given(ACTIONS, JSON)
def test_no_reader_raises_for_what_is_no_object(action: str, payload: Any) -> None:
    assert_storable(read(action, payload))


@given(st.data(), ACTIONS)
def test_no_reader_raises_for_a_valid_payload_with_any_part_replaced(
    data: st.DataObject, action: str
) -> None:
    payload = msgspec.json.decode(msgspec.json.encode(PAYLOADS[action]))
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(payload, data)
    assert_storable(read(action, payload))


def mutate(payload: Any, data: st.DataObject) -> None:
    place = payload
    while True:
        names = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        inner = place[name]
        if isinstance(inner, (dict, list)) and inner and data.draw(st.booleans()):
            place = inner
            continue
        if isinstance(place, dict) and data.draw(st.booleans()):
            del place[name]
        else:
            place[name] = data.draw(NAMED)
        return


@given(st.lists(NAMED, max_size=4))
def test_flags_are_few_and_say_where(groups: list[Any]) -> None:
    report = read("MeterValues", {"connectorId": 1, "meterValue": groups})
    kinds = {"missing", "coerced", "unreadable", "range", "cut"}
    assert {flag.partition(":/")[0] for flag in report.flags} <= kinds
    assert len(report.flags) == len(set(report.flags)) <= 40
