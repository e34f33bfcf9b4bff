"""Functional block S: battery swapping."""

from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import member, notice
from protocol.version import Follow, Inbound, Outbound

INBOUND = (
    Inbound(
        "BatterySwap",
        notice("BatterySwap", member("idToken", "idToken"), status="eventType"),
        nothing,
        "S03",
    ),
)

OUTBOUND = (
    Outbound(
        "RequestBatterySwap",
        idempotent=False,
        priority=Priority.DRIVER,
        section="S02",
        follow=Follow.BATTERY_SWAPPED,
    ),
)
