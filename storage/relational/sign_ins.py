"""Sessions of people and pages, and links that let somebody in once.

Of a secret only its SHA-256 is kept: 256 random bits need no more, and look-ups say nothing about
any secret.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import NotFound
from storage.relational import users as user_store
from storage.relational.api_keys import ApiKey, api_key_of
from storage.relational.credentials import keep_secret
from storage.relational.engine import reading, writing
from storage.relational.record_rules import check_text
from storage.relational.tables import api_keys, sign_in_links, sign_ins, users
from storage.relational.tenants import is_disabled
from storage.relational.users import NewUser, User

US_PER_S = 1_000_000
SECRET_BYTES = 32
USER_AGENT_CHARS_MAX = 255


class SignIn(msgspec.Struct, frozen=True):
    """A session, and whose it is: of a user, or of an API key that a browser was given."""

    id: str
    created_us: int
    seen_us: int
    expires_us: int
    user: User | None = None
    key: ApiKey | None = None


class Lifetime(msgspec.Struct, frozen=True):
    """How long a session lasts, in seconds."""

    absolute_s: float
    """Whatever is done meanwhile."""
    idle_s: float
    """Without a request."""


class SignIns:
    """Reads and writes sessions."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us

    async def begin(
        self,
        owner: User | ApiKey,
        lifetime: Lifetime,
        *,
        remote: str,
        user_agent: str,
        per_owner_max: int,
    ) -> tuple[SignIn, str]:
        """Begin a session; return it and its secret, which is never seen again.

        Sessions that have expired are removed, and the oldest ones of the owner beyond
        `per_owner_max`.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now_us = self._now_us()
        user, key = (owner, None) if isinstance(owner, User) else (None, owner)
        made = SignIn(
            secrets.token_hex(8),
            now_us,
            now_us,
            now_us + round(lifetime.absolute_s * US_PER_S),
            user,
            key,
        )
        row = {
            "id": made.id,
            "tenant": owner.tenant,
            "digest": keep_secret(secret),
            "user": user.id if user else "",
            "api_key": key.id if key else "",
            "created_us": now_us,
            "seen_us": now_us,
            "expires_us": made.expires_us,
            "remote": remote,
            "user_agent": user_agent[:USER_AGENT_CHARS_MAX],
        }
        idle_us = now_us - round(lifetime.idle_s * US_PER_S)
        async with writing(self._engine) as connection:
            await connection.execute(
                delete(sign_ins).where(
                    (sign_ins.c.expires_us <= now_us) | (sign_ins.c.seen_us <= idle_us)
                )
            )
            mine = (
                select(sign_ins.c.id)
                .where(sign_ins.c.user == row["user"], sign_ins.c.api_key == row["api_key"])
                .order_by(sign_ins.c.created_us.desc(), sign_ins.c.id)
                .offset(per_owner_max - 1)
            )
            old = list((await connection.execute(mine)).scalars())
            await connection.execute(delete(sign_ins).where(sign_ins.c.id.in_(old)))
            await connection.execute(sign_ins.insert(), [row])
            if user:
                await connection.execute(
                    update(users).where(users.c.id == user.id).values(signed_in_us=now_us)
                )
        return made, secret

    async def find(self, digest: bytes, idle_s: float) -> SignIn | None:
        """Return the session of a secret with this SHA-256 when it and its owner are valid now."""
        now_us = self._now_us()
        query = select(sign_ins).where(sign_ins.c.digest == digest)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
            if (
                row is None
                or row.expires_us <= now_us
                or row.seen_us + round(idle_s * US_PER_S) <= now_us
            ):
                return None
            if row.user:
                user = await _living(connection, row.user)
                return None if user is None else _sign_in(row, user, None)
            wanted = select(api_keys).where(
                api_keys.c.id == row.api_key, ~is_disabled(api_keys.c.tenant)
            )
            found = (await connection.execute(wanted)).one_or_none()
        key = None if found is None else api_key_of(found)
        if key is None or not key.is_valid(now_us):
            return None
        return _sign_in(row, None, key)

    async def seen(self, session: str) -> None:
        """Note that a session is in use."""
        async with writing(self._engine) as connection:
            await connection.execute(
                update(sign_ins).where(sign_ins.c.id == session).values(seen_us=self._now_us())
            )

    async def end(self, session: str) -> None:
        """End a session; nothing happens when it has ended already."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(sign_ins).where(sign_ins.c.id == session))

    async def end_all(self, user: str, but: str = "") -> None:
        """End all sessions of a user but one."""
        async with writing(self._engine) as connection:
            await user_store.end_sessions(connection, user, but)

    async def count(self, user: str) -> int:
        """Return how many sessions a user has that have not expired."""
        query = select(func.count()).where(
            sign_ins.c.user == user, sign_ins.c.expires_us > self._now_us()
        )
        async with reading(self._engine) as connection:
            return int((await connection.execute(query)).scalar_one())


def _sign_in(row: Row[Any], user: User | None, key: ApiKey | None) -> SignIn:
    return SignIn(row.id, row.created_us, row.seen_us, row.expires_us, user, key)


async def _living(connection: AsyncConnection, user: str) -> User | None:
    query = select(users).where(users.c.id == user, *user_store.let_in())
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else user_store.user_of(row)


# ---- links ----------------------------------------------------------------------------------


class Purpose(StrEnum):
    """What a link lets somebody do, once."""

    first_admin = "first_admin"
    """Make the first user, an admin. Void as soon as there is a user."""
    password = "password"  # noqa: S105 - the word of a purpose
    """Set a new password, and sign in."""
    sign_in = "sign_in"
    """Sign in, and no more."""


class SignInLink(msgspec.Struct, frozen=True):
    """A link that is still valid."""

    purpose: Purpose
    expires_us: int
    user: User | None = None
    """None: the one that will be made."""


class SignInLinks:
    """Makes links, and lets each be used once."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us

    async def make(
        self, purpose: Purpose, seconds: float, *, user: User | None = None, created_by: str = ""
    ) -> str:
        """Return the secret of a new link; earlier ones of the same user are void.

        Raises:
            InvalidInput: the user is disabled.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now_us = self._now_us()
        row = {
            "id": secrets.token_hex(8),
            "tenant": user.tenant if user else "",
            "digest": keep_secret(secret),
            "user": user.id if user else "",
            "purpose": purpose,
            "created_us": now_us,
            "expires_us": now_us + round(seconds * US_PER_S),
            "created_by": created_by,
        }
        async with writing(self._engine) as connection:
            if user is not None:
                user_store.check_enabled(await _living(connection, user.id), user.login)
            await connection.execute(
                delete(sign_in_links).where(
                    (sign_in_links.c.user == row["user"]) | (sign_in_links.c.expires_us <= now_us)
                )
            )
            await connection.execute(sign_in_links.insert(), [row])
        return secret

    async def look(self, secret: str) -> SignInLink | None:
        """Return what a link is for, without using it; None when it is not valid."""
        query = select(sign_in_links).where(sign_in_links.c.digest == keep_secret(secret))
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else await self._valid(connection, row)

    async def use(self, secret: str, *, kept: str = "", login: str = "", name: str = "") -> User:
        """Use a link up, and return the user whom it lets in.

        Args:
            secret: of the link.
            kept: what `passwords.keep` returned of the new password; not for Purpose.sign_in.
            login: of the first admin.
            name: of the first admin, or a new one of the user; empty: as it was.

        Raises:
            NotFound: the link was used, has expired, or never was.
            InvalidInput: a field is wrong; the link stays valid.
        """
        gone = delete(sign_in_links).where(sign_in_links.c.digest == keep_secret(secret))
        now_us = self._now_us()
        async with writing(self._engine) as connection:
            statement = gone.returning(sign_in_links)
            row = (await connection.execute(statement)).one_or_none()
            link = None if row is None else await self._valid(connection, row)
            if link is None:
                raise NotFound("link", "")
            if link.user is None:
                first = NewUser(login, "admin", name=name, kept=kept)
                return await user_store.add(connection, first, now_us)
            if link.purpose == Purpose.password:
                values: dict[str, Any] = {"password": kept, "password_us": now_us}
                if name:
                    check_text("name", name)
                    values["name"] = name
                await user_store.end_sessions(connection, link.user.id)
                return await user_store.store(connection, link.user, values)
            return link.user

    async def _valid(self, connection: AsyncConnection, row: Row[Any]) -> SignInLink | None:
        if row.expires_us <= self._now_us():
            return None
        if row.purpose == Purpose.first_admin:
            if await user_store.any_user(connection):
                return None
            return SignInLink(Purpose.first_admin, row.expires_us)
        user = await _living(connection, row.user)
        return None if user is None else SignInLink(Purpose(row.purpose), row.expires_us, user)
