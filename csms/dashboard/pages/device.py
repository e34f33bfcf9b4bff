"""The device model of a charger (1.6: its configuration), and where it differs from templates."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

SEE_OTHER = 303
PAGE_ITEMS = 200
PLACE = ("component", "variable", "evse", "connector", "attribute")
NUMBERS = frozenset({"evse", "connector"})


async def shown(view: View) -> Response:
    """Show what a charger told of itself, what differs, and what was applied."""
    return await _page(view)


async def _page(
    view: View, status: int = 200, wrong: str = "", run: dict[str, Any] | None = None
) -> Response:
    name = view.request.path_params["charger"]
    path = "/api/v1" + path_of("chargers", name)
    search, cursor = view.asked("search"), view.asked("cursor")
    found = await view.gather(
        {
            "one": view.api.get(path),
            "page": view.api.get(
                f"{path}/variables", search=search, cursor=cursor, limit=PAGE_ITEMS
            ),
            "drift": view.api.get(f"{path}/drift"),
            "runs": view.api.get(f"{path}/drift/runs"),
        }
    )
    return view.render(
        "device.html",
        status,
        one=found["one"],
        page=found["page"],
        drift=found["drift"]["items"],
        runs=found["runs"]["items"],
        search=search,
        cursor=cursor,
        path=BASE + path_of("chargers", name, "device"),
        wrong=wrong,
        run=run,
        place=PLACE,
    )


async def apply(view: View) -> Response:
    """Set one variable as its template wants it, read it back, and say how that went."""
    form = await form_of(view.request)
    body = {name: int(form[name]) if name in NUMBERS else form[name] for name in PLACE}
    path = "/api/v1" + path_of("chargers", view.request.path_params["charger"], "drift", "apply")
    try:
        run = await view.api.send("POST", path, body)
    except Refused as refused:
        return await _page(view, refused.status, refused.detail)
    return await _page(view, run=run)


async def refresh(view: View) -> Response:
    """Ask the charger for all of it."""
    name = view.request.path_params["charger"]
    path = "/api/v1" + path_of("chargers", name, "variables", "refresh")
    try:
        await view.api.send("POST", path)
    except Refused as refused:
        return await _page(view, refused.status, refused.detail)
    return RedirectResponse(BASE + path_of("chargers", name, "device"), SEE_OTHER)


PAGES = (
    Page("/chargers/{charger}/device", shown),
    Page("/chargers/{charger}/device/apply", apply, ("POST",)),
    Page("/chargers/{charger}/device/refresh", refresh, ("POST",)),
)
