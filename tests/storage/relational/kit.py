"""Entries as gateways write them, and a look at any table."""

from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import Entry, Event, encode_entry
from storage.journal_reader import Row
from storage.relational.projector import Applied, Projector
from storage.relational.settings import ProjectorSettings

T0 = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
SECOND = 1_000_000


class Journal:
    """A journal in memory: what is appended, is projected."""

    def __init__(self, store: AsyncEngine, uuid: str = "journal-a", **settings: Any) -> None:
        self.store = store
        self.uuid = uuid
        self.rows: list[Row] = []
        self.projector = Projector(
            store, lambda: T0, ProjectorSettings.model_validate(settings), self.poisoned.append
        )

    @property
    def poisoned(self) -> list[Any]:
        if not hasattr(self, "_poisoned"):
            self._poisoned: list[Any] = []
        return self._poisoned

    def write(self, charger: str, *events: Event, at_s: int = 0, generation: int = 1) -> Row:
        entry = Entry(charger, generation, T0 + at_s * SECOND, events)
        return self.write_blob(encode_entry(entry))

    def write_blob(self, blob: bytes) -> Row:
        row = Row(len(self.rows) + 1, T0, blob)
        self.rows.append(row)
        return row

    async def project(self) -> Applied:
        """Project everything that is not projected yet."""
        position = await self.projector.position(self.uuid)
        return await self.projector.apply(self.uuid, self.rows[position:], "gw0")

    async def say(
        self, charger: str, *events: Event, at_s: int = 0, generation: int = 1
    ) -> Applied:
        self.write(charger, *events, at_s=at_s, generation=generation)
        return await self.project()


async def rows(store: AsyncEngine, table: Table) -> list[dict[str, Any]]:
    async with store.connect() as connection:
        keys = list(table.primary_key.columns)
        found = await connection.execute(select(table).order_by(*keys))
        return [dict(row._mapping) for row in found]


async def row(store: AsyncEngine, table: Table) -> dict[str, Any]:
    (only,) = await rows(store, table)
    return only
