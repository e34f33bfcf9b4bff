"""`/api/v1/sites/{id}/...`: the model of a site, its capacity, its loads, and who gets what."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta

from actors.site.messages import LoadMeasured, WishSet
from actors.site.plan.signals import signal_problems
from actors.site.schedules import schedule_problems, with_source
from actors.site.tree import AMPERES_MAX, SiteModelWrong, compile_tree
from actors.site.tree import Problem as NodeProblem
from csms.api.auth import principal_of
from csms.api.problems import Problem
from csms.api.responses import LATER, problems
from csms.api.services import services_of
from csms.api.tenancy import check_site
from domain.site import CapacityLimit, CircuitLoad, PerPhase, Site, SiteSignal

router = APIRouter(prefix="/api/v1/sites/{site}", tags=["sites"])

SET_BY = "site"
"""Whoever is told a limit by a site is told it by nobody else of us."""


class Load(msgspec.Struct, forbid_unknown_fields=True):
    """What loads that nobody manages draw now; negative: a source."""

    circuit: str
    current_a: PerPhase


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of the session at an EVSE. 0: not known."""

    departure_us: Annotated[int, Meta(ge=0, lt=2**62)] = 0
    energy_wh: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0


def _body(kind: Any, example: object) -> dict[str, Any]:  # noqa: ANN401 - a type for msgspec
    """Return the OpenAPI entry of a body that msgspec reads."""
    (schema,), components = msgspec.json.schema_components(
        [kind], ref_template="#/components/schemas/{name}"
    )
    inlined = _inline(schema, components)
    return {"requestBody": {"required": True, "content": {"application/json": {
        "schema": inlined, "example": msgspec.to_builtins(example)}}}}  # fmt: skip


def _inline(schema: Any, components: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, list):
        return [_inline(item, components) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(components[schema["$ref"].rpartition("/")[2]], components)
    return {
        key: _inline(value, components)
        for key, value in schema.items()
        # Infinity, our "no limit", is not JSON.
        if not (key == "default" and value in (float("inf"), None))
    }


SITE_EXAMPLE = {
    "id": "berlin",
    "circuits": [
        {"id": "grid", "kind": "contract", "limit_a": 125},
        {"id": "row1", "parent": "grid", "limit_a": 63, "derating": 0.8},
    ],
    "places": [{"id": "BERLIN-001/1", "charger": "BERLIN-001", "evse": 1, "circuit": "row1"}],
}


async def _read(request: Request, kind: Any) -> Any:  # noqa: ANN401 - a type for msgspec
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.DecodeError as error:
        raise Problem(422, "invalid_input", str(error)) from error


async def _own_site(request: Request, site: str) -> str:
    """Return the tenant of a site that the caller may see."""
    found = await services_of(request).registry.get_site(site)
    check_site(principal_of(request), found)
    return found.tenant


def _wrong(found: tuple[NodeProblem, ...]) -> Problem:
    errors = [{"field": problem.where, "rule": problem.what} for problem in found]
    detail = "; ".join(f"{problem.where}: {problem.what}" for problem in found)
    return Problem(422, "invalid_input", detail, errors=errors)


@router.put(
    "/model",
    responses=problems(404, 413, 422),
    summary="How its chargers hang in the installation",
    openapi_extra=_body(Site, SITE_EXAMPLE),
)
async def put_model(request: Request, site: str) -> dict[str, Any]:
    """Set the tree of circuits and the places of the EVSEs. From now on its power is shared out.

    The answer tells which chargers of the model do not belong to the site: those get no limits.
    """
    services = services_of(request)
    tenant = await _own_site(request, site)
    model: Site = await _read(request, Site)
    if model.id != site:
        raise _wrong((NodeProblem("id", f"is {model.id!r}, not {site!r}"),))
    try:
        compile_tree(model)
    except SiteModelWrong as error:
        raise _wrong(error.problems) from error
    text = msgspec.json.encode(model).decode()
    stored = await services.registry.site_models.put_model(site, tenant, text)
    known = await services.backplane.sync()
    here = {record.id for record in await services.registry.list_chargers(site=site, limit=1_000)}
    return {
        "site": site,
        "revision": stored.revision,
        "pending": not known,
        "elsewhere": sorted({place.charger for place in model.places} - here),
    }


@router.get("/model", responses=problems(404), summary="Its model")
async def get_model(request: Request, site: str) -> dict[str, Any]:
    """Return the model as it was set."""
    await _own_site(request, site)
    record = await services_of(request).registry.site_models.get(site)
    return dict(msgspec.json.decode(record.model))


@router.delete(
    "/model", status_code=204, responses=problems(404) | LATER, summary="Share out no longer"
)
async def delete_model(request: Request, site: str) -> Response:
    """Its chargers keep the limits that they have."""
    await _own_site(request, site)
    services = services_of(request)
    await services.registry.site_models.delete(site)
    known = await services.backplane.sync()
    return Response(status_code=204 if known else 202)


@router.put(
    "/capacity/{source}",
    responses=problems(404, 413, 422),
    summary="What one source allows, and when",
    openapi_extra=_body(
        list[CapacityLimit], [{"circuit": "grid", "source": "grid", "limit_w": 50_000}]
    ),
)
async def put_capacity(request: Request, site: str, source: str) -> dict[str, Any]:
    """Replace the entries of one source (contract, operator, grid ...). An empty list: none.

    The lowest of all valid limits counts.
    """
    services = services_of(request)
    tenant = await _own_site(request, site)
    record = await services.registry.site_models.get(site)
    entries: list[CapacityLimit] = await _read(request, list[CapacityLimit])
    model = msgspec.json.decode(record.model, type=Site)
    wrong = tuple(schedule_problems(entries, source, model))
    if wrong:
        raise _wrong(wrong)
    before = msgspec.json.decode(record.schedule, type=list[CapacityLimit])
    schedule = msgspec.json.encode(with_source(before, source, entries)).decode()
    stored = await services.registry.site_models.put_schedule(site, tenant, schedule)
    known = await services.backplane.sync()
    return {"site": site, "revision": stored.revision, "pending": not known}


@router.get("/capacity", responses=problems(404), summary="Its capacity schedule")
async def get_capacity(request: Request, site: str) -> list[Any]:
    """Return the entries of all sources."""
    await _own_site(request, site)
    record = await services_of(request).registry.site_models.get(site)
    return list(msgspec.json.decode(record.schedule))


@router.put(
    "/signals",
    responses=problems(404, 413, 422),
    summary="What energy costs over time",
    openapi_extra=_body(
        list[SiteSignal],
        [{"from_us": 0, "until_us": 3_600_000_000, "price_per_kwh": 0.31, "co2_kg_per_kwh": 0.38}],
    ),
)
async def put_signals(request: Request, site: str) -> dict[str, Any]:
    """Replace prices and CO2 of a site's energy. Only the plan looks at them."""
    services = services_of(request)
    tenant = await _own_site(request, site)
    await services.registry.site_models.get(site)
    signals: list[SiteSignal] = await _read(request, list[SiteSignal])
    wrong = tuple(NodeProblem(one.where, one.what) for one in signal_problems(signals))
    if wrong:
        raise _wrong(wrong)
    text = msgspec.json.encode(signals).decode()
    stored = await services.registry.site_models.put_signals(site, tenant, text)
    known = await services.backplane.sync()
    return {"site": site, "revision": stored.revision, "pending": not known}


@router.get("/signals", responses=problems(404), summary="What energy costs over time")
async def get_signals(request: Request, site: str) -> list[Any]:
    """Return prices and CO2 as they were set."""
    await _own_site(request, site)
    record = await services_of(request).registry.site_models.get(site)
    return list(msgspec.json.decode(record.signals))


@router.post(
    "/loads",
    status_code=202,
    response_class=Response,
    responses=problems(404, 413, 422),
    summary="A meter's reading of loads that nobody manages",
    openapi_extra=_body(Load, {"circuit": "grid", "current_a": [12.5, 9.0, 11.0]}),
)
async def post_load(request: Request, site: str) -> Response:
    """Tell what flows to unmanaged loads below a circuit. Send it at least every minute."""
    services = services_of(request)
    await _own_site(request, site)
    record = await services.registry.site_models.get(site)
    load: Load = await _read(request, Load)
    if load.circuit not in {c.id for c in msgspec.json.decode(record.model, type=Site).circuits}:
        raise _wrong((NodeProblem("circuit", f"there is no circuit {load.circuit}"),))
    if not all(abs(amperes) <= AMPERES_MAX for amperes in load.current_a):
        rule = f"must be between -{AMPERES_MAX:,.0f} and {AMPERES_MAX:,.0f} A"
        raise _wrong((NodeProblem("current_a", rule),))
    measured = CircuitLoad(load.circuit, load.current_a, services.clock.now_us())
    await services.backplane.tell_site(site, LoadMeasured(measured))
    return Response(status_code=202)


@router.put(
    "/wishes/{place:path}",
    status_code=202,
    response_class=Response,
    responses=problems(404, 413, 422),
    summary="What a driver wants",
    openapi_extra=_body(Wish, {"departure_us": 0, "energy_wh": 20_000, "priority": 1}),
)
async def put_wish(request: Request, site: str, place: str) -> Response:
    """Tell when the car at a place leaves, how much it needs, and its priority class."""
    services = services_of(request)
    await _own_site(request, site)
    record = await services.registry.site_models.get(site)
    if place not in {p.id for p in msgspec.json.decode(record.model, type=Site).places}:
        raise _wrong((NodeProblem("place", f"there is no place {place}"),))
    wish: Wish = await _read(request, Wish)
    message = WishSet(place, wish.departure_us, wish.energy_wh, wish.priority)
    await services.backplane.tell_site(site, message)
    return Response(status_code=202)


@router.get("/limits", responses=problems(404), summary="Who gets what now, and why")
async def get_limits(request: Request, site: str) -> dict[str, Any]:
    """Return each EVSE's limit, who set it, and the constraint that binds it.

    `limit_a` is what its charger has accepted (-1: not known), `share` what it is to have and why
    not more: a circuit with its phase, the contract, the schedule and whose entry, the car, the
    charger, the plan; `reserved` when it cannot be told. `ceiling_a` is what the EVSE may draw at
    worst: the sum of it is what the circuits must carry. `way` is by which limit it is told,
    `because` why it is not believed, `phases` and `wanted_a` what was learned of its car (0 and -1:
    nothing yet).
    How it was before is in ClickHouse, table `evse_limits`.
    """
    await _own_site(request, site)
    services = services_of(request)
    await services.registry.site_models.get(site)
    share = await services.backplane.shares(site)
    if share is None:
        return {"site": site, "at_us": 0, "evses": [], "headroom_a": {}, "overloaded": []}
    allocation, held = share["allocation"], share["held"]
    return {
        "site": site,
        "at_us": share["at_us"],
        "evses": [
            {"place": place, "set_by": SET_BY, **row, "share": allocation["limits"].get(place)}
            for place, row in sorted(held.items())
        ],
        "headroom_a": allocation["headroom_a"],
        "overloaded": allocation["overloaded"],
    }
