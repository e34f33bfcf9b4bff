"""`/api/v1/keys`: API keys, whose secret is shown once."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from csms.api.auth import Caller, is_confined, principal_of
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_tenant, tenant_filter
from domain.access import Role
from domain.errors import InvalidInput
from storage.relational.api_keys import SITES_MAX, ApiKey

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class NewKey(Input):
    """A key to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "grafana", "role": "viewer", "sites": ["berlin"]}]}
    )

    name: str = Field(default="", max_length=255, description="What it is for.")
    role: Role
    tenant: str = Field(
        default="", max_length=64, description="Whose; empty: the caller's own. Of no other one."
    )
    sites: tuple[str, ...] = Field(
        default=(), max_length=SITES_MAX, description="Nothing else exists for it; empty: all."
    )
    expires_us: int = Field(
        default=0, ge=0, lt=1 << 63, description="Not valid from then on; 0: for ever."
    )


class KeyView(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    tenant: str
    sites: list[str]
    created_us: int
    created_by: str
    expires_us: int
    revoked_us: int = Field(description="0: it is valid.")


class MadeKey(KeyView):
    """A key that was just made."""

    secret: str = Field(description="Send it as `Authorization: Bearer`. Not shown again.")


class KeyPage(BaseModel):
    """Some keys."""

    items: list[KeyView]
    next: str


@router.get("", responses=problems(422), summary="Keys, by id, revoked ones too")
async def list_keys(
    request: Request,
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> KeyPage:
    """Return a page of keys."""
    found = await services_of(request).registry.api_keys.page(
        tenant_filter(principal_of(request)), after=cursor, limit=limit
    )
    following = found[-1].id if len(found) == limit else ""
    return KeyPage(items=[_view(key) for key in found], next=following)


@router.post("", status_code=201, responses=problems(413, 422), summary="Make a key")
async def create_key(
    request: Request, response: Response, body: NewKey, principal: Caller
) -> MadeKey:
    """Make a key. The answer has its secret, this one time."""
    tenant = body.tenant or principal.tenant
    if is_confined(principal) and tenant != principal.tenant:
        raise InvalidInput("tenant", f"{tenant!r} does not exist")
    key, secret = await services_of(request).registry.api_keys.create(
        body.name,
        body.role,
        tenant=tenant,
        sites=body.sites,
        expires_us=body.expires_us,
        created_by=principal.name or principal.id,
    )
    response.headers["Location"] = f"/api/v1/keys/{key.id}"
    return MadeKey(**_view(key).model_dump(), secret=secret)


@router.get("/{key}", responses=problems(404), summary="One key")
async def get_key(request: Request, key: str) -> KeyView:
    """Return a key, also a revoked one."""
    found = await services_of(request).registry.api_keys.get(key)
    check_tenant(principal_of(request), found.tenant, "API key", key)
    return _view(found)


@router.delete("/{key}", status_code=204, responses=problems(404), summary="Revoke a key")
async def revoke_key(request: Request, key: str) -> Response:
    """Make a key invalid, at once."""
    services = services_of(request)
    keys = services.registry.api_keys
    found = await keys.get(key)
    check_tenant(principal_of(request), found.tenant, "API key", key)
    await keys.revoke(key)
    services.forget()
    return Response(status_code=204)


def _view(key: ApiKey) -> KeyView:
    return KeyView.model_validate(msgspec.structs.asdict(key) | {"sites": list(key.sites)})
