"""The list of chargers: pages of a cursor that come as one scrolls."""

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View

SEE_OTHER = 303
PAGE_ITEMS = 100
FILTERS = ("search", "site", "vendor", "model", "firmware", "connected")


async def listed(view: View) -> Response:
    """Show one page of chargers; scripts fetch the next one when its end comes into sight.

    With `goes`, who is looked for by the whole identity is shown at once.
    """
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    found = await view.gather(
        {
            "page": view.api.get("/api/v1/chargers", **filters, cursor=cursor, limit=PAGE_ITEMS),
            "sites": view.wants() and view.api.look("/api/v1/sites", limit=1_000),
        }
    )
    page, sites = found["page"], found["sites"]
    wanted = filters["search"].casefold()
    same = [one["id"] for one in page["items"] if one["id"].casefold() == wanted]
    if view.asked("goes") and len(same) == 1:
        return RedirectResponse(BASE + path_of("chargers", same[0]), SEE_OTHER)
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
