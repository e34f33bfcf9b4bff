"""What is said between a charger and the server, message by message (OCPP 1.6 with security)."""

from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]

SCHEDULE = {
    "duration": 3600,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.1, "numberPhases": 3},
        {"startPeriod": 1800, "limit": 8.4},
    ],
}
PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": SCHEDULE,
}
HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa" * 32,
    "issuerKeyHash": "bb" * 32,
    "serialNumber": "0123456789",
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
LATER = "2035-01-01T00:00:00Z"
SECRET = "hush-hush"


@dataclass(frozen=True)
class Case:
    """A command, the answer that means yes, and the one that means no where there is one."""

    payload: Payload
    yes: Payload
    no: Payload | None


def _status(payload: Payload, yes: str = "Accepted", no: str = "Rejected") -> Case:
    return Case(payload, {"status": yes}, {"status": no})


COMMANDS: dict[str, Case] = {
    "CancelReservation": _status({"reservationId": 5}),
    "CertificateSigned": _status({"certificateChain": PEM}),
    "ChangeAvailability": _status({"connectorId": 1, "type": "Operative"}, "Scheduled"),
    "ChangeConfiguration": _status(
        {"key": "HeartbeatInterval", "value": "300"}, "RebootRequired", "NotSupported"
    ),
    "ClearCache": _status({}),
    "ClearChargingProfile": _status(
        {"connectorId": 1, "chargingProfilePurpose": "TxProfile", "stackLevel": 1}, no="Unknown"
    ),
    "DataTransfer": Case(
        {"vendorId": "acme", "messageId": "hello", "data": "grüße"},
        {"status": "Accepted", "data": '{"answer": "ça va, 日本?"}'},
        {"status": "UnknownVendorId"},
    ),
    "DeleteCertificate": _status({"certificateHashData": HASH}, no="NotFound"),
    "ExtendedTriggerMessage": _status(
        {"requestedMessage": "LogStatusNotification"}, no="NotImplemented"
    ),
    "GetCompositeSchedule": Case(
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"},
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": "2026-05-01T12:00:00Z",
            "chargingSchedule": SCHEDULE,
        },
        {"status": "Rejected"},
    ),
    "GetConfiguration": Case(
        {"key": ["HeartbeatInterval", "Nonsense"]},
        {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense"],
        },
        None,
    ),
    "GetDiagnostics": Case(
        {"location": f"ftp://user:{SECRET}@example.com/up", "retries": 2, "startTime": LATER},
        {"fileName": "diagnostics.zip"},
        None,
    ),
    "GetInstalledCertificateIds": Case(
        {"certificateType": "CentralSystemRootCertificate"},
        {"status": "Accepted", "certificateHashData": [HASH]},
        None,
    ),
    "GetLocalListVersion": Case({}, {"listVersion": 12}, None),
    "GetLog": Case(
        {"logType": "SecurityLog", "requestId": 3, "log": {"remoteLocation": "https://h/log"}},
        {"status": "Accepted", "filename": "security.log"},
        {"status": "Rejected"},
    ),
    "InstallCertificate": _status(
        {"certificateType": "ManufacturerRootCertificate", "certificate": PEM}, no="Failed"
    ),
    "RemoteStartTransaction": _status(
        {"connectorId": 1, "idTag": "KNOWN", "chargingProfile": PROFILE}
    ),
    "RemoteStopTransaction": _status({"transactionId": 2_000_000_000}),
    "ReserveNow": _status(
        {"connectorId": 1, "expiryDate": LATER, "idTag": "KNOWN", "reservationId": 5}, no="Occupied"
    ),
    "Reset": _status({"type": "Soft"}),
    "SendLocalList": _status(
        {
            "listVersion": 12,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idTag": f"TAG{n:05d}", "idTagInfo": {"status": "Accepted", "expiryDate": LATER}}
                for n in range(300)
            ],
        },
        no="VersionMismatch",
    ),
    "SetChargingProfile": _status(
        {"connectorId": 1, "csChargingProfiles": PROFILE}, no="NotSupported"
    ),
    "SignedUpdateFirmware": _status(
        {
            "requestId": 4,
            "firmware": {
                "location": "https://h/fw",
                "retrieveDateTime": LATER,
                "signingCertificate": PEM,
                "signature": "abc",
            },
        },
        "AcceptedCanceled",
        "InvalidCertificate",
    ),
    "TriggerMessage": _status(
        {"requestedMessage": "StatusNotification", "connectorId": 1}, no="NotImplemented"
    ),
    "UnlockConnector": _status({"connectorId": 1}, "Unlocked", "UnlockFailed"),
    "UpdateFirmware": Case(
        {"location": "https://h/fw", "retrieveDate": LATER, "retries": 1}, {}, None
    ),
}
"""Everything that a server may ask of a 1.6 charger."""

BOOT = {
    "chargePointVendor": "Acme",
    "chargePointModel": "Two",
    "chargePointSerialNumber": "S-1",
    "firmwareVersion": "4.5.6",
}


def status(connector: int, word: str) -> Payload:
    """Return a StatusNotification."""
    return {"connectorId": connector, "errorCode": "NoError", "status": word}


def meter_value(timestamp: str, energy_wh: int, context: str = "Sample.Periodic") -> Payload:
    """Return a MeterValue of four samples, one of them in kilo."""
    return {
        "timestamp": timestamp,
        "sampledValue": [
            {
                "value": str(energy_wh),
                "measurand": "Energy.Active.Import.Register",
                "unit": "Wh",
                "context": context,
            },
            {"value": "7.36", "measurand": "Power.Active.Import", "unit": "kW", "context": context},
            {"value": "16.1", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
            {"value": "55", "measurand": "SoC", "unit": "Percent", "location": "EV"},
        ],
    }


NOTICES: tuple[tuple[str, Payload, Payload], ...] = (
    ("DataTransfer", {"vendorId": "nobody", "data": "x"}, {"status": "UnknownVendorId"}),
    (
        "DataTransfer",
        {"vendorId": "acme", "messageId": "nothing"},
        {"status": "UnknownMessageId"},
    ),
    (
        "DataTransfer",
        {"vendorId": "acme", "messageId": "hello", "data": "grüße"},
        {"status": "Accepted"},
    ),
    ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
    ("FirmwareStatusNotification", {"status": "Downloading"}, {}),
    ("LogStatusNotification", {"status": "Uploading", "requestId": 3}, {}),
    ("SignedFirmwareStatusNotification", {"status": "SignatureVerified", "requestId": 4}, {}),
    (
        "SecurityEventNotification",
        {
            "type": "TamperDetectionActivated",
            "timestamp": "2026-05-01T12:00:00Z",
            "techInfo": "lid",
        },
        {},
    ),
    # There is no certificate authority to forward it to.
    ("SignCertificate", {"csr": CSR}, {"status": "Rejected"}),
)
"""Messages outside of a transaction, and how the server answers them."""

CSMS_TOML = """\
[charger.data_transfer.acme]
hello = "Accepted"
"""
