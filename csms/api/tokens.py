"""`/api/v1/tokens` and `/api/v1/sites`, but for the lists (`lists.py`)."""

import msgspec
from fastapi import APIRouter, Request, Response

from csms.api.auth import Caller, Principal, principal_of
from csms.api.models import SiteFields, SiteView, TokenFields, TokenView
from csms.api.responses import LATER, problems
from csms.api.services import services_of
from csms.api.tenancy import check_site, check_site_name, check_tenant
from domain.errors import NotFound
from domain.records import TokenRecord
from storage.relational.registry import Site

router = APIRouter(prefix="/api/v1")


@router.put(
    "/tokens/{token}", responses=problems(413, 422), tags=["tokens"], summary="Add or replace"
)
async def put_token(
    request: Request, token: str, body: TokenFields, principal: Caller
) -> TokenView:
    """Add or replace a token; its id is compared without regard to case."""
    services = services_of(request)
    await _check_own(request, token, principal)
    record = TokenRecord(token, tenant=principal.tenant, **body.model_dump())
    stored = await services.registry.upsert_token(record)
    known = await services.backplane.sync()
    return _view(stored).model_copy(update={"pending": not known})


@router.get("/tokens/{token}", responses=problems(404), tags=["tokens"], summary="One token")
async def get_token(request: Request, token: str) -> TokenView:
    """Return a token, whatever its case."""
    record = await services_of(request).registry.get_token(token)
    check_tenant(principal_of(request), record.tenant, "token", token)
    return _view(record)


@router.delete(
    "/tokens/{token}",
    status_code=204,
    responses=problems(404) | LATER,
    tags=["tokens"],
    summary="Remove a token",
)
async def delete_token(request: Request, token: str, principal: Caller) -> Response:
    """Remove a token: it is unknown from now on. 202: the gateways will know later."""
    services = services_of(request)
    record = await services.registry.get_token(token)
    check_tenant(principal, record.tenant, "token", token)
    await services.registry.delete_token(token)
    known = await services.backplane.sync()
    return Response(status_code=204 if known else 202)


@router.put("/sites/{site}", responses=problems(413, 422), tags=["sites"], summary="Add or change")
async def put_site(request: Request, site: str, body: SiteFields, principal: Caller) -> SiteView:
    """Add a site, or change the fields of one."""
    registry = services_of(request).registry
    check_site_name(principal, site, "site", site)
    try:
        old = await registry.get_site(site)
    except NotFound:
        stored = await registry.create_site(Site(site, principal.tenant, **body.model_dump()))
    else:
        check_site(principal, old)
        stored = await registry.update_site(site, body.model_dump(exclude_unset=True))
    return SiteView.model_validate(msgspec.structs.asdict(stored))


@router.get("/sites/{site}", responses=problems(404), tags=["sites"], summary="One site")
async def get_site(request: Request, site: str) -> SiteView:
    """Return a site."""
    found = await services_of(request).registry.get_site(site)
    check_site(principal_of(request), found)
    return SiteView.model_validate(msgspec.structs.asdict(found))


async def _check_own(request: Request, token: str, principal: Principal) -> None:
    """A tenant may not take over another one's token."""
    try:
        old = await services_of(request).registry.get_token(token)
    except NotFound:
        return
    check_tenant(principal, old.tenant, "token", token)


def _view(record: TokenRecord) -> TokenView:
    fields = msgspec.structs.asdict(record)
    del fields["deleted"]
    return TokenView.model_validate(fields)
