"""Sessions: a cookie that no script can read, and a token that every write with it must carry.

The cookie holds 256 random bits, the store their SHA-256. The token against forged requests
(CWE-352) is an HMAC of the cookie, so it needs no place of its own and ends with the session.
"""

import base64
import hashlib
import hmac
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response

from csms.api.auth import Principal
from csms.api.origin import SAFE_METHODS, check_origin
from csms.api.problems import Problem
from csms.api.sign_in_settings import SignInSettings
from domain.access import Role
from storage.relational.api_keys import ApiKey
from storage.relational.credentials import keep_secret
from storage.relational.registry import Registry
from storage.relational.sign_ins import Lifetime, SignIn
from storage.relational.users import User
from supervisor.clock import Clock

COOKIE: Final = "csms_session"
SECURE_COOKIE: Final = "__Host-csms_session"
"""Over TLS: no other host of the domain can set it (RFC 6265bis, section 4.1.3.2)."""
CSRF_HEADER: Final = "x-csrf-token"
COOKIE_CHARS_MAX: Final = 128
US_PER_S = 1_000_000


class Begun(NamedTuple):
    """A session that has just begun."""

    sign_in: SignIn
    secret: str
    csrf: str


class _Known(NamedTuple):
    sign_in: SignIn
    looked_us: int
    """On the monotonic clock."""
    noted_us: int
    """When the store was told that it is in use."""


class Sessions:
    """Begins, finds and ends sessions; remembers them for `session_cache_s`.

    Args:
        registry: the store.
        settings: lifetimes and limits.
        clock: time.
    """

    def __init__(self, registry: Registry, settings: SignInSettings, clock: Clock) -> None:
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._forgotten = 0
        """How often: what was looked up before is not remembered after."""

    async def begin(self, owner: User | ApiKey, remote: str, user_agent: str) -> Begun:
        """Begin a session with a new id.

        Raises:
            Unavailable: the store is away.
        """
        settings = self._settings
        made, secret = await self._registry.sign_ins.begin(
            owner,
            Lifetime(settings.session_s, settings.session_idle_s),
            remote=remote,
            user_agent=user_agent,
            per_owner_max=settings.sessions_per_user_max,
        )
        self.forget()  # An older one of the same owner may have made room.
        return Begun(made, secret, csrf_of(secret))

    async def find(self, secret: str) -> Principal | None:
        """Return whose session it is; None: nobody's, or it has ended.

        Raises:
            Unavailable: the store is away.
        """
        digest = keep_secret(secret)
        now_us, forgotten = self._clock.monotonic_us(), self._forgotten
        known = self._known.get(digest)
        if known is None or now_us - known.looked_us >= self._settings.session_cache_s * US_PER_S:
            found = await self._registry.sign_ins.find(digest, self._settings.session_idle_s)
            if found is None:
                self._known.pop(digest, None)
                return None
            known = _Known(found, now_us, found.seen_us)
        if known.sign_in.expires_us <= self._clock.now_us():
            return None
        known = await self._noted(known)
        if forgotten != self._forgotten:
            return principal_of_session(known.sign_in)
        self._known[digest] = known
        self._known.move_to_end(digest)
        if len(self._known) > self._settings.session_cache_max:
            self._known.popitem(last=False)
        return principal_of_session(known.sign_in)

    async def _noted(self, known: _Known) -> _Known:
        now_us = self._clock.now_us()
        if now_us - known.noted_us < self._settings.session_seen_s * US_PER_S:
            return known
        await self._registry.sign_ins.seen(known.sign_in.id)
        return known._replace(noted_us=now_us)

    async def end(self, session: str) -> None:
        """End a session.

        Raises:
            Unavailable: the store is away; the session goes on.
        """
        await self._registry.sign_ins.end(session)
        self.forget()

    def forget(self) -> None:
        """Look all sessions up anew: something of users or sessions has changed."""
        self._known.clear()
        self._forgotten += 1

    async def admit(self, method: str, headers: Headers) -> tuple[Principal, str] | None:
        """Return who asks by a cookie, and the token of the session; None: nobody does.

        Raises:
            Problem: 403 when a write has not the token, or a page of another site sent it.
            Unavailable: the store is away.
        """
        secret = cookie_of(headers)
        principal = await self.find(secret) if secret else None
        if principal is None:
            return None
        csrf = csrf_of(secret)
        if method not in SAFE_METHODS:
            check_origin(headers)
            if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), csrf.encode()):
                text = "a write with a session must carry its token as X-CSRF-Token"
                raise Problem(403, "csrf", text)
        return principal, csrf

    def give_cookie(self, request: HTTPConnection, response: Response, secret: str) -> None:
        """Put the cookie of a session into an answer."""
        secure = is_secure(request)
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            secret,
            max_age=round(self._settings.session_s),
            path="/",
            httponly=True,
            samesite="lax",
            secure=secure,
        )


def principal_of_session(sign_in: SignIn) -> Principal:
    """Return who a session speaks for."""
    if sign_in.user is not None:
        return principal_of_user(sign_in.user, sign_in.id)
    key = sign_in.key
    assert key is not None
    sites = frozenset(key.sites)
    return Principal(key.id, key.name, Role(key.role), key.tenant, sites, "key", sign_in.id)


def principal_of_user(user: User, session: str = "") -> Principal:
    """Return who a user is to the routes."""
    name, sites = user.name or user.login, frozenset(user.sites)
    return Principal(user.id, name, Role(user.role), user.tenant, sites, "user", session)


def csrf_of(secret: str) -> str:
    """Return the token that writes of a session must carry."""
    digest = hmac.digest(secret.encode(), b"csrf", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def cookie_of(headers: Headers) -> str:
    """Return the secret of a session that a request carries, or empty.

    Over TLS only the cookie counts that no other host of the domain can have planted.
    """
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    names = (SECURE_COOKIE,) if is_forwarded_tls(headers) else (SECURE_COOKIE, COOKIE)
    for name in names:
        if name in cookies:
            value = cookies[name].value
            return value if value.isascii() and len(value) <= COOKIE_CHARS_MAX else ""
    return ""


def drop_cookie(response: Response) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def is_secure(request: HTTPConnection) -> bool:
    """Return whether the browser speaks TLS, with us or with a proxy before us.

    A proxy's word is believed: who lies about it makes his own cookie stricter.
    """
    return request.url.scheme == "https" or is_forwarded_tls(request.headers)


def is_forwarded_tls(headers: Headers) -> bool:
    """Return whether a proxy says that the browser speaks TLS with it."""
    return headers.get("x-forwarded-proto", "").split(",")[0].strip().lower() == "https"
