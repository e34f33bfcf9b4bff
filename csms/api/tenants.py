"""`/api/v1/tenants`: whose chargers, users and keys they are. For the installation alone."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import services_of
from storage.relational.record_rules import PAGE_MAX, TEXT_LENGTH_MAX
from storage.relational.tenants import Tenant

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"])


class TenantFields(Input):
    """What can be set of a tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Acme Charging"}]})

    name: str = Field(default="", max_length=TEXT_LENGTH_MAX)
    disabled: bool = Field(
        default=False,
        description="Its keys and users are refused at once. Its chargers go on as before.",
    )


class TenantView(BaseModel):
    """A tenant."""

    id: str
    name: str
    created_us: int
    disabled_us: int = Field(description="Since when it is disabled; 0: it is not.")


class TenantPage(BaseModel):
    """Some tenants."""

    items: list[TenantView]
    next: str


@router.get("", responses=problems(422), summary="Tenants, by id")
async def list_tenants(
    request: Request,
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> TenantPage:
    """Return those that were added here; a tenant that only keys name is not among them."""
    found = await services_of(request).registry.tenants.page(after=cursor, limit=limit)
    following = found[-1].id if len(found) == limit else ""
    return TenantPage(items=[_view(one) for one in found], next=following)


@router.get("/{tenant}", responses=problems(404), summary="One tenant")
async def get_tenant(request: Request, tenant: str) -> TenantView:
    """Return a tenant."""
    return _view(await services_of(request).registry.tenants.get(tenant))


@router.put("/{tenant}", responses=problems(413, 422), summary="Add, change or disable")
async def put_tenant(request: Request, tenant: str, body: TenantFields) -> TenantView:
    """Add a tenant or change one. Its own admins then make its keys and users."""
    services = services_of(request)
    stored = await services.registry.tenants.put(tenant, body.name, disabled=body.disabled)
    services.forget()
    return _view(stored)


def _view(tenant: Tenant) -> TenantView:
    return TenantView.model_validate(msgspec.structs.asdict(tenant))
