"""The Reservation profile: OCPP 1.6 edition 2, sections 5.1 and 5.13."""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    Outbound("CancelReservation", idempotent=True, priority=Priority.DRIVER, section="5.1"),
    # A reservation of the same id is replaced.
    Outbound("ReserveNow", idempotent=True, priority=Priority.DRIVER, section="5.13"),
)
