"""Where the sites are and how each does: a map, and a table of the same."""

from typing import Any

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

STATES = ("good", "busy", "warn", "bad", "quiet")


async def shown(view: View) -> Response:
    """Show all sites with a state each."""
    found = await view.api.get("/api/v1/overview/sites")
    sites = [site | {"state": state_of(site)} for site in found["items"]]
    return view.render("map.html", sites=sites, states=STATES)


def state_of(site: dict[str, Any]) -> str:
    """Return the worst that is to be said of a site, one of STATES."""
    if not site["chargers"]:
        return "quiet"
    if site["faulted"] or not site["connected"]:
        return "bad"
    if site["connected"] < site["chargers"]:
        return "warn"
    return "busy" if site["charging"] else "good"


PAGES = (Page("/map", shown),)
