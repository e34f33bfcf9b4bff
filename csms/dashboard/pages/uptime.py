"""Uptime: three measures side by side, by month, and the outages that do not count."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.api.query import INSTANT
from csms.dashboard.cells import safe_cell
from csms.dashboard.formats import moment
from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

SEE_OTHER = 303
INVALID = 422
PAGE_ITEMS = 200
DOWNLOAD_ITEMS = 1_000
DOWNLOAD_PAGES_MAX = 100
MONTHS_SHOWN = 24
MONTHS_A_YEAR = 12
SPANS = ("1", "3", "12")
BY = ("charger", "connector", "site")
REASONS = ("utility", "vehicle", "maintenance", "vandalism", "disaster")
MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
COLUMNS = (
    "site", "charger", "connector", "connectors", "connectivity", "fault_free", "nevi", "period_s",
    "connected_s", "faulted_s", "outage_s", "excluded_s",
)  # fmt: skip
SUMS = ("connectors", "period_s", "connected_s", "faulted_s", "outage_s", "excluded_s")


async def shown(view: View) -> Response:
    """Show uptime of one month, or of some up to it."""
    return await _page(view)


def _asked(view: View) -> dict[str, str]:
    months, by = view.asked("months"), view.asked("by")
    month = view.asked("month")
    return {
        "month": month if MONTH.fullmatch(month) else _months(view)[0],
        "months": months if months in SPANS else SPANS[0],
        "by": by if by in BY else BY[0],
        "site": view.asked("site"),
        "charger": view.asked("charger"),
    }


def _months(view: View) -> list[str]:
    """Return the months to choose from, this one first."""
    now = moment(view.now_us())
    assert now is not None
    last = now.year * MONTHS_A_YEAR + now.month - 1
    return [
        f"{number // MONTHS_A_YEAR:04d}-{number % MONTHS_A_YEAR + 1:02d}"
        for number in range(last, last - MONTHS_SHOWN, -1)
    ]


async def _page(
    view: View, status: int = 200, wrong: str = "", form: dict[str, str] | None = None
) -> Response:
    asked, cursor = _asked(view), view.asked("cursor")
    api = view.api
    found = await view.gather(
        {
            "page": api.get("/api/v1/uptime", **asked, cursor=cursor, limit=PAGE_ITEMS),
            "exclusions": api.look("/api/v1/outage-exclusions", charger=asked["charger"]),
        }
    )
    page = found["page"]
    if cursor or page["next"]:
        every = await api.get("/api/v1/uptime", **(asked | {"by": "all"}))
        total = next(iter(every["items"]), None)
    else:
        total = total_of(page["items"])
    return view.render(
        "uptime.html",
        status,
        page=page,
        total=total,
        exclusions=(found["exclusions"] or {}).get("items", []),
        asked=asked,
        cursor=cursor,
        months=_months(view),
        spans=SPANS,
        kinds=BY,
        reasons=REASONS,
        wrong=wrong,
        form=dict.fromkeys(("charger", "connector", "from", "to", "reason"), "") | (form or {}),
    )


def total_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return all rows together, as the interface tells `by=all`; None: there are none.

    To ask for it costs as much as to ask for the page.
    """
    if not rows:
        return None
    total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in SUMS}
    up = {
        "connectivity": total["connected_s"],
        "fault_free": total["period_s"] - total["faulted_s"],
        "nevi": total["period_s"] - (total["outage_s"] - total["excluded_s"]),
    }
    period_s = total["period_s"]
    return total | {k: 100 * up_s / period_s if period_s else None for k, up_s in up.items()}


async def download(view: View) -> Response:
    """Return the same as CSV, all of it."""
    asked = _asked(view)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("month", "months", *COLUMNS))
    cursor = ""
    for _ in range(DOWNLOAD_PAGES_MAX):
        page = await view.api.get("/api/v1/uptime", **asked, cursor=cursor, limit=DOWNLOAD_ITEMS)
        for row in page["items"]:
            writer.writerow(
                [asked["month"], asked["months"], *(_cell(row[name]) for name in COLUMNS)]
            )
        cursor = page["next"]
        if not cursor:
            break
    name = f"uptime-{asked['month']}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any) -> str:  # noqa: ANN401 - JSON
    return "" if value is None else safe_cell(value)


async def exclude(view: View) -> Response:
    """Say that an outage does not count."""
    form = await form_of(view.request)
    connector = form.get("connector", "").strip() or "0"
    try:
        body = {
            "charger": form.get("charger", "").strip(),
            "connector": int(connector) if connector.isdigit() else connector,
            "from_us": INSTANT.read(form.get("from", "").strip()),
            "to_us": INSTANT.read(form.get("to", "").strip()),
            "reason": form.get("reason", ""),
        }
        await view.api.send("POST", "/api/v1/outage-exclusions", body)
    except Refused as refused:
        return await _page(view, refused.status, refused.detail, form)
    except ValueError as error:
        return await _page(view, INVALID, str(error), form)
    return RedirectResponse(f"{BASE}/uptime", SEE_OTHER)


async def include(view: View) -> Response:
    """Let an outage count again."""
    name = view.request.path_params["exclusion"]
    await view.api.send("DELETE", "/api/v1" + path_of("outage-exclusions", name))
    return RedirectResponse(f"{BASE}/uptime", SEE_OTHER)


PAGES = (
    Page("/uptime", shown),
    Page("/uptime/download", download),
    Page("/uptime/exclusions", exclude, ("POST",)),
    Page("/uptime/exclusions/{exclusion}/remove", include, ("POST",)),
)
