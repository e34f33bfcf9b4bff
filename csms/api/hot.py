"""Lists that dashboards ask for all the time: plain Starlette routes that answer with msgspec.

Each list is a `HotList`, a row of `csms.api.lists`; the OpenAPI document is made of the same rows.
No list counts: `next` is empty on the last page, and nothing says how many there are in all.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from csms.api.query import CURSOR, INTEGER, LIMIT, Parameter, parameters_of, read_query
from csms.api.responses import problems
from csms.api.schemas import TEXT, row
from csms.api.services import Services, services_of
from domain.errors import InvalidInput
from storage.relational import reads

_json = msgspec.json.Encoder()


@dataclass(frozen=True)
class Ask:
    """A page that somebody wants."""

    request: Request
    services: Services
    filters: dict[str, Any]
    cursor: str
    limit: int


Answer = Callable[[Ask], Awaitable[reads.Page]]


@dataclass(frozen=True)
class HotList:
    """One list: its path, its parameters, its answer, and what an item is."""

    path: str
    tag: str
    summary: str
    parameters: Sequence[Parameter]
    answer: Answer
    item: dict[str, Any]
    """JSON schema."""
    example: dict[str, Any]


def routes(lists: Iterable[HotList]) -> list[Route]:
    """Return the routes of lists."""
    return [Route(one.path, _endpoint(one), methods=["GET"]) for one in lists]


def _endpoint(one: HotList) -> Callable[[Request], Awaitable[Response]]:
    parameters = (*one.parameters, CURSOR, LIMIT)

    async def endpoint(request: Request) -> Response:
        services = services_of(request)
        values = read_query(request, parameters)
        limit = values.pop("limit", services.settings.page_items)
        if not 0 < limit <= services.settings.page_items_max:
            raise InvalidInput("limit", f"must be 1 to {services.settings.page_items_max}")
        cursor = values.pop("cursor", "")
        page = await one.answer(Ask(request, services, values, cursor, limit))
        return Response(_json.encode(page), media_type="application/json")

    return endpoint


def openapi_paths(lists: Iterable[HotList], page_items_max: int) -> dict[str, Any]:
    """Return the OpenAPI path items of lists."""
    return {one.path: {"get": _operation(one, page_items_max)} for one in lists}


def _operation(one: HotList, page_items_max: int) -> dict[str, Any]:
    limits = {"limit": INTEGER.schema | {"minimum": 1, "maximum": page_items_max}}
    page = row(
        items={"type": "array", "items": one.item},
        next=TEXT | {"description": "Cursor of the next page; empty: none."},
    )
    success = {
        "description": "One page.",
        "content": {
            "application/json": {"schema": page, "example": {"items": [one.example], "next": ""}}
        },
    }
    failures = {str(status): entry for status, entry in problems(422).items()}
    return {
        "tags": [one.tag],
        "summary": one.summary,
        "operationId": "list_" + one.path.rsplit("/", 1)[-1].replace("-", "_"),
        "parameters": parameters_of((*one.parameters, CURSOR, LIMIT), limits),
        "responses": {"200": success, **failures},
    }
