"""The audit log: who did what."""

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

FILTERS = ("actor", "actor_name", "action", "object", "outcome", "search", "from", "to")
OUTCOMES = ("done", "refused", "failed")
LIMIT = 100


async def listed(view: View) -> Response:
    """Show what was done, newest first."""
    filters = {name: view.asked(name) for name in FILTERS}
    page = await view.api.get("/api/v1/audit", **filters, cursor=view.asked("cursor"), limit=LIMIT)
    return view.render("audit.html", page=page, filters=filters, outcomes=OUTCOMES)


PAGES = (Page("/audit", listed),)
