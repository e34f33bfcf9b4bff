"""The inbox: who knocked and was not let in, why in plain words, and what to do about it."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

SEE_OTHER = 303
PAGE_ITEMS = 50
STATES = ("waiting", "dismissed", "all")
NEW_PASSWORD = frozenset({"no_password", "wrong_password", "wrong_username"})
"""Reasons that a new password at the charger mends."""
ADVISED = NEW_PASSWORD | {
    "no_identity", "unknown_charger", "network_not_allowed", "security_profile", "certificate",
    "tls_failed", "too_many_attempts", "no_subprotocol", "bad_request", "handshake_timeout",
    "held_elsewhere", "takeover_storm",
}  # fmt: skip
"""Reasons with a text of what to do, `advice.<reason>`."""
OPEN, PASSWORD, ENCRYPTED = "0", "1", "2"


async def listed(view: View) -> Response:
    """Show who waits."""
    return await _list(view)


async def _list(view: View, status: int = 200, wrong: str = "") -> Response:
    filters = {"state": view.asked("state"), "search": view.asked("search")}
    cursor = view.asked("cursor")
    found = await view.gather(
        {
            "page": view.api.get("/api/v1/inbox", **filters, cursor=cursor, limit=PAGE_ITEMS),
            "numbers": view.wants() and view.api.look("/api/v1/overview"),
            "sites": view.api.look("/api/v1/sites", limit=1_000),
        }
    )
    return view.render(
        "inbox.html",
        status,
        page=found["page"],
        sites=(found["sites"] or {}).get("items", []),
        filters=filters,
        cursor=cursor,
        states=STATES,
        wrong=wrong,
        new_password=NEW_PASSWORD,
        advised=ADVISED,
        charger_url=(found["numbers"] or {}).get("charger_url", ""),
    )


async def accept(view: View) -> Response:
    """Add the charger that knocked, at a site; show what to enter at it, once."""
    form = await form_of(view.request)
    is_open = form.get("how") == "open"
    address = form.get("address", "")
    profile = ENCRYPTED if form.get("tls") else PASSWORD
    body: dict[str, Any] = {
        "id": form.get("charger", ""),
        "site": form.get("site", ""),
        "security_profile": int(OPEN if is_open else profile),
        "networks": [_only(address)] if is_open else [],
        "generate_password": not is_open,
    }
    try:
        made = await view.api.send("POST", "/api/v1/chargers", body)
    except Refused as refused:
        return await _list(view, refused.status, refused.detail)
    return view.render("onboarded.html", made=made)


async def allow(view: View) -> Response:
    """Let a known charger come from the address that it came from."""
    form = await form_of(view.request)
    path = "/api/v1" + path_of("chargers", form.get("charger", ""))
    try:
        one = await view.api.get(path)
        networks = [*one["networks"], _only(form.get("address", ""))]
        await view.api.send("PATCH", path, {"networks": list(dict.fromkeys(networks))})
    except Refused as refused:
        return await _list(view, refused.status, refused.detail)
    return RedirectResponse(f"{BASE}/inbox", SEE_OTHER)


def _only(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


async def dismiss(view: View) -> Response:
    """Do not show a group again."""
    return await _mark(view, "PUT")


async def restore(view: View) -> Response:
    """Show a group again."""
    return await _mark(view, "DELETE")


async def _mark(view: View, method: str) -> Response:
    form = await form_of(view.request)
    group = {name: form.get(name, "") for name in ("charger", "remote")}
    try:
        await view.api.send(method, "/api/v1/inbox/dismissal", **group)
    except Refused as refused:
        return await _list(view, refused.status, refused.detail)
    return RedirectResponse(f"{BASE}/inbox", SEE_OTHER)


PAGES = (
    Page("/inbox", listed),
    Page("/inbox/accept", accept, ("POST",)),
    Page("/inbox/allow", allow, ("POST",)),
    Page("/inbox/dismiss", dismiss, ("POST",)),
    Page("/inbox/restore", restore, ("POST",)),
)
