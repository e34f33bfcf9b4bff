"""`GET /api/v1/commands/{id}`: how a command goes, and what it led to."""

import asyncio
import contextlib
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from csms.api.auth import principal_of
from csms.api.hub import Filter
from csms.api.models import CommandStep, CommandView, Followed
from csms.api.problems import Problem
from csms.api.recent import Sent
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, check_site_name, check_tenant
from csms.api.timeline import Scene, timeline
from domain.commands import Outcome
from domain.errors import NotFound, Unavailable
from domain.live import LiveKind
from storage.relational import reads

router = APIRouter(prefix="/api/v1", tags=["calls"])

Until = Literal["answer", "end"]
UNTIL = "answer: of the charger. end: what the command led to, as a plug awaited."
NOT_FOLLOWED = {"follow_end": "", "followed_us": 0, "follow_detail": ""}
LOOK_S = 1.0
"""A waiting request looks so often even when nothing is told."""


@router.get(
    "/commands/{command}", responses=problems(404, 422), summary="One command and its way so far"
)
async def get_command(
    request: Request,
    command: str,
    wait: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="Seconds to wait for `until`.")
    ] = 0.0,
    until: Annotated[Until, Query(description=UNTIL)] = "answer",
) -> CommandView:
    """Return how a command goes: its steps, its answer, and what followed or is awaited."""
    services, principal = services_of(request), principal_of(request)
    check_wait(services, wait)
    sent = services.recent.get(command)
    if sent is not None:
        check_tenant(principal, sent.tenant, "command", command)
        check_site_name(principal, sent.site, "command", command)
        tenant = sent.tenant
    else:
        row = await reads.command(services.engine, command)
        record = await services.registry.get_charger(row["charger"])
        check_charger(principal, record, "command", command)
        tenant = record.tenant
    end_us = services.clock.now_us() + int(wait * 1e6)
    return await watched(services, command, tenant, until, end_us)


def check_wait(services: Services, wait: float) -> None:
    """Raise Problem 422 when somebody wants to wait too long."""
    longest = services.settings.call_wait_s_max
    if wait > longest:
        raise Problem(422, "invalid", f"wait: must be at most {longest:g} s")


async def watched(
    services: Services, command: str, tenant: str, until: str, end_us: int
) -> CommandView:
    """Return a command when it has come so far, or at `end_us`; looks when something is told."""
    view = await _view(services, command)
    if _is_far(view, until) or services.clock.now_us() >= end_us:
        return view
    kinds = frozenset({LiveKind.COMMAND, LiveKind.TRANSACTION})
    wanted = Filter(kinds, frozenset({view.charger}), tenant=tenant)
    watcher = services.hub.open(wanted)
    try:
        while not _is_far(view, until) and not services.hub.closed.is_set():
            left_s = (end_us - services.clock.now_us()) / 1e6
            if left_s <= 0:
                break
            pause_s = min(left_s, LOOK_S)
            if watcher is None:
                await asyncio.sleep(pause_s)
            else:
                watcher.wake.clear()
                watcher.frames.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await watcher.wake.wait()
            view = await _view(services, command)
    finally:
        if watcher is not None:
            services.hub.close(watcher)
    return view


def _is_far(view: CommandView, until: str) -> bool:
    return view.settled or (until == "answer" and view.outcome is not None)


async def _view(services: Services, command: str) -> CommandView:
    """Return a command as the store has it, or as it was sent from here."""
    sent = services.recent.get(command)
    try:
        row = await reads.command(services.engine, command)
    except (NotFound, Unavailable):
        if sent is None:
            raise
        return CommandView.model_validate(row_of_sent(services, sent))
    if sent is not None and sent.result is not None and not row["outcome"]:
        return CommandView.model_validate(row_of_sent(services, sent))
    scene = Scene()
    if row["outcome"] in {"", Outcome.ACCEPTED}:
        with contextlib.suppress(NotFound):
            one = await reads.charger(services.engine, row["charger"])
            scene = Scene(
                bool(one.get("connected")),
                one.get("connected_subprotocol") or "",
                one["connectors"],
            )
    steps, settled = timeline(row, scene, services.follow_s, services.clock.now_us())
    return _of_row(row).model_copy(
        update={"timeline": [CommandStep(**vars(step)) for step in steps], "settled": settled}
    )


def row_of_sent(
    services: Services, sent: Sent, warnings: list[str] | None = None
) -> dict[str, Any]:
    """Return the fields of the CommandView of a command as it is known here."""
    command, result = sent.command, sent.result
    known = {
        "id": command.id,
        "charger": command.charger,
        "action": command.action,
        "outcome": None if result is None else result.outcome,
        "error_code": "" if result is None else result.error_code,
        "error_text": "" if result is None else result.error_text,
        "queued_us": command.queued_us,
        "sent_us": 0 if result is None else result.sent_us,
        "finished_us": 0 if result is None else result.finished_us,
        "issued_by": command.issued_by,
        "deadline_us": command.deadline_us,
    }
    row = known | {"payload": command.payload} | NOT_FOLLOWED
    scene = Scene(subprotocol=sent.subprotocol)
    steps, settled = timeline(row, scene, services.follow_s, services.clock.now_us())
    return known | {
        "state": "pending" if result is None else "finished",
        "response": None if result is None else result.response,
        "warnings": warnings or [],
        "followed": None,
        "settled": settled,
        "timeline": [vars(step) for step in steps],
    }


def _of_row(row: dict[str, Any]) -> CommandView:
    followed = None
    if row["follow_end"]:
        followed = Followed(
            end=row["follow_end"],
            transaction=row["follow_transaction"],
            detail=row["follow_detail"],
        )
    fields = {name: row[name] for name in CommandView.model_fields if name in row}
    return CommandView.model_validate(
        fields
        | {
            "state": "finished" if row["outcome"] else "pending",
            "outcome": row["outcome"] or None,
            "response": json.loads(row["response"]) if row["response"] else None,
            "followed": followed,
        }
    )
