"""`GET /api/v1/overview`: the numbers of the first page."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from csms.api.auth import principal_of
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import row_filters, tenant_filter
from storage.relational import overview as reads

router = APIRouter(prefix="/api/v1", tags=["overview"])

US_PER_DAY = 86_400_000_000


class Overview(BaseModel):
    """Numbers of the installation, or of one tenant. A day begins at midnight UTC."""

    chargers: int
    connected: int = Field(description="As the database has it: seconds behind at most.")
    statuses: dict[str, int] = Field(description="Connectors by the status that they reported.")
    transactions_open: int
    sessions_today: int = Field(description="Transactions that began today.")
    energy_today_wh: int = Field(description="Of transactions that ended today.")
    charger_url: str = Field(
        description="What chargers are to enter; their identity comes behind it."
    )
    refusals_today: int = Field(description="0 for keys of a tenant: nobody's connections.")


class SiteState(BaseModel):
    """Where a site is and how its chargers are."""

    id: str
    name: str
    latitude: float | None
    longitude: float | None
    chargers: int
    connected: int
    charging: int = Field(description="Connectors.")
    faulted: int = Field(description="Connectors.")


class SiteStates(BaseModel):
    """Every site."""

    items: list[SiteState]


@router.get("/overview/sites", responses=problems(), summary="Where sites are and how they do")
async def get_sites(request: Request) -> SiteStates:
    """Return all sites, those without coordinates too, by id."""
    principal = principal_of(request)
    found = await reads.sites_overview(
        services_of(request).engine, tenant_filter(principal), principal.sites
    )
    return SiteStates(items=[SiteState.model_validate(site) for site in found])


@router.get("/overview", responses=problems(), summary="How it goes, in numbers")
async def get_overview(request: Request) -> Overview:
    """Return the numbers of the first page."""
    services = services_of(request)
    now_us = services.clock.now_us()
    filters = row_filters(principal_of(request))
    found = await reads.overview(services.engine, now_us - now_us % US_PER_DAY, **filters)
    return Overview.model_validate(found | {"charger_url": services.url_of("")})
