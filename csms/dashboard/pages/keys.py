"""API keys: who has one, a new one, and an end to one."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.api.auth import is_confined
from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of
from domain.access import Role

KEYS = "/api/v1/keys"
SEE_OTHER = 303
INVALID = 422
LIMIT = 100
DAYS_MAX = 36_500
US_PER_DAY = 86_400_000_000


async def listed(view: View) -> Response:
    """Show keys by id, and the form for a new one."""
    return await _list(view)


async def _list(view: View, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - of the template
    page = await view.api.get(KEYS, cursor=view.asked("cursor"), limit=LIMIT)
    known: dict[str, Any] = {"wrong": "", "form": {}, "made": None} | values
    assert view.principal is not None
    return view.render(
        "keys.html",
        status,
        page=page,
        roles=list(Role),
        confined=is_confined(view.principal),
        **known,
    )


async def create(view: View) -> Response:
    """Make a key, and show it: this one time."""
    form = await form_of(view.request)
    days = form.get("days", "").strip() or "0"
    if not days.isascii() or not days.isdigit() or int(days) > DAYS_MAX:
        return await _list(view, INVALID, wrong=view.texts("keys.days_wrong"), form=form)
    body = {
        "name": form.get("name", "").strip(),
        "role": form.get("role", ""),
        "tenant": form.get("tenant", "").strip(),
        "sites": [part.strip() for part in form.get("sites", "").split(",") if part.strip()],
        "expires_us": view.now_us() + int(days) * US_PER_DAY if int(days) else 0,
    }
    try:
        made = await view.api.send("POST", KEYS, body)
    except Refused as refused:
        return await _list(view, refused.status, wrong=refused.detail, form=form)
    return await _list(view, made=made)


async def revoke(view: View) -> Response:
    """Make a key invalid."""
    await view.api.send("DELETE", KEYS + path_of(view.request.path_params["key"]))
    return RedirectResponse(f"{BASE}/keys", SEE_OTHER)


PAGES = (
    Page("/keys", listed),
    Page("/keys", create, ("POST",)),
    Page("/keys/{key}/revoke", revoke, ("POST",)),
)
