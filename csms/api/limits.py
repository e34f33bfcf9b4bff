"""What every answer and request has: a size limit, headers, an id, a row of the audit log.

Strangers write no rows, but for one: a sign-in with the name of somebody and a wrong password,
since that is slowed down. It is a row of `nobody`, with the id of whom it was about.
"""

import secrets
from collections.abc import Mapping

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.problems import Problem
from csms.api.rules import is_page
from csms.api.trail import AuditTrail

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'",
}
RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
REQUEST_ID = b"x-request-id"


class _BodyTooLarge(Problem):
    """Raised out of `receive`, too."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(413, "too_large", f"the body has more than {bytes_max} bytes")


def dress(headers: list[tuple[bytes, bytes]], request: str) -> None:
    """Add what every answer has; what is there stays."""
    there = {name for name, _ in headers}
    headers += (pair for pair in RAW_HEADERS if pair[0] not in there)
    if REQUEST_ID not in there:
        headers.append((REQUEST_ID, request.encode()))


class LimitsMiddleware:
    """Refuses bodies above `body_bytes_max` (413); adds headers; audits writes.

    `longer`: beginnings of paths whose bodies may be longer: they are files, and never in memory.
    """

    def __init__(
        self,
        app: ASGIApp,
        body_bytes_max: int,
        trail: AuditTrail,
        longer: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._max = body_bytes_max
        self._trail = trail
        self._longer = dict(longer or {})

    def _max_of(self, path: str) -> int:
        return next(
            (limit for start, limit in self._longer.items() if path.startswith(start)), self._max
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        bytes_max = self._max_of(scope["path"])
        request = secrets.token_hex(16)
        state = scope.setdefault("state", {})
        writes = scope["method"] not in SAFE_METHODS and not is_page(scope["path"])

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > bytes_max:
                raise _BodyTooLarge(bytes_max)
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                principal = state.get("principal")
                # Strangers could fill the log; they are counted and slowed down elsewhere.
                if writes and principal is not None:
                    status, detail = message["status"], state.get("audit", {})
                    await self._trail.record(
                        self._trail.row(scope, principal, status, request, detail)
                    )
                elif writes and state.get("attempt") is not None:
                    # Not waited for: how long the answer takes says nothing about who exists.
                    row = self._trail.row(scope, state["attempt"], message["status"], request, {})
                    self._trail.record_later(msgspec.structs.replace(row, actor_kind="nobody"))
                dress(message.setdefault("headers", []), request)
            await send(message)

        try:
            length = Headers(scope=scope).get("content-length", "0")
            if length.isdigit() and int(length) > bytes_max:
                raise _BodyTooLarge(bytes_max)  # noqa: TRY301 - answered in one place
            await self._app(scope, limited, dressed)
        except _BodyTooLarge as problem:
            await problem.response()(scope, receive, dressed)
