"""The device model of a virtual charger of 2.x, as far as it has one (part 2, chapter B).

Variables that do something are views of the configuration keys that do it in 1.6.
"""

from collections.abc import Mapping
from typing import NamedTuple

from csms.simulator.keys import KeyTable
from csms.simulator.outbox import Payload


class Variable(NamedTuple):
    """One variable.

    Attributes:
        kind: DataEnumType.
        key: the configuration key that it shows; empty: `value` is constant.
        value: of a constant.
    """

    kind: str
    key: str = ""
    value: str = ""


VARIABLES: Mapping[tuple[str, str], Variable] = {
    ("AuthCacheCtrlr", "Enabled"): Variable("boolean", "AuthorizationCacheEnabled"),
    ("AuthCtrlr", "AuthorizeRemoteStart"): Variable("boolean", "AuthorizeRemoteTxRequests"),
    ("AuthCtrlr", "OfflineTxForUnknownIdEnabled"): Variable(
        "boolean", "AllowOfflineTxForUnknownId"
    ),
    ("ChargingStation", "SupplyPhases"): Variable("integer", value="3"),
    ("DeviceDataCtrlr", "ItemsPerMessage"): Variable("integer", value="50"),
    ("LocalAuthListCtrlr", "Enabled"): Variable("boolean", "LocalAuthListEnabled"),
    ("OCPPCommCtrlr", "HeartbeatInterval"): Variable("integer", "HeartbeatInterval"),
    ("OCPPCommCtrlr", "MessageAttempts"): Variable("integer", "TransactionMessageAttempts"),
    ("OCPPCommCtrlr", "MessageAttemptInterval"): Variable(
        "integer", "TransactionMessageRetryInterval"
    ),
    ("OCPPCommCtrlr", "WebSocketPingInterval"): Variable("integer", "WebSocketPingInterval"),
    ("SampledDataCtrlr", "TxUpdatedInterval"): Variable("integer", "MeterValueSampleInterval"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): Variable("MemberList", "MeterValuesSampledData"),
    ("SecurityCtrlr", "BasicAuthPassword"): Variable("string", "AuthorizationKey"),
    ("SecurityCtrlr", "SecurityProfile"): Variable("integer", "SecurityProfile"),
    ("SmartChargingCtrlr", "Enabled"): Variable("boolean", value="true"),
    ("TxCtrlr", "EVConnectionTimeOut"): Variable("integer", "ConnectionTimeOut"),
    ("TxCtrlr", "StopTxOnInvalidId"): Variable("boolean", "StopTransactionOnInvalidId"),
}
"""By component and variable."""
SAID: Mapping[str, str] = {
    "Accepted": "Accepted",
    "NotSupported": "UnknownVariable",
    "RebootRequired": "RebootRequired",
    "Rejected": "Rejected",
}
"""SetVariableStatusEnumType by status of ChangeConfiguration."""


def _names(row: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    return row["component"]["name"], row["variable"]["name"]


def _missing(component: str) -> str:
    known = any(name == component for name, _ in VARIABLES)
    return "UnknownVariable" if known else "UnknownComponent"


def get(keys: KeyTable, row: Mapping[str, Mapping[str, str]]) -> Payload:
    """Return the GetVariableResult of one GetVariableData."""
    component, name = _names(row)
    said: Payload = {"component": row["component"], "variable": row["variable"]}
    variable = VARIABLES.get((component, name))
    if variable is None:
        return {"attributeStatus": _missing(component), **said}
    key = keys.find(variable.key) if variable.key else None
    if key is not None and key.hidden:
        return {"attributeStatus": "Rejected", **said}
    value = variable.value if key is None else key.value
    return {"attributeStatus": "Accepted", "attributeValue": value, **said}


def change(keys: KeyTable, row: Mapping[str, Mapping[str, str]], value: str) -> Payload:
    """Obey one SetVariableData; return its SetVariableResult."""
    component, name = _names(row)
    variable = VARIABLES.get((component, name))
    if variable is None:
        status = _missing(component)
    elif not variable.key:
        status = "Rejected"
    else:
        status = SAID[keys.change(variable.key, value)]
    return {
        "attributeStatus": status,
        "component": row["component"],
        "variable": row["variable"],
    }


def report(keys: KeyTable, *, monitored: bool) -> list[Payload]:
    """Return all variables as ReportDataType; `monitored`: whether they can be."""
    rows: list[Payload] = []
    for (component, name), variable in VARIABLES.items():
        key = keys.find(variable.key) if variable.key else None
        attribute: Payload = {
            "mutability": "ReadOnly" if key is None or key.readonly else "ReadWrite"
        }
        if key is not None and key.hidden:
            attribute["mutability"] = "WriteOnly"
        else:
            attribute["value"] = variable.value if key is None else key.value
        rows.append(
            {
                "component": {"name": component},
                "variable": {"name": name},
                "variableAttribute": [attribute],
                "variableCharacteristics": {
                    "dataType": variable.kind,
                    "supportsMonitoring": monitored,
                },
            }
        )
    return rows
