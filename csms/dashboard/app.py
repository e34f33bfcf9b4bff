"""Puts the pages into the application: routes, files, and what wraps them."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.origin import SAFE_METHODS, is_of_here
from csms.api.problems import HANDLERS, MEDIA_TYPE, Problem
from csms.api.sessions import CSRF_HEADER
from csms.dashboard import preferences, signin
from csms.dashboard.inner import Refused
from csms.dashboard.pages import PAGES
from csms.dashboard.pages.page import Page
from csms.dashboard.view import BASE, FIELDS_MAX, FOLDER, Handler, view_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
STATIC = f"{BASE}/static/"
HEADERS = {"Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin"}
STATIC_CACHE = "public, max-age=3600"
EVENTS = "/api/v1/events"
SEE_OTHER = 303
UNAUTHORIZED = 401
FORM = "application/x-www-form-urlencoded"

Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return the pages; all of them need somebody who is signed in."""
    return [
        Route("/", _to_pages, methods=["GET"]),
        Route(BASE, _to_pages, methods=["GET"]),
        Route(f"{BASE}/events", _Events(), methods=["GET"]),
        *(
            Route(BASE + page.path, _endpoint(page.handler), methods=list(page.methods))
            for page in (*PAGES, SIGN_OUT)
        ),
    ]


def _public() -> ASGIApp:
    """Return what needs nobody to be signed in."""
    router = Router(
        [
            Mount(STATIC.rstrip("/"), StaticFiles(directory=FOLDER / "static")),
            *(Route(BASE + path, endpoint, methods=methods) for path, endpoint, methods in OPEN),
        ]
    )
    return ExceptionMiddleware(router, dict(HANDLERS))


OPEN: tuple[tuple[str, Endpoint, list[str]], ...] = (
    ("/sign-in", signin.page, ["GET"]),
    ("/sign-in", signin.sign_in, ["POST"]),
    ("/link/{secret}", signin.link, ["GET"]),
    ("/link/{secret}", signin.use_link, ["POST"]),
    # A link and no form: form-action of the policy forbids to go on to another site.
    ("/oidc/start", signin.oidc_start, ["GET"]),
    ("/oidc/callback", signin.oidc_callback, ["GET"]),
    ("/preferences", preferences.choose, ["POST"]),
)
OPEN_PATHS = frozenset(BASE + path for path, _, _ in OPEN)
OPEN_FOLDERS = (STATIC, signin.LINK)

SIGN_OUT = Page("/sign-out", signin.sign_out, ("POST",))


async def _to_pages(_request: Request) -> Response:
    return RedirectResponse(f"{BASE}/", SEE_OTHER)


class _Events:
    """The stream of REST, with the proof that pages have: passed through as it comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream."""
        path = {"path": EVENTS, "raw_path": EVENTS.encode()}
        await scope["app"]({**scope, **path}, receive, send)


def _endpoint(handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        view = view_of(request)
        try:
            return await handler(view)
        except Refused as refused:
            return view.problem(refused.status, view.why(refused))

    return endpoint


class PagesMiddleware:
    """Serves files and the sign-in page; sends who is not signed in there; refuses foreign writes.

    Stands before authentication. What is no page passes untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._public = _public()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path in {"/", BASE} or path.startswith(BASE + "/")):
            await self._app(scope, receive, send)
            return
        send = _dressed(scope, send)
        if scope["method"] not in SAFE_METHODS and not is_of_here(Headers(scope=scope)):
            problem = Problem(403, "origin", "this form was sent by a page of another site")
            await problem.response()(scope, receive, send)
        elif path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            await self._public(scope, receive, send)
        else:
            if scope["method"] not in SAFE_METHODS:
                scope, receive = await _with_token(scope, receive)
            await self._app(scope, receive, _asking(scope, send))


async def _with_token(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """Return a write of a page with the token of its form where REST looks for it."""
    headers = Headers(scope=scope)
    if CSRF_HEADER in headers or not headers.get("content-type", "").startswith(FORM):
        return scope, receive
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    form = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX))
    token = (CSRF_HEADER.encode(), form.get("csrf", "").encode("latin-1", "replace"))
    return {**scope, "headers": [*scope["headers"], token]}, again


def _dressed(scope: Scope, send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if scope["path"].startswith(STATIC):
                headers["Cache-Control"] = STATIC_CACHE
        await send(message)

    return dressed


def _asking(scope: Scope, send: Send) -> Send:
    """Return a `send` that turns 401 into a way to the sign-in page, other problems into pages."""
    redirected = False
    held: Message | None = None
    body = b""

    async def asking(message: Message) -> None:
        nonlocal redirected, held, body
        if message["type"] == "http.response.start" and message["status"] == UNAUTHORIZED:
            redirected = True
            wanted = scope["path"]
            if scope["query_string"]:
                wanted += "?" + scope["query_string"].decode("latin-1")
            if scope["method"] not in SAFE_METHODS:
                wanted = f"{BASE}/"
            where = f"{BASE}/sign-in?next={quote(wanted)}"
            # htmx follows a redirect within its request: it is told by a header of its own.
            is_htmx = Headers(scope=scope).get("hx-request") is not None
            response = Response(status_code=204) if is_htmx else RedirectResponse(where, SEE_OTHER)
            if is_htmx:
                response.headers["HX-Redirect"] = where
            await _sent(response, send)
        elif message["type"] == "http.response.start" and _is_for_people(scope, message):
            held = message
        elif held is not None:
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await _sent(_problem_page(scope, held["status"], body), send)
        elif not redirected:
            await send(message)

    return asking


async def _sent(response: Response, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
    )
    await send({"type": "http.response.body", "body": response.body})


def _is_for_people(scope: Scope, message: Message) -> bool:
    """Return whether an answer is a problem document for a browser that shows it."""
    asked = Headers(scope=scope)
    is_shown = "text/html" in asked.get("accept", "") or asked.get("hx-request") is not None
    return is_shown and Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE


def _problem_page(scope: Scope, status: int, body: bytes) -> Response:
    document = msgspec.json.decode(body)
    view = view_of(Request(scope))
    if str(document.get("type", "")).endswith(":csrf"):
        title, detail = view.texts("problem.stale"), view.texts("problem.stale_hint")
        return view.render("problem.html", status, title=title, detail=detail, code=status)
    return view.problem(status, str(document.get("detail", "")))
