"""`POST /api/v1/chargers/{id}/calls` and `GET /api/v1/commands/{id}`.

Every OCPP message that a server may send can be sent here, and the answer is the charger's own.
"""

import asyncio
import contextlib
import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from csms.api.auth import Caller, Principal, principal_of, require
from csms.api.backplane import Presence
from csms.api.hub import Filter
from csms.api.idempotency import KEY_LENGTH_MAX, command_id
from csms.api.models import CommandStep, CommandView, Followed, NewCall
from csms.api.problems import Problem
from csms.api.profile_check import profile_warnings
from csms.api.recent import Sent
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, check_site_name, check_tenant
from csms.api.timeline import Scene, timeline
from domain.access import Permission
from domain.commands import Command, Outcome, Priority
from domain.errors import NotFound, Unavailable
from domain.live import LiveKind
from protocol.version import Outbound, Version
from protocol.versions import VERSIONS
from storage.relational import reads
from supervisor.links import DeadlinePassed, LinkDown

router = APIRouter(prefix="/api/v1", tags=["calls"])

Until = Annotated[
    Literal["answer", "end"],
    Query(description="answer: of the charger. end: what the command led to, as a plug awaited."),
]
LOOK_S = 1.0
"""A waiting request looks so often even when nothing is told."""
GRACE_S = 2.0
"""The gateway ends a command at its deadline; its word is waited for a little longer."""


ENERGY_ACTIONS = frozenset(
    {
        "ClearChargingProfile",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "SetChargingProfile",
        "UpdateDynamicSchedule",
    }
)
"""About power alone: also for who may send no other call."""

IDEMPOTENT: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A second request with the same key and body is the same command and "
            "gets the same answer; another body: 422. Kept for `api.idempotency_s`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
        }
    ]
}


@router.post(
    "/chargers/{charger}/calls",
    responses=problems(404, 409, 413, 422)
    | {202: {"model": CommandView, "description": "Not ended yet: ask at `Location`."}},
    summary="Send an OCPP call and get the charger's answer",
    openapi_extra=IDEMPOTENT,
)
async def call(
    request: Request,
    response: Response,
    charger: str,
    body: NewCall,
    principal: Caller,
    wait: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="Seconds; 0: do not wait.")
    ] = 30.0,
    until: Until = "answer",
) -> CommandView:
    """Send a call. 200: it has ended, and `outcome` says how. 202: it has not ended yet.

    409: the charger is not connected, or takes no more commands now.
    """
    services = services_of(request)
    settings = services.settings
    _check_wait(services, wait)
    record = await services.charger(charger)
    check_charger(principal, record)
    presence = await services.backplane.presence([record.id])
    connection = presence.chargers.get(record.id)
    subprotocol = connection["subprotocol"] if connection else record.subprotocol
    version = VERSIONS.get(subprotocol)
    if version is None:
        # It has never said which version it speaks, so there is nothing to check against.
        raise _offline(charger, presence)
    row = action_of(version, body.action)
    require(principal, permission_of(row, body.action, body.payload))
    warnings = violations(version, body.action, body.payload, force=body.force)
    warnings += await profile_warnings(
        services, record, version, body.action, body.payload, force=body.force
    )
    if connection is None:
        raise _offline(charger, presence)
    request.state.audit = {"action": body.action}
    now_us = services.clock.now_us()
    end_us = now_us + int(wait * 1e6)
    command = Command(
        id=command_id(request),
        charger=record.id,
        action=body.action,
        payload=body.payload,
        deadline_us=now_us + int((wait or settings.call_deadline_s) * 1e6),
        priority=Priority[body.priority.upper()] if body.priority else row.priority,
        issued_by=issuer(principal),
        queued_us=now_us,
    )
    sent = services.recent.add(command, record.tenant, record.site)
    response.headers["Location"] = f"/api/v1/commands/{command.id}"
    deadline_s = wait + GRACE_S if wait else settings.ask_deadline_s
    try:
        result = await services.backplane.command(
            connection["gateway"], command, wait=wait > 0, deadline_s=deadline_s
        )
    except (DeadlinePassed, LinkDown):
        # It may have been sent: only the journal knows. Never send it again.
        response.status_code = 202
        return _of_sent(sent, warnings)
    if result is None:
        raise Problem(409, "charger_offline", f"charger {charger!r} is not connected")
    if result.outcome == "queued":
        response.status_code = 202
        return _of_sent(sent, warnings)
    sent.result = result
    if result.outcome == Outcome.REFUSED:
        raise Problem(409, "refused", result.error_text or "the command was not taken")
    if until == "end" and result.outcome == Outcome.ACCEPTED:
        view = await _watched(services, command.id, record.tenant, until, end_us)
        view.warnings = warnings
        response.status_code = 200 if view.settled else 202
        return view
    return _of_sent(sent, warnings)


@router.get(
    "/commands/{command}", responses=problems(404, 422), summary="One command and its way so far"
)
async def get_command(
    request: Request,
    command: str,
    wait: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="Seconds to wait for `until`.")
    ] = 0.0,
    until: Until = "answer",
) -> CommandView:
    """Return how a command goes: its steps, its answer, and what followed or is awaited."""
    services, principal = services_of(request), principal_of(request)
    _check_wait(services, wait)
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
    return await _watched(services, command, tenant, until, end_us)


async def _watched(
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
        return _of_sent(sent, [])
    if sent is not None and sent.result is not None and not row["outcome"]:
        return _of_sent(sent, [])
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


def _offline(charger: str, presence: Presence) -> Problem:
    if not presence.complete:
        return Problem(503, "presence_unknown", "a gateway does not say who is connected")
    return Problem(409, "charger_offline", f"charger {charger!r} is not connected")


def _check_wait(services: Services, wait: float) -> None:
    longest = services.settings.call_wait_s_max
    if wait > longest:
        raise Problem(422, "invalid", f"wait: must be at most {longest:g} s")


def issuer(principal: Principal) -> str:
    """Return who a command is said to come from."""
    return f"{principal.name} ({principal.id})" if principal.name else principal.id


def action_of(version: Version, action: str) -> Outbound:
    """Return the row of an action.

    Raises:
        Problem: 422, the version has none of this name.
    """
    row = version.outbound.get(action)
    if row is None:
        lowered = {name.lower(): name for name in version.outbound}
        near = difflib.get_close_matches(action.lower(), lowered, n=1)
        hint = f"; did you mean {lowered[near[0]]}?" if near else ""
        rule = f"{version.subprotocol} has no action {action!r} that a server sends{hint}"
        error = {"field": "action", "rule": rule}
        raise Problem(422, "unknown_action", rule, errors=[error])
    return row


def permission_of(row: Outbound, action: str, payload: Mapping[str, Any]) -> Permission:
    """Return what somebody needs who sends a call; what could lock a charger out needs more."""
    if row.is_for_admins(payload):
        return Permission.calls_trust
    return Permission.calls_energy if action in ENERGY_ACTIONS else Permission.calls_send


def violations(
    version: Version, action: str, payload: Mapping[str, Any], *, force: bool
) -> list[str]:
    """Return where a payload violates its schema.

    Raises:
        Problem: 422, it does and is not forced.
    """
    flags = list(version.schemas.request(action).flags(payload))
    if flags and not force:
        raise Problem(
            422,
            "schema",
            f"the payload violates the schema of {action}: {', '.join(flags)}; "
            "send it all the same with force",
            errors=[{"field": "payload", "rule": flag} for flag in flags],
        )
    return flags


def _of_sent(sent: Sent, warnings: list[str]) -> CommandView:
    command, result = sent.command, sent.result
    view = CommandView(
        id=command.id,
        charger=command.charger,
        action=command.action,
        state="pending",
        queued_us=command.queued_us,
        issued_by=command.issued_by,
        warnings=warnings,
        deadline_us=command.deadline_us,
        timeline=[CommandStep(step="queued", at_us=command.queued_us)],
    )
    if result is None:
        return view
    if result.sent_us:
        view.timeline.append(CommandStep(step="sent", at_us=result.sent_us))
    detail = " ".join(part for part in (result.error_code, result.error_text) if part)
    view.timeline.append(CommandStep(step=result.outcome, at_us=result.finished_us, detail=detail))
    fields = msgspec.structs.asdict(result)
    del fields["id"]
    return view.model_copy(update=fields | {"state": "finished"})


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
