"""`POST /api/v1/chargers/{id}/calls` and `GET /api/v1/commands/{id}`.

Every OCPP message that a server may send can be sent here, and the answer is the charger's own.
"""

import difflib
import json
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from csms.api.auth import Principal, Role, needs, principal_of, require
from csms.api.models import CommandView, Followed, NewCall
from csms.api.problems import Problem
from csms.api.recent import Sent
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_tenant
from domain.commands import Command, Outcome, Priority
from domain.errors import NotFound
from protocol.version import Outbound, Version
from protocol.versions import VERSIONS
from storage.relational import reads
from supervisor.links import DeadlinePassed, LinkDown

router = APIRouter(prefix="/api/v1", tags=["calls"])

Operator = Annotated[Principal, Depends(needs(Role.operator))]
GRACE_S = 2.0
"""The gateway ends a command at its deadline; its word is waited for a little longer."""

ADMIN_ACTIONS = frozenset(
    {"CertificateSigned", "DeleteCertificate", "InstallCertificate", "SignedUpdateFirmware"}
)
"""Trust and firmware of a charger: not for operators."""
ADMIN_KEYS = frozenset({"authorizationkey", "securityprofile", "cponame"})
"""Configuration keys that could lock a charger out."""


@router.post(
    "/chargers/{charger}/calls",
    responses=problems(404, 409, 413, 422)
    | {202: {"model": CommandView, "description": "Not ended yet: ask at `Location`."}},
    summary="Send an OCPP call and get the charger's answer",
)
async def call(
    request: Request,
    response: Response,
    charger: str,
    body: NewCall,
    principal: Operator,
    wait: Annotated[float, Query(ge=0, description="Seconds; 0: do not wait.")] = 30.0,
) -> CommandView:
    """Send a call. 200: it has ended, and `outcome` says how. 202: it has not ended yet.

    409: the charger is not connected, or takes no more commands now.
    """
    services = services_of(request)
    settings = services.settings
    if wait > settings.call_wait_s_max:
        raise Problem(422, "invalid", f"wait: must be at most {settings.call_wait_s_max:g} s")
    record = await services.charger(charger)
    check_tenant(principal, record.tenant, "charger", charger)
    presence = await services.backplane.presence([record.id])
    connection = presence.chargers.get(record.id)
    subprotocol = connection["subprotocol"] if connection else record.subprotocol
    version = VERSIONS.get(subprotocol) or next(iter(VERSIONS.values()))
    row = _action(version, body.action)
    _check_rights(principal, body)
    warnings = _violations(version, body)
    if connection is None:
        if not presence.complete:
            raise Problem(503, "presence_unknown", "a gateway does not say who is connected")
        raise Problem(409, "charger_offline", f"charger {charger!r} is not connected")
    now_us = services.clock.now_us()
    command = Command(
        id=str(uuid.uuid4()),
        charger=record.id,
        action=body.action,
        payload=body.payload,
        deadline_us=now_us + int((wait or settings.call_deadline_s) * 1e6),
        priority=Priority[body.priority.upper()] if body.priority else row.priority,
        issued_by=f"{principal.name} ({principal.key})" if principal.name else principal.key,
        queued_us=now_us,
    )
    sent = services.recent.add(command, record.tenant)
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
    return _of_sent(sent, warnings)


@router.get("/commands/{command}", responses=problems(404), summary="One command")
async def get_command(request: Request, command: str) -> CommandView:
    """Return how a command ended and what followed, or that it has not ended."""
    services, principal = services_of(request), principal_of(request)
    sent = services.recent.get(command)
    try:
        row = await reads.command(services.engine, command)
    except NotFound:
        if sent is None:
            raise
        check_tenant(principal, sent.tenant, "command", command)
        return _of_sent(sent, [])
    if sent is not None:
        check_tenant(principal, sent.tenant, "command", command)
    else:
        record = await services.registry.get_charger(row["charger"])
        check_tenant(principal, record.tenant, "command", command)
    return _of_row(row)


def _action(version: Version, action: str) -> Outbound:
    row = version.outbound.get(action)
    if row is None:
        lowered = {name.lower(): name for name in version.outbound}
        near = difflib.get_close_matches(action.lower(), lowered, n=1)
        hint = f"; did you mean {lowered[near[0]]}?" if near else ""
        rule = f"{version.subprotocol} has no action {action!r} that a server sends{hint}"
        error = {"field": "action", "rule": rule}
        raise Problem(422, "unknown_action", rule, errors=[error])
    return row


def _check_rights(principal: Principal, body: NewCall) -> None:
    key = str(body.payload.get("key", "")).lower()
    if body.action in ADMIN_ACTIONS or (body.action == "ChangeConfiguration" and key in ADMIN_KEYS):
        require(principal, Role.admin)


def _violations(version: Version, body: NewCall) -> list[str]:
    """Return where the payload violates its schema; refuse it unless it is forced."""
    flags = list(version.schemas.request(body.action).flags(body.payload))
    if flags and not body.force:
        raise Problem(
            422,
            "schema",
            f"the payload violates the schema of {body.action}: {', '.join(flags)}; "
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
    )
    if result is None:
        return view
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
