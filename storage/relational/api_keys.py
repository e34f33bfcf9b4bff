"""API keys: whose they are, what they may do, until when. Of a secret only its hash is kept.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

import json
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.access import Role
from domain.errors import NotFound
from domain.ids import DEFAULT_TENANT
from storage.relational import credentials
from storage.relational.engine import reading, writing
from storage.relational.record_rules import INSTANT_MAX, NAME, PAGE_MAX, check, check_text
from storage.relational.tables import api_keys, sites
from storage.relational.tenants import is_disabled

SITES_MAX = 1_000
"""To which one key or user can be limited."""


class ApiKey(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: str
    name: str
    role: str
    """A word of domain.access.Role."""
    tenant: str = DEFAULT_TENANT
    created_us: int = 0
    expires_us: int = 0
    """0: never."""
    revoked_us: int = 0
    """0: valid."""
    sites: tuple[str, ...] = ()
    """Nothing else exists for it; empty: all sites of the tenant."""
    created_by: str = ""

    def is_valid(self, now_us: int) -> bool:
        """Return whether it was neither revoked nor has expired."""
        return not self.revoked_us and (self.expires_us == 0 or now_us < self.expires_us)


class ApiKeys:
    """Reads and writes the keys of an installation."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us

    async def create(
        self,
        name: str,
        role: str,
        *,
        tenant: str = DEFAULT_TENANT,
        sites: Iterable[str] = (),
        expires_us: int = 0,
        created_by: str = "",
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret. This is the only time that the secret is seen."""
        check_text("name", name)
        check_role(role)
        check(NAME.fullmatch(tenant), "tenant", f"must match {NAME.pattern}")
        now_us = self._now_us()
        check(
            expires_us == 0 or now_us < expires_us <= INSTANT_MAX,
            "expires_us",
            "must be 0 (never) or an instant in the future",
        )
        secret = credentials.generate_secret()
        wanted = tuple(sorted(set(sites)))
        key = ApiKey(
            secrets.token_hex(6), name, role, tenant, now_us, expires_us, 0, wanted, created_by
        )
        row = msgspec.structs.asdict(key) | {
            "digest": credentials.keep_secret(secret),
            "sites": json.dumps(wanted) if wanted else "",
        }
        async with writing(self._engine) as connection:
            await check_sites(connection, tenant, wanted)
            await connection.execute(api_keys.insert(), [row])
        return key, secret

    async def verify(self, secret: str) -> ApiKey | None:
        """Return the key of `secret` when it is valid now, and its tenant not disabled."""
        # Looked up by its hash: how long that takes says nothing about any secret.
        query = select(api_keys).where(
            api_keys.c.digest == credentials.keep_secret(secret),
            ~is_disabled(api_keys.c.tenant),
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        key = None if row is None else api_key_of(row)
        return key if key is not None and key.is_valid(self._now_us()) else None

    async def get(self, key: str) -> ApiKey:
        """Return a key, also a revoked one."""
        async with reading(self._engine) as connection:
            query = select(api_keys).where(api_keys.c.id == key)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("API key", key)
        return api_key_of(row)

    async def page(self, tenant: str | None, *, after: str = "", limit: int = 100) -> list[ApiKey]:
        """Return a page in the order of ids, revoked ones too; tenant None: of all."""
        check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
        query = select(api_keys).where(api_keys.c.id > after).order_by(api_keys.c.id).limit(limit)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        async with reading(self._engine) as connection:
            return [api_key_of(row) for row in await connection.execute(query)]

    async def list_all(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_us, api_keys.c.id)
        async with reading(self._engine) as connection:
            return [api_key_of(row) for row in await connection.execute(query)]

    async def revoke(self, key: str) -> ApiKey:
        """Make a key invalid from now on, and return it."""
        found = await self.get(key)
        if found.revoked_us:
            return found
        now_us = self._now_us()
        async with writing(self._engine) as connection:
            await connection.execute(
                update(api_keys).where(api_keys.c.id == key).values(revoked_us=now_us)
            )
        return msgspec.structs.replace(found, revoked_us=now_us)


def check_role(role: str) -> None:
    """Raise InvalidInput when there is no such role."""
    check(role in set(Role), "role", f"must be one of {', '.join(Role)}")


async def check_sites(connection: AsyncConnection, tenant: str, wanted: Iterable[str]) -> None:
    """Raise InvalidInput when one of these sites is missing or not the tenant's.

    The tenant `default` is the installation itself: all sites are its.
    """
    names = list(wanted)
    check(len(names) <= SITES_MAX, "sites", f"at most {SITES_MAX}")
    if not names:
        return
    query = select(sites.c.id).where(sites.c.id.in_(names), ~sites.c.deleted)
    if tenant != DEFAULT_TENANT:
        query = query.where(sites.c.tenant == tenant)
    found = set((await connection.execute(query)).scalars())
    missing = [name for name in names if name not in found]
    check(not missing, "sites", f"{', '.join(map(repr, missing[:5]))} does not exist")


def api_key_of(row: Row[Any]) -> ApiKey:
    """Return the key of a row of `api_keys`."""
    return ApiKey(
        row.id,
        row.name,
        row.role,
        row.tenant,
        row.created_us,
        row.expires_us,
        row.revoked_us,
        tuple(json.loads(row.sites or "[]")),
        row.created_by,
    )
