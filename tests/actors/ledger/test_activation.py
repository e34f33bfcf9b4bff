import asyncio
from collections.abc import Sequence

import pytest

from actors.ledger.activation import Activation
from domain.errors import Unavailable
from domain.known import KnownCharger


class Store:
    def __init__(self) -> None:
        self.questions: list[list[str]] = []
        self.barriers = 0
        self.hold: asyncio.Event | None = None
        self.away = False

    async def catch_up(self) -> None:
        self.barriers += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise Unavailable("away")

    async def known(self, chargers: Sequence[str]) -> list[KnownCharger]:
        self.questions.append(list(chargers))
        return [KnownCharger(name) for name in chargers]

    def activation(self, deadline_s: float = 10.0) -> Activation:
        return Activation(self.catch_up, self.known, 0.0, deadline_s)


async def test_questions_of_one_moment_are_one_query_and_one_barrier() -> None:
    store = Store()
    activation = store.activation()
    answers = await asyncio.gather(
        activation.ask(["B", "A"]), activation.ask(["A"]), activation.ask(["C", "C"])
    )
    assert [[known.charger for known in answer] for answer in answers] == [
        ["B", "A"],
        ["A"],
        ["C", "C"],
    ]
    assert (store.questions, store.barriers) == ([["A", "B", "C"]], 1)


async def test_a_later_question_gets_a_barrier_of_its_own() -> None:
    """What was acknowledged after the first barrier began must be in the second answer."""
    store = Store()
    store.hold = asyncio.Event()
    activation = store.activation()
    first = asyncio.ensure_future(activation.ask(["A"]))
    while store.barriers == 0:
        await asyncio.sleep(0)
    second = asyncio.ensure_future(activation.ask(["A"]))
    while store.barriers == 1:
        await asyncio.sleep(0)
    store.hold.set()
    await asyncio.gather(first, second)
    assert store.questions == [["A"], ["A"]]


async def test_all_who_asked_hear_that_the_store_is_away_and_the_next_works() -> None:
    store = Store()
    store.away = True
    activation = store.activation()
    failures = await asyncio.gather(
        activation.ask(["A"]), activation.ask(["B"]), return_exceptions=True
    )
    assert [type(failure) for failure in failures] == [Unavailable, Unavailable]
    store.away = False
    assert await activation.ask(["A"]) == [KnownCharger("A")]


async def test_catching_up_for_too_long_is_unavailable() -> None:
    store = Store()
    store.hold = asyncio.Event()
    with pytest.raises(Unavailable, match="in time"):
        await store.activation(deadline_s=0.01).ask(["A"])


async def test_one_who_leaves_does_not_disturb_the_others() -> None:
    store = Store()
    store.hold = asyncio.Event()
    activation = store.activation()
    leaver = asyncio.ensure_future(activation.ask(["A"]))
    stayer = asyncio.ensure_future(activation.ask(["A"]))
    while store.barriers == 0:
        await asyncio.sleep(0)
    leaver.cancel()
    store.hold.set()
    assert await stayer == [KnownCharger("A")]
