"""Reservations: what each report changes, and pages of them.

Laws:
    1. A reservation is known by (charger, number). The same number again, accepted later, is
       another reservation in the place of it.
    2. `domain.reservations.NEXT` says what becomes of it. What was projected before, or is older
       than the reservation itself, changes nothing.
    3. A transaction that names it may be told before the answer that made it (they may stand in two
       gateways' journals): the row then begins with its use.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import case, literal
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import NotFound
from domain.events import ReservationTold
from domain.reservations import BEGINS, NEXT, Happening, ReservationState, begun, holds
from domain.text import clean
from storage.relational import reads
from storage.relational.tables import chargers, reservations


class Reservation(msgspec.Struct, frozen=True):
    """One row."""

    id: str
    charger: str
    number: int
    state: str
    status: str = ""
    connector: int = 0
    connector_type: str = ""
    token: str = ""
    token_kind: str = ""
    parent: str = ""
    expires_us: int = 0
    transaction: int = 0
    reserved_us: int = 0
    changed_us: int = 0


class Told(NamedTuple):
    """One thing that was told of a reservation."""

    charger: str
    number: int
    at_us: int
    what: Happening | None
    """None: `answer` begins it."""
    status: str = ""
    transaction: int = 0
    answer: ReservationTold | None = None


def reservation_id(charger: str, number: int) -> str:
    """Return the id of a charger's reservation."""
    content = msgspec.msgpack.encode(("reservation", charger, number))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def after(before: Reservation | None, told: Told) -> Reservation | None:
    """Return the reservation after what was told; None: nothing changes."""
    if told.answer is not None:
        return _reserved(before, told.charger, told.answer, told.at_us)
    return _happened(before, told, told.what) if told.what is not None else None


def _reserved(
    before: Reservation | None, charger: str, told: ReservationTold, at_us: int
) -> Reservation | None:
    what = begun(told.status)
    state, changed_us, transaction = BEGINS[what], at_us, 0
    if before is not None:
        if not before.reserved_us and at_us <= before.changed_us:
            state, changed_us = ReservationState(before.state), before.changed_us
            transaction = before.transaction
        elif at_us <= before.reserved_us or holds(ReservationState(before.state), what):
            return None
    return Reservation(
        id=reservation_id(charger, told.number),
        charger=charger,
        number=told.number,
        state=state,
        status=clean(told.status, 255),
        connector=told.connector,
        connector_type=clean(told.connector_type, 255),
        token=clean(told.token, 255),
        token_kind=clean(told.token_kind, 255),
        parent=clean(told.group, 255),
        expires_us=told.expires_us,
        transaction=transaction,
        reserved_us=at_us,
        changed_us=changed_us,
    )


def _happened(before: Reservation | None, told: Told, what: Happening) -> Reservation | None:
    if before is None:
        if what is not Happening.USED:
            return None
        return Reservation(
            id=reservation_id(told.charger, told.number),
            charger=told.charger,
            number=told.number,
            state=ReservationState.USED,
            transaction=told.transaction,
            changed_us=told.at_us,
        )
    if told.at_us < before.reserved_us:
        return None
    state = NEXT.get((ReservationState(before.state), what))
    if state is None:
        return None
    return msgspec.structs.replace(
        before,
        state=state,
        status=clean(told.status, 255) or before.status,
        transaction=told.transaction or before.transaction,
        changed_us=told.at_us,
    )


def list_at(now_us: int) -> reads.List:
    """Return the list as it is at an instant: some chargers never say that a time has passed."""
    columns = reservations.c
    has_passed = (
        columns.state.in_((ReservationState.ACTIVE, ReservationState.UNKNOWN))
        & (columns.expires_us > 0)
        & (columns.expires_us <= now_us)
    )
    expired = literal(ReservationState.EXPIRED.value)
    state = case((has_passed, expired), else_=columns.state)
    return reads.List(
        source=reservations.outerjoin(chargers, chargers.c.id == columns.charger),
        columns=[
            *(column for column in reservations.columns if column.name != "state"),
            state.label("state"),
        ],
        order=columns.changed_us,
        key=columns.id,
        descending=True,
        equal={
            "id": columns.id,
            "charger": columns.charger,
            "connector": columns.connector,
            "token": columns.token,
            "number": columns.number,
            "state": state,
            "site": chargers.c.site,
            "tenant": chargers.c.tenant,
        },
        time=columns.changed_us,
    )


async def page(
    engine: AsyncEngine,
    filters: Mapping[str, object],
    *,
    now_us: int,
    cursor: str = "",
    limit: int = 100,
) -> reads.Page:
    """Return one page, the last changed first; see `reads.page`."""
    return await reads.page_of(engine, list_at(now_us), filters, cursor=cursor, limit=limit)


async def get(engine: AsyncEngine, name: str, *, now_us: int) -> dict[str, Any]:
    """Return one reservation by its id.

    Raises:
        NotFound: there is none.
        Unavailable: the store is away.
    """
    found = await page(engine, {"id": name}, now_us=now_us, limit=1)
    if not found.items:
        raise NotFound("reservation", name)
    return found.items[0]
