"""Reservations (OCPP 1.6 sections 5.3 and 5.13)."""

from collections.abc import Mapping

from csms.simulator.connector import Reservation
from csms.simulator.face import LATER_S, ChargerFace, Command, Request, answer, settle_later
from csms.simulator.instants import US_PER_S, from_iso
from csms.simulator.outbox import Payload

UNPLUGGED = frozenset({"Available", "Reserved"})


def reserve_now(charger: ChargerFace, request: Request) -> Payload:
    """Keep a free connector for a token until the expiry date."""
    connector = charger.connectors.get(request["connectorId"])
    if connector is None:
        return answer("Rejected")
    if not connector.operative:
        return answer("Unavailable")
    if connector.status not in UNPLUGGED or (
        connector.reservation is not None
        and connector.reservation.number != request["reservationId"]
    ):
        return answer("Occupied")
    until_us = from_iso(str(request["expiryDate"]), charger.now_us)
    reservation = Reservation(request["reservationId"], str(request["idTag"]), until_us)
    connector.reservation = reservation
    charger.after(LATER_S, lambda _now_us: charger.settle(connector))

    def expire(_now_us: int) -> None:
        if connector.reservation is reservation:
            connector.reservation = None
            if connector.vehicle is None:
                charger.settle(connector)

    charger.after(max(0.0, (until_us - charger.now_us) / US_PER_S), expire)
    return answer("Accepted")


def cancel_reservation(charger: ChargerFace, request: Request) -> Payload:
    """Forget a reservation."""
    for connector in charger.connectors.values():
        reservation = connector.reservation
        if reservation is not None and reservation.number == request["reservationId"]:
            connector.reservation = None
            if connector.vehicle is None:
                settle_later(charger, connector)
            return answer("Accepted")
    return answer("Rejected")


COMMANDS: Mapping[str, Command] = {
    "CancelReservation": cancel_reservation,
    "ReserveNow": reserve_now,
}
