"""`/api/v1/chargers`, but for the list (`lists.py`) and calls (`calls.py`)."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from csms.api.auth import Caller, principal_of
from csms.api.models import ChargerChanges, ChargerFields, ChargerView, NewCharger
from csms.api.responses import LATER, problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, check_site_name
from domain.errors import InvalidInput
from domain.records import ChargerRecord, Credential
from storage.relational import credentials, reads

router = APIRouter(prefix="/api/v1/chargers", tags=["chargers"])

SECRETS = frozenset({"password", "generate_password"})


@router.post(
    "",
    status_code=201,
    response_model_exclude_none=True,
    responses=problems(409, 413, 422),
    summary="Add a charger",
)
async def create_charger(
    request: Request, response: Response, body: NewCharger, principal: Caller
) -> ChargerView:
    """Add a charger. With `generate_password` the answer has its password, this one time."""
    services = services_of(request)
    check_site_name(principal, body.site, "site", body.site)
    credential, generated = await _credential(body)
    fields = body.model_dump(exclude=set(SECRETS))
    record = ChargerRecord(**fields, tenant=principal.tenant, credential=credential)
    await services.registry.create_charger(record)
    response.headers["Location"] = f"/api/v1/chargers/{quote(record.id, safe='')}"
    return await _written(services, record.id, generated)


@router.get(
    "/{charger}",
    response_model_exclude_none=True,
    responses=problems(404),
    summary="One charger",
)
async def get_charger(request: Request, charger: str) -> ChargerView:
    """Return everything that is known of a charger."""
    services = services_of(request)
    check_charger(principal_of(request), await services.charger(charger))
    return await view_charger(services, charger)


@router.patch(
    "/{charger}",
    response_model_exclude_none=True,
    responses=problems(404, 413, 422),
    summary="Change a charger",
)
async def change_charger(
    request: Request, charger: str, body: ChargerChanges, principal: Caller
) -> ChargerView:
    """Change the fields that are sent. A new password ends the validity of the old one."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    if body.password is not None and body.generate_password:
        raise InvalidInput("generate_password", "cannot be combined with password")
    changes = body.model_dump(include=set(body.model_fields_set - SECRETS))
    if "site" in changes:
        check_site_name(principal, changes["site"], "site", changes["site"])
    if changes:
        await services.registry.update_charger(charger, changes)
    generated = None
    if body.password is not None:
        await services.registry.set_password(charger, body.password.get_secret_value())
    elif body.generate_password:
        generated = await services.registry.set_password(charger)
    return await _written(services, charger, generated)


@router.delete(
    "/{charger}", status_code=204, responses=problems(404) | LATER, summary="Remove a charger"
)
async def delete_charger(request: Request, charger: str, principal: Caller) -> Response:
    """Remove a charger; its connection is closed and what it reported is kept.

    204: the gateways know. 202: they will, as soon as the ledger is back.
    """
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    await services.registry.delete_charger(charger)
    known = await services.backplane.sync()
    return Response(status_code=204 if known else 202)


async def _credential(body: ChargerFields) -> tuple[Credential | None, str | None]:
    """Return what is kept of the password, and the password when it was made here."""
    if body.generate_password:
        if body.password is not None:
            raise InvalidInput("generate_password", "cannot be combined with password")
        password = credentials.generate_key()
        return credentials.keep_generated(password), password
    if body.password is None:
        return None, None
    secret = body.password.get_secret_value()
    return await asyncio.to_thread(credentials.keep_chosen, secret), None


async def _written(services: Services, charger: str, generated: str | None) -> ChargerView:
    """Let the gateways know before the answer leaves."""
    known = await services.backplane.sync()
    view = await view_charger(services, charger)
    return view.model_copy(update={"pending": not known, "password": generated})


async def view_charger(services: Services, charger: str) -> ChargerView:
    """Return a charger with its presence.

    Raises:
        NotFound: there is none.
    """
    record = await services.charger(charger)
    row, presence = await asyncio.gather(
        reads.charger(services.engine, charger), services.backplane.presence([charger])
    )
    return ChargerView.model_validate(
        with_presence(row, services, presence.chargers.get(charger), complete=presence.complete)
        | {"password_set": record.credential is not None}
    )


def with_presence(
    row: dict[str, Any],
    services: Services,
    connection: Mapping[str, Any] | None,
    *,
    complete: bool,
) -> dict[str, Any]:
    """Return a charger's row with where it is connected now, and its URL."""
    away = "offline" if complete else "unknown"
    return row | {
        "url": services.url_of(row["id"], row["security_profile"]),
        "presence": away if connection is None else "connected",
        "connection": connection,
    }
