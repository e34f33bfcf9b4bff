import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import aiosqlite
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.postgres import Cluster
from domain.errors import ConfigError, Unavailable
from storage.relational import leases
from storage.relational.engine import (
    chunks,
    open_engine,
    reading,
    store_url,
    upsert,
    writing,
)
from storage.relational.migrations import upgrade
from storage.relational.settings import RelationalSettings
from storage.relational.sqlite import BEGIN_WRITING, LOCK_LOOK_S, LOCK_LOOKS_MAX
from storage.relational.tables import connectors, tenants
from tests.storage.relational.kit import rows


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////data/csms.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///csms.db", "sqlite+aiosqlite"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg"),
    ],
)
def test_every_spelling_gets_our_driver(given: str, driver: str) -> None:
    assert store_url(given).drivername == driver


@pytest.mark.parametrize(
    "given", ["", "no:hunter2@url", "mysql://h/d", "postgresql+psycopg2://h/d"]
)
def test_other_databases_are_refused(given: str) -> None:
    with pytest.raises(ConfigError, match=r"relational\.url"):
        store_url(given)


@pytest.mark.parametrize("given", ["mysql://user:hunter2@host/d", "postgresql:user:hunter2@host"])
def test_the_password_is_not_in_the_error(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        store_url(given)
    assert "hunter2" not in str(caught.value)


async def test_a_transaction_happens_whole_or_not_at_all(store: AsyncEngine) -> None:
    with pytest.raises(ZeroDivisionError):
        async with writing(store) as connection:
            await connection.execute(insert(tenants), [{"id": "a"}])
            _ = 1 // 0
    assert await rows(store, tenants) == []
    async with writing(store) as connection:
        await connection.execute(insert(tenants), [{"id": "a"}])
    assert len(await rows(store, tenants)) == 1


async def test_many_writers_wait_for_each_other(store: AsyncEngine) -> None:
    async def add(number: int) -> None:
        async with writing(store) as connection:
            found = list(await connection.execute(select(tenants)))
            await asyncio.sleep(0)
            name = f"{number} after {len(found)}"
            await connection.execute(insert(tenants), [{"id": name}])

    await asyncio.gather(*(add(number) for number in range(20)))
    assert len(await rows(store, tenants)) == 20


async def test_a_writer_that_is_blocked_too_long_is_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    store = open_engine(url)
    impatient = open_engine(url, RelationalSettings(busy_s=0.05))
    async with writing(store) as connection:
        await connection.execute(insert(tenants), [{"id": "a"}])
        with pytest.raises(Unavailable, match="locked"):
            async with writing(impatient):
                pytest.fail("two writers at once")
        async with reading(impatient) as reader:  # readers are not blocked
            assert list(await reader.execute(select(tenants))) == []
    await impatient.dispose()
    await store.dispose()


def holder(path: Path) -> sqlite3.Connection:
    """Another process's connection, that has the write lock."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def busy_ms(store: AsyncEngine) -> int:
    async with reading(store) as connection:
        return int((await connection.execute(text("PRAGMA busy_timeout"))).scalar_one())


async def test_who_waits_for_the_lock_looks_often_at_first_and_then_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    waits: list[float] = []
    with closing(holder(tmp_path / "csms.db")) as other:

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == LOCK_LOOKS_MAX + 2:
                other.execute("COMMIT")

        monkeypatch.setattr(
            "storage.relational.sqlite.time",
            SimpleNamespace(sleep=sleep, monotonic=time.monotonic),
        )
        store = open_engine(url, RelationalSettings(busy_s=5.0, connections_max=1))
        async with writing(store) as connection:
            await connection.execute(insert(tenants), [{"id": "a"}])
        assert waits == [LOCK_LOOK_S] * LOCK_LOOKS_MAX + [LOCK_LOOK_S * 10] * 2
        # All other statements wait as they did before.
        assert await busy_ms(store) == 5_000
    await store.dispose()


async def test_a_connection_that_waited_in_vain_waits_again_the_next_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    store = open_engine(url, RelationalSettings(busy_s=0.05, connections_max=1))
    with closing(holder(tmp_path / "csms.db")) as other:
        for _ in range(2):
            with pytest.raises(Unavailable, match="locked"):
                async with writing(store):
                    pytest.fail("two writers at once")
            assert await busy_ms(store) == 50
        other.execute("COMMIT")
    async with writing(store) as connection:
        await connection.execute(insert(tenants), [{"id": "a"}])
    assert len(await rows(store, tenants)) == 1
    await store.dispose()


async def test_short_statements_are_executed_in_the_loop_and_what_may_wait_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    store = open_engine(url, RelationalSettings(busy_s=5.0, connections_max=1))
    handed: list[str] = []
    hand_over = aiosqlite.Connection._execute

    async def noted(self: aiosqlite.Connection, fn: Callable[..., object], *args: object) -> object:
        handed.append(" ".join([fn.__name__, *(str(each) for each in args[:1])]))
        return await hand_over(self, fn, *args)

    async with reading(store):
        pass  # so that there is a connection
    monkeypatch.setattr(aiosqlite.Connection, "_execute", noted)
    for at_once in (True, False):
        handed.clear()
        async with writing(store, at_once=at_once) as connection:
            await connection.execute(insert(tenants), [{"id": f"a{at_once}"}])
            assert len(list(await connection.execute(select(tenants)))) == 2 - at_once
        steps = {step.partition(" ")[0] for step in handed}
        assert f"execute {BEGIN_WRITING}" in handed
        assert "commit" in steps
        assert ("fetchall" in steps) != at_once
        assert ("executemany" in steps or any("INSERT" in step for step in handed)) != at_once
    assert len(await rows(store, tenants)) == 2
    await store.dispose()


async def test_who_waits_for_the_lock_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    store = open_engine(url, RelationalSettings(busy_s=30.0))
    other = holder(tmp_path / "csms.db")

    async def write() -> None:
        async with writing(store, at_once=True) as connection:
            await connection.execute(insert(tenants), [{"id": "a"}])

    writer = asyncio.create_task(write())
    for _ in range(20):
        await asyncio.sleep(0.005)  # none of these would end if the loop waited for the lock
    assert not writer.done()
    other.execute("COMMIT")
    other.close()
    await asyncio.wait_for(writer, 10)
    assert len(await rows(store, tenants)) == 1
    await store.dispose()


async def test_only_a_busy_store_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/csms.db"
    await upgrade(url)
    store = open_engine(url, RelationalSettings(busy_s=3_600.0, connections_max=1))
    async with writing(store) as connection:
        with pytest.raises(OperationalError, match="within a transaction"):
            await connection.exec_driver_sql(BEGIN_WRITING)
    await store.dispose()


async def test_an_upsert_can_leave_newer_rows_alone(store: AsyncEngine) -> None:
    def row(connector: int, status: str, order_us: int) -> dict[str, object]:
        return {
            "charger": "A", "connector": connector, "plug": 0, "status": status,
            "order_us": order_us,
        }  # fmt: skip

    for status, order_us in (("first", 5), ("older", 4), ("same", 5), ("newer", 6)):
        async with writing(store) as connection:
            statement = upsert(connection, connectors, ["status", "order_us"], newer="order_us")
            await connection.execute(statement, [row(1, status, order_us), row(2, status, 5)])
        if status == "older":
            assert [one["status"] for one in await rows(store, connectors)] == ["first", "older"]
    assert [one["status"] for one in await rows(store, connectors)] == ["newer", "newer"]


async def test_our_own_mistakes_are_not_taken_for_an_absent_database(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with pytest.raises(ProgrammingError, match="nonsense"):
        async with reading(engine) as connection:
            await connection.execute(text("SELECT nonsense"))
    await engine.dispose()


@pytest.mark.slow
async def test_a_server_that_dies_and_comes_back_is_unavailable_meanwhile(
    postgres: Cluster,
) -> None:
    engine = open_engine(postgres.fresh())

    async def ask() -> int:
        async with reading(engine) as connection:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())

    assert await ask() == 1
    postgres.stop()
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await ask()
    finally:
        postgres.start()
    assert await ask() == 1
    await engine.dispose()


@pytest.mark.slow
async def test_a_server_that_dies_in_a_transaction_is_unavailable(postgres: Cluster) -> None:
    engine = open_engine(postgres.fresh())
    try:
        with pytest.raises(Unavailable):
            async with writing(engine) as connection:
                await connection.execute(text("CREATE TABLE t (n int)"))
                await asyncio.to_thread(postgres.stop)
                await connection.execute(text("INSERT INTO t VALUES (1)"))
    finally:
        postgres.start()
    async with reading(engine) as connection:
        assert (await connection.execute(text("SELECT to_regclass('t')"))).scalar() is None
    await engine.dispose()


def test_chunks_are_bounded_and_lose_nothing() -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([])) == []


async def test_writers_that_were_cancelled_leave_no_lock_behind(store: AsyncEngine) -> None:
    moment = random.Random(1)
    for _ in range(60):
        writers = [asyncio.create_task(leases.lease(store, "gw0", 10, lambda: 1)) for _ in range(2)]
        await asyncio.sleep(moment.random() * 0.012)
        for writer in writers:
            writer.cancel()
        # Kept, with their tracebacks, as whoever started them may do.
        await asyncio.wait(writers, timeout=5)
        assert all(writer.done() for writer in writers)
        async with asyncio.timeout(4):
            await leases.lease(store, "gw1", 10, lambda: 1)
