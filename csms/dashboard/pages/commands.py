"""Commands: what was asked of chargers, and how each went as a timeline."""

from typing import Any

from starlette.responses import Response

from csms.dashboard.inner import path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import View

FILTERS = ("charger", "action", "outcome")
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
    return view.render("command.html", one=one, steps=steps(one))


def steps(one: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the timeline of a command: kind (good, bad, wait), key of the text, instant, more.

    >>> [step["key"] for step in steps({"queued_us": 1, "sent_us": 0, "outcome": None})]
    ['queued', 'waiting']
    """
    line = [_step("good", "queued", one.get("queued_us", 0))]
    if one.get("sent_us"):
        line.append(_step("good", "sent", one["sent_us"]))
    outcome = one.get("outcome")
    if outcome is None:
        line.append(_step("wait", "waiting", 0))
        return line
    detail = " ".join(part for part in (one.get("error_code"), one.get("error_text")) if part)
    kind = "good" if outcome == "accepted" else "bad"
    line.append(_step(kind, outcome, one.get("finished_us", 0), detail))
    followed = one.get("followed")
    if followed:
        end = followed["end"]
        kind = "bad" if end in {"nothing_happened", "failed", "gone"} else "good"
        line.append(_step(kind, f"followed:{end}", one.get("followed_us", 0), followed["detail"]))
    return line


def _step(kind: str, key: str, at_us: int, detail: str = "") -> dict[str, Any]:
    return {"kind": kind, "key": key, "at_us": at_us, "detail": detail}


PAGES = (Page("/commands", listed), Page("/commands/{command}", shown))
