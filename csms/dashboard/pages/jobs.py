"""Jobs: a command to many chargers; how far it is, and what became of each."""

import json
import math
from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of
from protocol.versions import VERSIONS

SEE_OTHER = 303
BAD_REQUEST = 400
STATES = ("running", "paused", "finished", "cancelled", "aborted")
WHERE = ("site", "vendor", "model", "firmware", "status")
ACTIONS = sorted({action for version in VERSIONS.values() for action in version.outbound})
STATUSES = (
    "Available", "Preparing", "Occupied", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing",
    "Reserved", "Unavailable", "Faulted",
)  # fmt: skip
CHANGES = frozenset({"pause", "resume", "cancel"})
DEFAULTS = {
    "name": "",
    "action": "TriggerMessage",
    "payload": '{"requestedMessage": "StatusNotification"}',
    "ids": "",
    "tags": "",
    "canary": "1",
    "then": "continue",
    "rate": "5",
    "failures": "0",
    "percent": "20",
    **dict.fromkeys(WHERE, ""),
}


async def listed(view: View) -> Response:
    """Show the jobs, newest first."""
    state, cursor = view.asked("state"), view.asked("cursor")
    page = await view.api.get("/api/v1/jobs", state=state, cursor=cursor, limit=50)
    return view.render("jobs.html", page=page, state=state, states=STATES, cursor=cursor)


async def new(view: View) -> Response:
    """Show the form of a job."""
    return await _form(view, DEFAULTS)


async def _form(
    view: View,
    form: dict[str, str],
    status: int = 200,
    wrong: str = "",
    dry: dict[str, Any] | None = None,
) -> Response:
    sites = await view.api.look("/api/v1/sites", limit=1_000)
    known = {
        "action": ACTIONS,
        "site": [one["id"] for one in (sites or {}).get("items", [])],
        "status": STATUSES,
    }
    return view.render("job_new.html", status, form=form, wrong=wrong, dry=dry, known=known)


async def create(view: View) -> Response:
    """Say which chargers a job would command, or begin it."""
    form = DEFAULTS | await form_of(view.request)
    is_dry = form.get("do") != "start"
    try:
        body = job_of(form)
        answer = await view.api.send("POST", "/api/v1/jobs", body | {"dry_run": is_dry})
    except Refused as refused:
        return await _form(view, form, refused.status, refused.detail)
    except ValueError as error:
        return await _form(view, form, BAD_REQUEST, str(error))
    if is_dry:
        return await _form(view, form, dry=answer)
    return RedirectResponse(BASE + path_of("jobs", answer["id"]), SEE_OTHER)


def job_of(form: dict[str, str]) -> dict[str, Any]:
    """Return the body for REST of what was filled in.

    Raises:
        ValueError: a number or the payload is none; the text names the field.
    """
    where: dict[str, Any] = {name: form[name].strip() for name in WHERE if form[name].strip()}
    for name in ("ids", "tags"):
        words = [word.strip() for word in form[name].replace("\n", ",").split(",")]
        if any(words):
            where[name] = [word for word in words if word]
    try:
        payload = json.loads(form["payload"] or "{}")
    except ValueError as error:
        raise ValueError(f"payload: is no JSON: {error}") from error
    return {
        "name": form["name"],
        "action": form["action"],
        "payload": payload,
        "where": where,
        "canary": {"chargers": int(_number(form, "canary", 0)), "then": form["then"]},
        "rate_per_s": _number(form, "rate", 1),
        "abort": {
            "failures": int(_number(form, "failures", 0)),
            "percent": _number(form, "percent", 0),
        },
    }


def _number(form: dict[str, str], name: str, empty: float) -> float:
    try:
        number = float(form[name] or empty)
    except ValueError as error:
        raise ValueError(f"{name}: must be a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{name}: must be a number")
    return number


async def shown(view: View) -> Response:
    """Show one job."""
    name = view.request.path_params["job"]
    outcome, cursor = view.asked("outcome"), view.asked("cursor")
    path = "/api/v1" + path_of("jobs", name)
    found = await view.gather(
        {
            "one": view.api.get(path),
            "page": view.api.get(path + "/chargers", outcome=outcome, cursor=cursor, limit=200),
        }
    )
    return view.render(
        "job.html", one=found["one"], page=found["page"], outcome=outcome, cursor=cursor
    )


async def change(view: View) -> Response:
    """Pause, resume or cancel a job."""
    name, how = view.request.path_params["job"], view.request.path_params["how"]
    if how in CHANGES:
        await view.api.send("POST", "/api/v1" + path_of("jobs", name, how))
    return RedirectResponse(BASE + path_of("jobs", name), SEE_OTHER)


PAGES = (
    Page("/jobs", listed),
    Page("/jobs/new", new),
    Page("/jobs/new", create, ("POST",)),
    Page("/jobs/{job}", shown),
    Page("/jobs/{job}/{how}", change, ("POST",)),
)
