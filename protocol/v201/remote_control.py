"""Functional block F: starts and stops from afar, triggers, unlocking."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.commands import Priority
from protocol.version import Follow, Outbound

REQUESTED: Mapping[str, Follow] = MappingProxyType(
    {
        "BootNotification": Follow.BOOTED,
        "FirmwareStatusNotification": Follow.FIRMWARE_REPORTED,
        "Heartbeat": Follow.HEARTBEAT_RECEIVED,
        "LogStatusNotification": Follow.LOG_REPORTED,
        "MeterValues": Follow.METER_REPORTED,
        "PublishFirmwareStatusNotification": Follow.PUBLISHING_REPORTED,
        "SignChargingStationCertificate": Follow.CERTIFICATE_ASKED,
        "SignCombinedCertificate": Follow.CERTIFICATE_ASKED,
        "SignV2GCertificate": Follow.CERTIFICATE_ASKED,
        "StatusNotification": Follow.STATUS_REPORTED,
        "TransactionEvent": Follow.TRANSACTION_REPORTED,
    }
)
"""What a trigger leads to, by requestedMessage (MessageTriggerEnumType)."""

OUTBOUND = (
    Outbound(
        "RequestStartTransaction",
        idempotent=False,
        priority=Priority.DRIVER,
        section="F01",
        follow=Follow.TRANSACTION_STARTED,
    ),
    Outbound(
        "RequestStopTransaction",
        # A transaction stops once; a second request for it is rejected.
        idempotent=True,
        priority=Priority.DRIVER,
        section="F03",
        follow=Follow.TRANSACTION_STOPPED,
    ),
    Outbound(
        "TriggerMessage",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="F06",
        follow=Follow.REQUESTED_MESSAGE,
        requested=REQUESTED,
    ),
    Outbound(
        "UnlockConnector",
        idempotent=False,
        priority=Priority.DRIVER,
        section="F05",
        yes=frozenset({"unlocked"}),
    ),
)
