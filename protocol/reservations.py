"""A reservation in words that no OCPP version owns; each version writes its ReserveNow."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.events import ReservationTold, TimeQuality
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading, ReadingLimits
from protocol.time import read_time

NUMBER_MAX = 2**31 - 1


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """What is to be reserved."""

    number: int
    """Ours to choose, 1 to NUMBER_MAX; a charger replaces the one that has the same."""
    token: str
    expires_us: int
    connector: int = 0
    """2.x: the EVSE. 0: any."""
    connector_type: str = ""
    token_kind: str = ""
    group: str = ""
    """Any token of this group may use it too; empty: only the token."""


WriteReservation = Callable[[Reservation], dict[str, Any]]


def cancel_payload(number: int) -> dict[str, Any]:
    """Return the payload of CancelReservation, the same in all versions."""
    return {"reservationId": number}


_ANY_FUTURE = ReadingLimits(future_max_s=100 * 366 * 86_400)
"""A reservation may end later than any report of a charger can be of."""


def read_expiry(raw: object, reading: Reading) -> int:
    """Return until when a reservation holds; 0: it does not say."""
    at_us, quality = read_time(raw, Reading(reading.received_us, reading.zone, limits=_ANY_FUTURE))
    return 0 if quality in (TimeQuality.MISSING, TimeQuality.ABSURD) else at_us


def learn_cancelled(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> ReservationTold:
    """Read the answer to CancelReservation (1.6 section 6.8; 2.x H02); empty: there was none."""
    number = Fields(request, reading).integer("reservationId", None, INT32_MIN)
    return ReservationTold(number, Fields(response, reading).text("status"), cancels=True)
