"""Users: who may sign in, as what, and links for those who cannot; one's own password."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from csms.api.auth import is_confined
from csms.api.sessions import is_secure
from csms.dashboard.inner import Refused, path_of
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, View, form_of
from domain.access import Role

USERS = "/api/v1/users"
SEE_OTHER = 303
INVALID = 422
LIMIT = 100
ACTIONS = {"link": ("POST", "link"), "sign-out": ("DELETE", "sessions"), "remove": ("DELETE",)}
"""Button -> method, and what comes after the user's path."""


async def listed(view: View) -> Response:
    """Show users by id, and the form for a new one."""
    return await _list(view)


async def _list(view: View, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - of the template
    page = await view.api.get(USERS, cursor=view.asked("cursor"), limit=LIMIT)
    known: dict[str, Any] = {"wrong": "", "form": {}} | values
    return view.render("users.html", status, page=page, **_choices(view), **known)


def _choices(view: View) -> dict[str, Any]:
    assert view.principal is not None
    return {"roles": list(Role), "confined": is_confined(view.principal)}


async def add(view: View) -> Response:
    """Add a user, and show the link with which a password is chosen: this one time."""
    form = await form_of(view.request)
    body = {
        "login": form.get("login", "").strip(),
        "name": form.get("name", "").strip(),
        "role": form.get("role", ""),
        "tenant": form.get("tenant", "").strip(),
        "sites": _sites(form),
    }
    try:
        made = await view.api.send("POST", USERS, body)
    except Refused as refused:
        return await _list(view, refused.status, wrong=refused.detail, form=form)
    link = await view.api.send("POST", USERS + path_of(made["id"], "link"))
    return await _one(view, made["id"], link=link)


def _sites(form: dict[str, str]) -> list[str]:
    return [part.strip() for part in form.get("sites", "").split(",") if part.strip()]


async def shown(view: View) -> Response:
    """Show one user."""
    return await _one(view, view.request.path_params["user"])


async def _one(view: View, user: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - of the template
    one, etag = await view.api.read(USERS + path_of(user))
    known: dict[str, Any] = {"wrong": "", "link": None} | values
    return view.render(
        "user.html", status, one=one, etag=etag, address=_address(view), **_choices(view), **known
    )


def _address(view: View) -> str:
    """Return the address of this server as the browser knows it, without a path."""
    scheme = "https" if is_secure(view.request) else "http"
    return f"{scheme}://{view.request.url.netloc}"


async def change(view: View) -> Response:
    """Change role, name, sites, or whether the user is let in."""
    user = view.request.path_params["user"]
    form = await form_of(view.request)
    body = {
        "name": form.get("name", "").strip(),
        "role": form.get("role", ""),
        "sites": _sites(form),
        "disabled": form.get("disabled") == "on",
    }
    try:
        await view.api.send("PATCH", USERS + path_of(user), body, if_match=form.get("etag", ""))
    except Refused as refused:
        return await _one(view, user, refused.status, wrong=refused.detail)
    return RedirectResponse(f"{BASE}/users", SEE_OTHER)


async def act(view: View) -> Response:
    """Make a link, end all sessions, or remove a user."""
    user, what = view.request.path_params["user"], view.request.path_params["what"]
    if what not in ACTIONS:
        return view.problem(404, view.texts("say.nothing"))
    method, *more = ACTIONS[what]
    try:
        made = await view.api.send(method, USERS + path_of(user, *more))
    except Refused as refused:
        return await _one(view, user, refused.status, wrong=refused.detail)
    if what == "link":
        return await _one(view, user, link=made)
    return RedirectResponse(f"{BASE}/users", SEE_OTHER)


async def account(view: View) -> Response:
    """Show who one is, and the form for a new password."""
    return await _account(view)


async def _account(view: View, status: int = 200, wrong: str = "", done: str = "") -> Response:
    me = await view.api.get("/api/v1/session")
    least = view.services.sign_in.password_chars_min
    return view.render("account.html", status, me=me, wrong=wrong, notice=done, least=least)


async def set_password(view: View) -> Response:
    """Set a new password of one's own."""
    form = await form_of(view.request)
    if form.get("new", "") != form.get("again", ""):
        return await _account(view, INVALID, view.texts("link.differ"))
    body = {"old": form.get("old", ""), "new": form.get("new", "")}
    try:
        await view.api.send("PUT", "/api/v1/session/password", body)
    except Refused as refused:
        return await _account(view, refused.status, refused.detail)
    return await _account(view, done=view.texts("account.done"))


PAGES = (
    Page("/users", listed),
    Page("/users", add, ("POST",)),
    Page("/users/{user}", shown),
    Page("/users/{user}", change, ("POST",)),
    Page("/users/{user}/{what}", act, ("POST",)),
    Page("/account", account),
    Page("/account", set_password, ("POST",)),
)
