"""Tenants: whose chargers, users and keys they are.

A disabled tenant is out of the house: its keys and users are refused. Its chargers are not: drivers
have done nothing wrong, and what chargers report is kept.

Raises everywhere: InvalidInput naming the field and the rule, NotFound, Unavailable.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import NotFound
from domain.ids import DEFAULT_TENANT
from storage.relational.engine import reading, upsert, writing
from storage.relational.record_rules import NAME, PAGE_MAX, check, check_text
from storage.relational.tables import tenants


class Tenant(msgspec.Struct, frozen=True):
    """Whose chargers they are."""

    id: str
    name: str = ""
    created_us: int = 0
    disabled_us: int = 0
    """0: it is not."""


class Tenants:
    """Reads and writes the tenants of an installation."""

    def __init__(self, engine: AsyncEngine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us

    async def put(self, tenant: str, name: str = "", *, disabled: bool = False) -> Tenant:
        """Add or change a tenant. One that is disabled already keeps its instant."""
        check(NAME.fullmatch(tenant), "id", f"must match {NAME.pattern}")
        check_text("name", name)
        check(
            not (disabled and tenant == DEFAULT_TENANT),
            "disabled",
            f"the tenant {DEFAULT_TENANT!r} is the installation itself",
        )
        now_us = self._now_us()
        async with writing(self._engine) as connection:
            query = select(tenants).where(tenants.c.id == tenant)
            old = (await connection.execute(query)).one_or_none()
            since_us = (old.disabled_us if old else 0) or now_us
            row = {
                "id": tenant,
                "name": name,
                "created_us": now_us,
                "disabled_us": since_us if disabled else 0,
            }
            await connection.execute(upsert(connection, tenants, ["name", "disabled_us"]), [row])
            return _tenant((await connection.execute(query)).one())

    async def get(self, tenant: str) -> Tenant:
        """Return a tenant."""
        async with reading(self._engine) as connection:
            query = select(tenants).where(tenants.c.id == tenant)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("tenant", tenant)
        return _tenant(row)

    async def page(self, *, after: str = "", limit: int = 100) -> list[Tenant]:
        """Return a page in the order of ids."""
        check(0 < limit <= PAGE_MAX, "limit", f"must be 1 to {PAGE_MAX}")
        query = select(tenants).where(tenants.c.id > after).order_by(tenants.c.id).limit(limit)
        async with reading(self._engine) as connection:
            return [_tenant(row) for row in await connection.execute(query)]


def is_disabled(tenant: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that the tenant in a column is disabled."""
    return exists().where(tenants.c.id == tenant, tenants.c.disabled_us > 0)


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(row.id, row.name, row.created_us, row.disabled_us)
