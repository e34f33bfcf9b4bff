"""What many ask for at the same time is asked for once."""

import asyncio

import pytest

from csms.api.shared import Shared
from supervisor.clock import FakeClock
from tests.csms.api.node import running_api

POWER = "/api/v1/power"


class Asked:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.times = 0
        self.let = asyncio.Event()
        self.wrong = False

    async def __call__(self) -> bytes:
        self.times += 1
        await self.let.wait()
        if self.wrong:
            raise ValueError("away")
        return b"%d" % self.times


async def test_who_asks_meanwhile_or_a_moment_later_gets_the_same_answer() -> None:
    clock, asked = FakeClock(), Asked()
    shared = Shared(1.0, 10, clock)
    waiting = [asyncio.create_task(shared.get("q", asked)) for _ in range(20)]
    await asyncio.sleep(0)
    clock.advance_us(5_000_000)  # However long it takes: its age begins when it is there.
    waiting += [asyncio.create_task(shared.get("q", asked)) for _ in range(20)]
    asked.let.set()
    assert set(await asyncio.gather(*waiting)) == {b"1"}
    clock.advance_us(999_999)
    assert await shared.get("q", asked) == b"1"
    clock.advance_us(1)
    assert await shared.get("q", asked) == b"2"
    assert await shared.get("another", asked) == b"3"


async def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    asked = Asked()
    shared = Shared(1.0, 10, FakeClock())
    first, second = (asyncio.create_task(shared.get("q", asked)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    asked.let.set()
    assert await second == b"1"


async def test_an_error_is_told_and_not_kept() -> None:
    asked = Asked()
    asked.wrong = True
    asked.let.set()
    shared = Shared(1.0, 10, FakeClock())
    for _ in range(2):
        with pytest.raises(ValueError, match="away"):
            await shared.get("q", asked)
    assert asked.times == 2


async def test_the_oldest_question_is_forgotten_at_the_limit() -> None:
    asked = Asked()
    asked.let.set()
    shared = Shared(1.0, 2, FakeClock())
    assert [await shared.get(q, asked) for q in "aba"] == [b"1", b"2", b"1"]
    assert await shared.get("c", asked) == b"3"
    assert await shared.get("a", asked) == b"4"


async def test_two_hundred_dashboards_ask_clickhouse_once_and_tenants_each_for_themselves() -> None:
    async with running_api(**{"api.power_cache_s": 3_600.0}) as api:
        api.peers.columns = ["site", "charger", "connector", "power_w", "at_us"]
        api.peers.rows = [["s", "CP1", 1, 11_000.0, 5]]
        answers = await asyncio.gather(*(api.get(POWER) for _ in range(200)))
        assert {answer["power_w"] for answer in answers} == {11_000.0}
        assert len(api.peers.queries) == 1
        await api.get(POWER, role="other")
        await api.get(f"{POWER}?site=s")
        assert ["tenant = 'other'" in query for query in api.peers.queries] == [False, True, False]
