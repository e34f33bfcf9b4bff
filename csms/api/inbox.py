"""`/api/v1/inbox`: who was refused, by what they say that they are, and who is to be hidden."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from csms.api.auth import Caller
from csms.api.responses import problems
from csms.api.services import services_of
from storage.relational import inbox
from storage.relational.inbox import Group

router = APIRouter(prefix="/api/v1/inbox", tags=["inbox"])

Charger = Annotated[
    str, Query(description="The claimed identity.", max_length=inbox.NAME_LENGTH_MAX)
]
Remote = Annotated[
    str,
    Query(
        description="The address of connections that claim no identity.",
        max_length=inbox.NAME_LENGTH_MAX,
    ),
]


@router.put(
    "/dismissal",
    status_code=204,
    responses=problems(422),
    summary="Do not show these connections again",
)
async def dismiss(
    request: Request, principal: Caller, charger: Charger = "", remote: Remote = ""
) -> Response:
    """Hide the refused connections of an identity or an address; they stay refused."""
    services = services_of(request)
    await inbox.dismiss(
        services.engine, Group(charger, remote), principal.name, services.clock.now_us()
    )
    return Response(status_code=204)


@router.delete(
    "/dismissal",
    status_code=204,
    responses=problems(422),
    summary="Show these connections again",
)
async def restore(request: Request, charger: Charger = "", remote: Remote = "") -> Response:
    """Show the refused connections of an identity or an address again."""
    await inbox.restore(services_of(request).engine, Group(charger, remote))
    return Response(status_code=204)
