import asyncio
from dataclasses import dataclass

import msgspec

from actors.charger.messages import Activated
from csms.gateway.activation import ROUNDS_MAX, Activation
from domain.errors import Unavailable
from domain.known import KnownCharger


@dataclass
class Line:
    charger: str


class Ledger:
    def __init__(self) -> None:
        self.open = 0
        self.open_max = 0
        self.sizes: list[int] = []
        self.fails = False

    async def __call__(self, chargers: list[str]) -> bytes:
        self.sizes.append(len(chargers))
        self.open += 1
        self.open_max = max(self.open, self.open_max)
        await asyncio.sleep(0.02)
        self.open -= 1
        if self.fails:
            raise Unavailable("away")
        return msgspec.msgpack.encode([KnownCharger(charger, booted=True) for charger in chargers])


async def told(ledger: Ledger, count: int, batch_max: int = 500) -> dict[str, Activated]:
    answers: dict[str, Activated] = {}
    loop = asyncio.get_running_loop()
    activation = Activation[Line](
        loop,
        ledger,
        lambda line, message: answers.update({line.charger: message}),
        batch_max,
        0.001,
    )
    for number in range(count):
        activation.ask(Line(f"CP{number}"))
        if number % 20 == 0:
            await asyncio.sleep(0.001)
    async with asyncio.timeout(5):
        while len(answers) < count:
            await asyncio.sleep(0.005)
    return answers


async def test_a_slow_ledger_is_asked_less_often_for_more_chargers_at_once() -> None:
    ledger = Ledger()
    answers = await told(ledger, 1_000)
    assert all(answer.known is not None and answer.known.booted for answer in answers.values())
    assert ledger.open_max <= ROUNDS_MAX
    assert len(ledger.sizes) < 20
    assert sum(ledger.sizes) == 1_000


async def test_a_question_has_a_largest_size() -> None:
    ledger = Ledger()
    await told(ledger, 100, batch_max=10)
    assert max(ledger.sizes) == 10


async def test_every_actor_hears_of_a_ledger_that_is_away() -> None:
    ledger = Ledger()
    ledger.fails = True
    answers = await told(ledger, 100)
    assert all(answer.known is None for answer in answers.values())


async def test_those_that_still_want_to_know_are_asked_for_until_the_ledger_says() -> None:
    ledger, told = Ledger(), []
    ledger.fails = True
    activation = Activation[Line](
        asyncio.get_running_loop(),
        ledger,
        lambda line, message: told.append((line.charger, message.known is not None, message.late)),
        500,
        0.001,
        lambda line: line.charger == "CP1",
        0.01,
    )
    for name in ("CP1", "CP2"):
        activation.ask(Line(name))
    async with asyncio.timeout(5):
        while len(ledger.sizes) < 3:
            await asyncio.sleep(0.005)
        ledger.fails = False
        while len(told) < 3:
            await asyncio.sleep(0.005)
    assert told == [("CP1", False, False), ("CP2", False, False), ("CP1", True, True)]
    assert ledger.sizes[:3] == [2, 1, 1]
