import asyncio

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.relational.leases import NUMBER_MAX, lease
from storage.relational.tables import counters, leases
from tests.storage.relational.kit import T0, rows


async def test_blocks_begin_at_one_and_follow_each_other(store: AsyncEngine) -> None:
    assert await lease(store, "gw0", 100, lambda: T0) == (1, 100)
    assert await lease(store, "gw1", 50, lambda: T0) == (101, 150)
    first, second = await rows(store, leases)
    assert first == {"first": 1, "last": 100, "gateway": "gw0", "leased_us": T0}
    assert second["gateway"] == "gw1"


async def test_no_two_gateways_get_the_same_number(store: AsyncEngine) -> None:
    blocks = await asyncio.gather(*(lease(store, f"gw{n}", 10, lambda: T0) for n in range(12)))
    numbers = [number for first, last in blocks for number in range(first, last + 1)]
    assert sorted(numbers) == list(range(1, 121))


async def test_after_the_last_number_it_begins_again(store: AsyncEngine) -> None:
    async with store.execution_options(writes=True).begin() as connection:
        await connection.execute(
            update(counters).where(counters.c.name == "transaction").values(value=NUMBER_MAX - 5)
        )
    assert await lease(store, "gw0", 10, lambda: T0) == (1, 10)
    assert await lease(store, "gw0", 10, lambda: T0) == (11, 20)
    assert NUMBER_MAX < 1 << 30
