import pytest

from domain.answers import (
    ACKNOWLEDGED,
    Answer,
    AuthorizationAnswer,
    BootDecision,
    CertificateAnswer,
    DataAnswer,
    HeartbeatAnswer,
    StartAnswer,
    StopAnswer,
    TokenDecision,
)
from protocol.limits_on_chargers import ChargerLimit
from protocol.v16 import INBOUND, V16

T_US = 1_777_636_800_123_456
T = "2026-05-01T12:00:00Z"
TOKEN = TokenDecision("Accepted", T_US, "PARENT")
INFO = {"status": "Accepted", "expiryDate": T, "parentIdTag": "PARENT"}

ANSWERS: list[tuple[str, Answer, dict[str, object]]] = [
    ("Authorize", AuthorizationAnswer(TOKEN), {"idTagInfo": INFO}),
    (
        "Authorize",
        AuthorizationAnswer(TokenDecision("Invalid")),
        {"idTagInfo": {"status": "Invalid"}},
    ),
    (
        "BootNotification",
        BootDecision("Pending", 60, T_US),
        {"status": "Pending", "currentTime": T, "interval": 60},
    ),
    ("DataTransfer", DataAnswer("UnknownVendorId"), {"status": "UnknownVendorId"}),
    ("DataTransfer", DataAnswer("Accepted", "x"), {"status": "Accepted", "data": "x"}),
    ("DiagnosticsStatusNotification", ACKNOWLEDGED, {}),
    ("FirmwareStatusNotification", ACKNOWLEDGED, {}),
    ("Heartbeat", HeartbeatAnswer(T_US), {"currentTime": T}),
    ("MeterValues", ACKNOWLEDGED, {}),
    ("StartTransaction", StartAnswer(7, TOKEN), {"transactionId": 7, "idTagInfo": INFO}),
    ("StatusNotification", ACKNOWLEDGED, {}),
    ("StopTransaction", StopAnswer(), {}),
    ("StopTransaction", StopAnswer(TOKEN), {"idTagInfo": INFO}),
    ("LogStatusNotification", ACKNOWLEDGED, {}),
    ("SecurityEventNotification", ACKNOWLEDGED, {}),
    ("SignCertificate", CertificateAnswer("Accepted"), {"status": "Accepted"}),
    ("SignedFirmwareStatusNotification", ACKNOWLEDGED, {}),
]


@pytest.mark.parametrize(("action", "answer", "payload"), ANSWERS)
def test_an_answer_is_written_as_the_official_schema_has_it(
    action: str, answer: Answer, payload: dict[str, object]
) -> None:
    assert INBOUND[action].write(answer) == payload
    assert V16.schemas.response(action).flags(payload) == ()


def test_every_answer_is_written_somewhere() -> None:
    assert {action for action, _, _ in ANSWERS} == set(INBOUND)


@pytest.mark.parametrize("action", sorted(INBOUND))
def test_the_answer_of_another_message_is_our_bug(action: str) -> None:
    # DataTransfer carries messages of Plug & Charge, SignCertificate among them.
    takes_certificates = action in {"DataTransfer", "SignCertificate"}
    wrong: Answer = ACKNOWLEDGED if takes_certificates else CertificateAnswer("Accepted")
    with pytest.raises(TypeError, match="expected"):
        INBOUND[action].write(wrong)


def test_a_parent_too_long_for_the_wire_is_left_out() -> None:
    payload = INBOUND["Authorize"].write(
        AuthorizationAnswer(TokenDecision("Accepted", 0, "x" * 21))
    )
    assert payload == {"idTagInfo": {"status": "Accepted"}}


def test_limits_are_profiles_of_three_purposes() -> None:
    assert V16.write_limit is not None
    written = [
        V16.write_limit(limit)
        for limit in (
            ChargerLimit(2, "7", 16.0),
            ChargerLimit(2, "", 6.0),
            ChargerLimit(2, "", 20.0, whole=True),
        )
    ]
    said = [
        (
            payload["connectorId"],
            payload["csChargingProfiles"]["chargingProfilePurpose"],
            payload["csChargingProfiles"]["chargingProfileId"],
            payload["csChargingProfiles"]["chargingProfileKind"],
        )
        for payload in written
    ]
    assert said == [
        (2, "TxProfile", 22, "Relative"),
        (2, "TxDefaultProfile", 21, "Relative"),
        (0, "ChargePointMaxProfile", 23, "Absolute"),
    ]
    for payload in written:
        assert V16.schemas.request("SetChargingProfile").flags(payload) == ()
