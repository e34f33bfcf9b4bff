"""One charger: what it is, what it does, why, and what was said."""

import json
from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

ROWS = 8
"""Of the short lists; each has a link to the whole."""
NEVER_REPORTED = {
    "vendor": "",
    "model": "",
    "serial": "",
    "firmware": "",
    "booted_us": 0,
    "boot_reason": "",
    "last_seen_us": 0,
    "disconnected_us": 0,
    "close_reason": "",
    "connected_subprotocol": "",
    "progress": [],
}
SEE_OTHER = 303
BAD_REQUEST = 422
PRESETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RemoteStartTransaction", {"connectorId": 1, "idTag": ""}),
    ("RemoteStopTransaction", {"transactionId": 0}),
    ("UnlockConnector", {"connectorId": 1}),
    ("Reset", {"type": "Soft"}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ("GetConfiguration", {}),
    ("ChangeConfiguration", {"key": "", "value": ""}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 3600}),
    ("ClearCache", {}),
    ("GetDiagnostics", {"location": ""}),
    ("GetLocalListVersion", {}),
)
PRESETS_2X: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "RequestStartTransaction",
        {"remoteStartId": 1, "evseId": 1, "idToken": {"idToken": "", "type": "ISO14443"}},
    ),
    ("RequestStopTransaction", {"transactionId": ""}),
    ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("Reset", {"type": "OnIdle"}),
    ("ChangeAvailability", {"operationalStatus": "Operative"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    ("GetVariables", {"getVariableData": [{"component": {"name": ""}, "variable": {"name": ""}}]}),
    (
        "SetVariables",
        {
            "setVariableData": [
                {"attributeValue": "", "component": {"name": ""}, "variable": {"name": ""}}
            ]
        },
    ),
    ("GetCompositeSchedule", {"evseId": 1, "duration": 3600}),
    ("ClearCache", {}),
)


async def shown(view: View) -> Response:
    """Show a charger."""
    return await _page(view, view.request.path_params["charger"])


async def _page(view: View, name: str, status: int = 200, **more: Any) -> Response:  # noqa: ANN401 - of the template
    api = view.api
    # REST leaves out what was never reported.
    one = NEVER_REPORTED | await api.get("/api/v1" + path_of("chargers", name))
    site = one["site"]
    asked = {
        "power": view.wants("connectors") and api.look("/api/v1/power", charger=name),
        "reserved": view.wants("connectors")
        and api.look("/api/v1/reservations", charger=name, state="active", limit=ROWS),
        "transactions": view.wants("transactions")
        and api.look("/api/v1/transactions", charger=name, limit=ROWS),
        "commands": view.wants("sent") and api.look("/api/v1/commands", charger=name, limit=ROWS),
        "messages": view.wants("log") and api.look("/api/v1/messages", charger=name, limit=ROWS),
        "drift": view.wants("drift") and api.look("/api/v1" + path_of("chargers", name, "drift")),
        "shares": site != ""
        and view.wants("connectors")
        and api.look("/api/v1" + path_of("sites", site, "limits")),
    }
    found = await view.gather(asked)
    power, shares = found["power"], found["shares"]
    connection = one.get("connection") or {}
    subprotocol = connection.get("subprotocol") or one.get("connected_subprotocol") or ""
    presets = PRESETS_2X if subprotocol.startswith("ocpp2") else PRESETS
    values: dict[str, Any] = {
        "one": one,
        "connection": connection,
        "subprotocol": subprotocol,
        "drawn": {row["connector"]: row["power_w"] for row in (power or {}).get("items", ())},
        "reserved": (found["reserved"] or {}).get("items", ()),
        "transactions": (found["transactions"] or {}).get("items"),
        "commands": (found["commands"] or {}).get("items"),
        "messages": (found["messages"] or {}).get("items"),
        "limits": [
            row
            for row in (shares or {}).get("evses", ())
            if row["place"].rpartition("/")[0] == name or row.get("charger") == name
        ],
        "drift": (found["drift"] or {}).get("items", []),
        "presets": [(action, json.dumps(payload)) for action, payload in presets],
        "wrong": "",
        "action": "",
        "payload": "{}",
    }
    return view.render("charger.html", status, **(values | more))


async def command(view: View) -> Response:
    """Send a command and go to its timeline."""
    name = view.request.path_params["charger"]
    form = await form_of(view.request)
    action, payload = form.get("action", ""), form.get("payload", "") or "{}"
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        wrong = view.texts("charger.payload_wrong", why=str(error))
        return await _page(view, name, BAD_REQUEST, wrong=wrong, action=action, payload=payload)
    try:
        sent = await view.api.send(
            "POST",
            "/api/v1" + path_of("chargers", name, "calls"),
            {"action": action, "payload": body, "force": form.get("force") == "on"},
            wait=0,
        )
    except Refused as refused:
        wrong = refused.detail
        return await _page(view, name, refused.status, wrong=wrong, action=action, payload=payload)
    return RedirectResponse(BASE + path_of("commands", sent["id"]), SEE_OTHER)


async def configuration(view: View) -> Response:
    """Ask the charger for its configuration and show it, with a way to change each key."""
    name = view.request.path_params["charger"]
    answer = await view.api.send(
        "POST",
        "/api/v1" + path_of("chargers", name, "calls"),
        {"action": "GetConfiguration", "payload": {}},
        wait=20,
    )
    response = answer.get("response") or {}
    keys = response.get("configurationKey")
    rows = [row for row in keys if isinstance(row, dict)] if isinstance(keys, list) else []
    return view.render(
        "configuration.html",
        charger=name,
        answer=answer,
        rows=sorted(rows, key=lambda row: str(row.get("key", "")).lower()),
    )


async def change(view: View) -> Response:
    """Change one key of the configuration and go to the command's timeline."""
    name = view.request.path_params["charger"]
    form = await form_of(view.request)
    payload = {"key": form.get("key", ""), "value": form.get("value", "")}
    sent = await view.api.send(
        "POST",
        "/api/v1" + path_of("chargers", name, "calls"),
        {"action": "ChangeConfiguration", "payload": payload},
        wait=0,
    )
    return RedirectResponse(BASE + path_of("commands", sent["id"]), SEE_OTHER)


PAGES = (
    Page("/chargers/{charger}", shown),
    Page("/chargers/{charger}/commands", command, ("POST",)),
    Page("/chargers/{charger}/configuration", configuration),
    Page("/chargers/{charger}/configuration/change", change, ("POST",)),
)
