"""The Remote Trigger profile: OCPP 1.6 edition 2, section 5.17."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.commands import Priority
from protocol.version import Follow, Outbound

REQUESTED: Mapping[str, Follow] = MappingProxyType(
    {
        "BootNotification": Follow.BOOTED,
        "DiagnosticsStatusNotification": Follow.DIAGNOSTICS_REPORTED,
        "FirmwareStatusNotification": Follow.FIRMWARE_REPORTED,
        "Heartbeat": Follow.HEARTBEAT_RECEIVED,
        "MeterValues": Follow.METER_REPORTED,
        "StatusNotification": Follow.STATUS_REPORTED,
    }
)
"""What a trigger leads to, by requestedMessage (section 7.32)."""

OUTBOUND = (
    Outbound(
        "TriggerMessage",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="5.17",
        follow=Follow.REQUESTED_MESSAGE,
        requested=REQUESTED,
    ),
)
