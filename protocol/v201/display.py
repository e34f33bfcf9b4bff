"""Functional block O: messages on the display."""

from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import notice
from protocol.version import Follow, Inbound, Outbound

INBOUND = (Inbound("NotifyDisplayMessages", notice("NotifyDisplayMessages"), nothing, "O03"),)

OUTBOUND = (
    Outbound("ClearDisplayMessage", idempotent=True, priority=Priority.OPERATOR, section="O05"),
    Outbound(
        "GetDisplayMessages",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="O03",
        follow=Follow.DISPLAY_REPORTED,
    ),
    # A message of the same id is replaced.
    Outbound("SetDisplayMessage", idempotent=True, priority=Priority.OPERATOR, section="O01"),
)
