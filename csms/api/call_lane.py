"""The lane for calls: past the layers that most of them would pass unchanged.

A call whose API key was looked up a moment ago, with one body of known length and no
Idempotency-Key, has the same done to it as in the layers of `csms.api.app`, by the same functions,
without a function and a wrapped `send` for each. Whatever is else, or would be refused before the
route, is not touched and takes the other way. A test compares the answers of both ways.
"""

import secrets
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from csms.api.auth import Principal, check_rule
from csms.api.call_route import answered, asked_of
from csms.api.limits import dress
from csms.api.problems import Problem, failure_of, from_error
from csms.api.rates import Buckets, said_of
from csms.api.rules import CALLS, Book
from csms.api.services import Services
from csms.api.trail import AuditTrail
from domain.errors import CsmsError

END: Final = "/" + CALLS.rpartition("/")[2]
NOT_HERE: Final = frozenset({b"idempotency-key", b"transfer-encoding", b"expect"})
"""Headers of requests for the other way."""
QUERIES_MAX: Final = 256
"""Remembered; others are read each time."""


class CallLane:
    """Stands before all layers of an application.

    Args:
        app: the application, for its services.
        services: settings, clock and keys.
        trail: of both ways.
        buckets: of both ways.
    """

    def __init__(
        self, app: Starlette, services: Services, trail: AuditTrail, buckets: Buckets
    ) -> None:
        self._app = app
        self._services = services
        self._trail = trail
        self._buckets = buckets
        self._book = Book()
        self._asked: dict[bytes, dict[str, Any]] = {}
        """Programs send the same query with each of their calls."""

    async def takes(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Handle a request if it is one for here; False: it is untouched."""
        principal = self._caller(scope)
        if principal is None:
            return False
        left = self._buckets.take(principal.id, self._services.clock.monotonic_us())
        if left < 0:
            # Nothing was taken: who is refused is told so on the other way.
            return False
        scope["app"] = self._app
        state = scope.setdefault("state", {})
        state["principal"], state["csrf"] = principal, ""
        request = secrets.token_hex(16)
        answer = await self._answer(scope, receive)
        status, detail = answer.status_code, state.get("audit", {})
        await self._trail.record(self._trail.row(scope, principal, status, request, detail))
        headers = answer.raw_headers
        said = said_of(self._services.settings, left)
        headers += ((name.lower().encode(), value.encode()) for name, value in said.items())
        dress(headers, request)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return True

    def _caller(self, scope: MutableMapping[str, Any]) -> Principal | None:
        """Return whose call it is; None: it is none for this lane."""
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not scope["path"].endswith(END)
            or (rule := self._book.of(scope)[0]) is None
            or rule.path != CALLS
        ):
            return None
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]) or not NOT_HERE.isdisjoint(headers):
            return None
        if not self._has_length(headers):
            return None
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        principal = self._services.authenticator.known(authorization)
        if principal is None:
            return None
        try:
            check_rule(rule, principal)
        except Problem:
            return None
        return principal

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            request = Request(scope, receive)
            query: bytes = scope["query_string"]
            asked = self._asked.get(query)
            if asked is None:
                asked = asked_of(request)
                if len(self._asked) < QUERIES_MAX:
                    self._asked[query] = asked
            return await answered(request, self._book.of(scope)[1]["charger"], asked)
        except CsmsError as error:
            return from_error(error).response()
        except Exception as error:  # noqa: BLE001 - as on the other way: logged, and 500
            return failure_of(error).response()

    def _has_length(self, headers: Mapping[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        return length.isdigit() and int(length) <= self._services.settings.body_bytes_max
