"""Functional block L: firmware."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import FirmwareStatusReported
from protocol.common import nothing
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.v201.notice import notice
from protocol.version import ACCEPTED_CANCELED, Follow, Inbound, Outbound

PUBLISHING_ENDS = frozenset({"Published", "PublishFailed", "DownloadFailed", "InvalidChecksum"})
"""PublishFirmwareStatusEnumType: after these nothing more comes."""


def read_firmware_status(payload: Mapping[str, Any], reading: Reading) -> FirmwareStatusReported:
    """Read FirmwareStatusNotification (L01, L02)."""
    fields = Fields(payload, reading)
    return FirmwareStatusReported(
        fields.text("status", None), fields.integer("requestId", 0, INT32_MIN)
    )


INBOUND = (
    Inbound("FirmwareStatusNotification", read_firmware_status, nothing, "L01"),
    Inbound(
        "PublishFirmwareStatusNotification",
        notice("PublishFirmwareStatusNotification", ends=PUBLISHING_ENDS),
        nothing,
        "L03",
        secret_request=True,
    ),
)

OUTBOUND = (
    Outbound(
        "PublishFirmware",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="L03",
        follow=Follow.PUBLISHING_REPORTED,
        secret_request=True,
        admin=True,
    ),
    Outbound(
        "UnpublishFirmware",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="L04",
        # NoFirmware: none of that checksum is published, as was wanted.
        yes=frozenset({"unpublished", "nofirmware"}),
    ),
    Outbound(
        "UpdateFirmware",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="L01",
        follow=Follow.FIRMWARE_REPORTED,
        yes=ACCEPTED_CANCELED,
        secret_request=True,
        admin=True,
    ),
)
