"""`/api/v1/session/oidc`: signing in with an OpenID Connect provider.

Two steps, since a browser goes to the provider in between. What binds them is a cookie: an answer
of the provider counts only in the browser that has asked for it.
"""

import logging
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from csms.api.models import Input
from csms.api.origin import check_origin
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import Services, services_of
from csms.api.session import OPEN, SessionView, begin, view_of_session
from csms.api.sessions import is_secure
from csms.oidc.claims import Person, person_of
from csms.oidc.provider import Provider, ProviderRefuses
from csms.oidc.settings import OidcSettings
from domain.errors import InvalidInput
from storage.relational.users import NewUser, User, Users

LOG = logging.getLogger(__name__)
AUDIT = logging.getLogger("csms.audit")
router = APIRouter(prefix="/api/v1/session/oidc", tags=["session"])
COOKIE = "csms_oidc"
SECURE_COOKIE = "__Host-csms_oidc"
SECRET_BYTES = 32
TEXT_MAX = 4_096
"""Of what a provider sends through the browser."""


class StartView(BaseModel):
    """Where the browser goes."""

    url: str


class AnswerInput(Input):
    """What the provider has sent the browser back with."""

    code: str = Field(default="", max_length=TEXT_MAX)
    state: str = Field(default="", max_length=TEXT_MAX)
    iss: str = Field(default="", max_length=TEXT_MAX)
    error: str = Field(default="", max_length=TEXT_MAX, description="Instead of a code.")


@router.post("/start", responses=problems(404, 422), summary="Begin to sign in", openapi_extra=OPEN)
async def start(request: Request, response: Response) -> StartView:
    """Return where to go, and keep in a cookie that it was this browser that asked."""
    check_origin(request.headers)
    provider = _provider(services_of(request))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    try:
        url = await provider.start_url(secret)
    except ProviderRefuses as error:
        raise _refused(error) from error
    secure = is_secure(request)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        secret,
        max_age=round(provider.settings.attempt_s),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return StartView(url=url)


@router.post(
    "", status_code=201, responses=problems(404, 422), summary="Sign in", openapi_extra=OPEN
)
async def finish(request: Request, response: Response, body: AnswerInput) -> SessionView:
    """Begin a session for who has signed in at the provider, as the user that the claims say."""
    # Not check_origin: a provider's page has led here, and the cookie says that it was asked to.
    services = services_of(request)
    provider = _provider(services)
    secret = _cookie(request)
    if not secret:
        raise Problem(401, "oidc", "this sign-in was not begun by this browser, or took too long")
    if body.error or not body.code:
        raise Problem(401, "oidc", f"the provider answers {body.error or 'nothing'}")
    try:
        claims = await provider.claims(secret, body.code, body.state, body.iss)
    except ProviderRefuses as error:
        raise _refused(error) from error
    person = person_of(claims, provider.settings)
    user = await admit(services.registry.users, provider.settings, person)
    services.sessions.forget()
    begun = await begin(request, response, user)
    return view_of_session(begun)


async def admit(users: Users, settings: OidcSettings, person: Person) -> User:
    """Return the user for whom a provider vouches: made at the first time, changed when it says so.

    Raises:
        Problem: 403 when they may not come in.
        Unavailable: the store is away.
    """
    found = await users.by_subject(settings.issuer, person.subject)
    is_out = found is not None and not await users.is_let_in(found.id)
    if person.role is None or is_out:
        fields = {"login": person.login, "outcome": "refused"}
        AUDIT.warning("a sign-in by a provider was refused", extra={"fields": fields})
        raise Problem(403, "oidc_role", "the provider knows you, but you have no role here")
    try:
        if found is None:
            new = NewUser(
                person.login,
                person.role,
                person.name,
                settings.tenant,
                issuer=settings.issuer,
                subject=person.subject,
            )
            return await users.create(new)
        changes: dict[str, Any] = {}
        if found.role != person.role:
            changes["role"] = person.role
        if person.name and found.name != person.name:
            changes["name"] = person.name
        if not changes:
            return found
        return await users.change(found.id, changes)
    except InvalidInput as error:
        # The name is another user's, or the last admin would be none: nobody takes that over.
        raise Problem(403, "oidc_user", str(error)) from error


def _provider(services: Services) -> Provider:
    if services.oidc is None:
        raise Problem(404, "not_found", "no OIDC provider is set (oidc.issuer)")
    return services.oidc


def _refused(error: ProviderRefuses) -> Problem:
    LOG.warning("OIDC: %s", error)
    return Problem(401, "oidc", f"the provider's answer does not count: {error}")


def _cookie(request: Request) -> str:
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return next((cookies[one].value for one in (SECURE_COOKIE, COOKIE) if one in cookies), "")


def drop_attempt(response: Response) -> None:
    """Let the browser forget an attempt that is over."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
