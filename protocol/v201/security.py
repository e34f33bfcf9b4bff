"""Functional block A: security events, and the charging station's own certificates."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.reports import CertificateAsked
from protocol.common import nothing, read_security_event, write_sign_certificate
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.version import Inbound, Outbound


def read_sign_certificate(payload: Mapping[str, Any], reading: Reading) -> CertificateAsked:
    """Read SignCertificate (A02, A03); its number came with 2.1."""
    fields = Fields(payload, reading)
    return CertificateAsked(
        fields.text("csr", None, reading.limits.text_length_max),
        fields.text("certificateType"),
        fields.integer("requestId", 0, INT32_MIN),
    )


INBOUND = (
    Inbound("SecurityEventNotification", read_security_event, nothing, "A04", secret_request=True),
    Inbound("SignCertificate", read_sign_certificate, write_sign_certificate, "A02"),
)

OUTBOUND = (
    Outbound(
        "CertificateSigned",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="A02",
        admin=True,
    ),
)
