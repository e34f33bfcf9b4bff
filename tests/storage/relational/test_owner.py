import pytest

from benchmarks.postgres import Cluster
from domain.errors import Unavailable
from storage.relational.engine import open_engine
from storage.relational.owner import Owner


async def test_a_second_node_is_told_who_has_the_database(postgres: Cluster) -> None:
    url = postgres.fresh()
    first, second = open_engine(url), open_engine(url)
    owner, other = Owner(first), Owner(second)
    await owner.take()
    await owner.take()
    with pytest.raises(Unavailable, match=r"another node has this database \(connected from"):
        await other.take()
    assert not await other.holds()
    await owner.release()
    await other.take()
    assert await other.holds()
    assert not await owner.holds()
    await first.dispose()
    await other.release()
    await second.dispose()


async def test_a_node_whose_connection_was_cut_no_longer_has_it(postgres: Cluster) -> None:
    url = postgres.fresh()
    first, second = open_engine(url), open_engine(url)
    owner, other = Owner(first), Owner(second)
    await owner.take()
    async with second.connect() as connection:
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
    assert not await owner.holds()
    await other.take()
    with pytest.raises(Unavailable, match="another node"):
        await owner.take()
    for held in (owner, other):
        await held.release()
    await first.dispose()
    await second.dispose()


async def test_different_databases_have_different_nodes(postgres: Cluster) -> None:
    engines = [open_engine(postgres.fresh()) for _ in range(2)]
    owners = [Owner(engine) for engine in engines]
    for owner in owners:
        await owner.take()
    for owner, engine in zip(owners, engines, strict=True):
        await owner.release()
        await engine.dispose()


async def test_sqlite_needs_no_lock_of_ours(tmp_path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/csms.db")
    owner = Owner(engine)
    await owner.take()
    assert await owner.holds()
    await engine.dispose()
