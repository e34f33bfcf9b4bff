import json
from importlib.resources import files
from typing import Any

import pytest

from domain.commands import Priority
from protocol.v16 import INBOUND, OUTBOUND, V16
from protocol.version import Follow
from protocol.versions import VERSIONS
from tests.protocol import payloads_v16

SCHEMA_FILES = {
    path.name.removesuffix(".json")
    for path in (files("ocpp") / "v16" / "schemas").iterdir()
    if path.name.endswith(".json")
}
REQUESTS = {name for name in SCHEMA_FILES if not name.endswith("Response")}


def test_every_message_of_the_official_schemas_has_its_row() -> None:
    assert set(INBOUND) | set(OUTBOUND) == REQUESTS
    assert set(INBOUND) & set(OUTBOUND) == {"DataTransfer"}
    assert (len(INBOUND), len(OUTBOUND)) == (14, 26)


def test_every_official_schema_is_loaded() -> None:
    assert set(V16.schemas.requests) == REQUESTS
    assert {f"{action}Response" for action in V16.schemas.responses} == SCHEMA_FILES - REQUESTS


def test_rows_stand_under_their_own_names() -> None:
    assert all(name == row.action for name, row in (INBOUND | OUTBOUND).items())


def test_every_row_has_an_example_payload() -> None:
    assert set(payloads_v16.INBOUND) == set(INBOUND)
    assert set(payloads_v16.OUTBOUND) == set(OUTBOUND)


def test_the_version_is_found_by_its_subprotocol() -> None:
    assert VERSIONS["ocpp1.6"] is V16
    assert V16.dialect.subprotocol == V16.subprotocol


def statuses(action: str) -> set[str]:
    path = files("ocpp") / "v16" / "schemas" / f"{action}Response.json"
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    status = schema.get("properties", {}).get("status", {})
    if "$ref" in status:
        status = schema["definitions"][status["$ref"].rpartition("/")[2]]
    return set(status.get("enum", ()))


@pytest.mark.parametrize("action", sorted(OUTBOUND))
def test_every_status_that_means_yes_is_one_of_the_official_ones(action: str) -> None:
    official = {status.casefold() for status in statuses(action)}
    assert OUTBOUND[action].yes <= official
    assert bool(OUTBOUND[action].yes) == bool(official)


YES = {
    "ChangeAvailability": {"Accepted", "Scheduled"},
    "ChangeConfiguration": {"Accepted", "RebootRequired"},
    "GetInstalledCertificateIds": {"Accepted", "NotFound"},
    "GetLog": {"Accepted", "AcceptedCanceled"},
    "SignedUpdateFirmware": {"Accepted", "AcceptedCanceled"},
    "UnlockConnector": {"Unlocked"},
}


@pytest.mark.parametrize("action", sorted(OUTBOUND))
def test_each_official_status_means_yes_or_no_as_it_should(action: str) -> None:
    row = OUTBOUND[action]
    for status in statuses(action):
        assert row.accepted({"status": status}) is (status in YES.get(action, {"Accepted"})), status


@pytest.mark.parametrize(
    "response", [{}, {"status": None}, {"status": 1}, {"status": []}, {"status": "Maybe"}]
)
def test_an_answer_without_a_known_status_is_no_yes(response: dict[str, Any]) -> None:
    assert not OUTBOUND["Reset"].accepted(response)
    assert OUTBOUND["GetConfiguration"].accepted(response)


def test_a_status_in_another_case_means_the_same() -> None:
    assert OUTBOUND["Reset"].accepted({"status": " accepted"})


def test_nothing_that_moves_a_contactor_or_a_bolt_is_idempotent() -> None:
    once = {name for name, row in OUTBOUND.items() if not row.idempotent}
    assert once == {
        "DataTransfer",
        "GetDiagnostics",
        "GetLog",
        "RemoteStartTransaction",
        "Reset",
        "SendLocalList",
        "SignedUpdateFirmware",
        "UnlockConnector",
        "UpdateFirmware",
    }


def test_limits_go_before_everything_else() -> None:
    first = {name for name, row in OUTBOUND.items() if row.priority is Priority.SAFETY}
    assert first == {"SetChargingProfile", "ClearChargingProfile"}


@pytest.mark.parametrize(
    ("action", "payload", "follow"),
    [
        ("RemoteStartTransaction", {}, Follow.TRANSACTION_STARTED),
        ("RemoteStopTransaction", {}, Follow.TRANSACTION_STOPPED),
        ("Reset", {}, Follow.BOOTED),
        ("UpdateFirmware", {}, Follow.FIRMWARE_REPORTED),
        ("SignedUpdateFirmware", {}, Follow.FIRMWARE_REPORTED),
        ("GetDiagnostics", {}, Follow.DIAGNOSTICS_REPORTED),
        ("GetLog", {}, Follow.LOG_REPORTED),
        ("ChangeAvailability", {}, Follow.STATUS_REPORTED),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}, Follow.BOOTED),
        ("TriggerMessage", {"requestedMessage": "Nonsense"}, Follow.NOTHING),
        ("TriggerMessage", {"requestedMessage": []}, Follow.NOTHING),
        ("TriggerMessage", {}, Follow.NOTHING),
        (
            "ExtendedTriggerMessage",
            {"requestedMessage": "LogStatusNotification"},
            Follow.LOG_REPORTED,
        ),
        ("ClearCache", {}, Follow.NOTHING),
    ],
)
def test_a_command_knows_the_report_that_ends_it(
    action: str, payload: dict[str, Any], follow: Follow
) -> None:
    assert OUTBOUND[action].followed_by(payload) is follow


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_every_message_that_can_be_triggered_leads_to_a_report(action: str) -> None:
    path = files("ocpp") / "v16" / "schemas" / f"{action}.json"
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    wanted = schema["properties"]["requestedMessage"]
    if "$ref" in wanted:
        wanted = schema["definitions"][wanted["$ref"].rpartition("/")[2]]
    requested = OUTBOUND[action].requested
    assert requested is not None
    assert set(requested) == set(wanted["enum"])
