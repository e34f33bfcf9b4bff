"""Functional block C: authorization."""

from collections.abc import Mapping
from typing import Any

from domain.answers import Answer, AuthorizationAnswer
from domain.commands import Priority
from domain.reports import AuthorizationAsked, CertificateHash
from protocol.common import expect
from protocol.fields import Fields
from protocol.reading import Reading
from protocol.v201.writing import id_token_info
from protocol.version import Inbound, Outbound

HASHES_MAX = 8
"""Certificates of one chain; the schema allows four."""


def read_token(said: object, reading: Reading, flags: list[str], path: str) -> tuple[str, str]:
    """Return the token and its type (IdTokenType); a bare text is taken for one of 1.6."""
    if isinstance(said, str):
        flags.append(f"coerced:{path.rstrip('/')}")
        said = {"idToken": said}
    fields = Fields(said, reading, flags, path)
    return fields.text("idToken", None, reading.limits.token_length_max), fields.text("type")


def read_authorize(payload: Mapping[str, Any], reading: Reading) -> AuthorizationAsked:
    """Read Authorize (C01 to C08): a token, and the contract's certificate of Plug & Charge."""
    fields = Fields(payload, reading)
    token, kind = read_token(fields.get("idToken"), reading, fields.flags, "/idToken/")
    said = fields.get("iso15118CertificateHashData")
    hashes = tuple(
        read_hash(Fields(each, reading)) for each in (said if isinstance(said, list) else ())
    )
    return AuthorizationAsked(
        token,
        kind,
        fields.text("certificate", "", reading.limits.text_length_max),
        hashes[:HASHES_MAX],
    )


def read_hash(fields: Fields) -> CertificateHash:
    """Read OCSPRequestDataType."""
    return CertificateHash(
        fields.text("hashAlgorithm"),
        fields.text("issuerNameHash"),
        fields.text("issuerKeyHash"),
        fields.text("serialNumber"),
        fields.text("responderURL", "", fields.reading.limits.text_length_max),
    )


def write_authorize(answer: Answer) -> dict[str, Any]:
    """Write the answer to Authorize."""
    token = expect(answer, AuthorizationAnswer).token
    payload: dict[str, Any] = {"idTokenInfo": id_token_info(token)}
    if token.certificate_status:
        payload["certificateStatus"] = token.certificate_status
    return payload


INBOUND = (Inbound("Authorize", read_authorize, write_authorize, "C01"),)

OUTBOUND = (Outbound("ClearCache", idempotent=True, priority=Priority.OPERATOR, section="C11"),)
