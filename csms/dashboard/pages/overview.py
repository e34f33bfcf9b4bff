"""The first page: how it goes, in numbers that lead on."""

import asyncio

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

ROWS = 8


async def overview(view: View) -> Response:
    """Show the numbers of the installation, its sites, and what was refused lately."""
    api = view.api
    numbers, sites, refusals, running, ready = await asyncio.gather(
        api.get("/api/v1/overview"),
        api.get("/api/v1/sites", limit=100),
        api.look("/api/v1/refusals", limit=5),
        api.get("/api/v1/transactions", state="open", limit=ROWS),
        api.ask("GET", "/api/v1/ready"),
    )
    # Who gets no power values still gets the rest of the page.
    power = await api.look("/api/v1/power")
    by_site: dict[str, float] = {}
    for item in (power or {}).get("items", ()):
        by_site[item["site"]] = by_site.get(item["site"], 0.0) + item["power_w"]
    parts = ready.body.get("parts", {}) if isinstance(ready.body, dict) else {}
    return view.render(
        "overview.html",
        numbers=numbers,
        sites=sites["items"],
        by_site=by_site,
        power_w=None if power is None else power["power_w"],
        limit_w=sum(site["power_w_max"] for site in sites["items"]),
        refusals=(refusals or {}).get("items", []),
        running=running["items"],
        troubles={name: state for name, state in parts.items() if state != "up"},
    )


PAGES = (Page("/", overview),)
