"""What is sent to change a charger's security, by version, and what its answer means. Pure.

1.6: "Improved security for OCPP 1.6-J" edition 3, sections 2.5 (keys), 2.6 (profiles) and 5; for
the roots of ISO 15118 the note "Using ISO 15118 Plug & Charge with OCPP 1.6" over DataTransfer.
2.x: A01 (keys), A05 with B09 and B10 (profiles), M03 to M05 (roots).
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from domain.commands import CommandResult, Outcome
from domain.errors import InvalidInput

PNC_VENDOR = "org.openchargealliance.iso15118pnc"
"""vendorId of the messages of 2.0.1 that travel in a DataTransfer of 1.6."""

OCPP_16, OCPP_201, OCPP_21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"


class Verdict(StrEnum):
    """What a charger made of a step."""

    TAKEN = "taken"
    REFUSED = "refused"
    """It said no, or never got it: nothing has changed."""
    UNKNOWN = "unknown"
    """It may have done it: the answer was lost, came too late, or it must reboot first."""


class Step(NamedTuple):
    """One call to a charger."""

    action: str
    payload: dict[str, object]


REFUSED_CODES = frozenset(
    {
        "notimplemented",
        "notsupported",
        "securityerror",
        "formationviolation",
        "formatviolation",
        "propertyconstraintviolation",
        "typeconstraintviolation",
        "occurenceconstraintviolation",
        "occurrenceconstraintviolation",
    }
)
"""CALLERRORs of a call that was not carried out. Any other one may come after half of the work."""

TAKEN_STATUSES = frozenset({"accepted"})
LATER_STATUSES = frozenset({"rebootrequired"})


def verdict(result: CommandResult | None) -> Verdict:
    """Return what a charger made of a step; None: it was not connected."""
    if result is None or result.outcome in {Outcome.REFUSED, Outcome.EXPIRED}:
        return Verdict.REFUSED
    if result.outcome in {Outcome.ACCEPTED, Outcome.REJECTED}:
        said = status(result.response or {})
        if said in TAKEN_STATUSES:
            return Verdict.TAKEN
        return Verdict.UNKNOWN if said in LATER_STATUSES else Verdict.REFUSED
    if result.outcome == Outcome.ERROR and result.error_code.casefold() in REFUSED_CODES:
        return Verdict.REFUSED
    return Verdict.UNKNOWN


def status(response: Mapping[str, Any]) -> str:
    """Return the status in an answer, in lower case; that of the first variable for SetVariables.

    A status inside the data of an accepted DataTransfer counts instead of the outer one.
    """
    results = response.get("setVariableResult")
    if isinstance(results, list) and results and isinstance(results[0], dict):
        return str(results[0].get("attributeStatus", "")).casefold()
    inner = inside(response)
    return str((inner or response).get("status", "")).casefold()


def inside(response: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON object in the data of a DataTransfer's answer, if there is one."""
    data = response.get("data")
    if not isinstance(data, str):
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def set_variable(component: str, variable: str, value: str) -> Step:
    """Return SetVariables of one variable (B05)."""
    one = {
        "component": {"name": component},
        "variable": {"name": variable},
        "attributeValue": value,
    }
    return Step("SetVariables", {"setVariableData": [one]})


def new_key(subprotocol: str, key: str) -> Step:
    """Return what gives a charger a new key (A01)."""
    if subprotocol == OCPP_16:
        return Step("ChangeConfiguration", {"key": "AuthorizationKey", "value": key})
    return set_variable("SecurityCtrlr", "BasicAuthPassword", key)


class Network(NamedTuple):
    """Where a charger of 2.x comes to with its new profile (B09)."""

    url: str
    slot: int = 2
    interface: str = "Wired0"
    timeout_s: int = 30


def higher_profile(subprotocol: str, profile: int, network: Network | None) -> tuple[Step, ...]:
    """Return what makes a charger come with a higher security profile (A05).

    Raises:
        InvalidInput: 2.x without a network profile.
    """
    if subprotocol == OCPP_16:
        return (Step("ChangeConfiguration", {"key": "SecurityProfile", "value": str(profile)}),)
    if network is None:
        raise InvalidInput("network", f"must be given for a charger of {subprotocol}")
    connection: dict[str, object] = {
        "ocppTransport": "JSON",
        "ocppCsmsUrl": network.url,
        "messageTimeout": network.timeout_s,
        "securityProfile": profile,
        "ocppInterface": network.interface,
    }
    if subprotocol == OCPP_201:
        connection["ocppVersion"] = "OCPP20"
    slot = {"configurationSlot": network.slot, "connectionData": connection}
    return (
        Step("SetNetworkProfile", slot),
        set_variable("OCPPCommCtrlr", "NetworkConfigurationPriority", str(network.slot)),
    )


def boot_again(subprotocol: str) -> Step:
    """Return what makes a Pending charger send BootNotification now."""
    del subprotocol  # all versions spell it alike
    return Step("TriggerMessage", {"requestedMessage": "BootNotification"})


class Kind(NamedTuple):
    """What a root is called in each version; empty: the version has none."""

    v16: str
    v2: str
    pnc: bool = False
    """1.6: by DataTransfer, under the name of 2.x."""


KINDS: Mapping[str, Kind] = {
    "csms": Kind("CentralSystemRootCertificate", "CSMSRootCertificate"),
    "manufacturer": Kind("ManufacturerRootCertificate", "ManufacturerRootCertificate"),
    "v2g": Kind("", "V2GRootCertificate", pnc=True),
    "mo": Kind("", "MORootCertificate", pnc=True),
}
"""Our word -> wire names (InstallCertificateUseEnumType)."""


def _rooted(
    subprotocol: str, kind: str, action: str, build: Callable[[str], dict[str, object]]
) -> Step:
    row = KINDS.get(kind)
    if row is None:
        raise InvalidInput("kind", f"must be one of {', '.join(KINDS)}")
    if subprotocol != OCPP_16:
        return Step(action, build(row.v2))
    if row.pnc:
        return in_data_transfer(action, build(row.v2))
    return Step(action, build(row.v16))


def in_data_transfer(message: str, payload: Mapping[str, object]) -> Step:
    """Return a message of 2.0.1 as a DataTransfer of 1.6 (note, section 3)."""
    data = json.dumps(payload, separators=(",", ":"))
    return Step("DataTransfer", {"vendorId": PNC_VENDOR, "messageId": message, "data": data})


def install(subprotocol: str, kind: str, pem: str) -> Step:
    """Return InstallCertificate (M05; 1.6 security 5.11).

    Raises:
        InvalidInput: there is no such kind.
    """
    return _rooted(
        subprotocol,
        kind,
        "InstallCertificate",
        lambda name: {"certificateType": name, "certificate": pem},
    )


def installed(subprotocol: str, kind: str) -> Step:
    """Return GetInstalledCertificateIds for one kind (M03; 1.6 security 5.7).

    Raises:
        InvalidInput: there is no such kind.
    """
    is_single = subprotocol == OCPP_16 and not KINDS.get(kind, KINDS["csms"]).pnc
    return _rooted(
        subprotocol,
        kind,
        "GetInstalledCertificateIds",
        lambda name: {"certificateType": name if is_single else [name]},
    )


def delete(subprotocol: str, kind: str, hashed: Mapping[str, object]) -> Step:
    """Return DeleteCertificate (M04; 1.6 security 5.3).

    Raises:
        InvalidInput: there is no such kind.
    """
    return _rooted(
        subprotocol,
        kind,
        "DeleteCertificate",
        lambda _name: {"certificateHashData": dict(hashed)},
    )


HASH_FIELDS = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")


def hashes(response: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the certificateHashData of an answer of any version. Never raises."""
    answer = inside(response) or response
    chains = answer.get("certificateHashDataChain")
    found = answer.get("certificateHashData")
    if isinstance(chains, list):
        found = [each.get("certificateHashData") for each in chains if isinstance(each, dict)]
    return [
        {name: str(each.get(name, "")) for name in HASH_FIELDS}
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict)
    ]
