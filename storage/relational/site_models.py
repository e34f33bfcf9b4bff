"""The models of sites whose power is shared out, and their capacity schedules, as JSON texts.

Apart from `sites`: a model is large, changes with the installation, and goes to the gateways whole.
Whoever puts one in has validated it (`actors.site.tree.compile_tree`).
"""

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import NotFound
from domain.records import SiteRecord
from storage.relational import revisions
from storage.relational.engine import reading, upsert, writing
from storage.relational.tables import site_models


class SiteModels:
    """Reads and writes the models of an installation's sites."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, site: str) -> SiteRecord:
        """Return a site's model and schedule.

        Raises:
            NotFound: its power is not shared out.
            Unavailable: the database is away.
        """
        async with reading(self._engine) as connection:
            row = await _find(connection, site)
        if row is None or row.deleted or not row.model:
            raise NotFound("model of site", site)
        return site_record(row)

    async def put_model(self, site: str, tenant: str, model: str) -> SiteRecord:
        """Set the model; the schedule stays."""
        return await self._put(site, tenant, {"model": model, "deleted": False})

    async def put_schedule(self, site: str, tenant: str, schedule: str) -> SiteRecord:
        """Set the whole schedule; the model stays."""
        return await self._put(site, tenant, {"schedule": schedule})

    async def put_signals(self, site: str, tenant: str, signals: str) -> SiteRecord:
        """Set what energy costs over time, instead of what was said before."""
        return await self._put(site, tenant, {"signals": signals})

    async def delete(self, site: str) -> None:
        """Share the site's power out no longer.

        Raises:
            NotFound: it is not shared out.
        """
        record = await self.get(site)
        await self._put(site, record.tenant, {"model": "", "deleted": True})

    async def _put(self, site: str, tenant: str, changes: dict[str, Any]) -> SiteRecord:
        async with writing(self._engine) as connection:
            old = await _find(connection, site)
            row = {
                "id": site,
                "tenant": tenant,
                "model": old.model if old is not None else "",
                "schedule": old.schedule if old is not None else "[]",
                "signals": old.signals if old is not None else "[]",
                "deleted": old.deleted if old is not None else False,
            } | changes
            (row["revision"],) = await revisions.take(connection, revisions.REVISION, 1)
            columns = [name for name in row if name != "id"]
            await connection.execute(upsert(connection, site_models, columns), [row])
            stored = await _find(connection, site)
            assert stored is not None
            return site_record(stored)


def site_record(row: Row[Any]) -> SiteRecord:
    """Return the record of a row."""
    return SiteRecord(
        row.id,
        row.tenant,
        row.model,
        row.schedule or "[]",
        row.revision,
        row.deleted,
        row.signals or "[]",
    )


async def _find(connection: AsyncConnection, site: str) -> Row[Any] | None:
    query = select(site_models).where(site_models.c.id == site)
    return (await connection.execute(query)).one_or_none()
