"""The REST interface as the pages use it: called within the process, by the caller's own rights.

A page has no way to data but this one. It sends what the browser has sent as proof of who asks, so
every check of REST (roles, tenants, limits) holds for pages without being written twice.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message

from csms.api.origin import SAFE_METHODS
from csms.api.rates import INNER
from csms.api.sessions import CSRF_HEADER

PASSED = frozenset(
    {
        b"authorization",
        b"cookie",
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"user-agent",
        b"x-csrf-token",
        b"x-forwarded-proto",
    }
)
"""Headers that go with an inner request: who asks, and the proof that it was no other site."""
SENT_FROM = frozenset({b"origin", b"sec-fetch-site", CSRF_HEADER.encode()})
"""Not passed on by a page that is only read: a link from elsewhere may lead to it."""
OK = 200
MULTIPLE_CHOICES = 300
UNAVAILABLE = 503


class Answer(NamedTuple):
    """What REST has answered; `body` is decoded JSON, or text when it is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def is_ok(self) -> bool:
        """Whether it is a success."""
        return OK <= self.status < MULTIPLE_CHOICES


class Refused(Exception):
    """REST has answered with a problem.

    Args:
        answer: status and problem document.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body}")
        self.answer = answer

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answer.status

    @property
    def is_document(self) -> bool:
        """Whether it says in JSON what is wrong."""
        return isinstance(self.answer.body, dict)

    @property
    def detail(self) -> str:
        """The sentence of the problem document."""
        body = self.answer.body
        if isinstance(body, dict):
            return str(body.get("detail") or body.get("title") or self.status)
        return str(self.status)


class InnerApi:
    """REST for one request of a page.

    Args:
        app: the whole application, with all that wraps it.
        request: of the page.
    """

    def __init__(self, app: ASGIApp, request: Request) -> None:
        self._app = app
        is_read = request.method in SAFE_METHODS
        passed = PASSED - SENT_FROM if is_read else PASSED
        self._headers = [pair for pair in request.scope["headers"] if pair[0] in passed]
        token = str(getattr(request.state, "csrf", ""))
        if is_read and token:
            # What a page asks of a charger to show it, is asked by the page and not by its form.
            self._headers.append((CSRF_HEADER.encode(), token.encode()))
        self._client = request.scope.get("client")
        self._server = request.scope.get("server")
        self._scheme = request.scope.get("scheme", "http")

    async def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Return the body of a GET.

        Args:
            path: with every part from outside quoted (`path_of`).
            query: empty and None values are left out; `from_` stands for `from`.

        Raises:
            Refused: REST answered with a problem.
        """
        answer = await self.ask("GET", path, query=query)
        if not answer.is_ok:
            raise Refused(answer)
        return answer.body

    async def look(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Return the body of a GET, or None when REST answers with a problem.

        For parts of a page that it can do without.
        """
        answer = await self.ask("GET", path, query=query)
        return answer.body if answer.is_ok else None

    async def read(self, path: str) -> tuple[Any, str]:
        """Return the body of a GET and its entity tag, for a form that changes what it shows.

        Raises:
            Refused: REST answered with a problem.
        """
        answer = await self.ask("GET", path)
        if not answer.is_ok:
            raise Refused(answer)
        return answer.body, answer.headers.get("etag", "")

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        if_match: str = "",
        if_none_match: str = "",
        **query: object,
    ) -> Any:  # noqa: ANN401 - JSON
        """Return the body of the answer to a write.

        Args:
            method: of HTTP.
            path: with every part from outside quoted.
            body: JSON, or bytes.
            if_match: entity tag of what the form has shown; empty: whatever it is now.
            if_none_match: `*`: only when there is no such thing yet.
            query: as of `get`.

        Raises:
            Refused: REST answered with a problem; 412: it has changed meanwhile.
        """
        conditions = {"if-match": if_match, "if-none-match": if_none_match}
        answer = await self.ask(method, path, body=body, query=query, headers=conditions)
        if not answer.is_ok:
            raise Refused(answer)
        return answer.body

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] = {},
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Return the answer, whatever it is. A body of bytes goes as it is, as CSV."""
        wanted = {
            name.rstrip("_"): _shown(value)
            for name, value in query.items()
            if value is not None and value != ""
        }
        kind = b"application/json"
        if isinstance(body, bytes):
            payload, kind = body, b"text/csv"
        else:
            payload = b"" if body is None else msgspec.json.encode(body)
        sent = [*self._headers, (b"accept", b"application/json")]
        sent += [(n.encode(), v.encode("latin-1", "replace")) for n, v in headers.items() if v]
        if body is not None:
            sent.append((b"content-type", kind))
            sent.append((b"content-length", str(len(payload)).encode()))
        scope = {
            "type": "http",
            INNER: True,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self._scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(wanted).encode(),
            "headers": sent,
            "client": self._client,
            "server": self._server,
        }
        return await _called(self._app, scope, payload)


async def _called(app: ASGIApp, scope: dict[str, Any], payload: bytes) -> Answer:
    sent = False
    ended = asyncio.Event()
    status = UNAVAILABLE
    headers: dict[str, str] = {}
    parts: list[bytes] = []

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": payload, "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update(
                {name.decode().lower(): value.decode() for name, value in message["headers"]}
            )
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                ended.set()

    try:
        await app(scope, receive, send)
    except Exception:
        # The application answers 500 before it raises what went wrong: the page tells the status.
        if not ended.is_set():
            raise
    data = b"".join(parts)
    body: Any = data.decode(errors="replace")
    if "json" in headers.get("content-type", ""):
        body = msgspec.json.decode(data)
    return Answer(status, headers, body)


def path_of(*parts: str) -> str:
    """Return a path from its parts, each quoted as a whole."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
