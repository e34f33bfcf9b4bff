"""Puts the pages into the application: routes, files, and what wraps them."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.problems import HANDLERS, Problem
from csms.dashboard import preferences, signin
from csms.dashboard.inner import Refused
from csms.dashboard.pages import PAGES
from csms.dashboard.view import BASE, FOLDER, Handler, view_of

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
SAFE_METHODS = frozenset({"GET", "HEAD"})

Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return the pages; all of them need somebody who is signed in."""
    return [
        Route("/", _to_pages, methods=["GET"]),
        Route(BASE, _to_pages, methods=["GET"]),
        Route(f"{BASE}/events", _Events(), methods=["GET"]),
        *(
            Route(BASE + page.path, _endpoint(page.handler), methods=list(page.methods))
            for page in PAGES
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
    ("/sign-out", signin.sign_out, ["POST"]),
    ("/preferences", preferences.choose, ["POST"]),
)
OPEN_PATHS = frozenset(BASE + path for path, _, _ in OPEN)


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
        elif path.startswith(STATIC) or path in OPEN_PATHS:
            await self._public(scope, receive, send)
        else:
            await self._app(signin.with_proof(scope), receive, _asking(scope, send))


def is_of_here(headers: Headers) -> bool:
    """Return whether a write comes from a page of this server: browsers say so themselves."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


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
    """Return a `send` that turns 401 into a way to the sign-in page."""
    redirected = False

    async def asking(message: Message) -> None:
        nonlocal redirected
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
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": response.raw_headers,
                }
            )
            await send({"type": "http.response.body", "body": b""})
        elif not redirected:
            await send(message)

    return asking
