"""The first page: how it goes, in numbers that lead on."""

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

ROWS = 8
ALERTS_COUNTED = 100
"""More are "100+"."""


async def overview(view: View) -> Response:
    """Show the numbers of the installation, its sites, and what was refused lately."""
    api = view.api
    found = await view.gather(
        {
            "numbers": api.get("/api/v1/overview"),
            "sites": api.get("/api/v1/sites", limit=100),
            "ready": view.wants("numbers") and api.ask("GET", "/api/v1/ready"),
            "power": view.wants("numbers", "sites") and api.look("/api/v1/power"),
            "running": view.wants("running")
            and api.get("/api/v1/transactions", state="open", limit=ROWS),
            "alerts": view.wants("numbers")
            and api.look("/api/v1/alerts", state="active", limit=ALERTS_COUNTED),
            "refusals": view.wants("refusals") and api.look("/api/v1/refusals", limit=5),
        }
    )
    alerts = found["alerts"] or None
    power, sites, ready = found["power"], found["sites"], found["ready"]
    by_site: dict[str, float] = {}
    for item in (power or {}).get("items", ()):
        by_site[item["site"]] = by_site.get(item["site"], 0.0) + item["power_w"]
    parts = ready.body.get("parts", {}) if ready and isinstance(ready.body, dict) else {}
    return view.render(
        "overview.html",
        numbers=found["numbers"],
        sites=sites["items"],
        by_site=by_site,
        power_w=None if power is None else power["power_w"],
        limit_w=sum(site["power_w_max"] for site in sites["items"]),
        refusals=(found["refusals"] or {}).get("items", []),
        alerts=alerts and alerts["items"],
        more_alerts=bool(alerts and alerts["next"]),
        running=(found["running"] or {}).get("items", []),
        troubles={name: state for name, state in parts.items() if state != "up"},
    )


PAGES = (Page("/", overview),)
