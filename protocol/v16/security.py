"""The security extension: "Improved security for OCPP 1.6-J", edition 3, chapters 3 to 5."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from domain.commands import Priority
from domain.events import FirmwareStatusReported
from domain.reports import CertificateAsked
from protocol.common import nothing, read_log_status, read_security_event, write_sign_certificate
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.version import ACCEPTED_CANCELED, Follow, Inbound, Outbound


def read_sign_certificate(payload: Mapping[str, Any], reading: Reading) -> CertificateAsked:
    """Read SignCertificate.req (section 5.17)."""
    return CertificateAsked(
        Fields(payload, reading).text("csr", None, reading.limits.text_length_max)
    )


def read_signed_firmware_status(
    payload: Mapping[str, Any], reading: Reading
) -> FirmwareStatusReported:
    """Read SignedFirmwareStatusNotification.req (section 5.19)."""
    fields = Fields(payload, reading)
    return FirmwareStatusReported(
        status=fields.text("status", None),
        request=fields.integer("requestId", 0, INT32_MIN),
        signed=True,
    )


EXTENDED_REQUESTED: Mapping[str, Follow] = MappingProxyType(
    {
        "BootNotification": Follow.BOOTED,
        "FirmwareStatusNotification": Follow.FIRMWARE_REPORTED,
        "Heartbeat": Follow.HEARTBEAT_RECEIVED,
        "LogStatusNotification": Follow.LOG_REPORTED,
        "MeterValues": Follow.METER_REPORTED,
        "SignChargePointCertificate": Follow.CERTIFICATE_ASKED,
        "StatusNotification": Follow.STATUS_REPORTED,
    }
)
"""What an extended trigger leads to, by requestedMessage (MessageTriggerEnumType)."""

INBOUND = (
    Inbound("LogStatusNotification", read_log_status, nothing, "security 5.13"),
    Inbound(
        "SecurityEventNotification",
        read_security_event,
        nothing,
        "security 5.15",
        secret_request=True,
    ),
    Inbound("SignCertificate", read_sign_certificate, write_sign_certificate, "security 5.17"),
    Inbound(
        "SignedFirmwareStatusNotification",
        read_signed_firmware_status,
        nothing,
        "security 5.19",
    ),
)

OUTBOUND = (
    Outbound(
        "CertificateSigned",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="security 5.1",
        admin=True,
    ),
    Outbound(
        "DeleteCertificate",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="security 5.3",
        admin=True,
    ),
    Outbound(
        "ExtendedTriggerMessage",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="security 5.5",
        follow=Follow.REQUESTED_MESSAGE,
        requested=EXTENDED_REQUESTED,
    ),
    Outbound(
        "GetInstalledCertificateIds",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="security 5.7",
        # NotFound is an answer too: no certificate of this kind is installed.
        yes=frozenset({"accepted", "notfound"}),
    ),
    Outbound(
        "GetLog",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="security 5.9",
        follow=Follow.LOG_REPORTED,
        yes=ACCEPTED_CANCELED,
        secret_request=True,
    ),
    Outbound(
        "InstallCertificate",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="security 5.11",
        admin=True,
    ),
    Outbound(
        "SignedUpdateFirmware",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="security 5.21",
        follow=Follow.FIRMWARE_REPORTED,
        yes=ACCEPTED_CANCELED,
        secret_request=True,
        admin=True,
    ),
)
