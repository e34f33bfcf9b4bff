import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import open_engine
from storage.relational.migrations import configuration, newest, upgrade
from storage.relational.tables import metadata


async def test_a_migrated_store_has_exactly_the_tables_of_the_program(store: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": False}
        context = MigrationContext.configure(connection, opts=options)
        return [
            difference
            for difference in compare_metadata(context, metadata)
            if "alembic_version" not in str(difference)
        ]

    async with store.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_upgrading_twice_changes_nothing(store_url: str) -> None:
    assert await upgrade(store_url) == newest()
    assert await upgrade(store_url) == newest()


async def test_processes_that_start_together_migrate_one_by_one(store_url: str) -> None:
    assert set(await asyncio.gather(*(upgrade(store_url) for _ in range(4)))) == {newest()}


async def test_a_downgrade_leaves_nothing_behind(store_url: str) -> None:
    from alembic import command

    await upgrade(store_url)
    engine = open_engine(store_url)

    def down(connection: Connection) -> set[str]:
        command.downgrade(configuration(connection), "base")
        return set(inspect(connection).get_table_names())

    async with engine.execution_options(writes=True).begin() as connection:
        assert await connection.run_sync(down) <= {"alembic_version"}
    await engine.dispose()
    assert await upgrade(store_url) == newest()
