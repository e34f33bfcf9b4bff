"""The Local Auth List Management profile: OCPP 1.6 edition 2, sections 5.10 and 5.15."""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    Outbound(
        "GetLocalListVersion",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="5.10",
        yes=frozenset(),
    ),
    Outbound(
        "SendLocalList",
        # The second copy of a differential update is answered VersionMismatch.
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="5.15",
    ),
)
