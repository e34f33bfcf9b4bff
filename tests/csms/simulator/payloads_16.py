"""Valid payloads of every command of 1.6 and its security extension, by transaction."""

from collections.abc import Callable
from typing import Any

PEM = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "00",
    "issuerKeyHash": "01",
    "serialNumber": "1",
}
PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3_000.0}],
    },
}
PAST, LATER = "2020-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
TRIGGERS = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
)


def always(*payloads: dict) -> Callable[[Any], list[dict]]:
    return lambda _number: [dict(payload) for payload in payloads]


PAYLOADS_16: dict[str, Callable[[Any], list[dict]]] = {
    "CancelReservation": always({"reservationId": 1}),
    "CertificateSigned": always({"certificateChain": PEM}),
    "ChangeAvailability": always(
        {"connectorId": 0, "type": "Inoperative"}, {"connectorId": 0, "type": "Operative"}
    ),
    "ChangeConfiguration": always(
        {"key": "HeartbeatInterval", "value": "60"}, {"key": "Nothing", "value": "1"}
    ),
    "ClearCache": always({}),
    "ClearChargingProfile": always({"id": 7}, {}),
    "DataTransfer": always({"vendorId": "Csms", "data": "x"}, {"vendorId": "Other"}),
    "DeleteCertificate": always({"certificateHashData": HASHES}),
    "ExtendedTriggerMessage": always({"requestedMessage": "Heartbeat"}),
    "GetCompositeSchedule": always({"connectorId": 1, "duration": 600}),
    "GetConfiguration": always({}, {"key": ["HeartbeatInterval", "Nothing"]}),
    "GetDiagnostics": always({"location": "https://example.org/logs"}),
    "GetInstalledCertificateIds": always({"certificateType": "CentralSystemRootCertificate"}),
    "GetLocalListVersion": always({}),
    "GetLog": always(
        {
            "requestId": 1,
            "logType": "SecurityLog",
            "log": {"remoteLocation": "https://example.org/logs"},
        }
    ),
    "InstallCertificate": always(
        {"certificateType": "CentralSystemRootCertificate", "certificate": PEM}
    ),
    "RemoteStartTransaction": always({"idTag": "TAG1"}, {"idTag": "TAG1", "connectorId": 2}),
    "RemoteStopTransaction": lambda number: [{"transactionId": number}, {"transactionId": 1}],
    "ReserveNow": always(
        {"connectorId": 2, "expiryDate": LATER, "idTag": "TAG1", "reservationId": 1}
    ),
    "Reset": always({"type": "Soft"}, {"type": "Hard"}),
    "SendLocalList": always({"listVersion": 1, "updateType": "Full"}),
    "SetChargingProfile": always({"connectorId": 0, "csChargingProfiles": PROFILE}),
    "SignedUpdateFirmware": always(
        {
            "requestId": 1,
            "firmware": {
                "location": "https://example.org/fw/9.9",
                "retrieveDateTime": PAST,
                "signingCertificate": PEM,
                "signature": "AA",
            },
        }
    ),
    "TriggerMessage": lambda _number: [{"requestedMessage": name} for name in TRIGGERS],
    "UnlockConnector": always({"connectorId": 1}, {"connectorId": 9}),
    "UpdateFirmware": always({"location": "https://example.org/fw/9.9", "retrieveDate": PAST}),
}
