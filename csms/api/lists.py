"""The lists of `hot.py`, one row each: what may be asked, and where the answer comes from."""

import json
from typing import Any

import msgspec

from csms.api.auth import principal_of
from csms.api.chargers import with_presence
from csms.api.hot import Ask, HotList
from csms.api.messages import DIRECTIONS, page_query, to_cursor
from csms.api.query import FLAG, INSTANT, INTEGER, TEXT, Parameter, choice
from csms.api.schemas import FLAG as YES_OR_NO
from csms.api.schemas import TEXT as WORDS
from csms.api.schemas import TEXTS, WHOLE, of_list, of_struct, row
from csms.api.tenancy import row_filters, tenant_filter
from domain.records import TokenRecord
from domain.reservations import ReservationState
from storage.relational import inbox, monitors, reads, reservations
from storage.relational.registry import Site

SINCE = Parameter("from", INSTANT, "Not before this instant.", "since_us")
UNTIL = Parameter("to", INSTANT, "Before this instant.", "until_us")
CHARGER = Parameter("charger", TEXT, "Identity of the charger.")

INBOX_DAYS = 30
"""Looked back by the inbox when `from` is not said."""
US_PER_DAY = 86_400_000_000


async def _chargers(ask: Ask) -> reads.Page:
    filters = ask.filters | row_filters(principal_of(ask.request))
    page = await _page(ask, "chargers", filters)
    presence = await ask.services.backplane.presence([row["id"] for row in page.items])
    items = [
        with_presence(
            row, ask.services, presence.chargers.get(row["id"]), complete=presence.complete
        )
        for row in page.items
    ]
    return reads.Page(items, page.next)


async def _transactions(ask: Ask) -> reads.Page:
    filters = ask.filters | row_filters(principal_of(ask.request))
    return await _page(ask, "transactions", filters)


async def _refusals(ask: Ask) -> reads.Page:
    return await _page(ask, "refusals", ask.filters)


async def _inbox(ask: Ask) -> reads.Page:
    asked = dict(ask.filters)
    oldest_us = ask.services.clock.now_us() - INBOX_DAYS * US_PER_DAY
    asked.setdefault("since_us", oldest_us)
    page = await inbox.page(ask.services.engine, **asked, cursor=ask.cursor, limit=ask.limit)
    for item in page.items:
        profile = 2 if item["tls"] else 1
        item["url"] = ask.services.url_of(item["charger"], profile) if item["charger"] else ""
    return page


async def _commands(ask: Ask) -> reads.Page:
    return await _page(ask, "commands", ask.filters | row_filters(principal_of(ask.request)))


async def _audit(ask: Ask) -> reads.Page:
    filters = ask.filters | {"tenant": tenant_filter(principal_of(ask.request))}
    page = await _page(ask, "audit", filters)
    for item in page.items:
        item["detail"] = json.loads(item["detail"] or "{}")
    return page


async def _page(ask: Ask, kind: str, filters: dict[str, Any]) -> reads.Page:
    return await reads.page(ask.services.engine, kind, filters, cursor=ask.cursor, limit=ask.limit)


async def _tokens(ask: Ask) -> reads.Page:
    tenant = tenant_filter(principal_of(ask.request)) or ""
    records = await ask.services.registry.list_tokens(
        tenant=tenant, after=ask.cursor, limit=ask.limit
    )
    items = [msgspec.structs.asdict(record) for record in records]
    for item in items:
        del item["deleted"]
    return _by_id(items, ask.limit)


async def _sites(ask: Ask) -> reads.Page:
    principal = principal_of(ask.request)
    sites = await ask.services.registry.list_sites(
        tenant=tenant_filter(principal) or "",
        only=principal.sites,
        after=ask.cursor,
        limit=ask.limit,
    )
    return _by_id([msgspec.structs.asdict(site) for site in sites], ask.limit)


def _by_id(items: list[dict[str, Any]], limit: int) -> reads.Page:
    return reads.Page(items, items[-1]["id"] if len(items) == limit else "")


async def _messages(ask: Ask) -> reads.Page:
    filters = ask.filters | row_filters(principal_of(ask.request))
    query = page_query(filters, ask.cursor, ask.limit)
    found = await ask.services.backplane.sql(query, ask.limit + 1)
    items = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    more = len(items) > ask.limit
    items = items[: ask.limit]
    return reads.Page(items, to_cursor(items[-1]) if more else "")


async def _device_events(ask: Ask) -> reads.Page:
    return await _page(ask, "device_notices", ask.filters | row_filters(principal_of(ask.request)))


async def _notices(ask: Ask) -> reads.Page:
    return await _page(ask, "notices", ask.filters | row_filters(principal_of(ask.request)))


async def _monitors(ask: Ask) -> reads.Page:
    filters = ask.filters | row_filters(principal_of(ask.request))
    return await monitors.page(ask.services.engine, filters, cursor=ask.cursor, limit=ask.limit)


async def _reservations(ask: Ask) -> reads.Page:
    filters = ask.filters | row_filters(principal_of(ask.request))
    return await reservations.page(
        ask.services.engine,
        filters,
        now_us=ask.services.clock.now_us(),
        cursor=ask.cursor,
        limit=ask.limit,
    )


LISTS: tuple[HotList, ...] = (
    HotList(
        "/api/v1/chargers",
        "chargers",
        "Chargers, by id, with what they last reported and where they are connected",
        (
            Parameter("site", TEXT, "Only of this site."),
            Parameter(
                "connected", FLAG, "As last recorded; `presence` of each item is asked live."
            ),
            Parameter("vendor", TEXT, "As reported at boot."),
            Parameter("model", TEXT, "As reported at boot."),
            Parameter("firmware", TEXT, "As reported at boot."),
            Parameter("tag", TEXT, "Only with this tag."),
            Parameter("search", TEXT, "Part of the id, vendor or model."),
        ),
        _chargers,
        of_list(
            "chargers",
            url=WORDS,
            presence=WORDS | {"enum": ["connected", "offline", "unknown"]},
            connection={"type": ["object", "null"]},
        ),
        {"id": "BERLIN-001", "site": "berlin", "presence": "connected", "vendor": "Csms"},
    ),
    HotList(
        "/api/v1/tokens",
        "tokens",
        "Tokens, by id",
        (),
        _tokens,
        of_struct(TokenRecord, "deleted"),
        {"id": "TAG", "status": "Accepted", "max_active": 1},
    ),
    HotList(
        "/api/v1/sites",
        "sites",
        "Sites, by id",
        (),
        _sites,
        of_struct(Site),
        msgspec.structs.asdict(Site("berlin", name="Berlin, Alexanderplatz")),
    ),
    HotList(
        "/api/v1/transactions",
        "transactions",
        "Transactions, newest first",
        (
            CHARGER,
            Parameter("connector", INTEGER, "Number of the connector."),
            Parameter("token", TEXT, "As the charger sent it."),
            Parameter("state", TEXT, "open, provisional, ended or orphan."),
            Parameter("number", INTEGER, "The number that the charger knows."),
            Parameter("site", TEXT, "Only of this site."),
            SINCE,
            UNTIL,
        ),
        _transactions,
        of_list("transactions"),
        {
            "id": "5f0c...",
            "number": 1017,
            "charger": "BERLIN-001",
            "connector": 1,
            "token": "TAG",
            "state": "ended",
            "meter_start_wh": 1000,
            "meter_stop_wh": 9000,
        },
    ),
    HotList(
        "/api/v1/reservations",
        "reservations",
        "Reservations, the last changed first",
        (
            CHARGER,
            Parameter("connector", INTEGER, "2.x: the EVSE; 0: those of any."),
            Parameter("token", TEXT, "For which it is."),
            Parameter("number", INTEGER, "As the charger knows it."),
            Parameter("state", choice(*ReservationState), "Where it stands."),
            Parameter("site", TEXT, "Only of this site."),
            SINCE,
            UNTIL,
        ),
        _reservations,
        of_list(reservations.list_at(0), state=WORDS | {"enum": list(ReservationState)}),
        {
            "id": "5f0c...",
            "charger": "BERLIN-001",
            "number": 1017,
            "state": "active",
            "connector": 1,
            "token": "TAG",
            "expires_us": 1767229200000000,
            "transaction": 0,
        },
    ),
    HotList(
        "/api/v1/monitors",
        "variables",
        "Monitors that chargers of 2.x have, as they reported them or as they were set",
        (
            CHARGER,
            Parameter("number", INTEGER, "The charger's own."),
            Parameter("component", TEXT, "With /instance when it has one."),
            Parameter("variable", TEXT, "With /instance when it has one."),
            Parameter("evse", INTEGER, "0: the component is of no EVSE."),
            Parameter("kind", TEXT, "UpperThreshold, LowerThreshold, Delta, Periodic ..."),
            Parameter("severity", INTEGER, "0 (danger) to 9 (debug)."),
            Parameter("origin", TEXT, "HardWiredMonitor, PreconfiguredMonitor or CustomMonitor."),
            Parameter(
                "confirmed",
                FLAG,
                "Whether it was told since the charger's last boot: after one it may be gone, or "
                "have another number, until GetMonitoringReport says so.",
            ),
            Parameter("site", TEXT, "Only of this site."),
            SINCE,
            UNTIL,
        ),
        _monitors,
        of_list(monitors.LIST, confirmed=YES_OR_NO),
        {
            "charger": "BERLIN-001",
            "number": 7,
            "component": "Connector",
            "variable": "Temperature",
            "evse": 1,
            "kind": "UpperThreshold",
            "value": 80.0,
            "severity": 3,
            "in_transaction": False,
            "origin": "CustomMonitor",
            "confirmed": True,
        },
    ),
    HotList(
        "/api/v1/device-events",
        "variables",
        "The newest event of each monitored variable (NotifyEvent), newest first",
        (
            CHARGER,
            Parameter("component", TEXT, "With /instance when it has one."),
            Parameter("variable", TEXT, "With /instance when it has one."),
            Parameter("severity", INTEGER, "0 (danger) to 9 (debug)."),
            Parameter("cleared", FLAG, "Whether what was monitored is over."),
            SINCE,
            UNTIL,
        ),
        _device_events,
        of_list("device_notices"),
        {
            "charger": "BERLIN-001",
            "component": "Connector",
            "variable": "Problem",
            "evse": 1,
            "value": "true",
            "severity": 3,
            "cleared": False,
        },
    ),
    HotList(
        "/api/v1/notices",
        "messages",
        "What chargers of 2.x report beside all else, newest first: profiles, limits, DER ...",
        (
            CHARGER,
            Parameter("topic", TEXT, "The action, such as ReportChargingProfiles."),
            Parameter("key", TEXT, "What it speaks of."),
            Parameter("request", INTEGER, "Number of the request that it answers."),
            SINCE,
            UNTIL,
        ),
        _notices,
        of_list("notices"),
        {"charger": "BERLIN-001", "topic": "NotifyDisplayMessages", "body": "{}", "request": 7},
    ),
    HotList(
        "/api/v1/messages",
        "messages",
        "The message log, newest first: every CALL and its answer",
        (
            CHARGER,
            Parameter("action", TEXT, "Such as BootNotification."),
            Parameter(
                "direction",
                choice(*sorted(DIRECTIONS)),
                "in: the charger called; out: we called it.",
            ),
            Parameter("outcome", TEXT, "result, error, timeout, lost, late, malformed, unmatched."),
            Parameter("text", TEXT, "Part of the payload or of the answer, any case."),
            Parameter("flagged", FLAG, "Only with violations, or only without."),
            SINCE,
            UNTIL,
        ),
        _messages,
        row(
            at_us=WHOLE,
            **dict.fromkeys(
                ("charger", "direction", "action", "uid", "payload", "response"), WORDS
            ),
            **dict.fromkeys(("outcome", "error_code", "error_text"), WORDS),
            latency_us=WHOLE,
            flags=TEXTS,
        ),
        {
            "at_us": 1767225600000000,
            "charger": "BERLIN-001",
            "direction": "in",
            "action": "Heartbeat",
            "uid": "17",
            "payload": "{}",
            "response": '{"currentTime":"2026-01-01T00:00:00Z"}',
            "outcome": "result",
            "latency_us": 900,
            "flags": [],
        },
    ),
    HotList(
        "/api/v1/refusals",
        "refusals",
        "Connections that were not let in, newest first, and why",
        (
            Parameter("charger", TEXT, "Identity as it was claimed: never proved."),
            Parameter("reason", TEXT, "Such as unknown_charger or wrong_password."),
            Parameter("status", INTEGER, "HTTP status or WebSocket close code."),
            SINCE,
            UNTIL,
        ),
        _refusals,
        of_list("refusals"),
        {"charger": "BERLIN-001", "reason": "wrong_password", "status": 401, "remote": "10.0.0.7"},
    ),
    HotList(
        "/api/v1/inbox",
        "inbox",
        "Refused connections by claimed identity, or by address where none was claimed",
        (
            Parameter("state", choice(*inbox.STATES), "waiting (when not said), dismissed or all."),
            Parameter("search", TEXT, "Part of the identity, path, address or User-Agent."),
            Parameter("from", INSTANT, f"{INBOX_DAYS} days ago when not said.", "since_us"),
        ),
        _inbox,
        row(
            **dict.fromkeys(("charger", "remote", "path", "address", "subprotocols"), WORDS),
            **dict.fromkeys(("tls", "authorization", "user_agent", "url"), WORDS),
            **dict.fromkeys(("count", "first_us", "last_us"), WHOLE),
            reasons={"type": "array", "items": row(reason=WORDS, count=WHOLE)},
            known=YES_OR_NO,
        ),
        {
            "charger": "BERLIN-001",
            "remote": "",
            "count": 17,
            "first_us": 1767225600000000,
            "last_us": 1767225660000000,
            "reasons": [{"reason": "unknown_charger", "count": 17}],
            "path": "/ocpp/BERLIN-001",
            "address": "10.0.0.7",
            "subprotocols": "ocpp1.6",
            "tls": "",
            "authorization": "Basic",
            "known": False,
        },
    ),
    HotList(
        "/api/v1/audit",
        "audit",
        "Who did what, newest first. Nothing of it can be changed or removed",
        (
            Parameter("actor", TEXT, "Id of the key or user."),
            Parameter("actor_name", TEXT, "Name of the key or user, or account."),
            Parameter("actor_kind", TEXT, "user, key, command_line or nobody."),
            Parameter(
                "action", TEXT, "Such as POST /api/v1/chargers/{charger}/calls or csms user add."
            ),
            Parameter("object", TEXT, "Such as the identity of a charger."),
            Parameter("outcome", TEXT, "done, refused or failed."),
            Parameter("remote", TEXT, "The address it came from."),
            Parameter("search", TEXT, "Part of the action, object, name or detail."),
            SINCE,
            UNTIL,
        ),
        _audit,
        of_list("audit", detail={"type": "object"}),
        {
            "at_us": 1767225600000000,
            "actor": "5f0c7a",
            "actor_name": "ops",
            "action": "POST /api/v1/chargers/{charger}/calls",
            "object": "BERLIN-001",
            "detail": {"action": "Reset"},
            "outcome": "done",
            "status": 200,
        },
    ),
    HotList(
        "/api/v1/commands",
        "calls",
        "Commands that have ended, newest first",
        (
            CHARGER,
            Parameter("action", TEXT, "Such as Reset."),
            Parameter("outcome", TEXT, "accepted, rejected, error, timed_out, lost or expired."),
            SINCE,
            UNTIL,
        ),
        _commands,
        of_list("commands"),
        {"id": "0b8a...", "charger": "BERLIN-001", "action": "Reset", "outcome": "accepted"},
    ),
)
