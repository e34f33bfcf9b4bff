"""`/api/v1/session`: signing in and out, who one is, a new password, one-time links.

A browser is let in by a cookie; every write with it must carry the token that the answer here has,
as X-CSRF-Token. Programs send an API key instead.
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from csms.api.auth import Caller, Principal
from csms.api.desk import WrongLogin
from csms.api.models import Input
from csms.api.origin import check_origin
from csms.api.problems import Problem
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.sessions import (
    Begun,
    cookie_of,
    csrf_of,
    drop_cookie,
    principal_of_session,
    principal_of_user,
)
from domain.access import ROLES, Permission, Role
from domain.errors import NotFound
from storage.relational.api_keys import ApiKey
from storage.relational.passwords import PASSWORD_CHARS_MAX
from storage.relational.sign_ins import Purpose
from storage.relational.users import LOGIN_CHARS_MAX, User

router = APIRouter(prefix="/api/v1/session", tags=["session"])
OPEN: Final[dict[str, Any]] = {"security": []}
"""For the OpenAPI document: no proof is needed before."""
GONE = "the link was used, has expired, or never was"
PASSWORD = Field(default=SecretStr(""), max_length=PASSWORD_CHARS_MAX)


class SignInInput(Input):
    """Name and password of a user, or an API key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"login": "anna", "password": "correct horse battery"}]}
    )

    login: str = Field(default="", max_length=LOGIN_CHARS_MAX, description="Case does not matter.")
    password: SecretStr = PASSWORD
    key: SecretStr = Field(
        default=SecretStr(""), max_length=128, description="Instead of name and password."
    )


class LinkInput(Input):
    """A one-time link, and what it is used for."""

    secret: SecretStr = Field(
        default=SecretStr(""), max_length=128, description="The end of the link."
    )
    login: str = Field(
        default="", max_length=LOGIN_CHARS_MAX, description="Of the first admin, who makes it up."
    )
    name: str = Field(
        default="", max_length=255, description="Shown in pages and in the audit log."
    )
    password: SecretStr = PASSWORD


class LinkLook(Input):
    """A one-time link."""

    secret: SecretStr = Field(default=SecretStr(""), max_length=128)


class PasswordInput(Input):
    """A new password."""

    old: SecretStr = PASSWORD
    new: SecretStr = PASSWORD


class SessionView(BaseModel):
    """Who asks, and what they may do."""

    kind: str = Field(description="user or key.")
    id: str
    name: str
    role: Role
    tenant: str
    sites: list[str] = Field(description="Nothing else exists for them; empty: all.")
    permissions: list[Permission]
    csrf: str = Field(description="Send it as X-CSRF-Token with every write; empty: a key asks.")


class LinkView(BaseModel):
    """What a link is for."""

    purpose: Purpose
    login: str = Field(description="Of the user; empty: the first admin makes it up.")
    name: str
    expires_us: int


def view_of_session(begun: Begun) -> SessionView:
    """Return what is told of a session that has just begun."""
    return _view(principal_of_session(begun.sign_in), begun.csrf)


def _view(principal: Principal, csrf: str) -> SessionView:
    return SessionView(
        kind=principal.kind,
        id=principal.id,
        name=principal.name,
        role=principal.role,
        tenant=principal.tenant,
        sites=sorted(principal.sites),
        permissions=sorted(ROLES[principal.role]),
        csrf=csrf,
    )


async def begin(request: Request, response: Response, owner: User | ApiKey) -> Begun:
    """Begin a session, end the one before in this browser, and give the cookie."""
    services = services_of(request)
    before = cookie_of(request.headers)
    known = await services.sessions.find(before) if before else None
    agent = request.headers.get("user-agent", "")
    begun = await services.sessions.begin(owner, _remote(request), agent)
    if known is not None:
        await services.sessions.end(known.session)
    services.sessions.give_cookie(request, response, begun.secret)
    request.state.principal = principal_of_session(begun.sign_in)  # for the audit log
    return begun


def _remote(request: Request) -> str:
    return request.client.host if request.client else ""


@router.post("", status_code=201, responses=problems(422), summary="Sign in", openapi_extra=OPEN)
async def sign_in(request: Request, response: Response, body: SignInInput) -> SessionView:
    """Begin a session: its cookie is in the answer. Guessing is slowed down (429)."""
    check_origin(request.headers)
    services = services_of(request)
    key = body.key.get_secret_value()
    owner: User | ApiKey
    if key:
        caller = await services.authenticator.principal(f"Bearer {key}", _remote(request))
        owner = await services.registry.api_keys.get(caller.id)
    else:
        password = body.password.get_secret_value()
        try:
            owner = await services.desk.who(body.login, password, _remote(request))
        except WrongLogin as wrong:
            if wrong.user is not None:
                request.state.attempt = principal_of_user(wrong.user)  # for the audit log
            raise
    begun = await begin(request, response, owner)
    return view_of_session(begun)


@router.get("", responses=problems(), summary="Who asks")
async def who(request: Request, principal: Caller) -> SessionView:
    """Return who asks, what they may do, and the token that writes must carry."""
    return _view(principal, csrf_of(cookie_of(request.headers)) if principal.session else "")


@router.delete("", status_code=204, responses=problems(404), summary="Sign out")
async def sign_out(request: Request, principal: Caller) -> Response:
    """End the session."""
    if not principal.session:
        raise NotFound("session", "")
    await services_of(request).sessions.end(principal.session)
    response = Response(status_code=204)
    drop_cookie(response)
    return response


@router.put(
    "/password", status_code=204, responses=problems(404, 422), summary="Set a new password"
)
async def set_password(request: Request, body: PasswordInput, principal: Caller) -> Response:
    """Set a new password of one's own. All other sessions end."""
    if principal.kind != "user":
        raise NotFound("user", principal.id)
    services = services_of(request)
    user = await services.registry.users.get(principal.id)
    try:
        await services.desk.who(user.login, body.old.get_secret_value(), _remote(request))
    except WrongLogin:
        raise Problem(422, "wrong_password", "old: is not the password of now") from None
    kept = await services.desk.keep(body.new.get_secret_value(), user.login, user.name)
    await services.registry.users.set_password(user.id, kept, but_session=principal.session)
    services.sessions.forget()
    return Response(status_code=204)


@router.post("/link/look", responses=problems(422), summary="A link", openapi_extra=OPEN)
async def look_at_link(request: Request, body: LinkLook) -> LinkView:
    """Return what a one-time link is for, without using it."""
    check_origin(request.headers)
    link = await services_of(request).registry.links.look(body.secret.get_secret_value())
    if link is None:
        raise Problem(401, "link", GONE)
    login, name = (link.user.login, link.user.name) if link.user else ("", "")
    return LinkView(purpose=link.purpose, login=login, name=name, expires_us=link.expires_us)


@router.post(
    "/link", status_code=201, responses=problems(422), summary="Use a link", openapi_extra=OPEN
)
async def use_link(request: Request, response: Response, body: LinkInput) -> SessionView:
    """Use a one-time link: set the password it is for, and begin a session."""
    check_origin(request.headers)
    services = services_of(request)
    secret = body.secret.get_secret_value()
    link = await services.registry.links.look(secret)
    if link is None:
        raise Problem(401, "link", GONE)
    kept = ""
    if link.purpose != Purpose.sign_in:
        login = link.user.login if link.user else body.login
        kept = await services.desk.keep(body.password.get_secret_value(), login, body.name)
    try:
        user = await services.registry.links.use(
            secret, kept=kept, login=body.login, name=body.name
        )
    except NotFound:
        raise Problem(401, "link", GONE) from None
    services.sessions.forget()
    begun = await begin(request, response, user)
    return view_of_session(begun)
