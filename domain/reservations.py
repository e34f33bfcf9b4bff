"""Reservations: what became of each, as a table (OCPP 1.6 sections 5.1 and 5.13; 2.x block H)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ReservationState(StrEnum):
    """Where a reservation stands."""

    ACTIVE = "active"
    """The charger holds the connector."""
    REFUSED = "refused"
    """The charger said no: Occupied, Faulted, Unavailable or Rejected."""
    UNKNOWN = "unknown"
    """It was asked for, or asked to be cancelled, and no answer came: it may hold."""
    USED = "used"
    """A transaction has begun with it."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its time has passed, or the charger said so."""
    REMOVED = "removed"
    """The charger has given it up, or does not know it."""
    NO_TRANSACTION = "no_transaction"
    """It was used, and no transaction has begun (2.1)."""


class Happening(StrEnum):
    """What is told of a reservation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    CANCELLED = "cancelled"
    CANCEL_REFUSED = "cancel_refused"
    """The charger does not know it."""
    CANCEL_UNANSWERED = "cancel_unanswered"
    USED = "used"
    TOLD_EXPIRED = "told_expired"
    TOLD_REMOVED = "told_removed"
    TOLD_NO_TRANSACTION = "told_no_transaction"


_S, _H = ReservationState, Happening
_HOLDS = (_S.ACTIVE, _S.UNKNOWN)
_ENDS: Mapping[Happening, ReservationState] = {
    _H.CANCELLED: _S.CANCELLED,
    _H.CANCEL_REFUSED: _S.REMOVED,
    _H.CANCEL_UNANSWERED: _S.UNKNOWN,
    _H.TOLD_EXPIRED: _S.EXPIRED,
    _H.TOLD_REMOVED: _S.REMOVED,
    _H.TOLD_NO_TRANSACTION: _S.NO_TRANSACTION,
}
# A transaction may be told long after it began: it proves more than what was told before.
_USABLE = (*_HOLDS, _S.CANCELLED, _S.EXPIRED, _S.REMOVED, _S.NO_TRANSACTION)

NEXT: Mapping[tuple[ReservationState, Happening], ReservationState] = MappingProxyType(
    {(before, what): after for before in _HOLDS for what, after in _ENDS.items()}
    | {(before, _H.USED): _S.USED for before in _USABLE}
)
"""What follows from what is told; a missing key leaves the reservation as it is."""

BEGINS: Mapping[Happening, ReservationState] = MappingProxyType(
    {_H.ACCEPTED: _S.ACTIVE, _H.REFUSED: _S.REFUSED, _H.UNANSWERED: _S.UNKNOWN}
)
"""How a reservation begins. The same number again is another reservation in the place of it."""

TOLD: Mapping[str, Happening] = MappingProxyType(
    {
        "expired": _H.TOLD_EXPIRED,
        "removed": _H.TOLD_REMOVED,
        "notransaction": _H.TOLD_NO_TRANSACTION,
    }
)
"""ReservationUpdateStatusEnumType in lower case -> what it means."""


def begun(status: str) -> Happening:
    """Return what an answer to ReserveNow means; empty: there was none."""
    if not status:
        return Happening.UNANSWERED
    return Happening.ACCEPTED if _is_yes(status) else Happening.REFUSED


def cancelled(status: str) -> Happening:
    """Return what an answer to CancelReservation means; empty: there was none."""
    if not status:
        return Happening.CANCEL_UNANSWERED
    return Happening.CANCELLED if _is_yes(status) else Happening.CANCEL_REFUSED


def _is_yes(status: str) -> bool:
    return status.strip().casefold() == "accepted"


def holds(before: ReservationState, what: Happening) -> bool:
    """Return whether an answer to ReserveNow leaves the one of the same number as it was.

    (1.6 section 5.13, H01: it is replaced when the new one is accepted.)
    """
    return what is Happening.REFUSED and before in _HOLDS
