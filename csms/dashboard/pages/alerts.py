"""Alerts: what is wrong, the rules, who is told, and how the telling went."""

import json
from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of
from csms.operations.sights import KINDS

SEE_OTHER = 303
BAD_REQUEST = 400
STATES = ("active", "open", "acknowledged", "resolved")
SEVERITIES = ("info", "warning", "critical")
LIMIT = 100
RULES = "/api/v1/alert-rules"


async def listed(view: View) -> Response:
    """Show alerts, those that are not over first of all."""
    state = view.asked("state") or "active"
    cursor = view.asked("cursor")
    page = await view.api.get("/api/v1/alerts", state=state, cursor=cursor, limit=LIMIT)
    rules = await view.api.get("/api/v1/alert-rules", limit=1_000)
    return view.render(
        "alerts.html",
        page=page,
        state=state,
        states=STATES,
        cursor=cursor,
        rules={row["id"]: row["name"] or row["kind"] for row in rules["items"]},
    )


async def acknowledge(view: View) -> Response:
    """Take care of an alert."""
    name = view.request.path_params["alert"]
    await view.api.send("POST", "/api/v1" + path_of("alerts", name, "acknowledge"))
    return RedirectResponse(f"{BASE}/alerts", SEE_OTHER)


async def settings(view: View) -> Response:
    """Show rules, channels and deliveries."""
    return await _settings(view)


async def _settings(view: View, wrong: str = "", secret: str = "", status: int = 200) -> Response:
    found = await view.gather(
        {
            name: view.api.get(f"/api/v1/{name}", limit=LIMIT)
            for name in ("alert-rules", "alert-channels", "deliveries")
        }
    )
    return view.render(
        "alert_settings.html",
        status,
        rules=found["alert-rules"]["items"],
        channels=found["alert-channels"]["items"],
        deliveries=found["deliveries"]["items"],
        kinds=_kinds(),
        severities=SEVERITIES,
        wrong=wrong,
        secret=secret,
    )


def _kinds() -> dict[str, str]:
    return {name: json.dumps(dict(kind.params)) for name, kind in KINDS.items()}


async def add_rule(view: View) -> Response:
    """Add a rule."""
    form = await form_of(view.request)
    channel = form.get("channel", "")
    try:
        body = {
            "name": form.get("name", ""),
            "kind": form.get("kind", ""),
            "params": json.loads(form.get("params") or "{}"),
            "severity": form.get("severity", "warning"),
            "hold_s": int(form.get("hold") or 0),
            "channels": [channel] if channel else [],
            "escalate_s": int(form.get("escalate") or 0),
        }
        await view.api.send("POST", "/api/v1/alert-rules", body)
    except Refused as refused:
        return await _settings(view, refused.detail, status=refused.status)
    except ValueError as error:
        return await _settings(view, str(error), status=BAD_REQUEST)
    return RedirectResponse(f"{BASE}/alerts/settings", SEE_OTHER)


async def rule(view: View) -> Response:
    """Show one rule, to be changed."""
    return await _rule(view, view.request.path_params["rule"])


async def _rule(view: View, name: str, status: int = 200, wrong: str = "") -> Response:
    one, tag = await view.api.read(RULES + path_of(name))
    channels = await view.api.get("/api/v1/alert-channels", limit=LIMIT)
    return view.render(
        "alert_rule.html",
        status,
        one=one,
        tag=tag,
        params=json.dumps(one["params"]),
        channels=channels["items"],
        kinds=_kinds(),
        severities=SEVERITIES,
        wrong=wrong,
    )


async def change_rule(view: View) -> Response:
    """Change a rule, unless somebody else has since it was shown."""
    name, form = view.request.path_params["rule"], await form_of(view.request)
    try:
        body = {
            "name": form.get("name", ""),
            "kind": form.get("kind", ""),
            "params": json.loads(form.get("params") or "{}"),
            "site": form.get("site", "").strip(),
            "severity": form.get("severity", "warning"),
            "enabled": form.get("enabled") == "on",
            "hold_s": int(form.get("hold") or 0),
            "channels": _ticked(form, "tell."),
            "escalate_s": int(form.get("escalate") or 0),
            "escalate_channels": _ticked(form, "again."),
        }
        await view.api.send("PUT", RULES + path_of(name), body, if_match=form.get("tag", ""))
    except Refused as refused:
        return await _rule(view, name, refused.status, view.why(refused))
    except ValueError as error:
        return await _rule(view, name, BAD_REQUEST, str(error))
    return RedirectResponse(f"{BASE}/alerts/settings", SEE_OTHER)


def _ticked(form: Mapping[str, str], begin: str) -> list[str]:
    return [name.removeprefix(begin) for name in form if name.startswith(begin)]


async def add_channel(view: View) -> Response:
    """Add a channel, and show the secret of a webhook once."""
    form = await form_of(view.request)
    body = {name: form.get(name, "") for name in ("name", "kind", "target")}
    try:
        made = await view.api.send("POST", "/api/v1/alert-channels", body)
    except Refused as refused:
        return await _settings(view, refused.detail, status=refused.status)
    if made["secret"]:
        return await _settings(view, secret=made["secret"])
    return RedirectResponse(f"{BASE}/alerts/settings", SEE_OTHER)


async def act(view: View) -> Response:
    """Remove a rule or a channel, try a channel, or send a delivery again."""
    what, name = view.request.path_params["what"], view.request.path_params["name"]
    known = {
        "remove-rule": ("DELETE", "alert-rules", name),
        "remove-channel": ("DELETE", "alert-channels", name),
        "try-channel": ("POST", "alert-channels", name, "test"),
        "replay": ("POST", "deliveries", name, "replay"),
    }
    if what not in known:
        return view.problem(404, view.texts("say.nothing"))
    method, *path = known[what]
    await view.api.send(method, "/api/v1" + path_of(*path))
    return RedirectResponse(f"{BASE}/alerts/settings", SEE_OTHER)


PAGES = (
    Page("/alerts", listed),
    Page("/alerts/settings", settings),
    Page("/alerts/settings/rules", add_rule, ("POST",)),
    Page("/alerts/settings/rules/{rule}", rule),
    Page("/alerts/settings/rules/{rule}", change_rule, ("POST",)),
    Page("/alerts/settings/channels", add_channel, ("POST",)),
    Page("/alerts/settings/{what}/{name}", act, ("POST",)),
    Page("/alerts/{alert}/acknowledge", acknowledge, ("POST",)),
)
