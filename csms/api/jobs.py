"""`/api/v1/jobs`: a command to many chargers."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from actors.jobs.machine import NOT_APPLICABLE, JobState, canaries_of
from csms.api.auth import Caller, Principal, principal_of, require
from csms.api.calls import action_of, issuer, permission_of, violations
from csms.api.models import Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_tenant, tenant_filter
from domain.commands import Priority
from domain.errors import InvalidInput
from protocol.versions import VERSIONS
from storage.relational import jobs as store

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

COUNT_MAX = 1_000_000
"""Of chargers, in a rule of a job."""
SHOWN_MAX = 1_000
"""Chargers that a dry run lists; all are counted."""


class Where(Input):
    """Which chargers; what is said must hold altogether."""

    ids: tuple[str, ...] = Field(default=(), max_length=100_000, description="Only of these.")
    site: str = ""
    vendor: str = Field(default="", description="As reported at boot.")
    model: str = Field(default="", description="As reported at boot.")
    firmware: str = Field(default="", description="As reported at boot.")
    status: str = Field(default="", description="Of at least one of its connectors.")
    connected: bool | None = Field(default=None, description="As last recorded.")
    tags: tuple[str, ...] = Field(default=(), description="All of these words.")


class Canary(Input):
    """Some go first, and the others only when all of them did well."""

    chargers: int = Field(default=0, ge=0, le=COUNT_MAX)
    percent: float = Field(default=0.0, ge=0, le=100)
    then: Literal["continue", "pause"] = Field(
        default="continue", description="pause: somebody has to resume the job."
    )


class Abort(Input):
    """When the job is given up."""

    failures: int = Field(
        default=0, ge=0, le=COUNT_MAX, description="So many have failed; 0: no such rule."
    )
    percent: float = Field(
        default=0.0, ge=0, le=100, description="So many of those that have ended; 0: no such rule."
    )


class NewJob(Input):
    """A command to many chargers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Restart after the update",
                    "action": "Reset",
                    "payload": {"type": "Soft"},
                    "where": {"site": "berlin", "firmware": "1.4.2"},
                    "canary": {"chargers": 2, "then": "pause"},
                    "rate_per_s": 5,
                    "abort": {"percent": 10},
                }
            ]
        }
    )

    name: str = Field(default="", max_length=255)
    action: str = Field(description="Any action that the chargers' OCPP version has.")
    payload: dict[str, Any] = Field(default_factory=dict, description="As specified.")
    where: Where = Field(description="Which chargers; empty: all.")
    dry_run: bool = Field(default=False, description="Only say which chargers it would be.")
    force: bool = Field(default=False, description="Send it although it violates the schema.")
    canary: Canary = Field(default_factory=Canary)
    abort: Abort = Field(default_factory=Abort)
    rate_per_s: float = Field(default=10.0, gt=0, le=10_000, description="Commands a second.")
    in_flight_max: int = Field(default=50, ge=1, le=5_000, description="On their way at once.")
    deadline_s: float = Field(
        default=30.0, ge=1, le=600, description="How long each charger may take."
    )
    paused: bool = Field(default=False, description="Begin only when it is resumed.")


class JobView(BaseModel):
    """A job and how far it is."""

    id: str
    name: str
    action: str
    payload: dict[str, Any]
    where: dict[str, Any]
    state: str = Field(description="running, paused, cancelled, aborted or finished.")
    reason: str = Field(
        description="canary_done, canary_failed, too_many_failures, by_operator or empty."
    )
    chargers: int
    canary: int
    canary_passed: bool
    canary_then: str
    rate_per_s: float
    in_flight_max: int
    abort_failures: int
    abort_pct: float
    deadline_s: float
    issued_by: str
    created_us: int
    finished_us: int
    counts: dict[str, int] = Field(
        description="Chargers by outcome; `waiting` and `sending` have none yet. unknown: it may "
        "have been sent or not, and is not sent again."
    )


class DryRun(BaseModel):
    """Which chargers a job would command."""

    chargers: int
    canary: int
    not_applicable: int = Field(description="Their version has no such action or payload.")
    offline: int = Field(description="Not connected, as last recorded.")
    items: list[dict[str, Any]] = Field(description=f"The first {SHOWN_MAX}, in their order.")


class JobPage(BaseModel):
    """Some jobs."""

    items: list[JobView]
    next: str


class ItemPage(BaseModel):
    """Some chargers of a job."""

    items: list[dict[str, Any]]
    next: str


@router.post(
    "",
    status_code=201,
    responses=problems(413, 422) | {200: {"model": DryRun, "description": "Of a dry run."}},
    summary="Command many chargers",
)
async def create_job(
    request: Request, response: Response, body: NewJob, principal: Caller
) -> JobView | DryRun:
    """Write a job down; it begins at once unless it is `paused`.

    `dry_run`: only say what it would be.
    """
    services = services_of(request)
    for version in VERSIONS.values():
        if body.action in version.outbound:
            row = version.outbound[body.action]
            require(principal, permission_of(row, body.action, body.payload))
    most = services.job_chargers_max
    chosen = await store.choose(
        services.engine, body.where.model_dump(), tenant_filter(principal), most
    )
    if len(chosen) > most:
        raise InvalidInput(
            "where", f"finds more than {most} chargers (operations.job_chargers_max)"
        )
    if not chosen:
        raise InvalidInput("where", "finds no charger")
    fitting = _fitting(body, {one.subprotocol for one in chosen})
    items = [
        {
            "charger": one.charger,
            "site": one.site,
            "vendor": one.vendor,
            "model": one.model,
            "firmware": one.firmware,
            "connected": one.connected,
            "error": fitting[one.subprotocol],
        }
        for one in chosen
    ]
    # Those that can be commanded first: canaries that cannot say nothing.
    items.sort(key=lambda item: (bool(item["error"]), not item["connected"]))
    able = sum(not item["error"] for item in items)
    canary = canaries_of(able, body.canary.chargers, body.canary.percent)
    if body.dry_run:
        response.status_code = 200
        return DryRun(
            chargers=able,
            canary=canary,
            not_applicable=len(items) - able,
            offline=sum(not item["connected"] for item in items),
            items=items[:SHOWN_MAX],
        )
    if not able:
        raise InvalidInput("action", next(iter(fitting.values())))
    name = str(uuid.uuid4())
    await _create(services, principal, body, name, canary, items)
    services.backplane.look()
    response.headers["Location"] = f"/api/v1/jobs/{name}"
    return _view(await store.get(services.engine, name))


def _fitting(body: NewJob, subprotocols: set[str]) -> dict[str, str]:
    """Return by subprotocol why a command does not fit; empty: it does.

    Raises:
        Problem: it fits no version.
    """
    found: dict[str, str] = {}
    problem: Problem | None = None
    for subprotocol in subprotocols:
        version = VERSIONS.get(subprotocol) or next(iter(VERSIONS.values()))
        try:
            action_of(version, body.action)
            violations(version, body.action, body.payload, force=body.force)
        except Problem as refused:
            problem = refused
            found[subprotocol] = refused.detail
        else:
            found[subprotocol] = ""
    if problem is not None and all(found.values()):
        raise problem
    return found


async def _create(
    services: Services,
    principal: Principal,
    body: NewJob,
    name: str,
    canary: int,
    items: list[dict[str, Any]],
) -> None:
    now_us = services.clock.now_us()
    version = next(version for version in VERSIONS.values() if body.action in version.outbound)
    job = {
        "id": name,
        "tenant": principal.tenant,
        "name": body.name,
        "action": body.action,
        "payload": json.dumps(body.payload),
        "filter": json.dumps(body.where.model_dump(exclude_defaults=True)),
        "priority": max(Priority.BACKGROUND, version.outbound[body.action].priority),
        "issued_by": f"{issuer(principal)}, job {body.name or name}"[:255],
        "state": JobState.PAUSED if body.paused else JobState.RUNNING,
        "reason": "by_operator" if body.paused else "",
        "canary": canary,
        "canary_passed": False,
        "canary_then": body.canary.then,
        "rate_per_s": body.rate_per_s,
        "in_flight_max": body.in_flight_max,
        "abort_failures": body.abort.failures,
        "abort_pct": body.abort.percent,
        "deadline_s": body.deadline_s,
        "chargers": len(items),
        "created_us": now_us,
        "finished_us": 0,
    }
    rows = [
        {
            "job": name,
            "charger": item["charger"],
            "position": position,
            "state": store.DONE if item["error"] else store.WAITING,
            "outcome": NOT_APPLICABLE if item["error"] else "",
            "error": item["error"][:1_000],
            "finished_us": now_us if item["error"] else 0,
        }
        for position, item in enumerate(items)
    ]
    # A job that was written is there, even when whoever asked has gone meanwhile.
    await asyncio.shield(store.create(services.engine, job, rows))


@router.get("", responses=problems(422), summary="Jobs, newest first")
async def list_jobs(
    request: Request,
    state: Literal["", "running", "paused", "cancelled", "aborted", "finished"] = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> JobPage:
    """Return a page of jobs."""
    services = services_of(request)
    tenant = tenant_filter(principal_of(request))
    page = await store.listed(services.engine, tenant, state=state, cursor=cursor, limit=limit)
    return JobPage(items=[_view(row) for row in page.items], next=page.next)


@router.get("/{job}", responses=problems(404), summary="One job")
async def get_job(request: Request, job: str) -> JobView:
    """Return how far a job is."""
    return _view(await _found(request, job))


@router.get("/{job}/chargers", responses=problems(404, 422), summary="The chargers of a job")
async def list_job_chargers(
    request: Request,
    job: str,
    outcome: Annotated[str, Query(max_length=40, description="Or waiting, sending.")] = "",
    cursor: Annotated[str, Query(max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> ItemPage:
    """Return what became of each charger, in the order of the job."""
    await _found(request, job)
    page = await store.items_of(
        services_of(request).engine, job, outcome=outcome, cursor=cursor, limit=limit
    )
    return ItemPage(items=page.items, next=page.next)


CHANGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pause": (JobState.PAUSED, (JobState.RUNNING,)),
    "resume": (JobState.RUNNING, (JobState.PAUSED,)),
    "cancel": (JobState.CANCELLED, (JobState.RUNNING, JobState.PAUSED)),
}


@router.post("/{job}/pause", responses=problems(404, 409), summary="Pause a job")
async def pause_job(request: Request, job: str) -> JobView:
    """Send no more for now; what is on its way comes to its end."""
    return await _changed(request, job, "pause")


@router.post("/{job}/resume", responses=problems(404, 409), summary="Resume a job")
async def resume_job(request: Request, job: str) -> JobView:
    """Go on; after canaries with the others, also when some canaries have failed."""
    return await _changed(request, job, "resume")


@router.post("/{job}/cancel", responses=problems(404, 409), summary="Cancel a job")
async def cancel_job(request: Request, job: str) -> JobView:
    """Send no more, ever; chargers that were not commanded are `not_sent`."""
    return await _changed(request, job, "cancel")


async def _changed(request: Request, job: str, how: str) -> JobView:
    services = services_of(request)
    row = await _found(request, job)
    state, of = CHANGES[how]
    changed = await store.set_state(
        services.engine,
        job,
        state,
        "" if how == "resume" else "by_operator",
        services.clock.now_us(),
        of=of,
        canary_passed=how == "resume" and row["reason"].startswith("canary_"),
    )
    if not changed:
        raise Problem(409, "job_state", f"a job that is {row['state']} cannot {how}")
    services.backplane.look()
    return _view(await store.get(services.engine, job))


async def _found(request: Request, job: str) -> dict[str, Any]:
    row = await store.get(services_of(request).engine, job)
    check_tenant(principal_of(request), row["tenant"], "job", job)
    return row


def _view(row: dict[str, Any]) -> JobView:
    return JobView.model_validate(row | {"where": row["filter"]})
