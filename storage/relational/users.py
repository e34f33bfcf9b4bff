"""Users: who they are, what they may do, whether they may come in.

The last admin of a tenant who can sign in stays one: he cannot be removed, disabled, limited to
sites or given another role. What ends somebody's rights ends his sessions in the same transaction.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.access import Role
from domain.errors import InvalidInput, NotFound
from domain.ids import DEFAULT_TENANT
from storage.relational.api_keys import check_role, check_sites
from storage.relational.engine import reading, writing
from storage.relational.record_rules import NAME, PAGE_MAX, check, check_text
from storage.relational.tables import sign_in_links, sign_ins, users
from storage.relational.tenants import is_disabled

LOGIN_CHARS_MAX: Final = 128
CHANGEABLE: Final = frozenset({"name", "role", "sites", "disabled"})


class User(msgspec.Struct, frozen=True):
    """A user without the hash of the password."""

    id: str
    login: str
    """As it was written; case does not matter."""
    name: str
    role: str
    """A word of domain.access.Role."""
    tenant: str
    sites: tuple[str, ...]
    """Nothing else exists for them; empty: all sites of the tenant."""
    issuer: str
    """Of the OIDC provider that vouches for the user; empty: none."""
    subject: str
    disabled: bool
    has_password: bool
    created_us: int
    password_us: int
    """When the password was set; 0: never."""
    signed_in_us: int
    """0: never."""
    revision: int

    @property
    def is_whole_admin(self) -> bool:
        """Whether it is an admin of a whole tenant who can sign in."""
        can_come = self.has_password or bool(self.issuer)
        return self.role == Role.admin and not self.sites and not self.disabled and can_come


class NewUser(msgspec.Struct, frozen=True):
    """A user to add."""

    login: str
    role: str
    name: str = ""
    tenant: str = DEFAULT_TENANT
    sites: tuple[str, ...] = ()
    kept: str = ""
    """What `passwords.keep` returned; empty: no password."""
    issuer: str = ""
    subject: str = ""


class Users:
    """Reads and writes the users of an installation."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us

    async def create(self, new: NewUser) -> User:
        """Add a user. Case of the login does not matter, and it is unique everywhere."""
        async with writing(self._engine) as connection:
            return await add(connection, new, self._now_us())

    async def get(self, user: str) -> User:
        """Return a user."""
        async with reading(self._engine) as connection:
            return user_of(await _living(connection, user))

    async def by_login(self, login: str) -> tuple[User, str] | None:
        """Return a user and what is kept of the password, whatever the case."""
        query = select(users).where(users.c.folded == login.casefold(), ~users.c.deleted)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (user_of(row), row.password)

    async def is_let_in(self, user: str) -> bool:
        """Return whether a user may sign in: neither they nor their tenant are disabled."""
        query = select(users.c.id).where(users.c.id == user, *let_in())
        async with reading(self._engine) as connection:
            return (await connection.execute(query)).first() is not None

    async def by_subject(self, issuer: str, subject: str) -> User | None:
        """Return the user for whom an OIDC provider vouches."""
        query = select(users).where(
            users.c.issuer == issuer, users.c.subject == subject, ~users.c.deleted
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(query.limit(1))).one_or_none()
        return None if row is None else user_of(row)

    async def page(self, tenant: str | None, *, after: str = "", limit: int = 100) -> list[User]:
        """Return a page in the order of ids; tenant None: of all."""
        check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
        query = select(users).where(~users.c.deleted, users.c.id > after)
        if tenant is not None:
            query = query.where(users.c.tenant == tenant)
        async with reading(self._engine) as connection:
            return [
                user_of(row)
                for row in await connection.execute(query.order_by(users.c.id).limit(limit))
            ]

    async def exist(self) -> bool:
        """Return whether there is a user."""
        async with reading(self._engine) as connection:
            return await any_user(connection)

    async def change(
        self, user: str, changes: Mapping[str, Any], *, keeps_admin: bool = True
    ) -> User:
        """Change name, role, sites or disabled of a user.

        Args:
            user: id.
            changes: field -> value; others stay.
            keeps_admin: refuse what leaves the tenant without an admin; for the tenant `default`
                that is always refused.
        """
        if unknown := set(changes) - CHANGEABLE:
            raise InvalidInput(min(unknown), "cannot be changed")
        async with writing(self._engine) as connection:
            before = user_of(await _locked(connection, user))
            after = msgspec.structs.replace(before, **changes)
            check_role(after.role)
            check_text("name", after.name)
            after = msgspec.structs.replace(after, sites=tuple(sorted(set(after.sites))))
            await check_sites(connection, after.tenant, set(after.sites) - set(before.sites))
            await _admin_stays(connection, before, after, keeps_admin=keeps_admin)
            values = {
                "name": after.name,
                "role": after.role,
                "sites": _sites_text(after.sites),
                "disabled": after.disabled,
            }
            if after.disabled:
                await end_sessions(connection, user)
                await _void_links(connection, user)
            return await store(connection, before, values)

    async def set_password(self, user: str, kept: str, *, but_session: str = "") -> User:
        """Set a password; all sessions end but the one in which that was done."""
        async with writing(self._engine) as connection:
            before = user_of(await _locked(connection, user))
            await end_sessions(connection, user, but_session)
            await _void_links(connection, user)
            return await store(
                connection, before, {"password": kept, "password_us": self._now_us()}
            )

    async def refresh_password(self, user: str, kept: str) -> None:
        """Keep the same password by the parameters of now."""
        async with writing(self._engine) as connection:
            await connection.execute(update(users).where(users.c.id == user).values(password=kept))

    async def delete(self, user: str, *, keeps_admin: bool = True) -> None:
        """Remove a user; the name is free again. The audit log keeps what was done."""
        async with writing(self._engine) as connection:
            before = user_of(await _locked(connection, user))
            await _admin_stays(connection, before, None, keeps_admin=keeps_admin)
            await end_sessions(connection, user)
            await _void_links(connection, user)
            gone = {"deleted": True, "folded": None, "password": "", "issuer": "", "subject": ""}
            await store(connection, before, gone)


# ---- within a transaction -------------------------------------------------------------------


async def add(connection: AsyncConnection, new: NewUser, now_us: int) -> User:
    """Add a user.

    Raises:
        InvalidInput: a field breaks its rule, or the login is taken.
    """
    check(
        0 < len(new.login) <= LOGIN_CHARS_MAX
        and new.login.isprintable()
        and not any(character.isspace() for character in new.login),
        "login",
        f"must have 1 to {LOGIN_CHARS_MAX} characters, no space or control character",
    )
    check_text("name", new.name)
    check_role(new.role)
    check(NAME.fullmatch(new.tenant), "tenant", f"must match {NAME.pattern}")
    sites = tuple(sorted(set(new.sites)))
    await check_sites(connection, new.tenant, sites)
    row: dict[str, Any] = {
        "id": secrets.token_hex(6),
        "tenant": new.tenant,
        "login": new.login,
        "folded": new.login.casefold(),
        "name": new.name,
        "role": new.role,
        "sites": _sites_text(sites),
        "password": new.kept,
        "issuer": new.issuer,
        "subject": new.subject,
        "created_us": now_us,
        "password_us": now_us if new.kept else 0,
        "revision": 1,
    }
    try:
        await connection.execute(users.insert(), [row])
    except IntegrityError as error:
        raise InvalidInput("login", f"{new.login!r} exists already") from error
    return user_of(await _living(connection, row["id"]))


async def any_user(connection: AsyncConnection) -> bool:
    """Return whether there is a user."""
    query = select(users.c.id).where(~users.c.deleted).limit(1)
    return (await connection.execute(query)).first() is not None


async def end_sessions(connection: AsyncConnection, user: str, but: str = "") -> None:
    """End all sessions of a user but one."""
    await connection.execute(delete(sign_ins).where(sign_ins.c.user == user, sign_ins.c.id != but))


async def store(connection: AsyncConnection, before: User, values: Mapping[str, Any]) -> User:
    """Write some columns of a user, and return it."""
    statement = update(users).where(users.c.id == before.id)
    await connection.execute(statement.values(**values, revision=before.revision + 1))
    query = select(users).where(users.c.id == before.id)
    return user_of((await connection.execute(query)).one())


def user_of(row: Row[Any]) -> User:
    """Return the user of a row of `users`."""
    return User(
        row.id,
        row.login,
        row.name,
        row.role,
        row.tenant,
        tuple(json.loads(row.sites or "[]")),
        row.issuer,
        row.subject,
        row.disabled,
        bool(row.password),
        row.created_us,
        row.password_us,
        row.signed_in_us,
        row.revision,
    )


def let_in() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a user who may come in."""
    return ~users.c.deleted, ~users.c.disabled, ~is_disabled(users.c.tenant)


def check_enabled(user: User | None, login: str) -> None:
    """Raise InvalidInput when a user was disabled or removed."""
    check(user is not None, "user", f"{login!r} is disabled, or the tenant is")


async def _void_links(connection: AsyncConnection, user: str) -> None:
    await connection.execute(delete(sign_in_links).where(sign_in_links.c.user == user))


async def _living(connection: AsyncConnection, user: str) -> Row[Any]:
    row = (await connection.execute(select(users).where(users.c.id == user))).one_or_none()
    if row is None or row.deleted:
        raise NotFound("user", user)
    return row


async def _locked(connection: AsyncConnection, user: str) -> Row[Any]:
    """Return a user's row once nobody else changes admins of the tenant.

    Two of them who remove each other at the same time must not both succeed.
    """
    tenant = (await _living(connection, user)).tenant
    admins = select(users.c.id).where(users.c.tenant == tenant, users.c.role == Role.admin)
    await connection.execute(admins.order_by(users.c.id).with_for_update())
    return await _living(connection, user)


async def _admin_stays(
    connection: AsyncConnection, before: User, after: User | None, *, keeps_admin: bool
) -> None:
    if not before.is_whole_admin or (after is not None and after.is_whole_admin):
        return
    if not keeps_admin and before.tenant != DEFAULT_TENANT:
        return
    query = select(users).where(
        users.c.tenant == before.tenant,
        users.c.role == Role.admin,
        users.c.id != before.id,
        ~users.c.deleted,
    )
    others = [user_of(row) for row in await connection.execute(query)]
    check(
        any(other.is_whole_admin for other in others),
        "user",
        f"{before.login!r} is the last admin of the tenant {before.tenant!r}: make another one "
        "first",
    )


def _sites_text(sites: Iterable[str]) -> str:
    names = list(sites)
    return json.dumps(names) if names else ""
