"""Valid payloads of every command of 2.x that a virtual charger obeys, by transaction."""

from collections.abc import Callable

HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "00",
    "issuerKeyHash": "01",
    "serialNumber": "1",
}
PEM = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
TOKEN = {"idToken": "TAG1", "type": "ISO14443"}
VARIABLE = {
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "HeartbeatInterval"},
}
STRANGE = {"component": {"name": "Nobody"}, "variable": {"name": "Nothing"}}
FIRMWARE = {"location": "https://example.org/fw/9.9", "retrieveDateTime": "2020-01-01T00:00:00Z"}
LATER = "2026-01-02T00:00:00Z"


def profile(purpose: str = "TxDefaultProfile", watts: float = 1_500.0, **more: object) -> dict:
    return {
        "id": 7,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": [
            {
                "id": 1,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": watts}],
            }
        ],
        **more,
    }


def always(*payloads: dict) -> Callable[[str], list[dict]]:
    return lambda _name: [dict(payload) for payload in payloads]


def triggers() -> list[dict]:
    wanted = (
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "MeterValues",
        "TransactionEvent",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "SignChargingStationCertificate",
    )
    return [{"requestedMessage": name} for name in wanted]


PAYLOADS: dict[str, Callable[[str], list[dict]]] = {
    "CancelReservation": always({"reservationId": 1}),
    "CertificateSigned": always({"certificateChain": PEM}, {"certificateChain": "nonsense"}),
    "ChangeAvailability": always(
        {"operationalStatus": "Inoperative", "evse": {"id": 2}}, {"operationalStatus": "Operative"}
    ),
    "ClearCache": always({}),
    "ClearChargingProfile": always(
        {"chargingProfileId": 7}, {"chargingProfileCriteria": {"stackLevel": 1, "evseId": 1}}
    ),
    "ClearDisplayMessage": always({"id": 1}),
    "ClearVariableMonitoring": always({"id": [1, 2]}),
    "CostUpdated": lambda name: [{"totalCost": 1.5, "transactionId": name}],
    "CustomerInformation": always({"requestId": 1, "report": True, "clear": False}),
    "DataTransfer": always({"vendorId": "Csms", "data": "x"}, {"vendorId": "Other"}),
    "DeleteCertificate": always({"certificateHashData": HASHES}),
    "GetBaseReport": always(
        {"requestId": 1, "reportBase": "FullInventory"},
        {"requestId": 2, "reportBase": "SummaryInventory"},
    ),
    "GetChargingProfiles": always(
        {"requestId": 1, "chargingProfile": {"chargingProfileId": [7]}, "evseId": 0}
    ),
    "GetCompositeSchedule": always(
        {"duration": 600, "evseId": 1}, {"duration": 600, "evseId": 0, "chargingRateUnit": "W"}
    ),
    "GetDisplayMessages": always({"requestId": 1}),
    "GetInstalledCertificateIds": always({}),
    "GetLocalListVersion": always({}),
    "GetLog": always(
        {
            "requestId": 1,
            "logType": "DiagnosticsLog",
            "log": {"remoteLocation": "https://example.org/logs"},
        }
    ),
    "GetMonitoringReport": always({"requestId": 1}),
    "GetReport": always(
        {"requestId": 1},
        {"requestId": 2, "componentVariable": [VARIABLE]},
        {"requestId": 3, "componentVariable": [STRANGE]},
    ),
    "GetTransactionStatus": lambda name: [{"transactionId": name}, {}],
    "GetVariables": always({"getVariableData": [VARIABLE, STRANGE]}),
    "InstallCertificate": always(
        {"certificateType": "CSMSRootCertificate", "certificate": PEM},
        {"certificateType": "CSMSRootCertificate", "certificate": "nonsense"},
    ),
    "PublishFirmware": always(
        {"requestId": 1, "location": "https://example.org/fw", "checksum": "0" * 32}
    ),
    "RequestStartTransaction": always(
        {"idToken": TOKEN, "remoteStartId": 44},
        {"idToken": TOKEN, "remoteStartId": 45, "evseId": 2},
    ),
    "RequestStopTransaction": lambda name: [{"transactionId": name}, {"transactionId": "other"}],
    "ReserveNow": always({"id": 1, "expiryDateTime": LATER, "idToken": TOKEN}),
    "Reset": always({"type": "OnIdle"}),
    "SendLocalList": always(
        {
            "versionNumber": 1,
            "updateType": "Full",
            "localAuthorizationList": [{"idToken": TOKEN, "idTokenInfo": {"status": "Accepted"}}],
        },
        {"versionNumber": 1, "updateType": "Differential"},
    ),
    "SetChargingProfile": lambda name: [
        {"evseId": 0, "chargingProfile": profile()},
        {"evseId": 1, "chargingProfile": profile("TxProfile", transactionId=name)},
        {"evseId": 0, "chargingProfile": profile("ChargingStationMaxProfile", 9_000.0, id=9)},
    ],
    "SetDisplayMessage": always(
        {
            "message": {
                "id": 1,
                "priority": "NormalCycle",
                "message": {"format": "UTF8", "content": "hello"},
            }
        }
    ),
    "SetMonitoringBase": always({"monitoringBase": "All"}),
    "SetMonitoringLevel": always({"severity": 5}),
    "SetNetworkProfile": always(
        {
            "configurationSlot": 1,
            "connectionData": {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": "wss://example.org",
                "messageTimeout": 30,
                "securityProfile": 1,
                "ocppInterface": "Wired0",
            },
        }
    ),
    "SetVariableMonitoring": always(
        {"setMonitoringData": [{"value": 1.0, "type": "Delta", "severity": 5, **VARIABLE}]}
    ),
    "SetVariables": always(
        {
            "setVariableData": [
                {"attributeValue": "120", **VARIABLE},
                {"attributeValue": "1", **STRANGE},
            ]
        }
    ),
    "TriggerMessage": lambda _name: triggers(),
    "UnlockConnector": always({"evseId": 1, "connectorId": 1}, {"evseId": 9, "connectorId": 1}),
    "UnpublishFirmware": always({"checksum": "0" * 32}),
    "UpdateFirmware": always({"requestId": 1, "firmware": FIRMWARE}),
}


def priority_profile() -> dict:
    return profile("PriorityCharging", 11_000.0, id=21)


def dynamic_profile() -> dict:
    made = profile("TxDefaultProfile", 4_000.0, id=22, chargingProfileKind="Dynamic")
    [period] = made["chargingSchedule"][0]["chargingSchedulePeriod"]
    period["operationMode"] = "LocalFrequency"
    period["v2xBaseline"] = 0.0
    return made


def tariff(name: str = "T1", currency: str = "EUR", prices: int = 1) -> dict:
    rows = [{"priceKwh": 0.1 * at} for at in range(1, prices + 1)]
    return {"tariffId": name, "currency": currency, "energy": {"prices": rows}}


def droop(name: str, priority: int = 1, **more: object) -> dict:
    values = {
        "priority": priority,
        "overFreq": 50.2,
        "underFreq": 49.8,
        "overDroop": 5.0,
        "underDroop": 5.0,
        "responseTime": 2.0,
    }
    return {
        "isDefault": False,
        "controlId": name,
        "controlType": "FreqDroop",
        "freqDroop": {**values, **more},
    }


def curve(name: str, kind: str = "VoltVar") -> dict:
    values = {"priority": 1, "yUnit": "PctMaxVar", "curveData": [{"x": 95.0, "y": 20.0}]}
    return {"isDefault": True, "controlId": name, "controlType": kind, "curve": values}


PAYLOADS_21: dict[str, Callable[[str], list[dict]]] = {
    **PAYLOADS,
    "AFRRSignal": always({"timestamp": LATER, "signal": 40}),
    "AdjustPeriodicEventStream": always({"id": 1, "params": {"interval": 10, "values": 3}}),
    "ChangeTransactionTariff": lambda name: [
        {"transactionId": name, "tariff": tariff()},
        {"transactionId": "other", "tariff": tariff()},
    ],
    "ClearDERControl": always({"isDefault": False}, {"isDefault": True, "controlId": "none"}),
    "ClearTariffs": always({}, {"tariffIds": ["T1", "none"]}, {"evseId": 1}),
    "GetDERControl": always({"requestId": 1}),
    "GetPeriodicEventStream": always({}),
    "GetTariffs": always({"evseId": 0}, {"evseId": 9}),
    "NotifyAllowedEnergyTransfer": lambda name: [
        {"transactionId": name, "allowedEnergyTransfer": ["AC_three_phase", "AC_BPT"]},
        {"transactionId": "other", "allowedEnergyTransfer": ["DC"]},
    ],
    "NotifyWebPaymentStarted": always({"evseId": 1, "timeout": 60}),
    "RequestBatterySwap": always({"requestId": 1, "idToken": TOKEN}),
    "SetDERControl": always(droop("D1"), curve("D2")),
    "SetDefaultTariff": always({"evseId": 0, "tariff": tariff()}),
    "UpdateDynamicSchedule": always({"chargingProfileId": 22, "scheduleUpdate": {"limit": 2.0}}),
    "UsePriorityCharging": lambda name: [{"transactionId": name, "activate": True}],
}
