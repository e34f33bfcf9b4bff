"""Functional block K: what 2.1 adds to charging profiles."""

from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import member, notice, question
from protocol.v201.writing import status
from protocol.version import Inbound, Outbound

INBOUND = (
    Inbound(
        "NotifyPriorityCharging",
        notice("NotifyPriorityCharging", member("transactionId")),
        nothing,
        "K22",
    ),
    Inbound(
        "PullDynamicScheduleUpdate",
        question("PullDynamicScheduleUpdate", member("chargingProfileId")),
        status,
        "K28",
    ),
)

OUTBOUND = (
    Outbound("UpdateDynamicSchedule", idempotent=True, priority=Priority.SAFETY, section="K28"),
    Outbound("UsePriorityCharging", idempotent=True, priority=Priority.DRIVER, section="K21"),
)
