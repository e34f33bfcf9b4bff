"""Many chargers at once: a CSV file in, looked at before it counts, and all of them out."""

from typing import Any

from starlette.responses import Response

from csms.dashboard.inner import Refused
from csms.dashboard.pages.page import Page
from csms.dashboard.view import View, form_of

FILE = "/api/v1/chargers.csv"


async def form(view: View) -> Response:
    """Show the form."""
    return view.render("import.html", **_values())


def _values(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - of the template
    return {"text": "", "makes": True, "told": None, "errors": [], "wrong": "", **more}


async def send(view: View) -> Response:
    """Say what a file would do, or with `do` set to import, do it."""
    fields = await form_of(view.request)
    text, makes = fields.get("text", ""), fields.get("makes") == "on"
    is_dry = fields.get("do") != "import"
    query: dict[str, Any] = {"dry_run": is_dry, "generate_passwords": makes}
    try:
        told = await view.api.send("POST", FILE, text.encode(), **query)
    except Refused as refused:
        errors = refused.answer.body.get("errors", []) if refused.is_document else []
        values = _values(text=text, makes=makes, errors=errors, wrong=refused.detail)
        return view.render("import.html", refused.status, **values)
    values = _values(text=text, makes=makes, told=told, errors=told["errors"])
    return view.render("import.html" if is_dry else "imported.html", **values)


async def export(view: View) -> Response:
    """Return all chargers as CSV."""
    body = await view.api.get(FILE, site=view.asked("site"))
    headers = {"Content-Disposition": 'attachment; filename="chargers.csv"'}
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


PAGES = (
    Page("/import", form),
    Page("/import", send, ("POST",)),
    Page("/export", export),
)
