"""The Reservation profile: OCPP 1.6 edition 2, sections 5.1 and 5.13."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import ReservationTold
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.reservations import Reservation, learn_cancelled, read_expiry
from protocol.time import write_time
from protocol.version import Outbound


def write_reservation(wanted: Reservation) -> dict[str, Any]:
    """Write ReserveNow.req (section 6.37). A type of connector cannot be said."""
    payload = {
        "connectorId": wanted.connector,
        "expiryDate": write_time(wanted.expires_us),
        "idTag": wanted.token,
        "reservationId": wanted.number,
    }
    return payload | ({"parentIdTag": wanted.group} if wanted.group else {})


def learn_reserved(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> ReservationTold:
    """Read the answer to ReserveNow (section 6.38); empty: there was none."""
    asked = Fields(request, reading)
    return ReservationTold(
        number=asked.integer("reservationId", None, INT32_MIN),
        status=Fields(response, reading).text("status"),
        connector=asked.integer("connectorId"),
        token=asked.text("idTag", "", reading.limits.token_length_max),
        group=asked.text("parentIdTag", "", reading.limits.token_length_max),
        expires_us=read_expiry(asked.get("expiryDate"), reading),
    )


OUTBOUND = (
    Outbound(
        "CancelReservation",
        idempotent=True,
        priority=Priority.DRIVER,
        section="5.1",
        learn=learn_cancelled,
        learn_silence=True,
    ),
    # A reservation of the same id is replaced.
    Outbound(
        "ReserveNow",
        idempotent=True,
        priority=Priority.DRIVER,
        section="5.13",
        learn=learn_reserved,
        learn_silence=True,
        learn_refusal=True,
    ),
)
