import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational import reads
from storage.relational.audit import AuditRow, append
from storage.relational.tables import audit
from tests.storage.relational.kit import T0


def row(number: int, tenant: str = "default") -> AuditRow:
    name = f"{number:04d}"
    return AuditRow(
        name, T0 + number, tenant, "key", "k", "ops", "", "POST /x", "CP", "", 200, "done", ""
    )


async def test_rows_come_newest_first_and_are_filtered(store: AsyncEngine) -> None:
    await append(store, [row(1), row(2, "acme"), row(3)])
    first = await reads.page(store, "audit", {"tenant": "default"}, limit=1)
    then = await reads.page(store, "audit", {"tenant": "default"}, cursor=first.next, limit=1)
    assert [one["id"] for one in (*first.items, *then.items)] == ["0003", "0001"]
    assert then.next == ""


@pytest.mark.parametrize(
    "statement",
    [
        update(audit).values(actor="somebody else"),
        update(audit).where(audit.c.id == "0001").values(outcome="refused"),
        delete(audit),
        delete(audit).where(audit.c.id == "0001"),
    ],
    ids=["change all", "change one", "remove all", "remove one"],
)
async def test_the_database_refuses_what_changes_a_row(store: AsyncEngine, statement: object):
    await append(store, [row(1)])
    with pytest.raises(DBAPIError, match="append-only"):
        async with store.begin() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]
    page = await reads.page(store, "audit")
    assert [(one["actor"], one["outcome"]) for one in page.items] == [("k", "done")]


async def test_postgresql_refuses_to_empty_the_table(store: AsyncEngine) -> None:
    if store.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    await append(store, [row(1)])
    with pytest.raises(DBAPIError, match="append-only"):
        async with store.begin() as connection:
            await connection.execute(text("TRUNCATE audit"))
