"""Functional block H: reservations."""

from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import member, notice
from protocol.version import Inbound, Outbound

INBOUND = (
    Inbound(
        "ReservationStatusUpdate",
        notice(
            "ReservationStatusUpdate",
            member("reservationId"),
            status="reservationUpdateStatus",
            request="reservationId",
        ),
        nothing,
        "H04",
    ),
)

OUTBOUND = (
    Outbound("CancelReservation", idempotent=True, priority=Priority.DRIVER, section="H02"),
    # A reservation of the same id is replaced.
    Outbound("ReserveNow", idempotent=True, priority=Priority.DRIVER, section="H01"),
)
