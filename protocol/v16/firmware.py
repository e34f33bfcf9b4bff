"""The Firmware Management profile: OCPP 1.6 edition 2, sections 4.4, 4.5, 5.9 and 5.19."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import DiagnosticsStatusReported, FirmwareStatusReported
from protocol.common import nothing
from protocol.fields import Fields
from protocol.reading import Reading
from protocol.version import Follow, Inbound, Outbound


def read_diagnostics_status(
    payload: Mapping[str, Any], reading: Reading
) -> DiagnosticsStatusReported:
    """Read DiagnosticsStatusNotification.req (section 6.17)."""
    return DiagnosticsStatusReported(Fields(payload, reading).text("status", None))


def read_firmware_status(payload: Mapping[str, Any], reading: Reading) -> FirmwareStatusReported:
    """Read FirmwareStatusNotification.req (section 6.19)."""
    return FirmwareStatusReported(Fields(payload, reading).text("status", None))


INBOUND = (
    Inbound("DiagnosticsStatusNotification", read_diagnostics_status, nothing, "4.4"),
    Inbound("FirmwareStatusNotification", read_firmware_status, nothing, "4.5"),
)

OUTBOUND = (
    Outbound(
        "GetDiagnostics",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="5.9",
        follow=Follow.DIAGNOSTICS_REPORTED,
        yes=frozenset(),
        secret_request=True,
    ),
    Outbound(
        "UpdateFirmware",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="5.19",
        follow=Follow.FIRMWARE_REPORTED,
        yes=frozenset(),
        secret_request=True,
    ),
)
