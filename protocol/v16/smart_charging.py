"""The Smart Charging profile: OCPP 1.6 edition 2, sections 3.13, 5.5, 5.7 and 5.16.

Limits protect fuses, so they go before everything else.
"""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    # Unknown means that no profile matched: nothing was cleared.
    Outbound("ClearChargingProfile", idempotent=True, priority=Priority.SAFETY, section="5.5"),
    Outbound("GetCompositeSchedule", idempotent=True, priority=Priority.BACKGROUND, section="5.7"),
    Outbound("SetChargingProfile", idempotent=True, priority=Priority.SAFETY, section="5.16"),
)
