"""Transactions: the list, and one with its meter curve."""

import csv
import io

from starlette.responses import Response

from csms.dashboard.cells import safe_cell
from csms.dashboard.inner import path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

FILTERS = ("charger", "site", "token", "state", "number", "from", "to")
STATES = ("open", "provisional", "ended", "orphan")
PAGE_ITEMS = 100
DOWNLOAD_ITEMS = 1_000
US_PER_S = 1_000_000
MARGIN_US = 60 * US_PER_S
"""Shown before and after a transaction."""
COLUMNS = (
    "id", "number", "charger", "connector", "site", "token", "state", "started_us", "ended_us",
    "meter_start_wh", "meter_stop_wh", "stop_reason", "flags",
)  # fmt: skip


async def listed(view: View) -> Response:
    """Show a page of transactions."""
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    page = await view.api.get("/api/v1/transactions", **filters, cursor=cursor, limit=PAGE_ITEMS)
    return view.render(
        "transactions.html", page=page, filters=filters, cursor=cursor, states=STATES
    )


async def download(view: View) -> Response:
    """Return what the filters find as CSV."""
    filters = {name: view.asked(name) for name in FILTERS}
    cursor = view.asked("cursor")
    page = await view.api.get(
        "/api/v1/transactions", **filters, cursor=cursor, limit=DOWNLOAD_ITEMS
    )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in page["items"]:
        writer.writerow([safe_cell(row[name]) for name in COLUMNS])
    headers = {"Content-Disposition": 'attachment; filename="transactions.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def shown(view: View) -> Response:
    """Show one transaction with its meter values over time."""
    name = view.request.path_params["transaction"]
    one = await view.api.get("/api/v1" + path_of("transactions", name))
    since_us = one["started_us"] or one["start_received_us"]
    until_us = one["ended_us"] or one["stop_received_us"] or view.now_us()
    return view.render(
        "transaction.html",
        one=one,
        since_us=since_us - MARGIN_US,
        until_us=max(until_us, since_us) + MARGIN_US,
        lasted_s=max(0, until_us - since_us) / US_PER_S,
    )


PAGES = (
    Page("/transactions", listed),
    Page("/transactions/download", download),
    Page("/transactions/{transaction}", shown),
)
