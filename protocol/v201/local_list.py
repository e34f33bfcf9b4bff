"""Functional block D: the local authorization list."""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    Outbound(
        "GetLocalListVersion",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="D02",
        yes=frozenset(),
    ),
    Outbound(
        "SendLocalList",
        # The second copy of a differential update is answered VersionMismatch.
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="D01",
    ),
)
