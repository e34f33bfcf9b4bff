"""What every answer and every request has: a size limit, headers, and a line in the audit log."""

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.problems import Problem

AUDIT = logging.getLogger("csms.audit")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'",
}


class _BodyTooLarge(Exception):
    """Raised out of `receive`."""


class LimitsMiddleware:
    """Refuses bodies above `body_bytes_max` (413); adds headers; audits writes."""

    def __init__(self, app: ASGIApp, body_bytes_max: int) -> None:
        self._app = app
        self._max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        status = 500

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max:
                raise _BodyTooLarge
            return message

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            length = Headers(scope=scope).get("content-length", "0")
            if length.isdigit() and int(length) > self._max:
                raise _BodyTooLarge  # noqa: TRY301 - answered in one place
            await self._app(scope, limited, dressed)
        except _BodyTooLarge:
            text = f"the body has more than {self._max} bytes"
            await Problem(413, "too_large", text).response()(scope, receive, dressed)
        finally:
            if scope["method"] not in SAFE_METHODS:
                _audit(scope, status)


def _audit(scope: Scope, status: int) -> None:
    """Write who did what; bodies may have secrets and are left out."""
    principal = scope.get("state", {}).get("principal")
    fields = {
        "key": principal.id if principal else "",
        "name": principal.name if principal else "",
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "remote": (scope.get("client") or ("",))[0],
    }
    AUDIT.info("%s %s", scope["method"], scope["path"], extra={"fields": fields})
