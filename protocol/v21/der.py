"""Functional block R: control of distributed energy resources (DER)."""

from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import member, notice
from protocol.version import Follow, Inbound, Outbound

INBOUND = (
    Inbound(
        "NotifyDERAlarm",
        notice("NotifyDERAlarm", member("controlType"), status="gridEventFault", at="timestamp"),
        nothing,
        "R05",
    ),
    Inbound(
        "NotifyDERStartStop",
        notice("NotifyDERStartStop", member("controlId"), at="timestamp"),
        nothing,
        "R04",
    ),
    Inbound("ReportDERControl", notice("ReportDERControl"), nothing, "R04"),
)

OUTBOUND = (
    # NotFound: there is none of that kind, as was wanted.
    Outbound(
        "ClearDERControl",
        idempotent=True,
        priority=Priority.SAFETY,
        section="R04",
        yes=frozenset({"accepted", "notfound"}),
    ),
    Outbound(
        "GetDERControl",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="R04",
        follow=Follow.DER_REPORTED,
    ),
    # A control of the same id is replaced. It protects the grid.
    Outbound("SetDERControl", idempotent=True, priority=Priority.SAFETY, section="R04"),
)
