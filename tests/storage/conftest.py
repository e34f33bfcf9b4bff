"""One relational store per test; the same tests run against SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.engine import open_engine
from storage.relational.migrations import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/csms.db"
    url: str = request.getfixturevalue("postgres").fresh()
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[AsyncEngine]:
    await upgrade(store_url)
    engine = open_engine(store_url)
    yield engine
    await engine.dispose()
