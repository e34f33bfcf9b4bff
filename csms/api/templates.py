"""`/api/v1/templates`: wanted values of variables, drift, and values brought to a charger."""

import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from csms.api.auth import Caller, principal_of
from csms.api.calls import issuer
from csms.api.device import Device
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_charger, check_tenant, row_filters, tenant_filter
from csms.api.variables import Place, Wanted, may_set
from domain.events import Variable
from storage.relational import templates as store
from storage.relational.record_rules import NAME, check
from storage.relational.templates import Drift, Template, WantedValue

router = APIRouter(prefix="/api/v1", tags=["templates"])

WANTED_MAX = 500
STEPS_MAX = 50
"""Changes of one application: each takes two calls. What is left shows as drift."""
HELD = frozenset({"accepted"})
Name = Annotated[str, Field(max_length=255)]


class TemplateFields(Input):
    """Which chargers, and what they are to be set to."""

    name: Name = ""
    vendor: Name = Field(default="", description="As reported at boot; empty: any.")
    model: Name = Field(default="", description="As reported at boot; empty: any.")
    site: Name = Field(default="", description="Empty: any.")
    wanted: tuple[Wanted, ...] = Field(max_length=WANTED_MAX)


class DriftView(BaseModel):
    """One variable of one charger that is not as wanted."""

    charger: str
    template: str
    component: str
    variable: str
    evse: int
    connector: int
    attribute: str
    wanted: str
    found: str | None = Field(description="null: the charger has never told it.")
    mutability: str


class DriftPage(BaseModel):
    """Differences of some chargers, and where the next ones begin."""

    items: list[DriftView]
    next: str = ""


class Step(BaseModel):
    """One change, and what was read back."""

    component: str
    variable: str
    evse: int
    connector: int
    attribute: str
    before: str | None
    wanted: str
    status: str = Field(description="The charger's answer to the change.")
    after: str | None = Field(description="What it said afterwards; null: nothing.")
    holds: bool


class Run(BaseModel):
    """How wanted values were brought to a charger."""

    id: str
    outcome: str = Field(
        description="applied; nothing_to_do; stopped: a change did not hold, no later one was made."
    )
    steps: list[Step]


@router.get("/templates", responses=problems(), summary="Templates, by id")
async def list_templates(request: Request) -> dict[str, Any]:
    """Return all templates."""
    services = services_of(request)
    found = await store.find(services.engine, tenant_filter(principal_of(request)))
    return {"items": [msgspec.to_builtins(each) for each in found]}


@router.get("/templates/{template}", responses=problems(404), summary="One template")
async def get_template(request: Request, template: str) -> dict[str, Any]:
    """Return a template."""
    found = await store.get(services_of(request).engine, template)
    check_tenant(principal_of(request), found.tenant, "template", template)
    view: dict[str, Any] = msgspec.to_builtins(found)
    return view


@router.put("/templates/{template}", responses=problems(404, 422), summary="Add or replace one")
async def put_template(
    request: Request, template: str, body: TemplateFields, principal: Caller
) -> dict[str, Any]:
    """Say what chargers are to be set to. Nothing is sent: see drift, then apply."""
    services = services_of(request)
    check(NAME.fullmatch(template), "template", f"must match {NAME.pattern}")
    for before in await store.find(services.engine):
        if before.id == template:
            check_tenant(principal, before.tenant, "template", template)
    wanted = tuple(WantedValue(**each.model_dump()) for each in body.wanted)
    fields = body.model_dump(exclude={"wanted"})
    written = Template(id=template, tenant=principal.tenant, wanted=wanted, **fields)
    stored = await store.put(services.engine, written, services.clock.now_us())
    view: dict[str, Any] = msgspec.to_builtins(stored)
    return view


@router.delete("/templates/{template}", status_code=204, responses=problems(404), summary="Remove")
async def delete_template(request: Request, template: str, principal: Caller) -> Response:
    """Remove a template; chargers stay as they are."""
    services = services_of(request)
    found = await store.get(services.engine, template)
    check_tenant(principal, found.tenant, "template", template)
    await store.remove(services.engine, template)
    return Response(status_code=204)


@router.get("/drift", responses=problems(422), summary="Chargers that are not as wanted")
async def fleet_drift(
    request: Request,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Chargers looked at.")] = 100,
) -> DriftPage:
    """Return the differences of some chargers by id; a page may be empty and not the last."""
    services, principal = services_of(request), principal_of(request)
    found = await store.find(services.engine, tenant_filter(principal))
    differences, following = await store.drift(
        services.engine,
        found,
        after=cursor,
        limit=limit,
        sites=row_filters(principal).get("sites", ()),
    )
    return DriftPage(items=[_view(each) for each in differences], next=following)


@router.get("/chargers/{charger}/drift", responses=problems(404), summary="Where it differs")
async def charger_drift(request: Request, charger: str) -> DriftPage:
    """Return where a charger is not as wanted, by what it last told."""
    services, principal = services_of(request), principal_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    found = await store.find(services.engine, record.tenant)
    differences, _ = await store.drift(services.engine, found, charger=record.id)
    return DriftPage(items=[_view(each) for each in differences])


@router.post(
    "/chargers/{charger}/drift/apply", responses=problems(404, 409), summary="Set what differs"
)
async def apply_drift(
    request: Request, charger: str, principal: Caller, only: Place | None = None
) -> Run:
    """Set what differs, one variable at a time, and read each back; stop at what does not hold.

    With a body: only this variable.
    """
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal, record)
    device = await Device.of(services, principal, record)
    started_us = services.clock.now_us()
    found = await store.find(services.engine, record.tenant)
    differences, _ = await store.drift(services.engine, found, charger=record.id)
    if only is not None:
        differences = [each for each in differences if _is_at(each.wanted, only)]
    may_set(principal, device.version, [_variable(each.wanted) for each in differences])
    steps: list[Step] = []
    for each in differences[:STEPS_MAX]:
        step = await _apply(device, each)
        steps.append(step)
        if not step.holds:
            break
    outcome = "applied" if steps else "nothing_to_do"
    if steps and not steps[-1].holds:
        outcome = "stopped"
    run = Run(id=str(uuid.uuid4()), outcome=outcome, steps=steps)
    row = {
        "id": run.id,
        "charger": record.id,
        "template": ",".join(sorted({each.template for each in differences})),
        "outcome": outcome,
        "steps": [step.model_dump() for step in steps],
        "started_by": issuer(principal),
        "started_us": started_us,
        "received_us": services.clock.now_us(),
    }
    await store.keep_run(services.engine, row)
    return run


@router.get(
    "/chargers/{charger}/drift/runs", responses=problems(404), summary="What was applied to it"
)
async def drift_runs(request: Request, charger: str) -> dict[str, Any]:
    """Return how wanted values were brought to a charger, newest first."""
    services = services_of(request)
    record = await services.charger(charger)
    check_charger(principal_of(request), record)
    return {"items": await store.runs(services.engine, record.id)}


async def _apply(device: Device, drift: Drift) -> Step:
    variable = _variable(drift.wanted)
    (answer,) = await device.set([variable])
    after = None
    if answer.status.casefold() in HELD:
        back = await device.get([variable])
        after = next((each.value for each in back if each.status.casefold() in HELD), None)
    wanted = drift.wanted
    return Step(
        component=wanted.component,
        variable=wanted.variable,
        evse=wanted.evse,
        connector=wanted.connector,
        attribute=wanted.attribute,
        before=drift.found,
        wanted=wanted.value,
        status=answer.status,
        after=after,
        holds=after is not None and store.is_same(after, wanted.value),
    )


def _is_at(wanted: WantedValue, place: Place) -> bool:
    return all(getattr(wanted, name) == value for name, value in place.model_dump().items())


def _variable(wanted: WantedValue) -> Variable:
    return Wanted(**msgspec.structs.asdict(wanted)).read(wanted.value)


def _view(drift: Drift) -> DriftView:
    fields = msgspec.structs.asdict(drift.wanted)
    value = fields.pop("value")
    return DriftView(
        charger=drift.charger,
        template=drift.template,
        wanted=value,
        found=drift.found,
        mutability=drift.mutability,
        **fields,
    )
