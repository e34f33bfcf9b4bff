"""Who asks: API keys as Bearer tokens or sessions, roles, and a limit on failed attempts.

Keys are looked up by their SHA-256, so how long a look-up takes says nothing about any key. Every
path needs a key or a session but those of `PUBLIC`; which permission it needs is said in
`csms.api.rules`.
"""

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Literal, NamedTuple

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from csms.api.problems import Problem, from_error
from csms.api.rules import RULES, TRANSFERS, Book, Reach, Rule
from csms.api.settings import ApiSettings
from domain.access import Permission, Role, may
from domain.errors import CsmsError
from domain.ids import DEFAULT_TENANT
from storage.relational.api_keys import ApiKey
from supervisor.clock import Clock

PUBLIC = frozenset((rule.method, rule.path) for rule in RULES if rule.reach == Reach.OPEN)
"""Liveness, readiness, the description of the interface (no data is in it), and signing in."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="csms"'}
US_PER_S = 1_000_000
RENEW_AT = 0.5
"""Of its time: a key that is used is then looked up again while it goes on to work."""
IPV6_HOME_BITS = 64
"""One home or server has at least this much of IPv6: it counts as one address."""


class Principal(NamedTuple):
    """Whose request it is."""

    id: str
    """Of the key or the user."""
    name: str
    role: Role
    tenant: str
    sites: frozenset[str] = frozenset()
    """Nothing else exists for them; empty: all sites of the tenant."""
    kind: Literal["key", "user"] = "key"
    session: str = ""
    """Id of the session; empty: the request had a key in it."""

    def may(self, permission: Permission) -> bool:
        """Return whether they have a permission."""
        return may(self.role, permission)


Verify = Callable[[str], Awaitable[ApiKey | None]]
Admit = Callable[[str, Headers], Awaitable[tuple[Principal, str] | None]]
"""`csms.api.sessions.Sessions.admit`."""


class Attempts:
    """Failed attempts by address, in a window; bounded memory."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._windows: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def allowed(self, address: str, now_us: int) -> bool:
        """Return whether a key from there may be looked at."""
        count, since_us = self._windows.get(address, (0, now_us))
        if now_us - since_us >= self._settings.failed_attempts_window_s * 1e6:
            return True
        return count < self._settings.failed_attempts_max

    def failed(self, address: str, now_us: int) -> None:
        """Count one."""
        count, since_us = self._windows.get(address, (0, now_us))
        if now_us - since_us >= self._settings.failed_attempts_window_s * 1e6:
            count, since_us = 0, now_us
        self._windows[address] = (count + 1, since_us)
        self._windows.move_to_end(address)
        if len(self._windows) > self._settings.failed_addresses_max:
            self._windows.popitem(last=False)


class Authenticator:
    """Turns an Authorization header into a principal.

    Args:
        verify: `Registry.verify_api_key`.
        settings: limits.
        clock: time.
    """

    def __init__(self, verify: Verify, settings: ApiSettings, clock: Clock) -> None:
        self._verify = verify
        self._settings = settings
        self._clock = clock
        self._attempts = Attempts(settings)
        self._known: OrderedDict[bytes, tuple[Principal, int]] = OrderedDict()
        self._renewals: dict[bytes, asyncio.Task[None]] = {}
        self._forgotten = 0
        """How often: what was looked up before is not remembered after."""

    def forget(self) -> None:
        """Look every key up anew: one may be revoked."""
        self._known.clear()
        self._forgotten += 1

    def known(self, authorization: str) -> Principal | None:
        """Return who asks if his key was looked up a moment ago."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        secret = secret.strip()
        digest = hashlib.sha256(secret.encode()).digest()
        return self._fresh(digest, secret, self._clock.monotonic_us())

    def _fresh(self, digest: bytes, secret: str, now_us: int) -> Principal | None:
        known = self._known.get(digest)
        if known is None:
            return None
        age_us, life_us = now_us - known[1], self._settings.key_cache_s * US_PER_S
        if age_us >= life_us:
            return None
        if age_us >= life_us * RENEW_AT and digest not in self._renewals:
            # Otherwise a program that sends hundreds of requests a second would wait with all of
            # them at the end of this time, and the store would be asked by each.
            self._renewals[digest] = asyncio.create_task(self._renew(digest, secret, now_us))
        return known[0]

    async def _renew(self, digest: bytes, secret: str, now_us: int) -> None:
        """Look a key up before its time is over. When the store is away its time just ends."""
        try:
            with contextlib.suppress(CsmsError):
                await self._look_up(digest, secret, now_us)
        finally:
            del self._renewals[digest]

    async def _look_up(self, digest: bytes, secret: str, now_us: int) -> Principal | None:
        """Return whose a key is as the store says, and remember it; None: it is not valid.

        Raises:
            Unavailable: the store of keys is away.
        """
        forgotten = self._forgotten
        key = await self._verify(secret)
        if key is None:
            self._known.pop(digest, None)
            return None
        principal = Principal(key.id, key.name, Role(key.role), key.tenant, frozenset(key.sites))
        if forgotten == self._forgotten:
            self._known[digest] = (principal, now_us)
            self._known.move_to_end(digest)
            if len(self._known) > self._settings.key_cache_max:
                self._known.popitem(last=False)
        return principal

    async def principal(self, authorization: str, address: str) -> Principal:
        """Return who asks.

        Raises:
            Problem: 401 without a valid key; 429 after too many failures from `address`.
            Unavailable: the store of keys is away.
        """
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            text = "sign in, or send an API key: Authorization: Bearer <key>"
            raise Problem(401, "no_key", text, CHALLENGE)
        digest = hashlib.sha256(secret.encode()).digest()
        now_us = self._clock.monotonic_us()
        # Before the limit: whoever shares an address with an attacker goes on working.
        known = self._fresh(digest, secret, now_us)
        if known is not None:
            return known
        home = home_of(address)
        if not self._attempts.allowed(home, now_us):
            wait_s = round(self._settings.failed_attempts_window_s)
            raise Problem(
                429, "too_many_attempts", "too many wrong keys", {"Retry-After": str(wait_s)}
            )
        principal = await self._look_up(digest, secret, now_us)
        if principal is None:
            self._attempts.failed(home, now_us)
            raise Problem(401, "wrong_key", "the API key is not valid", CHALLENGE)
        return principal


def home_of(address: str) -> str:
    """Return what counts as one address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(int(parsed) >> (128 - IPV6_HOME_BITS))
    return str(parsed)


class AuthenticationMiddleware:
    """Lets only public paths through without a principal; a new route is closed by default."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, admit: Admit) -> None:
        self._app = app
        self._authenticator = authenticator
        self._admit = admit
        self._rules = Book()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate one request."""
        if scope["type"] == "http" and not _is_open(scope["method"], scope["path"]):
            try:
                principal, csrf = await self._who(scope)
            except CsmsError as error:
                await from_error(error).response()(scope, receive, send)
                return
            state = scope.setdefault("state", {})
            state["principal"], state["csrf"] = principal, csrf
            try:
                check_rule(self._rules.of(scope)[0], principal)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _who(self, scope: Scope) -> tuple[Principal, str]:
        """Return who asks and the token of the session; a key that was sent goes first."""
        headers = Headers(scope=scope)
        header = headers.get("authorization", "")
        admitted = None if header else await self._admit(scope["method"], headers)
        if admitted is not None:
            return admitted
        client = scope.get("client") or ("", 0)
        return await self._authenticator.principal(header, client[0]), ""


def check_rule(rule: Rule | None, principal: Principal) -> None:
    """Raise Problem 403 when the rule of a route does not let somebody; None: no such route."""
    if rule is None:
        return  # 404 or 405.
    if rule.permission is not None:
        require(principal, rule.permission)
    if rule.reach == Reach.TENANT and principal.sites:
        raise Problem(403, "sites", "this is about a whole tenant, not some sites")
    if rule.reach == Reach.INSTALLATION and (principal.sites or is_confined(principal)):
        raise Problem(403, "tenant", "this is about the whole installation, not one tenant")


def _is_open(method: str, path: str) -> bool:
    return ("GET" if method == "HEAD" else method, path) in PUBLIC or path.startswith(TRANSFERS)


def is_confined(principal: Principal) -> bool:
    """Return whether they see one tenant only."""
    return principal.tenant != DEFAULT_TENANT


def principal_of(request: Request) -> Principal:
    """Return whose request it is; the middleware has put it there."""
    principal: Principal = request.state.principal
    return principal


def require(principal: Principal, permission: Permission) -> None:
    """Raise Problem 403 when `principal` has not this permission."""
    if not principal.may(permission):
        raise Problem(
            403, "role", f"this needs the right {permission}; the role {principal.role} has it not"
        )


Caller = Annotated[Principal, Depends(principal_of)]
"""Whose request it is, as a parameter of a route."""
