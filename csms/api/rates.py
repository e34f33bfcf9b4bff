"""How much one caller may ask: a bucket of tokens for each key and user.

The answer says how much is left, as draft-ietf-httpapi-ratelimit-headers-10 writes it.
"""

import math
from collections import OrderedDict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.auth import Principal
from csms.api.problems import Problem
from csms.api.settings import ApiSettings
from supervisor.clock import Clock

INNER = "csms.inner"
"""In the scope of a request that a page makes within the process: the page was counted already."""
US_PER_S = 1_000_000


class Buckets:
    """Tokens of callers; who asks less often than the others is forgotten first."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, caller: str, now_us: int) -> float:
        """Take a token; return how many are left, below 0 when there was none."""
        burst, rate = self._settings.rate_burst, self._settings.rate_per_s
        tokens, since_us = self._buckets.get(caller, (float(burst), now_us))
        left = min(burst, tokens + (now_us - since_us) / US_PER_S * rate) - 1
        self._buckets[caller] = (left if left >= 0 else left + 1, now_us)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._settings.rate_callers_max:
            self._buckets.popitem(last=False)
        return left


def said_of(settings: ApiSettings, left: float) -> dict[str, str]:
    """Return the headers that say how much is left."""
    burst, rate = settings.rate_burst, settings.rate_per_s
    full_s = math.ceil((burst - max(left, 0)) / rate)
    return {
        "RateLimit-Policy": f'"caller";q={burst};w={math.ceil(burst / rate)}',
        "RateLimit": f'"caller";r={max(0, math.floor(left))};t={full_s}',
    }


class RateMiddleware:
    """Answers 429 to who asks more than `api.rate_per_s`; stands behind authentication."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, clock: Clock, buckets: Buckets) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one request."""
        principal: Principal | None = scope.get("state", {}).get("principal")
        if scope["type"] != "http" or principal is None or scope.get(INNER):
            await self._app(scope, receive, send)
            return
        left = self._buckets.take(principal.id, self._clock.monotonic_us())
        said = said_of(self._settings, left)
        if left < 0:
            rate = self._settings.rate_per_s
            wait_s = max(1, math.ceil(-left / rate))
            problem = Problem(
                429,
                "too_many_requests",
                f"more than {rate:g} requests a second",
                {**said, "Retry-After": str(wait_s)},
            )
            await problem.response()(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).extend(
                    (name.lower().encode(), value.encode()) for name, value in said.items()
                )
            await send(message)

        await self._app(scope, receive, dressed)
