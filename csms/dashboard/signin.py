"""Signing in with an API key, which the browser keeps where no script can read it."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from csms.dashboard.inner import InnerApi
from csms.dashboard.view import BASE, form_of, view_of

COOKIE = "csms_key"
COOKIE_S = 12 * 3600
SEE_OTHER = 303
PROBE = "/api/v1/sites"
"""Any list: whoever may read it is let in."""


async def page(request: Request) -> Response:
    """Show the form."""
    view = view_of(request)
    return view.render("sign_in.html", wrong="", next=safe_next(request.query_params.get("next")))


async def sign_in(request: Request) -> Response:
    """Keep the key when it is one."""
    form = await form_of(request)
    key = form.get("key", "").strip()
    following = safe_next(form.get("next", ""))
    scope = {**request.scope, "headers": [*_without(request.scope), _bearer(key)]}
    answer = await InnerApi(request.app, Request(scope)).ask("GET", PROBE, query={"limit": 1})
    if not answer.is_ok:
        view = view_of(request)
        body = answer.body
        wrong = body.get("detail", "") if isinstance(body, dict) else str(answer.status)
        return view.render("sign_in.html", answer.status, wrong=wrong, next=following)
    response = RedirectResponse(following, SEE_OTHER)
    response.set_cookie(
        COOKIE,
        key,
        max_age=COOKIE_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


async def sign_out(_request: Request) -> Response:
    """Forget the key."""
    response = RedirectResponse(f"{BASE}/sign-in", SEE_OTHER)
    response.delete_cookie(COOKIE, path="/")
    return response


def with_proof(scope: Scope) -> Scope:
    """Return the scope of a page's request with the key of its cookie as its Authorization."""
    headers = Headers(scope=scope)
    if "authorization" in headers:
        return scope
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return scope
    if COOKIE not in cookie:
        return scope
    return {**scope, "headers": [*scope["headers"], _bearer(unquote(cookie[COOKIE].value))]}


def _bearer(key: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {key}".encode("latin-1", "replace")


def _without(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if name != b"authorization"]


def safe_next(path: str | None) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    if path and path.startswith(f"{BASE}/") and "\\" not in path and "\n" not in path:
        return path
    return f"{BASE}/"
