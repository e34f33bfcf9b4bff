"""The message log: what chargers and we have said, with filters, live and to take away."""

import csv
import io
import json
from typing import Any

from starlette.responses import Response

from csms.dashboard.cells import safe_cell
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View

PAGE_ITEMS = 50
DOWNLOAD_ITEMS = 1_000
"""At once."""
DOWNLOAD_PAGES = 20
"""Of a file; its answer says in `Link` where it goes on."""
FILTERS = ("charger", "action", "direction", "outcome", "text", "flagged", "from", "to")
OUTCOMES = ("result", "error", "timeout", "lost", "late", "malformed", "unmatched")
COLUMNS = (
    "at_us", "charger", "direction", "action", "uid", "payload", "response", "outcome",
    "error_code", "error_text", "latency_us", "flags",
)  # fmt: skip


async def listed(view: View) -> Response:
    """Show a page of the log."""
    filters = {name: view.asked(name) for name in FILTERS}
    page = await _page(view, PAGE_ITEMS)
    uid = view.asked("uid")
    items = [row for row in page["items"] if not uid or row["uid"] == uid]
    return view.render(
        "messages.html",
        messages=items,
        opened=bool(uid),
        following=page["next"],
        filters=filters,
        cursor=view.asked("cursor"),
        outcomes=OUTCOMES,
    )


async def _page(view: View, limit: int, cursor: str = "") -> dict[str, Any]:
    filters = {name: view.asked(name) for name in FILTERS}
    found = await view.api.get(
        "/api/v1/messages", **filters, cursor=cursor or view.asked("cursor"), limit=limit
    )
    return dict(found)


async def download(view: View) -> Response:
    """Return what the filters find as a file, newest first; a cursor goes on."""
    page = await _page(view, DOWNLOAD_ITEMS)
    for _ in range(DOWNLOAD_PAGES - 1):
        if not page["next"]:
            break
        more = await _page(view, DOWNLOAD_ITEMS, page["next"])
        page = {"items": page["items"] + more["items"], "next": more["next"]}
    if view.asked("format") == "csv":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in page["items"]:
            writer.writerow([safe_cell(row[name]) for name in COLUMNS])
        body, kind, name = text.getvalue(), "text/csv; charset=utf-8", "messages.csv"
    else:
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page["items"])
        kind, name = "application/x-ndjson", "messages.ndjson"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if page["next"]:
        headers["Link"] = f'<{BASE}/messages?cursor={page["next"]}>; rel="next"'
    return Response(body, media_type=kind, headers=headers)


PAGES = (Page("/messages", listed), Page("/messages/download", download))
