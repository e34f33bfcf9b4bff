"""Connections that were not let in, and why, in plain words."""

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

FILTERS = ("charger", "reason")


async def listed(view: View) -> Response:
    """Show refusals, newest first."""
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    page = await view.api.get("/api/v1/refusals", **filters, cursor=cursor, limit=100)
    return view.render("refusals.html", page=page, filters=filters, cursor=cursor)


PAGES = (Page("/refusals", listed),)
