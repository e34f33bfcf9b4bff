"""The calls that make a charger fetch firmware or send a log, in the words of its version.

OCPP 1.6 sections 5.10 and 6.19 (diagnostics), 6.57 (firmware); security whitepaper 4.3 and 5.6;
OCPP 2.0.1 sections L (firmware) and N01 (logs).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from domain.errors import InvalidInput
from protocol.time import write_time

DIAGNOSTICS: Final = "DiagnosticsLog"
SECURITY: Final = "SecurityLog"
DATA_COLLECTOR: Final = "DataCollectorLog"


class Call(NamedTuple):
    """What is sent."""

    action: str
    payload: dict[str, Any]


class FirmwareWanted(NamedTuple):
    """A firmware update. Instants: microseconds UTC; `install_us` 0: when it suits the charger."""

    url: str
    request: int
    retrieve_us: int
    install_us: int = 0
    certificate: str = ""
    """PEM of the manufacturer's signing certificate; empty: not signed."""
    signature: str = ""
    """Base64."""
    retries: int = 3
    retry_s: int = 120


class LogWanted(NamedTuple):
    """A log. `oldest_us` and `latest_us`: only of that time; 0: no limit."""

    url: str
    request: int
    kind: str
    oldest_us: int = 0
    latest_us: int = 0
    retries: int = 3
    retry_s: int = 120


def _firmware(wanted: FirmwareWanted) -> dict[str, Any]:
    firmware: dict[str, Any] = {
        "location": wanted.url,
        "retrieveDateTime": write_time(wanted.retrieve_us),
    }
    if wanted.install_us:
        firmware["installDateTime"] = write_time(wanted.install_us)
    if wanted.signature:
        firmware |= {"signingCertificate": wanted.certificate, "signature": wanted.signature}
    return {
        "requestId": wanted.request,
        "retries": wanted.retries,
        "retryInterval": wanted.retry_s,
        "firmware": firmware,
    }


def _firmware_16(wanted: FirmwareWanted) -> Call:
    if wanted.signature:
        return Call("SignedUpdateFirmware", _firmware(wanted))
    if wanted.install_us:
        raise InvalidInput("install_at", "must be left out: UpdateFirmware of OCPP 1.6 has it not")
    return Call(
        "UpdateFirmware",
        {
            "location": wanted.url,
            "retrieveDate": write_time(wanted.retrieve_us),
            "retries": wanted.retries,
            "retryInterval": wanted.retry_s,
        },
    )


def _log(wanted: LogWanted) -> Call:
    log: dict[str, Any] = {"remoteLocation": wanted.url}
    if wanted.oldest_us:
        log["oldestTimestamp"] = write_time(wanted.oldest_us)
    if wanted.latest_us:
        log["latestTimestamp"] = write_time(wanted.latest_us)
    return Call(
        "GetLog",
        {
            "logType": wanted.kind,
            "requestId": wanted.request,
            "retries": wanted.retries,
            "retryInterval": wanted.retry_s,
            "log": log,
        },
    )


def _log_16(wanted: LogWanted) -> Call:
    if wanted.kind == SECURITY:
        return _log(wanted)
    payload: dict[str, Any] = {
        "location": wanted.url,
        "retries": wanted.retries,
        "retryInterval": wanted.retry_s,
    }
    if wanted.oldest_us:
        payload["startTime"] = write_time(wanted.oldest_us)
    if wanted.latest_us:
        payload["stopTime"] = write_time(wanted.latest_us)
    return Call("GetDiagnostics", payload)


class Row(NamedTuple):
    """How one version says it."""

    firmware: Callable[[FirmwareWanted], Call]
    log: Callable[[LogWanted], Call]
    logs: tuple[str, ...]


_V2 = Row(lambda wanted: Call("UpdateFirmware", _firmware(wanted)), _log, (DIAGNOSTICS, SECURITY))

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "ocpp1.6": Row(_firmware_16, _log_16, (DIAGNOSTICS, SECURITY)),
        "ocpp2.0.1": _V2,
        "ocpp2.1": _V2._replace(logs=(DIAGNOSTICS, SECURITY, DATA_COLLECTOR)),
    }
)
"""By subprotocol."""


def row_of(subprotocol: str) -> Row:
    """Return how a version says it.

    Raises:
        InvalidInput: the charger has never said which version it speaks.
    """
    row = ROWS.get(subprotocol)
    if row is None:
        raise InvalidInput("charger", "must have been connected once: its version is not known")
    return row


def log_call(subprotocol: str, wanted: LogWanted) -> Call:
    """Return the call for a log.

    Raises:
        InvalidInput: `kind`, the version has no such log.
    """
    row = row_of(subprotocol)
    if wanted.kind not in row.logs:
        raise InvalidInput("kind", f"must be one of {', '.join(row.logs)} for {subprotocol}")
    return row.log(wanted)
