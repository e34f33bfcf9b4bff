"""Letting a charger in: one that came unknown, or a new one; and what is kept of each."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of

SEE_OTHER = 303
PROFILES = (0, 1, 2, 3)
REGISTRATIONS = ("Accepted", "Pending", "Rejected")


async def new(view: View) -> Response:
    """Show the form; a refused connection fills it."""
    values = {"id": view.asked("id"), "site": view.asked("site"), "networks": view.asked("network")}
    return await _form(view, values)


async def _form(view: View, values: dict[str, str], status: int = 200, wrong: str = "") -> Response:
    sites = await view.api.look("/api/v1/sites", limit=1_000)
    return view.render(
        "onboard.html",
        status,
        values={"security_profile": "1", "id": "", "site": "", "networks": ""} | values,
        wrong=wrong,
        sites=(sites or {}).get("items", []),
        profiles=PROFILES,
    )


async def create(view: View) -> Response:
    """Add the charger and show what to enter at it: the password is shown this one time."""
    form = await form_of(view.request)
    try:
        body = _fields(form) | {
            "id": form.get("id", "").strip(),
            "generate_password": form.get("security_profile", "1") in {"1", "2"},
        }
        made = await view.api.send("POST", "/api/v1/chargers", body)
    except Refused as refused:
        return await _form(view, form, refused.status, refused.detail)
    return view.render("onboarded.html", made=made)


def _fields(form: dict[str, str]) -> dict[str, Any]:
    networks = [part.strip() for part in form.get("networks", "").split(",")]
    profile = form.get("security_profile", "1")
    return {
        "site": form.get("site", ""),
        "security_profile": int(profile) if profile.isdigit() else profile,
        "networks": [part for part in networks if part],
    }


async def settings(view: View) -> Response:
    """Show what is kept of a charger."""
    return await _settings(view)


async def _settings(view: View, status: int = 200, wrong: str = "") -> Response:
    name = view.request.path_params["charger"]
    one, tag = await view.api.read("/api/v1" + path_of("chargers", name))
    sites = await view.api.look("/api/v1/sites", limit=1_000)
    return view.render(
        "charger_settings.html",
        status,
        one=one,
        tag=tag,
        wrong=wrong,
        sites=(sites or {}).get("items", []),
        profiles=PROFILES,
        registrations=REGISTRATIONS,
    )


async def change(view: View) -> Response:
    """Change what is kept of a charger."""
    name = view.request.path_params["charger"]
    form = await form_of(view.request)
    body = _fields(form) | {
        "registration": form.get("registration", "Accepted"),
        "strict": form.get("strict") == "on",
        "time_zone": form.get("time_zone", "").strip(),
    }
    try:
        path = "/api/v1" + path_of("chargers", name)
        await view.api.send("PATCH", path, body, if_match=form.get("tag", ""))
    except Refused as refused:
        return await _settings(view, refused.status, view.why(refused))
    return RedirectResponse(BASE + path_of("chargers", name), SEE_OTHER)


async def password(view: View) -> Response:
    """Make a new password; the old one is void."""
    path = "/api/v1" + path_of("chargers", view.request.path_params["charger"])
    tag = (await form_of(view.request)).get("tag", "")
    made = await view.api.send("PATCH", path, {"generate_password": True}, if_match=tag)
    return view.render("onboarded.html", made=made)


async def remove(view: View) -> Response:
    """Remove a charger; what it has reported stays."""
    path = "/api/v1" + path_of("chargers", view.request.path_params["charger"])
    tag = (await form_of(view.request)).get("tag", "")
    await view.api.send("DELETE", path, if_match=tag)
    return RedirectResponse(f"{BASE}/chargers", SEE_OTHER)


PAGES = (
    Page("/onboard", new),
    Page("/onboard", create, ("POST",)),
    Page("/chargers/{charger}/settings", settings),
    Page("/chargers/{charger}/settings", change, ("POST",)),
    Page("/chargers/{charger}/password", password, ("POST",)),
    Page("/chargers/{charger}/remove", remove, ("POST",)),
)
