"""One valid payload for every message of OCPP 1.6 with the security extension."""

from typing import Any

T = "2026-03-29T00:30:00Z"
HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
    },
}
SAMPLES = [
    {
        "timestamp": T,
        "sampledValue": [
            {"value": "1500", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": "7.36", "measurand": "Power.Active.Import", "unit": "kW"},
            {"value": "16", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
            {
                "value": "230.1",
                "measurand": "Voltage",
                "unit": "V",
                "phase": "L1-N",
                "context": "Sample.Clock",
            },
        ],
    }
]

INBOUND: dict[str, dict[str, Any]] = {
    "Authorize": {"idTag": "CARD1"},
    "BootNotification": {
        "chargePointVendor": "Acme",
        "chargePointModel": "One",
        "chargePointSerialNumber": "SN1",
        "chargeBoxSerialNumber": "BOX1",
        "firmwareVersion": "1.2.3",
        "iccid": "8931",
        "imsi": "2040",
        "meterType": "DIN",
        "meterSerialNumber": "M1",
    },
    "DataTransfer": {"vendorId": "acme", "messageId": "hello", "data": "text"},
    "DiagnosticsStatusNotification": {"status": "Uploading"},
    "FirmwareStatusNotification": {"status": "Installed"},
    "Heartbeat": {},
    "MeterValues": {"connectorId": 1, "transactionId": 5, "meterValue": SAMPLES},
    "StartTransaction": {
        "connectorId": 1,
        "idTag": "CARD1",
        "meterStart": 1000,
        "timestamp": T,
        "reservationId": 7,
    },
    "StatusNotification": {
        "connectorId": 1,
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": T,
        "info": "fine",
        "vendorId": "acme",
        "vendorErrorCode": "0",
    },
    "StopTransaction": {
        "transactionId": 5,
        "idTag": "CARD1",
        "meterStop": 2500,
        "timestamp": T,
        "reason": "EVDisconnected",
        "transactionData": SAMPLES,
    },
    "LogStatusNotification": {"status": "Uploaded", "requestId": 3},
    "SecurityEventNotification": {"type": "InvalidTLSVersion", "timestamp": T, "techInfo": "1.0"},
    "SignCertificate": {"csr": "-----BEGIN CERTIFICATE REQUEST-----"},
    "SignedFirmwareStatusNotification": {"status": "Installing", "requestId": 4},
}

OUTBOUND: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 1},
    "ChangeAvailability": {"connectorId": 0, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "300"},
    "ClearCache": {},
    "ClearChargingProfile": {"id": 1},
    "DataTransfer": {"vendorId": "acme"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600},
    "GetConfiguration": {"key": ["HeartbeatInterval"]},
    "GetDiagnostics": {"location": "ftp://host/dir"},
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {"idTag": "CARD1", "connectorId": 1, "chargingProfile": PROFILE},
    "RemoteStopTransaction": {"transactionId": 5},
    "ReserveNow": {"connectorId": 1, "expiryDate": T, "idTag": "CARD1", "reservationId": 1},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
    "TriggerMessage": {"requestedMessage": "MeterValues", "connectorId": 1},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "https://host/fw", "retrieveDate": T},
    "CertificateSigned": {"certificateChain": "-----BEGIN CERTIFICATE-----"},
    "DeleteCertificate": {"certificateHashData": HASH},
    "ExtendedTriggerMessage": {"requestedMessage": "LogStatusNotification"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLog": {
        "logType": "SecurityLog",
        "requestId": 1,
        "log": {"remoteLocation": "https://host/log"},
    },
    "InstallCertificate": {
        "certificateType": "CentralSystemRootCertificate",
        "certificate": "-----BEGIN CERTIFICATE-----",
    },
    "SignedUpdateFirmware": {
        "requestId": 1,
        "firmware": {
            "location": "https://host/fw",
            "retrieveDateTime": T,
            "signingCertificate": "-----BEGIN CERTIFICATE-----",
            "signature": "abc",
        },
    },
}
