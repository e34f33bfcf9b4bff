"""Functional block H: reservations."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import ReservationTold
from protocol.common import nothing
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.reservations import Reservation, learn_cancelled, read_expiry
from protocol.time import write_time
from protocol.v201.authorization import read_token
from protocol.v201.local_list import ANY_TYPE
from protocol.v201.notice import member, notice
from protocol.v201.writing import GROUP_KIND
from protocol.version import Inbound, Outbound


def write_reservation(wanted: Reservation) -> dict[str, Any]:
    """Write ReserveNow (H01, H03): for an EVSE, a type of connector, or any of them."""
    payload: dict[str, Any] = {
        "id": wanted.number,
        "expiryDateTime": write_time(wanted.expires_us),
        "idToken": {"idToken": wanted.token, "type": wanted.token_kind or ANY_TYPE},
    }
    if wanted.connector:
        payload["evseId"] = wanted.connector
    if wanted.connector_type:
        payload["connectorType"] = wanted.connector_type
    if wanted.group:
        payload["groupIdToken"] = {"idToken": wanted.group, "type": GROUP_KIND}
    return payload


def learn_reserved(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> ReservationTold:
    """Read the answer to ReserveNow (H01); empty: there was none."""
    asked = Fields(request, reading)
    token, kind = read_token(asked.get("idToken"), reading, asked.flags, "/idToken/")
    group = asked.get("groupIdToken")
    return ReservationTold(
        number=asked.integer("id", None, INT32_MIN),
        status=Fields(response, reading).text("status"),
        connector=asked.integer("evseId"),
        connector_type=asked.text("connectorType"),
        token=token,
        token_kind=kind,
        group="" if group is None else read_token(group, reading, asked.flags, "/groupIdToken/")[0],
        expires_us=read_expiry(asked.get("expiryDateTime"), reading),
    )


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
    Outbound(
        "CancelReservation",
        idempotent=True,
        priority=Priority.DRIVER,
        section="H02",
        learn=learn_cancelled,
        learn_silence=True,
    ),
    # A reservation of the same id is replaced.
    Outbound(
        "ReserveNow",
        idempotent=True,
        priority=Priority.DRIVER,
        section="H01",
        learn=learn_reserved,
        learn_silence=True,
        learn_refusal=True,
    ),
)
