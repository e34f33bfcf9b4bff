"""`Idempotency-Key`: a command that is sent twice is the same command.

The first request with a key is written down before anything is done; its answer is kept, and given
again to every later request of the same caller with the same key and the same body. The id of what
it makes follows from caller and key, so that it is found even when the process died in between.
"""

import hashlib
import json
import logging
import uuid
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from csms.api.auth import Principal
from csms.api.held import body_of, held
from csms.api.key_writer import KeyWriter
from csms.api.pace import Pace
from csms.api.problems import Problem, from_error
from csms.api.rules import Book
from csms.api.services import Services
from domain.errors import CsmsError
from storage.relational import idempotency as store

LOG = logging.getLogger(__name__)
HEADER: Final = "idempotency-key"
KEY_LENGTH_MAX: Final = 255
PATHS: Final = frozenset({"/api/v1/chargers/{charger}/calls"})
"""Routes that know the header; the others do not look at it."""
REPLAYED: Final = frozenset({"content-type", "location"})
SPACE: Final = uuid.UUID("6f0d1a52-0a5e-4a57-9b35-9f1b5b3a4c11")
OK, ACCEPTED, MULTIPLE_CHOICES = 200, 202, 300
US_PER_S = 1_000_000


def command_id(request: Request) -> str:
    """Return the id of a command that is about to be sent, and note that it is.

    From here on the answer of the request is kept under its key, whatever it is.
    """
    request.state.sends = True
    return getattr(request.state, "command_id", "") or str(uuid.uuid4())


def never_sent(request: Request) -> None:
    """Take `command_id` back: nobody has taken the command, so its key can be used again."""
    request.state.sends = False


class IdempotencyMiddleware:
    """Answers a repeated request as the first one; stands behind authentication."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._book = Book()
        settings = services.settings
        self._keys = KeyWriter(services.engine, Pace(services.clock, settings.key_gather_ms))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or not self._knows(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._once(key, scope, receive, send)
        except CsmsError as error:
            await from_error(error).response()(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        rule, _ = self._book.of(scope)
        return scope["method"] == "POST" and rule is not None and rule.path in PATHS

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        if not 0 < len(key) <= KEY_LENGTH_MAX or not key.isprintable():
            rule = f"must have 1 to {KEY_LENGTH_MAX} printable characters"
            raise Problem(422, "invalid", f"Idempotency-Key: {rule}")
        body = await body_of(receive)
        principal: Principal = scope["state"]["principal"]
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        digest = hashlib.sha256(target.encode() + b"\0" + body).digest()
        now_us = self._services.clock.now_us()
        kept_us = round(self._services.settings.idempotency_s * US_PER_S)
        asked = store.Begin(principal.id, key, principal.tenant, digest, now_us, now_us + kept_us)
        before = await self._keys.begin(asked)
        name = str(uuid.uuid5(SPACE, f"{principal.id}\0{key}"))
        if before is None:
            await self._first(asked, name, body, scope, send)
        elif before.digest != digest:
            raise Problem(
                422, "idempotency_key", "this Idempotency-Key was sent with another request"
            )
        elif before.status:
            headers = json.loads(before.headers) | {"Idempotent-Replayed": "true"}
            response = Response(before.body, before.status, headers)
            await response(scope, receive, send)
        else:
            await self._unanswered(name, scope, send)

    async def _first(
        self, asked: store.Begin, name: str, body: bytes, scope: Scope, send: Send
    ) -> None:
        state = scope.setdefault("state", {})
        state["command_id"] = name
        told = await held(self._app, scope, body)
        answer = None
        try:
            if told.status < MULTIPLE_CHOICES or state.get("sends"):
                headers = json.dumps(
                    {k: v for k, v in told.headers.items() if k.lower() in REPLAYED}
                )
                answer = store.Kept(asked.digest, told.status, headers, told.body)
            await self._keys.end(store.End(asked.caller, asked.name, answer))
        except CsmsError:
            # It was done and must be told; who asks again finds the command by its id.
            LOG.warning("the answer to an Idempotency-Key could not be kept", exc_info=True)
        await told.send(send)

    async def _unanswered(self, name: str, scope: Scope, send: Send) -> None:
        """The first request is still under way, or its process has died: tell of its command."""
        path = f"/api/v1/commands/{name}"
        asking = {
            **scope,
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }
        told = await held(self._app, asking, b"")
        if told.status != OK:
            raise Problem(
                409,
                "in_progress",
                "the first request with this key is not answered yet",
            )
        if json.loads(told.body).get("state") != "finished":
            told.status = ACCEPTED
        told.headers["Location"] = path
        told.headers["Idempotent-Replayed"] = "true"
        await told.send(send)
