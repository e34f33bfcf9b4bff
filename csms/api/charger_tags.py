"""Tags: words that operators give to chargers, for lists and jobs."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from csms.api.auth import Caller, principal_of
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_charger, row_filters
from storage.relational import tags
from storage.relational.record_rules import NAME

router = APIRouter(prefix="/api/v1", tags=["chargers"])

Tag = Annotated[str, Field(pattern=f"^{NAME.pattern}$", max_length=64)]


class ChargerTags(Input):
    """The tags of one charger."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tags": ["fast", "pilot"]}]})

    tags: tuple[Tag, ...] = Field(max_length=tags.TAGS_MAX)


class TagCount(BaseModel):
    """How many chargers have a tag."""

    tag: str
    chargers: int


class TagCounts(BaseModel):
    """All tags in use."""

    items: list[TagCount]


@router.get("/tags", responses=problems(), summary="Tags in use, and of how many chargers")
async def list_tags(request: Request) -> TagCounts:
    """Return the tags of the chargers that the caller sees."""
    filters = row_filters(principal_of(request))
    found = await tags.counts(
        services_of(request).engine, filters.get("tenant"), filters.get("sites", ())
    )
    return TagCounts(items=[TagCount(tag=tag, chargers=n) for tag, n in found.items()])


@router.get("/chargers/{charger}/tags", responses=problems(404), summary="Tags of a charger")
async def get_tags(request: Request, charger: str, principal: Caller) -> ChargerTags:
    """Return them in order."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    return ChargerTags(tags=tuple(await tags.of_charger(services.engine, record.id)))


@router.put("/chargers/{charger}/tags", responses=problems(404, 413, 422), summary="Tag a charger")
async def put_tags(
    request: Request, charger: str, body: ChargerTags, principal: Caller
) -> ChargerTags:
    """Give a charger these tags and no others. Lists and jobs find it by them."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    stored = await tags.put(services.engine, record.id, body.tags, services.clock.now_us())
    return ChargerTags(tags=tuple(stored))
