"""Messages of 2.0.1 in a DataTransfer: "Using ISO 15118 Plug & Charge with OCPP 1.6", 2020.

`vendorId` says that it is one, `messageId` is the action, `data` its payload as JSON text; the
answer's `data` likewise. So each is read and written by its row of 2.0.1, and is the same report to
everybody else. Anything that is not one of these is a DataTransfer like any other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from domain.answers import Answer, AuthorizationAnswer, CertificateAnswer, StatusAnswer
from domain.reports import CertificateAsked, Report
from protocol.common import read_data_transfer, write_data_transfer
from protocol.reading import Reading
from protocol.v201 import authorization, certificates, security
from protocol.version import Inbound

VENDOR = "org.openchargealliance.iso15118pnc"
"""Section 3 of the note."""

MESSAGES: Mapping[str, Inbound] = MappingProxyType(
    {
        row.action: row
        for row in (*authorization.INBOUND, *certificates.INBOUND, *security.INBOUND)
        if row.action
        in {"Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"}
    }
)
"""messageId -> its row of 2.0.1."""

WRITERS: Mapping[type, Inbound] = MappingProxyType(
    {
        AuthorizationAnswer: MESSAGES["Authorize"],
        CertificateAnswer: MESSAGES["SignCertificate"],
        StatusAnswer: MESSAGES["GetCertificateStatus"],
    }
)
"""Kind of answer -> the row that writes it."""

PERSONAL = frozenset[str]().union(*(row.personal for row in MESSAGES.values()))
HIDDEN_ANSWER = frozenset[str]().union(*(row.hidden_answer for row in MESSAGES.values()))
"""Members within `data` that the message log does not show, as with 2.0.1 itself."""

_encode = msgspec.json.Encoder().encode


def read(payload: Mapping[str, Any], reading: Reading) -> Report:
    """Read DataTransfer.req (1.6 section 6.15): what is in it, or the transfer itself."""
    if not isinstance(payload, dict):
        return read_data_transfer(payload, reading)
    row = MESSAGES.get(str(payload.get("messageId")))
    if row is None or str(payload.get("vendorId")).casefold() != VENDOR:
        return read_data_transfer(payload, reading)
    inner = _inner(payload.get("data"))
    if inner is None:
        return read_data_transfer(payload, reading)
    report = row.read(inner, reading)
    if isinstance(report, CertificateAsked) and not report.kind:
        # The charger's own certificate is asked for by 1.6's own message.
        report = msgspec.structs.replace(report, kind="V2GCertificate")
    return report


def _inner(data: object) -> dict[str, Any] | None:
    """Return the JSON object in `data`; chargers also send it as an object."""
    if isinstance(data, dict):
        return data
    if not isinstance(data, str):
        return None
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found if isinstance(found, dict) else None


def write(answer: Answer) -> dict[str, Any]:
    """Write DataTransfer.conf (1.6 section 6.16)."""
    row = WRITERS.get(type(answer))
    if row is None:
        return write_data_transfer(answer)
    return {"status": "Accepted", "data": _encode(row.write(answer)).decode()}
