"""Alerts: what is wrong, the rules that say so, who is told, and how the telling went."""

import secrets
import uuid
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr

from csms.api.auth import Caller, principal_of
from csms.api.calls import issuer
from csms.api.models import Input
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.tenancy import check_charger, check_site, check_tenant, tenant_filter
from csms.operations.delivery import Refused, check_url
from csms.operations.sights import KINDS
from domain.errors import InvalidInput
from storage.relational import alerts as store
from storage.relational.reads import Page

router = APIRouter(prefix="/api/v1", tags=["alerts"])

Cursor = Annotated[str, Query(max_length=200, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
KindName = Literal[
    "offline",
    "fault",
    "no_energy",
    "limit_exceeded",
    "certificate",
    "lag",
    "command_errors",
    "message_errors",
]


class Rows(BaseModel):
    """One page."""

    items: list[dict[str, Any]]
    next: str


class NewRule(Input):
    """What is to be told, and to whom."""

    name: str = Field(default="", max_length=255)
    kind: KindName = Field(
        description="; ".join(f"{name}: {dict(kind.params)}" for name, kind in KINDS.items())
    )
    params: dict[str, float | list[str]] = Field(
        default_factory=dict, description="What is not said is as above."
    )
    site: str = Field(default="", description="Only of this site; empty: all.")
    severity: Literal["info", "warning", "critical"] = "warning"
    enabled: bool = True
    hold_s: int = Field(default=0, ge=0, le=31_536_000, description="So long must it last.")
    channels: tuple[str, ...] = Field(default=(), max_length=100, description="Ids.")
    escalate_s: int = Field(
        default=0, ge=0, le=31_536_000, description="Not acknowledged for so long; 0: never."
    )
    escalate_channels: tuple[str, ...] = Field(default=(), max_length=100)


class NewChannel(Input):
    """Where it is told."""

    name: str = Field(default="", max_length=255)
    kind: Literal["email", "webhook"]
    target: str = Field(
        min_length=3, max_length=2_000, description="An address, or an http(s) URL."
    )
    secret: SecretStr | None = Field(
        default=None,
        max_length=200,
        description="Of a webhook's signature; made when it is not said. Never returned again.",
    )
    enabled: bool = True


class NewSilence(Input):
    """What is not to be told for a while; what is not said fits all."""

    rule: str = ""
    charger: str = ""
    site: str = ""
    until_us: int = Field(gt=0, le=(1 << 62))
    reason: str = Field(default="", max_length=1_000)


async def _page(
    request: Request, kind: str, equal: Mapping[str, str], cursor: str, limit: int
) -> Rows:
    page: Page = await store.listed(
        services_of(request).engine,
        kind,
        tenant_filter(principal_of(request)),
        equal=equal,
        cursor=cursor,
        limit=limit,
    )
    return Rows(items=page.items, next=page.next)


async def _mine(request: Request, kind: str, name: str) -> dict[str, Any]:
    row = await store.get(services_of(request).engine, kind, name)
    check_tenant(principal_of(request), row["tenant"], kind, name)
    return row


async def _check_places(request: Request, site: str, charger: str = "") -> None:
    """Raise NotFound for a site or charger that is none of the caller's."""
    services, principal = services_of(request), principal_of(request)
    if site:
        check_site(principal, await services.registry.get_site(site))
    if charger:
        check_charger(principal, await services.charger(charger))


@router.get("/alerts", responses=problems(422), summary="Alerts, newest first")
async def list_alerts(
    request: Request,
    state: Literal["", "active", "open", "acknowledged", "resolved"] = "",
    charger: Annotated[str, Query(max_length=255)] = "",
    rule: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> Rows:
    """Return a page; `active`: those that are not over."""
    equal = {"state": state, "charger": charger, "rule": rule}
    return await _page(request, "alert", equal, cursor, limit)


@router.get("/alerts/{alert}", responses=problems(404), summary="One alert")
async def get_alert(request: Request, alert: str) -> dict[str, Any]:
    """Return an alert."""
    return await _mine(request, "alert", alert)


@router.post("/alerts/{alert}/acknowledge", responses=problems(404, 409), summary="Take care of it")
async def acknowledge_alert(request: Request, alert: str, principal: Caller) -> dict[str, Any]:
    """Say that somebody takes care: it is not escalated any more."""
    services = services_of(request)
    row = await _mine(request, "alert", alert)
    now_us = services.clock.now_us()
    if not await store.acknowledge(services.engine, alert, issuer(principal), now_us):
        raise Problem(409, "alert_state", f"the alert is {row['state']}")
    services.backplane.look()
    return await _mine(request, "alert", alert)


@router.get("/alert-rules", responses=problems(422), summary="Rules of alerts")
async def list_rules(request: Request, cursor: Cursor = "", limit: Limit = 100) -> Rows:
    """Return a page of rules."""
    return await _page(request, "rule", {}, cursor, limit)


@router.post(
    "/alert-rules", status_code=201, responses=problems(404, 413, 422), summary="Add a rule"
)
async def create_rule(request: Request, body: NewRule, principal: Caller) -> dict[str, Any]:
    """Add a rule; it is looked at within `operations.alert_every_s`."""
    return await _put_rule(request, body, str(uuid.uuid4()), principal.tenant)


@router.get("/alert-rules/{rule}", responses=problems(404), summary="One rule")
async def get_rule(request: Request, rule: str) -> dict[str, Any]:
    """Return a rule."""
    return await _mine(request, "rule", rule)


@router.put("/alert-rules/{rule}", responses=problems(404, 413, 422), summary="Change a rule")
async def change_rule(request: Request, rule: str, body: NewRule) -> dict[str, Any]:
    """Put a rule in place of what it was."""
    row = await _mine(request, "rule", rule)
    return await _put_rule(request, body, rule, row["tenant"])


@router.delete(
    "/alert-rules/{rule}", status_code=204, responses=problems(404), summary="Remove a rule"
)
async def delete_rule(request: Request, rule: str) -> Response:
    """Remove a rule; its alerts are over."""
    await _mine(request, "rule", rule)
    await store.remove(services_of(request).engine, "rule", rule)
    return Response(status_code=204)


async def _put_rule(request: Request, body: NewRule, name: str, tenant: str) -> dict[str, Any]:
    services = services_of(request)
    known = KINDS[body.kind].params
    for param, value in body.params.items():
        if param not in known:
            raise InvalidInput(f"params.{param}", f"{body.kind} has {sorted(known)} only")
        if isinstance(value, list) is not isinstance(known[param], list):
            raise InvalidInput(f"params.{param}", f"must be as {known[param]!r}")
    await _check_places(request, body.site)
    for channel in (*body.channels, *body.escalate_channels):
        await _mine(request, "channel", channel)
    row = body.model_dump() | {
        "id": name,
        "tenant": tenant,
        "created_us": services.clock.now_us(),
    }
    await store.put(services.engine, "rule", row)
    return await store.get(services.engine, "rule", name)


@router.get("/alert-channels", responses=problems(422), summary="Where alerts are told")
async def list_channels(request: Request, cursor: Cursor = "", limit: Limit = 100) -> Rows:
    """Return a page of channels, without their secrets."""
    return await _page(request, "channel", {}, cursor, limit)


@router.post(
    "/alert-channels", status_code=201, responses=problems(413, 422), summary="Add a channel"
)
async def create_channel(request: Request, body: NewChannel, principal: Caller) -> dict[str, Any]:
    """Add a channel. The answer has the secret of a webhook, this one time."""
    services = services_of(request)
    secret = ""
    if body.kind == "webhook":
        networks = [ip_network(text, strict=False) for text in services.webhook_private]
        try:
            check_url(body.target, networks)
        except Refused as refused:
            raise InvalidInput("target", str(refused)) from refused
        secret = body.secret.get_secret_value() if body.secret else secrets.token_urlsafe(32)
    elif "@" not in body.target or any(one.isspace() for one in body.target):
        raise InvalidInput("target", "is no e-mail address")
    name = str(uuid.uuid4())
    row = body.model_dump(exclude={"secret"}) | {
        "id": name,
        "tenant": principal.tenant,
        "secret": secret,
        "created_us": services.clock.now_us(),
    }
    await store.put(services.engine, "channel", row)
    return await store.get(services.engine, "channel", name) | {"secret": secret}


@router.get("/alert-channels/{channel}", responses=problems(404), summary="One channel")
async def get_channel(request: Request, channel: str) -> dict[str, Any]:
    """Return a channel, without its secret."""
    return await _mine(request, "channel", channel)


@router.delete(
    "/alert-channels/{channel}",
    status_code=204,
    responses=problems(404),
    summary="Remove a channel",
)
async def delete_channel(request: Request, channel: str) -> Response:
    """Remove a channel; what was to be told there fails."""
    await _mine(request, "channel", channel)
    await store.remove(services_of(request).engine, "channel", channel)
    return Response(status_code=204)


@router.post("/alert-channels/{channel}/test", status_code=202, responses=problems(404))
async def test_channel(request: Request, channel: str, principal: Caller) -> dict[str, Any]:
    """Send a delivery that says that it is a test; ask for it in `/deliveries`."""
    services = services_of(request)
    row = await _mine(request, "channel", channel)
    now_us = services.clock.now_us()
    body = {"event": "test", "by": issuer(principal), "at_us": now_us}
    made = store.delivery(channel, row["tenant"], "", "test", body, now_us)
    await store.enqueue(services.engine, made)
    return await store.get(services.engine, "delivery", made["id"])


@router.get("/alert-silences", responses=problems(422), summary="Silences")
async def list_silences(request: Request, cursor: Cursor = "", limit: Limit = 100) -> Rows:
    """Return a page of silences."""
    return await _page(request, "silence", {}, cursor, limit)


@router.post(
    "/alert-silences", status_code=201, responses=problems(404, 413, 422), summary="Silence"
)
async def create_silence(request: Request, body: NewSilence, principal: Caller) -> dict[str, Any]:
    """Tell nothing of what fits until then; it is told afterwards when it still is so."""
    services = services_of(request)
    now_us = services.clock.now_us()
    if body.until_us <= now_us:
        raise InvalidInput("until_us", "is over")
    await _check_places(request, body.site, body.charger)
    if body.rule:
        await _mine(request, "rule", body.rule)
    name = str(uuid.uuid4())
    row = body.model_dump() | {
        "id": name,
        "tenant": principal.tenant,
        "issued_by": issuer(principal),
        "created_us": now_us,
    }
    await store.put(services.engine, "silence", row)
    return await store.get(services.engine, "silence", name)


@router.get("/alert-silences/{silence}", responses=problems(404), summary="One silence")
async def get_silence(request: Request, silence: str) -> dict[str, Any]:
    """Return a silence."""
    return await _mine(request, "silence", silence)


@router.delete(
    "/alert-silences/{silence}", status_code=204, responses=problems(404), summary="End a silence"
)
async def delete_silence(request: Request, silence: str) -> Response:
    """End a silence."""
    await _mine(request, "silence", silence)
    await store.remove(services_of(request).engine, "silence", silence)
    return Response(status_code=204)


@router.get("/deliveries", responses=problems(422), summary="What was told, and how that went")
async def list_deliveries(
    request: Request,
    state: Literal["", "pending", "delivered", "failed"] = "",
    channel: Annotated[str, Query(max_length=64)] = "",
    alert: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> Rows:
    """Return a page of the log of deliveries."""
    equal = {"state": state, "channel": channel, "alert": alert}
    return await _page(request, "delivery", equal, cursor, limit)


@router.post(
    "/deliveries/{delivery}/replay",
    status_code=202,
    responses=problems(404),
    summary="Send it again",
)
async def replay_delivery(request: Request, delivery: str) -> dict[str, Any]:
    """Send a delivery again, with the same id and body."""
    services: Services = services_of(request)
    await _mine(request, "delivery", delivery)
    await store.replay(services.engine, delivery, services.clock.now_us())
    return await _mine(request, "delivery", delivery)
