"""The tables of OCPP 2.0.1 and 2.1 against the official schemas."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.gateway.last_resort import last_resort
from domain.answers import (
    AuthorizationAnswer,
    BootDecision,
    StatusAnswer,
    TokenDecision,
    TransactionAnswer,
)
from domain.commands import Priority
from domain.events import Entry, Event, decode_entry, encode_entry
from domain.reports import QuestionAsked
from protocol.reading import Reading
from protocol.version import Follow, Version
from protocol.versions import VERSIONS
from tests.protocol.payloads_v2 import PAYLOADS
from tests.protocol.test_v16_readers import JSON, mutate

FOLDERS = {"ocpp2.0.1": "v201", "ocpp2.1": "v21"}
NOW_US = 1_777_636_800_000_000
READING = Reading(NOW_US)
BOOT = BootDecision("Accepted", 300, NOW_US)
SENDS = {"ocpp2.0.1": set(), "ocpp2.1": {"NotifyPeriodicEventStream"}}
INBOUND = [(name, action) for name in FOLDERS for action in PAYLOADS[name].inbound]
OUTBOUND = [(name, action) for name in FOLDERS for action in PAYLOADS[name].outbound]


def document(subprotocol: str, file: str) -> dict[str, Any]:
    path = files("ocpp") / FOLDERS[subprotocol] / "schemas" / f"{file}.json"
    return json.loads(path.read_text(encoding="utf-8-sig"))


@pytest.fixture(params=FOLDERS)
def version(request: pytest.FixtureRequest) -> Version:
    return VERSIONS[request.param]


def test_every_message_of_the_official_schemas_has_its_row_in_one_direction(version) -> None:
    inbound, outbound = set(version.inbound), set(version.outbound)
    assert inbound | outbound == set(version.schemas.requests)
    assert inbound & outbound == {"DataTransfer"}
    assert set(version.schemas.responses) == (inbound | outbound) - SENDS[version.subprotocol]
    numbers = {"ocpp2.0.1": (25, 40), "ocpp2.1": (37, 55)}
    assert (len(inbound), len(outbound)) == numbers[version.subprotocol]


def test_every_row_has_an_example_payload_and_stands_under_its_own_name(version) -> None:
    payloads = PAYLOADS[version.subprotocol]
    assert set(payloads.inbound) == set(version.inbound)
    assert set(payloads.outbound) == set(payloads.answers) == set(version.outbound)
    assert all(name == row.action for name, row in version.inbound.items())
    assert all(name == row.action for name, row in version.outbound.items())


def test_a_newer_version_has_every_row_of_the_one_before_it() -> None:
    old, new = VERSIONS["ocpp2.0.1"], VERSIONS["ocpp2.1"]
    assert set(old.inbound) <= set(new.inbound)
    assert set(old.outbound) <= set(new.outbound)
    own = {name for name, row in old.outbound.items() if new.outbound[name] is not row}
    assert own == {"TriggerMessage"}


def test_what_is_never_answered_is_known(version) -> None:
    silent = {name for name, row in version.inbound.items() if not row.answered}
    assert silent == SENDS[version.subprotocol]


@pytest.mark.parametrize(("name", "action"), INBOUND)
def test_what_chargers_send_is_read_without_a_flag_and_can_be_answered(name, action) -> None:
    version, payload = VERSIONS[name], PAYLOADS[name].inbound[action]
    row = version.inbound[action]
    assert version.schemas.request(action).flags(payload) == ()
    report = row.read(payload, READING)
    assert getattr(report, "flags", ()) == ()
    if not row.answered:
        return
    answer = row.write(last_resort(report, BOOT, lambda: 1))
    assert version.schemas.response(action).flags(answer) == (), answer


@pytest.mark.parametrize(("name", "action"), OUTBOUND)
def test_what_we_send_and_its_answer_fit_their_schemas(name, action) -> None:
    version, payloads = VERSIONS[name], PAYLOADS[name]
    row = version.outbound[action]
    assert version.schemas.request(action).flags(payloads.outbound[action]) == ()
    answer = payloads.answers[action]
    assert version.schemas.response(action).flags(answer) == ()
    if row.learn is not None:
        fact = row.learn(payloads.outbound[action], answer, READING)
        assert fact is not None
        assert_storable(fact)


def statuses(name: str, action: str) -> set[str]:
    schema = document(name, f"{action}Response")
    row = VERSIONS[name].outbound[action]
    kinds = schema.get("definitions", {})
    if row.each is None:
        status = schema.get("properties", {}).get("status", {})
    else:
        results = schema["properties"][row.each[0]]["items"]
        status = kinds[results["$ref"].rpartition("/")[2]]["properties"][row.each[1]]
    if "$ref" in status:
        status = kinds[status["$ref"].rpartition("/")[2]]
    return set(status.get("enum", ()))


YES = {
    "ChangeAvailability": {"Accepted", "Scheduled"},
    "ClearDERControl": {"Accepted", "NotFound"},
    "ClearTariffs": {"Accepted", "NoTariff"},
    "ClearVariableMonitoring": {"Accepted", "NotFound"},
    "GetInstalledCertificateIds": {"Accepted", "NotFound"},
    "GetLog": {"Accepted", "AcceptedCanceled"},
    "GetTariffs": {"Accepted", "NoTariff"},
    "Reset": {"Accepted", "Scheduled"},
    "SetVariables": {"Accepted", "RebootRequired"},
    "UnlockConnector": {"Unlocked"},
    "UnpublishFirmware": {"Unpublished", "NoFirmware"},
    "UpdateFirmware": {"Accepted", "AcceptedCanceled"},
}


@pytest.mark.parametrize(("name", "action"), OUTBOUND)
def test_each_official_status_means_yes_or_no_as_it_should(name, action) -> None:
    row = VERSIONS[name].outbound[action]
    official = statuses(name, action)
    assert bool(row.yes) == bool(official)
    assert row.yes <= {status.casefold() for status in official}
    for status in official:
        one = {row.each[1]: status} if row.each else {"status": status}
        answer = {row.each[0]: [one]} if row.each else one
        assert row.accepted(answer) is (status in YES.get(action, {"Accepted"})), status


def test_of_many_results_each_must_mean_yes(version) -> None:
    row = version.outbound["SetVariables"]
    good, bad = {"attributeStatus": "Accepted"}, {"attributeStatus": "Rejected"}
    assert row.accepted({"setVariableResult": [good, good]})
    assert not row.accepted({"setVariableResult": [good, bad]})
    assert not row.accepted({"setVariableResult": [good, "nonsense"]})
    assert not row.accepted({})


def test_every_message_that_can_be_triggered_leads_to_a_report(version) -> None:
    schema = document(version.subprotocol, "TriggerMessageRequest")
    wanted = set(schema["definitions"]["MessageTriggerEnumType"]["enum"])
    requested = version.outbound["TriggerMessage"].requested
    assert requested is not None
    assert set(requested) == wanted
    assert {name for name in wanted if not requested[name]} == wanted & {"CustomTrigger"}


def test_limits_go_before_everything_else(version) -> None:
    first = {name for name, row in version.outbound.items() if row.priority is Priority.SAFETY}
    limits = {"SetChargingProfile", "ClearChargingProfile"}
    grid = {"AFRRSignal", "ClearDERControl", "SetDERControl", "UpdateDynamicSchedule"}
    assert first == limits | (grid & set(version.outbound))


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("RequestStartTransaction", {"remoteStartId": 7}, (Follow.TRANSACTION_STARTED, "7", False)),
        (
            "RequestStopTransaction",
            {"transactionId": "tx"},
            (Follow.TRANSACTION_STOPPED, "tx", False),
        ),
        ("ChangeAvailability", {"evse": {"id": 2}}, (Follow.STATUS_REPORTED, "2", False)),
        ("ChangeAvailability", {}, (Follow.STATUS_REPORTED, "", False)),
        ("ChangeAvailability", {"evse": []}, (Follow.STATUS_REPORTED, "", False)),
        ("GetBaseReport", {"requestId": 3}, (Follow.VARIABLES_REPORTED, "3", False)),
        ("GetChargingProfiles", {"requestId": 3}, (Follow.PROFILES_REPORTED, "3", False)),
        (
            "TriggerMessage",
            {"requestedMessage": "TransactionEvent"},
            (Follow.TRANSACTION_REPORTED, "", True),
        ),
        ("TriggerMessage", {"requestedMessage": "Nonsense"}, ("", "", False)),
        ("ClearCache", {}, ("", "", False)),
        ("NoSuchAction", {}, ("", "", False)),
    ],
)
def test_a_command_knows_the_report_that_ends_it(version, action, payload, expected) -> None:
    assert version.expectation(action, payload) == expected


def test_what_touches_passwords_trust_or_firmware_is_for_admins(version) -> None:
    def touches(component: str) -> dict[str, Any]:
        row = {"component": {"name": component}, "variable": {"name": "X"}, "attributeValue": "1"}
        return {"setVariableData": [row]}

    rows = version.outbound
    assert rows["SetVariables"].is_for_admins(touches("securityctrlr"))
    assert not rows["SetVariables"].is_for_admins(touches("OCPPCommCtrlr"))
    assert not rows["SetVariables"].is_for_admins({"setVariableData": [1, {"component": []}]})
    always = {name for name, row in rows.items() if row.admin}
    assert always == {
        "CertificateSigned",
        "CustomerInformation",
        "DeleteCertificate",
        "InstallCertificate",
        "PublishFirmware",
        "SetNetworkProfile",
        "UpdateFirmware",
    }


DECISION = TokenDecision(
    "Accepted", NOW_US, "FAMILY", certificate_status="Accepted", parent_kind="eMAID"
)


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("Authorize", AuthorizationAnswer(DECISION)),
        ("TransactionEvent", TransactionAnswer(DECISION, 12.5, -9, "x" * 600)),
        ("TransactionEvent", TransactionAnswer(DECISION, 0.0)),
        ("NotifyEVChargingNeeds", StatusAnswer("Processing")),
        ("Get15118EVCertificate", StatusAnswer("Accepted", {"exiResponse": "AA=="})),
    ],
)
def test_everything_that_we_can_say_fits_the_schema(version, action, answer) -> None:
    payload = version.inbound[action].write(answer)
    assert version.schemas.response(action).flags(payload) == ()


def test_an_answer_of_another_message_is_our_bug(version) -> None:
    for row in version.inbound.values():
        with pytest.raises(TypeError):
            row.write(BOOT if row.action != "BootNotification" else TransactionAnswer())


# --- whatever comes ----------------------------------------------------------------------------


def assert_storable(report: object) -> None:
    if isinstance(report, Event.__args__):
        entry = Entry("c", 1, NOW_US, (report,))
        assert decode_entry(encode_entry(entry)) == entry
    values: list[Any] = [msgspec.to_builtins(report)]
    if isinstance(report, QuestionAsked):
        del values[0]["payload"]  # as on the wire, for whoever answers; never stored
        del values[0]["denied"]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values.extend(value.values())
        elif isinstance(value, list | tuple):
            values.extend(value)
        elif isinstance(value, str):
            assert "\x00" not in value
            value.encode()
        elif value is not None:
            assert abs(value) < 1e301


@given(st.sampled_from(INBOUND), JSON)
@settings(max_examples=300, deadline=None)
def test_no_reader_raises_for_any_json(which, payload) -> None:
    name, action = which
    report = VERSIONS[name].inbound[action].read(payload, READING)
    assert_storable(report)
    if VERSIONS[name].inbound[action].answered:
        VERSIONS[name].inbound[action].write(last_resort(report, BOOT, lambda: 1))


@given(st.data(), st.sampled_from(INBOUND))
@settings(max_examples=300, deadline=None)
def test_no_reader_raises_for_a_valid_payload_with_any_part_replaced(data, which) -> None:
    name, action = which
    payload = json.loads(json.dumps(PAYLOADS[name].inbound[action]))
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(payload, data)
    assert_storable(VERSIONS[name].inbound[action].read(payload, READING))


LEARNING = [(name, action) for name, action in OUTBOUND if VERSIONS[name].outbound[action].learn]


@given(st.data(), st.sampled_from([*LEARNING, ("ocpp1.6", "GetConfiguration")]))
@settings(max_examples=150, deadline=None)
def test_nothing_that_an_answer_says_raises(data, which) -> None:
    name, action = which
    learn = VERSIONS[name].outbound[action].learn
    assert learn is not None
    payloads = PAYLOADS.get(name, PAYLOADS["ocpp2.1"])
    request = json.loads(json.dumps(payloads.outbound.get(action, {})))
    key = [{"key": "A", "readonly": False, "value": "1"}]
    answer = json.loads(
        json.dumps(payloads.answers.get(action, {"configurationKey": key, "unknownKey": ["B"]}))
    )
    mutate(request, data)
    mutate(answer, data)
    fact = learn(request, answer, READING)
    if fact is not None:
        assert_storable(fact)
