"""Any mix of tells, crashes, waits, stops: law 3, 4 and 5 hold for every message."""

# Thespian names the methods of actors
import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorTypeDispatcher,
    DeadEnvelope,
    PoisonMessage,
)

from supervisor.address import MAILBOX_FULL, Address
from supervisor.asyncio_base import ActorLimits, AsyncioBase
from tests.supervisor.actor_kit import settle

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

ACTORS = 3
SENDERS = 2

actors = st.integers(0, ACTORS - 1)
senders = st.integers(0, SENDERS - 1)
tells = st.tuples(
    st.sampled_from(["handle", "handle", "crash", "wait", "crash later"]), senders, actors
)
others = st.one_of(
    st.tuples(st.just("stop"), actors),
    st.tuples(st.just("create"), actors),
    st.tuples(st.just("pass"), st.integers(1, 4)),
)
stories = st.lists(st.one_of(tells, tells, others), max_size=60)


class Mail:
    """One message, known by its number."""

    def __init__(self, number: int, sender: int, kind: str) -> None:
        self.number = number
        self.sender = sender
        self.kind = kind


class Worker(Actor):
    mailbox_limit = 5
    max_restarts = 2

    def __init__(self, handled: list[Mail], running: set[Any]) -> None:
        self.handled = handled
        self.running = running

    def receiveMessage(self, message: Any, _sender: Any) -> Any:
        assert not self.running, "two handlers of one actor at once"
        if isinstance(message, ActorExitRequest):
            return None
        self.handled.append(message)
        if message.kind == "crash":
            raise ValueError("crash")
        if message.kind in ("wait", "crash later"):
            return self.wait(message)
        return None

    async def wait(self, message: Mail) -> None:
        self.running.add(message)
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            self.running.discard(message)
        if message.kind == "crash later":
            raise ValueError("crash later")


class Sender(Actor):
    def __init__(self, refused: list[Mail], poisoned: list[Mail]) -> None:
        self.refused = refused
        self.poisoned = poisoned

    def receiveMessage(self, message: Any, _sender: Any) -> None:
        if isinstance(message, PoisonMessage):
            mail: Any = message.poisonMessage
            (self.refused if message.details == MAILBOX_FULL else self.poisoned).append(mail)


class Undertaker(ActorTypeDispatcher):
    mailbox_limit = 1000

    def __init__(self, buried: list[Mail]) -> None:
        self.buried = buried

    def receiveMsg_DeadEnvelope(self, message: DeadEnvelope, _sender: Any) -> None:
        if isinstance(message.deadMessage, Mail):
            self.buried.append(message.deadMessage)


class Story:
    """Plays a story on a base and keeps, by actor, what was sent and what became of it."""

    def __init__(self, base: AsyncioBase) -> None:
        self.base = base
        self.sent: list[Mail] = []
        self.refused: list[Mail] = []
        self.poisoned: list[Mail] = []
        self.buried: list[Mail] = []
        self.handled: list[list[Mail]] = []
        self.senders = [
            base.create(Sender, init={"refused": self.refused, "poisoned": self.poisoned})
            for _ in range(SENDERS)
        ]
        undertaker = base.create(Undertaker, init={"buried": self.buried})
        base.handle_dead_letters(undertaker, enable=True)
        self.workers = [self.worker() for _ in range(ACTORS)]

    def worker(self) -> Address:
        handled: list[Mail] = []
        self.handled.append(handled)
        return self.base.create(Worker, init={"handled": handled, "running": set()})

    async def play(self, steps: list[tuple[Any, ...]]) -> None:
        for step in steps:
            match step:
                case ("stop", actor):
                    self.base.stop(self.workers[actor])
                case ("create", actor):
                    self.workers[actor] = self.worker()
                case ("pass", times):
                    for _ in range(times):
                        await asyncio.sleep(0)
                case (kind, sender, actor):
                    mail = Mail(len(self.sent), sender, kind)
                    self.sent.append(mail)
                    self.senders[sender].actor_send(self.workers[actor], mail)
        await settle(self.base)


def numbers(mails: list[Mail]) -> list[int]:
    return [mail.number for mail in mails]


@pytest.mark.parametrize("loop", LOOPS)
@given(steps=stories, quantum=st.integers(1, 4), pass_ms=st.sampled_from([0.0, 2.0]))
def test_every_message_is_handled_once_or_refused_or_a_dead_letter(
    loop: str, steps: list[tuple[Any, ...]], quantum: int, pass_ms: float
) -> None:
    async def main() -> Story:
        limits = ActorLimits(quantum_messages=quantum, pass_ms=pass_ms)
        story = Story(AsyncioBase(limits=limits, on_telemetry=lambda _: None))
        await story.play(steps)
        return story

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        story = runner.run(main())

    handled = [mail for mails in story.handled for mail in mails]
    fates = Counter(numbers(handled) + numbers(story.refused) + numbers(story.buried))
    assert fates == Counter(numbers(story.sent))

    for mails in story.handled:
        for sender in range(SENDERS):
            order = [mail.number for mail in mails if mail.sender == sender]
            assert order == sorted(order)

    crashed = [mail for mail in handled if mail.kind.startswith("crash")]
    assert sorted(numbers(story.poisoned)) == sorted(numbers(crashed))

    stats = story.base.stats
    assert stats.poison == len(crashed)
    assert stats.full == len(story.refused)
    assert stats.mailbox_depth_max <= max(Worker.mailbox_limit + 1, len(story.sent))
    assert stats.actors == sum(cell.alive for cell in story.base._cells)
    assert all(cell.box is None for cell in story.base._cells)
