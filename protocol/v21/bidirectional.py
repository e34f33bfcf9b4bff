"""Functional block Q: bidirectional power (V2X)."""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    Outbound("AFRRSignal", idempotent=True, priority=Priority.SAFETY, section="Q08"),
    Outbound(
        "NotifyAllowedEnergyTransfer", idempotent=True, priority=Priority.DRIVER, section="Q02"
    ),
)
