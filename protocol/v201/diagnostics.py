"""Functional block N: logs, monitoring, customer information."""

from domain.commands import Priority
from protocol.common import nothing, read_log_status
from protocol.v201.monitors import (
    learn_base,
    learn_cleared,
    learn_level,
    learn_set,
    read_monitors,
)
from protocol.v201.notice import notice
from protocol.v201.variables import read_event
from protocol.version import ACCEPTED_CANCELED, Follow, Inbound, Outbound

INBOUND = (
    Inbound("LogStatusNotification", read_log_status, nothing, "N01"),
    Inbound(
        "NotifyCustomerInformation",
        notice("NotifyCustomerInformation", at="generatedAt"),
        nothing,
        "N09",
        personal=frozenset({"data"}),
    ),
    Inbound("NotifyEvent", read_event, nothing, "N07", secret_request=True),
    Inbound("NotifyMonitoringReport", read_monitors, nothing, "N02"),
)

OUTBOUND = (
    Outbound(
        "ClearVariableMonitoring",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="N06",
        # NotFound: there is none of that number, as was wanted.
        yes=frozenset({"accepted", "notfound"}),
        each=("clearMonitoringResult", "status"),
        learn=learn_cleared,
    ),
    Outbound(
        "CustomerInformation",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="N09",
        follow=Follow.CUSTOMER_REPORTED,
        admin=True,
    ),
    Outbound(
        "GetLog",
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="N01",
        follow=Follow.LOG_REPORTED,
        yes=ACCEPTED_CANCELED,
        secret_request=True,
    ),
    Outbound(
        "GetMonitoringReport",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="N02",
        follow=Follow.MONITORS_REPORTED,
    ),
    Outbound(
        "SetMonitoringBase",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="N03",
        learn=learn_base,
    ),
    Outbound(
        "SetMonitoringLevel",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="N05",
        learn=learn_level,
    ),
    Outbound(
        "SetVariableMonitoring",
        # A monitor without a number is a new one each time.
        idempotent=False,
        priority=Priority.OPERATOR,
        section="N04",
        each=("setMonitoringResult", "status"),
        learn=learn_set,
    ),
)
