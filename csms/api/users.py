"""`/api/v1/users`: who may sign in, and as what."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from csms.api.auth import Caller, Principal, is_confined, principal_of
from csms.api.models import Input
from csms.api.responses import problems
from csms.api.services import services_of
from csms.api.tenancy import check_tenant, tenant_filter
from domain.access import Role
from domain.errors import InvalidInput
from storage.relational.api_keys import SITES_MAX
from storage.relational.passwords import PASSWORD_CHARS_MAX
from storage.relational.sign_ins import Purpose
from storage.relational.users import LOGIN_CHARS_MAX, NewUser, User

router = APIRouter(prefix="/api/v1/users", tags=["users"])
SITES = Field(default=(), max_length=SITES_MAX, description="Nothing else exists; empty: all.")


class UserInput(Input):
    """A user to add."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"login": "anna", "role": "operator", "sites": ["berlin"]}]}
    )

    login: str = Field(
        min_length=1, max_length=LOGIN_CHARS_MAX, description="Unique; case does not matter."
    )
    role: Role
    name: str = Field(default="", max_length=255, description="Shown in pages and the audit log.")
    tenant: str = Field(
        default="", max_length=64, description="Whose; empty: the caller's own. Of no other one."
    )
    sites: tuple[str, ...] = SITES
    password: SecretStr | None = Field(
        default=None,
        max_length=PASSWORD_CHARS_MAX,
        description="At least `sign_in.password_chars_min` characters. Without it nobody can sign "
        "in until a one-time link was used.",
    )


class UserChanges(Input):
    """Fields to change; what is not sent stays."""

    role: Role | None = None
    name: str | None = Field(default=None, max_length=255)
    sites: tuple[str, ...] | None = Field(default=None, max_length=SITES_MAX)
    disabled: bool | None = Field(
        default=None, description="A disabled user cannot sign in; all sessions end."
    )
    password: SecretStr | None = Field(
        default=None,
        max_length=PASSWORD_CHARS_MAX,
        description="A new one; all sessions of the user end.",
    )


class UserView(BaseModel):
    """A user."""

    id: str
    login: str
    name: str
    role: Role
    tenant: str
    sites: list[str]
    issuer: str = Field(description="Of the OIDC provider that vouches for the user, or empty.")
    subject: str
    disabled: bool
    has_password: bool
    created_us: int
    password_us: int
    signed_in_us: int = Field(description="0: never.")
    revision: int


class UserPage(BaseModel):
    """Some users."""

    items: list[UserView]
    next: str


class MadeLink(BaseModel):
    """A one-time link."""

    path: str = Field(description="After the address of this server. Not shown again.")
    expires_s: int = Field(description="It is void after so many seconds.")


@router.get("", responses=problems(422), summary="Users, by id")
async def list_users(
    request: Request,
    cursor: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> UserPage:
    """Return a page of users."""
    found = await services_of(request).registry.users.page(
        tenant_filter(principal_of(request)), after=cursor, limit=limit
    )
    following = found[-1].id if len(found) == limit else ""
    return UserPage(items=[_view(user) for user in found], next=following)


@router.post("", status_code=201, responses=problems(409, 413, 422), summary="Add a user")
async def create_user(
    request: Request, response: Response, body: UserInput, principal: Caller
) -> UserView:
    """Add a user. Without a password, make a one-time link for them."""
    tenant = body.tenant or principal.tenant
    if is_confined(principal) and tenant != principal.tenant:
        raise InvalidInput("tenant", f"{tenant!r} does not exist")
    request.state.audit = {"login": body.login, "role": body.role, "sites": list(body.sites)}
    services = services_of(request)
    kept = ""
    if body.password is not None:
        kept = await services.desk.keep(body.password.get_secret_value(), body.login, body.name)
    user = await services.registry.users.create(
        NewUser(body.login, body.role, body.name, tenant, body.sites, kept)
    )
    response.headers["Location"] = f"/api/v1/users/{user.id}"
    return _view(user)


@router.get("/{user}", responses=problems(404), summary="One user")
async def get_user(request: Request, user: str) -> UserView:
    """Return a user."""
    return _view(await _found(request, user))


@router.patch("/{user}", responses=problems(404, 413, 422), summary="Change a user")
async def change_user(request: Request, user: str, body: UserChanges) -> UserView:
    """Change a user. The last admin of a tenant stays one."""
    before = await _found(request, user)
    services = services_of(request)
    changes = body.model_dump(exclude_none=True, exclude={"password"})
    detail: dict[str, Any] = {"login": before.login, **changes}
    if body.password is not None:
        detail["password"] = "set"  # noqa: S105 - that it was, not what it is
    request.state.audit = detail
    kept = ""
    if body.password is not None:
        secret = body.password.get_secret_value()
        kept = await services.desk.keep(secret, before.login, body.name or before.name)
    after = before
    if changes:
        after = await services.registry.users.change(
            user, changes, keeps_admin=_keeps_admin(principal_of(request))
        )
    if kept:
        after = await services.registry.users.set_password(user, kept)
    services.sessions.forget()
    return _view(after)


@router.delete("/{user}", status_code=204, responses=problems(404, 422), summary="Remove a user")
async def delete_user(request: Request, user: str) -> Response:
    """Remove a user: all sessions end, the name is free. The audit log keeps what was done."""
    before = await _found(request, user)
    request.state.audit = {"login": before.login}
    services = services_of(request)
    await services.registry.users.delete(user, keeps_admin=_keeps_admin(principal_of(request)))
    services.sessions.forget()
    return Response(status_code=204)


@router.post(
    "/{user}/link", status_code=201, responses=problems(404, 422), summary="A one-time link"
)
async def make_link(request: Request, user: str, principal: Caller) -> MadeLink:
    """Make a link with which the user sets a password and signs in, once. Older ones are void."""
    before = await _found(request, user)
    request.state.audit = {"login": before.login}
    services = services_of(request)
    seconds = services.sign_in.link_s
    secret = await services.registry.links.make(
        Purpose.password, seconds, user=before, created_by=principal.name or principal.id
    )
    return MadeLink(path=f"/ui/link/{secret}", expires_s=round(seconds))


@router.delete(
    "/{user}/sessions", status_code=204, responses=problems(404), summary="End all sessions"
)
async def end_sessions(request: Request, user: str) -> Response:
    """Sign a user out everywhere."""
    before = await _found(request, user)
    request.state.audit = {"login": before.login}
    services = services_of(request)
    await services.registry.sign_ins.end_all(user)
    services.sessions.forget()
    return Response(status_code=204)


async def _found(request: Request, user: str) -> User:
    found = await services_of(request).registry.users.get(user)
    check_tenant(principal_of(request), found.tenant, "user", user)
    return found


def _keeps_admin(principal: Principal) -> bool:
    """The installation's admins may take the last admin of another tenant away; nobody else."""
    return is_confined(principal)


def _view(user: User) -> UserView:
    return UserView.model_validate(msgspec.structs.asdict(user) | {"sites": list(user.sites)})
