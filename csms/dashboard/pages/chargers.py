"""The list of chargers: pages of a cursor that come as one scrolls."""

from starlette.responses import Response

from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

PAGE_ITEMS = 100
FILTERS = ("search", "site", "vendor", "model", "firmware", "connected")


async def listed(view: View) -> Response:
    """Show one page of chargers; scripts fetch the next one when its end comes into sight."""
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    found = await view.gather(
        {
            "page": view.api.get("/api/v1/chargers", **filters, cursor=cursor, limit=PAGE_ITEMS),
            "sites": view.wants() and view.api.look("/api/v1/sites", limit=1_000),
        }
    )
    page, sites = found["page"], found["sites"]
    # A range that has all of the page in it, in whichever order the database sorts.
    names = sorted((one["id"] for one in page["items"]), key=str.encode)
    power = None
    if names:
        power = await view.api.look(
            "/api/v1/power", site=filters["site"], first=names[0], last=names[-1]
        )
    drawn: dict[str, float] = {}
    for item in (power or {}).get("items", ()):
        drawn[item["charger"]] = drawn.get(item["charger"], 0.0) + item["power_w"]
    return view.render(
        "chargers.html",
        page=page,
        filters=filters,
        cursor=cursor,
        drawn=drawn,
        sites=[site["id"] for site in (sites or {}).get("items", ())],
    )


PAGES = (Page("/chargers", listed),)
