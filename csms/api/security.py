"""`/api/v1/chargers/{id}/security/...` and `/certificates`: keys, profiles, roots. For admins."""

import uuid
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from csms.api.auth import Caller, Principal
from csms.api.models import Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger
from csms.security import roots, steps
from csms.security.operations import Busy, ChargerSecurity, Ended, NotConnected, Parts
from csms.security.steps import Network, Verdict
from domain.commands import Command, CommandResult
from domain.records import ChargerRecord

router = APIRouter(prefix="/api/v1/chargers/{charger}", tags=["security"])

RootKind = Literal["csms", "manufacturer", "v2g", "mo"]
GRACE_S = 2.0
"""The gateway ends a command at its deadline; its word is waited for a little longer."""


class NetworkFields(Input):
    """Where a charger of 2.x comes to with its new profile: SetNetworkProfile."""

    url: str = Field(description="Without the identity, such as wss://csms.example.com/ocpp.")
    slot: int = Field(default=2, ge=0, description="configurationSlot.")
    interface: str = Field(default="Wired0", description="ocppInterface.")
    timeout_s: int = Field(default=30, ge=1, description="messageTimeout, seconds.")


class ProfileWanted(Input):
    """A higher security profile."""

    profile: Literal[1, 2, 3]
    network: NetworkFields | None = Field(default=None, description="For chargers of 2.x only.")


class NewRoot(Input):
    """A root to install. Without `certificate`: that of the built-in authority."""

    kind: RootKind = "csms"
    certificate: str = Field(default="", description="PEM, one certificate.")


def _security(services: Services) -> ChargerSecurity:
    async def place(charger: str) -> tuple[str, str] | None:
        presence = await services.backplane.presence([charger])
        found = presence.chargers.get(charger)
        if found is None and not presence.complete:
            raise Problem(503, "presence_unknown", "a gateway does not say who is connected")
        return (str(found["gateway"]), str(found["subprotocol"])) if found else None

    async def command(gateway: str, wanted: Command) -> CommandResult | None:
        deadline_s = services.security.call_s + GRACE_S
        return await services.backplane.command(gateway, wanted, wait=True, deadline_s=deadline_s)

    return ChargerSecurity(
        Parts(
            services.registry,
            services.security,
            services.clock.now_us,
            lambda: str(uuid.uuid4()),
            services.backplane.sync,
            place,
            command,
        )
    )


async def _own(request: Request, charger: str, principal: Principal) -> ChargerRecord:
    record = await services_of(request).charger(charger)
    check_charger(principal, record)
    return record


def _by(principal: Principal) -> str:
    return f"{principal.name} ({principal.id})" if principal.name else principal.id


def _told(response: Response, ended: Ended) -> dict[str, Any]:
    """Return how it ended. 202: nobody knows yet."""
    if ended.verdict is Verdict.UNKNOWN:
        response.status_code = 202
    return {
        "verdict": str(ended.verdict),
        "detail": ended.detail,
        "both_valid_until_us": ended.until_us,
        "commands": list(ended.commands),
    }


def _conflict(error: Busy | NotConnected) -> Problem:
    kind = "busy" if isinstance(error, Busy) else "charger_offline"
    return Problem(409, kind, str(error))


@router.post(
    "/security/key",
    responses=problems(404, 409) | {202: {"description": "Nobody knows yet which key it has."}},
    summary="Give the charger a new key",
)
async def rotate_key(
    request: Request, response: Response, charger: str, principal: Caller
) -> dict[str, Any]:
    """Make a new key, let both count, give it to the charger, and let one count.

    `verdict`: taken (the old key counts no more), refused (the new one does not), unknown (both
    count until the charger has come with the new one, or until `both_valid_until_us`). The key
    itself is shown to nobody.
    """
    await _own(request, charger, principal)
    try:
        ended = await _security(services_of(request)).rotate_key(charger, _by(principal))
    except (Busy, NotConnected) as error:
        raise _conflict(error) from error
    return _told(response, ended)


@router.delete(
    "/security/key", status_code=204, responses=problems(404), summary="Withdraw a new key"
)
async def withdraw_key(request: Request, charger: str, principal: Caller) -> Response:
    """End the validity of a new key of which nobody knows whether the charger has it."""
    await _own(request, charger, principal)
    await _security(services_of(request)).withdraw_key(charger, _by(principal))
    return Response(status_code=204)


@router.post(
    "/security/profile",
    responses=problems(404, 409, 422) | {202: {"description": "It may have been taken."}},
    summary="Raise the charger's security profile",
)
async def raise_profile(
    request: Request, response: Response, charger: str, body: ProfileWanted, principal: Caller
) -> dict[str, Any]:
    """Let the charger come with a higher profile and tell it to.

    It may come with its own one until it has come with the new one; from then on never again.
    """
    await _own(request, charger, principal)
    network = Network(**body.network.model_dump()) if body.network else None
    try:
        ended = await _security(services_of(request)).raise_profile(
            charger, body.profile, _by(principal), network
        )
    except NotConnected as error:
        raise _conflict(error) from error
    return _told(response, ended)


@router.post(
    "/security/onboard",
    responses=problems(404, 409, 422) | {202: {"description": "It stays Pending for now."}},
    summary="Replace the key that a Pending charger came with, and accept it",
)
async def onboard(
    request: Request, response: Response, charger: str, principal: Caller
) -> dict[str, Any]:
    """Give a Pending charger a key of its own, accept it, and let it boot again."""
    await _own(request, charger, principal)
    try:
        ended = await _security(services_of(request)).onboard(charger, _by(principal))
    except (Busy, NotConnected) as error:
        raise _conflict(error) from error
    return _told(response, ended)


@router.get("/certificates", responses=problems(404, 409), summary="Roots that the charger has")
async def list_roots(
    request: Request,
    charger: str,
    principal: Caller,
    kind: Annotated[RootKind, Query()] = "csms",
) -> dict[str, Any]:
    """Ask the charger which roots of a kind it trusts."""
    await _own(request, charger, principal)
    return {"items": await _listed(services_of(request), charger, kind, principal)}


@router.post(
    "/certificates", status_code=201, responses=problems(404, 409, 422), summary="Install a root"
)
async def install_root(
    request: Request, charger: str, body: NewRoot, principal: Caller
) -> dict[str, Any]:
    """Check a root, then let the charger trust it."""
    services = services_of(request)
    await _own(request, charger, principal)
    text = body.certificate or services.builtin_root()
    root = roots.checked_root(text, services.clock.now_us(), services.security.root_chars_max)
    result = await _step(
        services, charger, principal, lambda version: steps.install(version, body.kind, root.text)
    )
    _agreed(result, "the charger did not take the root")
    return {
        "subject": root.subject,
        "fingerprint": root.fingerprint,
        "not_after_us": root.not_after_us,
        "command": result.id,
        "hash_data": roots.hash_data(root.text),
    }


@router.delete("/certificates/{serial}", responses=problems(404, 409, 422), summary="Remove a root")
async def delete_root(
    request: Request,
    charger: str,
    serial: str,
    principal: Caller,
    kind: Annotated[RootKind, Query()] = "csms",
    *,
    force: Annotated[bool, Query(description="Also the last root by which it knows us.")] = False,
) -> dict[str, Any]:
    """Remove a root of the charger by its serial number (hexadecimal).

    The last root of kind csms stays: without it the charger would trust no server any more.
    """
    services = services_of(request)
    await _own(request, charger, principal)
    found = await _listed(services, charger, kind, principal)
    wanted = serial.casefold().removeprefix("0x").lstrip("0")
    ours = [each for each in found if each["serialNumber"].casefold().lstrip("0") == wanted]
    if not ours:
        raise Problem(404, "not_found", f"the charger has no {kind} root of number {serial}")
    if kind == "csms" and len(found) == 1 and not force:
        raise Problem(409, "last_root", "it is the last root by which the charger knows us")
    result = await _step(
        services, charger, principal, lambda version: steps.delete(version, kind, ours[0])
    )
    _agreed(result, "the charger did not remove the root")
    return {"hash_data": ours[0], "command": result.id}


async def _listed(
    services: Services, charger: str, kind: str, principal: Principal
) -> list[dict[str, str]]:
    result = await _step(
        services, charger, principal, lambda version: steps.installed(version, kind)
    )
    said = steps.status(result.response or {})
    if said not in {"accepted", "notfound"}:
        raise _refused(result, "the charger did not say which roots it has")
    return steps.hashes(result.response or {})


async def _step(
    services: Services,
    charger: str,
    principal: Principal,
    build: Any,  # noqa: ANN401 - a lambda
) -> CommandResult:
    try:
        return await _security(services).step(charger, _by(principal), build)
    except NotConnected as error:
        raise _conflict(error) from error


def _agreed(result: CommandResult, text: str) -> None:
    if steps.verdict(result) is not Verdict.TAKEN:
        raise _refused(result, text)


def _refused(result: CommandResult, text: str) -> Problem:
    said = msgspec.to_builtins(result)
    detail = result.error_text or steps.status(result.response or {}) or result.outcome
    return Problem(409, "refused_by_charger", f"{text}: {detail}", result=said)
