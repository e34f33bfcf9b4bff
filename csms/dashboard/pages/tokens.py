"""Tokens: who may charge."""

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

SEE_OTHER = 303
INVALID = 422


async def listed(view: View) -> Response:
    """Show tokens by id."""
    return await _list(view)


async def _list(view: View, status: int = 200, wrong: str = "") -> Response:
    cursor = view.asked("cursor")
    page = await view.api.get("/api/v1/tokens", cursor=cursor, limit=100)
    return view.render("tokens.html", status, page=page, wrong=wrong)


async def put(view: View) -> Response:
    """Add a token or change one."""
    form = await form_of(view.request)
    most = form.get("max_active", "1").strip()
    if not most.isdigit():
        return await _list(view, INVALID, view.texts("tokens.most_wrong"))
    body = {
        "status": form.get("status", "Accepted"),
        "parent": form.get("parent", ""),
        "max_active": int(most),
    }
    try:
        await view.api.send("PUT", "/api/v1" + path_of("tokens", form.get("id", "").strip()), body)
    except Refused as refused:
        return await _list(view, refused.status, refused.detail)
    return RedirectResponse(f"{BASE}/tokens", SEE_OTHER)


async def remove(view: View) -> Response:
    """Remove a token."""
    form = await form_of(view.request)
    path = "/api/v1" + path_of("tokens", form.get("id", ""))
    await view.api.send("DELETE", path, if_match=form.get("tag", ""))
    return RedirectResponse(f"{BASE}/tokens", SEE_OTHER)


PAGES = (
    Page("/tokens", listed),
    Page("/tokens", put, ("POST",)),
    Page("/tokens/remove", remove, ("POST",)),
)
