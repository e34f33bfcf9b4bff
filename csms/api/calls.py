"""Calls to chargers: checked, sent through the gateway that has the charger, answered by it.

Every OCPP message that a server may send can be sent, and the answer is the charger's own. Most
commands go to chargers that had one before: where these are is remembered (`csms.api.whereabouts`).
"""

import difflib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from starlette.requests import Request

from csms.api.auth import Principal, principal_of, require
from csms.api.commands import check_wait, row_of_sent, watched
from csms.api.idempotency import command_id, never_sent
from csms.api.problems import Problem
from csms.api.profile_check import profile_warnings
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger
from csms.api.whereabouts import Whereabout
from domain.access import Permission
from domain.commands import Command, Outcome, Priority
from domain.errors import CsmsError
from protocol.version import Outbound, Version
from protocol.versions import VERSIONS
from supervisor.links import DeadlinePassed, LinkDown

GRACE_S = 2.0
"""The gateway ends a command at its deadline; its word is waited for a little longer."""
DONE, PENDING = 200, 202

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


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be sent; see `csms.api.models.NewCall`."""

    action: str
    payload: dict[str, Any] = {}
    force: bool = False
    priority: Literal["safety", "driver", "operator", "background"] | None = None


class Answer(NamedTuple):
    """How far a command came while somebody waited for it."""

    status: int
    """Of HTTP. 200: it has ended. 202: it has not ended yet."""
    id: str
    """Of the command."""
    view: dict[str, Any]
    """The fields of `csms.api.models.CommandView`."""


class _Checked(NamedTuple):
    """A call that may be sent to a charger where that is now."""

    at: Whereabout
    priority: int
    warnings: list[str]


async def send_call(
    request: Request, charger: str, call: Call, wait: float, until: str = "answer"
) -> Answer:
    """Send a call on behalf of who has sent a request.

    Args:
        request: whose principal and idempotency key count.
        charger: its identity.
        call: what.
        wait: seconds; 0: do not wait.
        until: `answer` of the charger, or `end`: what the command led to.

    Raises:
        Problem: 409, it is not connected or takes no command now; 422, it is no such call; 403.
        NotFound: the caller has no such charger.
        Unavailable, LinkError: a part of the node is away.
    """
    services, principal = services_of(request), principal_of(request)
    check_wait(services, wait)
    checked = await _check_remembered(services, principal, charger, call)
    if checked is not None:
        answer = await _send(request, checked, call, wait, until)
        if answer is not None:
            return answer
        # It was not taken: the charger is elsewhere by now, or another one's.
        services.whereabouts.forget(charger)
    checked = await _check_anew(services, principal, charger, call)
    answer = await _send(request, checked, call, wait, until)
    if answer is None:
        services.whereabouts.forget(charger)
        raise _offline(charger)
    return answer


async def _check_remembered(
    services: Services, principal: Principal, charger: str, call: Call
) -> _Checked | None:
    """Check a call against what is remembered; None: not remembered, or refused by that."""
    known = services.whereabouts.get(charger)
    if known is None or not services.backplane.is_up(known.gateway):
        return None
    try:
        return await _check(services, principal, known, call)
    except CsmsError:
        # It may be another charger by now.
        return None


async def _check_anew(
    services: Services, principal: Principal, charger: str, call: Call
) -> _Checked:
    """Check a call against what the store and the gateways say."""
    record = await services.charger(charger)
    check_charger(principal, record)
    presence = await services.backplane.presence([record.id])
    connection = presence.chargers.get(record.id)
    subprotocol = connection["subprotocol"] if connection else record.subprotocol
    at = Whereabout(record, "", 0, subprotocol)
    if connection is not None and subprotocol in VERSIONS:
        at = at._replace(gateway=connection["gateway"], generation=connection["generation"])
        checked = await _check(services, principal, at, call)
        services.whereabouts.put(at)
        return checked
    if not presence.complete:
        offline = Problem(503, "presence_unknown", "a gateway does not say who is connected")
    else:
        offline = _offline(charger)
    if subprotocol in VERSIONS:
        # A charger that has never said which version it speaks gives nothing to check against.
        await _check(services, principal, at, call)
    raise offline


async def _check(services: Services, principal: Principal, at: Whereabout, call: Call) -> _Checked:
    check_charger(principal, at.record)
    version = VERSIONS[at.subprotocol]
    row = action_of(version, call.action)
    require(principal, permission_of(row, call.action, call.payload))
    warnings = violations(version, call.action, call.payload, force=call.force)
    warnings += await profile_warnings(
        services, at.record, version, call.action, call.payload, force=call.force
    )
    priority = Priority[call.priority.upper()] if call.priority else row.priority
    return _Checked(at, priority, warnings)


async def _send(
    request: Request, checked: _Checked, call: Call, wait: float, until: str
) -> Answer | None:
    """Send a call; None: its charger is not there, or not as it was checked any more."""
    services, record = services_of(request), checked.at.record
    request.state.audit = {"action": call.action}
    now_us = services.clock.now_us()
    command = Command(
        id=command_id(request),
        charger=record.id,
        action=call.action,
        payload=call.payload,
        deadline_us=now_us + int((wait or services.settings.call_deadline_s) * 1e6),
        priority=checked.priority,
        issued_by=issuer(principal_of(request)),
        queued_us=now_us,
    )
    sent = services.recent.add(command, record.tenant, record.site, checked.at.subprotocol)
    try:
        result = await services.backplane.command(
            checked.at.gateway,
            command,
            wait=wait > 0,
            deadline_s=wait + GRACE_S if wait else services.settings.ask_deadline_s,
            checked=checked.at.checked,
        )
    except (DeadlinePassed, LinkDown):
        # It may have been sent: only the journal knows. Never send it again.
        return Answer(PENDING, command.id, row_of_sent(services, sent, checked.warnings))
    if result is None:
        services.recent.forget(command.id)
        never_sent(request)
        return None
    if result.outcome == "queued":
        return Answer(PENDING, command.id, row_of_sent(services, sent, checked.warnings))
    sent.result = result
    if result.outcome == Outcome.REFUSED:
        raise Problem(409, "refused", result.error_text or "the command was not taken")
    if until == "end" and result.outcome == Outcome.ACCEPTED:
        end_us = now_us + int(wait * 1e6)
        view = await watched(services, command.id, record.tenant, until, end_us)
        view.warnings = checked.warnings
        return Answer(DONE if view.settled else PENDING, command.id, view.model_dump())
    return Answer(DONE, command.id, row_of_sent(services, sent, checked.warnings))


def _offline(charger: str) -> Problem:
    return Problem(409, "charger_offline", f"charger {charger!r} is not connected")


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
