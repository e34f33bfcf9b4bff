"""One relational store per test; the same tests run against SQLite and PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import open_engine, writing
from storage.relational.migrations import upgrade
from storage.relational.tables import counters, metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database without any table."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/csms.db"
    url: str = request.getfixturevalue("postgres").fresh()
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "csms.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("postgres").fresh()
    asyncio.run(upgrade(url))
    return url


@pytest.fixture
def migrated_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database; PostgreSQL's is shared by the tests and must be emptied."""
    if backend == "postgresql":
        url: str = request.getfixturevalue("migrated_postgres")
        return url
    path = tmp_path / "store.db"
    shutil.copy(request.getfixturevalue("migrated_file"), path)
    return f"sqlite:///{path}"


@pytest.fixture
async def store(backend: str, migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """A migrated, empty store."""
    engine = open_engine(migrated_url)
    if backend == "postgresql":
        async with writing(engine) as connection:
            # The audit log refuses to be emptied; as a superuser its triggers can be passed by.
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in metadata.tables.values():
                await connection.execute(delete(table))
            values = [{"name": name, "value": 0} for name in ("revision", "transaction")]
            await connection.execute(insert(counters), values)
    yield engine
    await engine.dispose()
