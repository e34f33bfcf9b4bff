"""`/api/v1/chargers/{id}/reservations` and `/api/v1/reservations/{id}`: reserve, read, cancel.

The list, `GET /api/v1/reservations`, is a row of `csms.api.hot`.
"""

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from csms.api.auth import Caller, Principal
from csms.api.calls import violations
from csms.api.device import Device
from csms.api.models import Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger
from domain.commands import CommandResult
from domain.errors import InvalidInput, NotFound
from domain.events import ReservationTold
from domain.records import ChargerRecord
from domain.reservations import ReservationState, cancelled
from protocol.reading import Reading
from protocol.reservations import NUMBER_MAX, Reservation, cancel_payload
from protocol.variables import DeviceCall
from storage.relational import reservations
from storage.relational.reservations import Told, after, reservation_id

router = APIRouter(prefix="/api/v1", tags=["reservations"])

RESERVE, CANCEL = "ReserveNow", "CancelReservation"
DAYS_MAX = 366
US_PER_DAY = 86_400_000_000
TRIES = 20
"""Numbers that are looked at until one is free at its charger."""


class NewReservation(Input):
    """What is to be reserved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"connector": 1, "token": "TAG", "expires_us": 1767229200000000}]
        }
    )

    token: str = Field(min_length=1, max_length=255, description="Who may use it.")
    expires_us: int = Field(gt=0, description="Until when it holds.")
    connector: int = Field(default=0, ge=0, description="2.x: the EVSE. 0: any.")
    connector_type: str = Field(
        default="", max_length=20, description="2.x: any of this type, such as cCCS2."
    )
    token_kind: str = Field(
        default="", max_length=20, description="2.x; empty: of the token's record, or ISO14443."
    )
    parent: str | None = Field(
        default=None,
        max_length=255,
        description="Group whose tokens may use it too; null: that of the token's record.",
    )


class ReservationView(BaseModel):
    """A reservation, and what became of it."""

    id: str
    charger: str
    number: int = Field(description="As the charger knows it.")
    state: ReservationState
    status: str = Field(description="The charger's last word; empty: it gave none.")
    connector: int
    connector_type: str
    token: str
    token_kind: str
    parent: str
    expires_us: int
    transaction: int = Field(description="Number of the one that began with it; 0: none.")
    reserved_us: int = Field(description="0: it was not asked for here, only its use was told.")
    changed_us: int
    command: str = Field(default="", description="That was sent for this request.")


@router.post(
    "/chargers/{charger}/reservations",
    status_code=201,
    responses=problems(404, 409, 422)
    | {202: {"model": ReservationView, "description": "No answer came: it may hold."}},
    summary="Reserve a connector",
)
async def reserve(
    request: Request, response: Response, charger: str, body: NewReservation, principal: Caller
) -> ReservationView:
    """Ask the charger to hold a connector for a token.

    409: it is not connected, its model does not reserve, or it said no: `occupied`, `faulted`,
    `unavailable` or `rejected`.
    """
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    _check(services, body)
    device = await Device.of(services, principal, record)
    write = device.version.write_reservation
    if write is None:
        raise Problem(409, "not_supported", "this version of OCPP reserves nothing")
    if body.connector_type and "evseId" not in write(_AN_EVSE):
        raise InvalidInput("connector_type", "cannot be said in this charger's version of OCPP")
    kind, parent = await _of_token(services, record, body)
    wanted = Reservation(
        await _free_number(services, record.id),
        body.token,
        body.expires_us,
        body.connector,
        body.connector_type,
        kind,
        parent,
    )
    payload = write(wanted)
    violations(device.version, RESERVE, payload, force=False)
    command, result = await device.send(DeviceCall(RESERVE, payload, ()))
    told = _told(device, RESERVE, payload, result)
    row = after(None, Told(record.id, wanted.number, services.clock.now_us(), None, answer=told))
    assert row is not None
    if row.state == ReservationState.REFUSED:
        word = told.status.strip().casefold()
        raise Problem(409, word or "refused", f"the charger said {told.status!r}")
    if row.state == ReservationState.UNKNOWN:
        response.status_code = 202
    response.headers["Location"] = f"/api/v1/reservations/{row.id}"
    return _view(row, command)


@router.get(
    "/reservations/{reservation}", responses=problems(404), summary="One reservation as it is now"
)
async def get_reservation(request: Request, reservation: str, principal: Caller) -> ReservationView:
    """Return a reservation; one that was made a moment ago may not be there yet."""
    services = services_of(request)
    return ReservationView(**(await _own(services, principal, reservation))[0])


@router.delete(
    "/reservations/{reservation}",
    responses=problems(404, 409)
    | {202: {"model": ReservationView, "description": "No answer came: it may hold."}},
    summary="Cancel a reservation",
)
async def cancel(
    request: Request, response: Response, reservation: str, principal: Caller
) -> ReservationView:
    """Ask the charger to give a reservation up.

    409 `not_active`: it holds no more. A charger that does not know it has given it up already:
    `removed`.
    """
    services = services_of(request)
    row, record = await _own(services, principal, reservation)
    if row["state"] not in {ReservationState.ACTIVE, ReservationState.UNKNOWN}:
        raise Problem(409, "not_active", f"the reservation is {row['state']}")
    device = await Device.of(services, principal, record)
    payload = cancel_payload(row["number"])
    command, result = await device.send(DeviceCall(CANCEL, payload, ()))
    told = _told(device, CANCEL, payload, result)
    what = cancelled(told.status)
    now_us = services.clock.now_us()
    known = reservations.Reservation(
        **{name: row[name] for name in reservations.Reservation.__struct_fields__}
    )
    new = after(known, Told(record.id, row["number"], now_us, what, told.status)) or known
    if new.state == ReservationState.UNKNOWN:
        response.status_code = 202
    return _view(new, command)


_AN_EVSE = Reservation(1, "T", 1, connector=1)
"""Written as OCPP 2.x does, it has an EVSE: only there connectors have types."""


def _check(services: Services, body: NewReservation) -> None:
    now_us = services.clock.now_us()
    if body.expires_us <= now_us:
        raise InvalidInput("expires_us", "must be in the future")
    if body.expires_us > now_us + DAYS_MAX * US_PER_DAY:
        raise InvalidInput("expires_us", f"must be within {DAYS_MAX} days")


async def _of_token(
    services: Services, record: ChargerRecord, body: NewReservation
) -> tuple[str, str]:
    """Return type and group of a token; a driver of a partner may have no record."""
    kind, parent = body.token_kind, body.parent
    try:
        token = await services.registry.get_token(body.token)
    except NotFound:
        return kind, parent or ""
    if token.tenant != record.tenant:
        return kind, parent or ""
    return kind or token.kind, token.parent if parent is None else parent


async def _free_number(services: Services, charger: str) -> int:
    now_us = services.clock.now_us()
    for _ in range(TRIES):
        number = 1 + secrets.randbelow(NUMBER_MAX)
        try:
            await reservations.get(services.engine, reservation_id(charger, number), now_us=now_us)
        except NotFound:
            return number
    raise Problem(503, "no_number", "no free number was found")


def _told(
    device: Device, action: str, payload: dict[str, Any], result: CommandResult | None
) -> ReservationTold:
    """Return what the charger's answer says; its CALLERROR and our refusal are a 409."""
    row = device.version.outbound[action]
    assert row.learn is not None
    if result is not None and result.outcome in {"error", "refused", "expired"}:
        detail = f"{result.error_code} {result.error_text}".strip()
        raise Problem(409, str(result.outcome), detail or "the command was not taken")
    response = (result.response if result is not None else None) or {}
    fact = row.learn(payload, response, Reading(device.now_us))
    assert isinstance(fact, ReservationTold)
    return fact


async def _own(
    services: Services, principal: Principal, name: str
) -> tuple[dict[str, Any], ChargerRecord]:
    now_us = services.clock.now_us()
    row = await reservations.get(services.engine, name, now_us=now_us)
    record = await services.registry.get_charger(row["charger"])
    check_charger(principal, record, "reservation", name)
    return row, record


def _view(row: reservations.Reservation, command: str) -> ReservationView:
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    return ReservationView(**fields, command=command)
