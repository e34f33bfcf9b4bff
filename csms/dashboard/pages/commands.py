"""Commands: what was asked of chargers, and how each went as a timeline."""

from starlette.responses import Response

from csms.dashboard.inner import path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

FILTERS = ("charger", "action", "outcome")
BAD = frozenset(
    {"rejected", "error", "timed_out", "lost", "expired", "refused", "unknown"}
    | {"nothing_happened", "failed", "gone"}
)
"""Steps that are no good news."""
OUTCOMES = ("accepted", "rejected", "error", "timed_out", "lost", "expired")


async def listed(view: View) -> Response:
    """Show commands that have ended, newest first."""
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    page = await view.api.get("/api/v1/commands", **filters, cursor=cursor, limit=100)
    return view.render(
        "commands.html", page=page, filters=filters, cursor=cursor, outcomes=OUTCOMES
    )


async def shown(view: View) -> Response:
    """Show one command; the page fetches it anew until nothing can follow any more."""
    name = view.request.path_params["command"]
    one = await view.api.get("/api/v1" + path_of("commands", name))
    return view.render("command.html", one=one, bad=BAD)


PAGES = (Page("/commands", listed), Page("/commands/{command}", shown))
