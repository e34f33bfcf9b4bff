"""The same actor classes and the same script on simpleSystemBase and on AsyncioBase."""

# Thespian names the methods of actors
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystem,
    ActorTypeDispatcher,
    ChildActorExited,
    DeadEnvelope,
    PoisonMessage,
    WakeupMessage,
    requireCapability,
)

from tests.supervisor.actor_kit import SECOND, Kit

ON_EVERY_LOOP = True


class Work:
    def __init__(self, value: str) -> None:
        self.value = value


class MoreWork(Work):
    pass


class Child(ActorTypeDispatcher):
    def receiveMsg_Work(self, message: Work, sender: Any) -> None:
        if message.value == "boom":
            raise ValueError("boom")
        self.send(sender, ("child did", type(message).__name__, message.value))


class Stillborn(Actor):
    def __init__(self) -> None:
        raise RuntimeError("cannot be built")


@requireCapability("GPU")
class Picky(Actor):
    pass


class Undertaker(ActorTypeDispatcher):
    """Tells the first who wrote to it about every dead letter."""

    asked_by = None

    def receiveMsg_str(self, message: str, sender: Any) -> None:
        self.asked_by = sender
        if message == "watch":
            self.handleDeadLetters()
            self.send(sender, "watching")
        elif message == "ignore":
            self.handleDeadLetters(startHandling=False)
            self.send(sender, "ignoring")

    def receiveMsg_DeadEnvelope(self, message: DeadEnvelope, _sender: Any) -> None:
        self.send(self.asked_by, ("dead letter", message.deadMessage.value))


class Parent(ActorTypeDispatcher):
    """Does one step of the script per text, and answers once for each."""

    kid: Any = None
    undertaker: Any = None
    asked_by: Any = None

    def receiveMsg_str(self, message: str, sender: Any) -> None:
        self.asked_by = sender
        verb, _, rest = message.partition(" ")
        getattr(self, verb)(rest)

    def make(self, _rest: str) -> None:
        self.kid = self.createActor(Child)
        self.send(self.asked_by, "made")

    def work(self, value: str) -> None:
        self.send(self.kid, Work(value))

    def more(self, value: str) -> None:
        self.send(self.kid, MoreWork(value))

    def kill(self, _rest: str) -> None:
        self.send(self.kid, ActorExitRequest())

    def wake(self, payload: str) -> None:
        self.wakeupAfter(timedelta(milliseconds=5), payload)

    def wake_seconds(self, payload: str) -> None:
        self.wakeupAfter(0.005, payload)

    def undertake(self, order: str) -> None:
        self.undertaker = self.undertaker or self.createActor(Undertaker)
        self.send(self.undertaker, order)

    def stillborn(self, _rest: str) -> None:
        self.createActor(Stillborn)

    def picky(self, _rest: str) -> None:
        self.createActor(Picky)

    def named(self, _rest: str) -> None:
        first = self.createActor(Child, globalName="the one")
        second = self.createActor(Child, globalName="the one")
        self.send(self.asked_by, first == second)
        self.send(first, ActorExitRequest())

    def myself(self, _rest: str) -> None:
        self.send(self.myAddress, ("to myself",))

    def unknown(self, _rest: str) -> None:
        self.send(self.kid, 3.5)  # the child has no handler: nothing happens
        self.send(self.kid, Work("after the unknown"))

    def capability(self, name: str) -> None:
        self.updateCapability(name, True)
        self.createActor(Picky)
        self.updateCapability(name, None)
        self.send(self.asked_by, "capable")

    def receiveMsg_tuple(self, message: tuple[Any, ...], _sender: Any) -> None:
        self.send(self.asked_by, message)

    def receiveMsg_PoisonMessage(self, message: PoisonMessage, _sender: Any) -> None:
        poison: Any = message.poisonMessage
        self.send(self.asked_by, ("poison", poison.value, message.details.split()[-1]))

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, _sender: Any) -> None:
        self.send(self.asked_by, ("child exited", message.childAddress == self.kid))

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:
        delay = message.delayPeriod
        self.send(self.asked_by, ("woke", message.payload, delay, sender == self.myAddress))

    def receiveMsg_float(self, message: float, _sender: Any) -> None:
        self.send(self.asked_by, message)


SCRIPT: list[tuple[str, Any]] = [
    ("make", "made"),
    ("work x", ("child did", "Work", "x")),
    ("more y", ("child did", "MoreWork", "y")),
    ("work boom", ("poison", "boom", "boom")),
    ("work z", ("child did", "Work", "z")),
    ("unknown", ("child did", "Work", "after the unknown")),
    ("wake p", ("woke", "p", timedelta(milliseconds=5), True)),
    ("wake_seconds q", ("woke", "q", 0.005, True)),
    ("undertake watch", None),
    ("kill", ("child exited", True)),
    ("work late", None),
    ("undertake ignore", None),
    ("work later", None),
    ("stillborn", ("child exited", False)),
    ("picky", ("child exited", False)),
    ("capability GPU", "capable"),
    ("myself", ("to myself",)),
]
"""Texts for a Parent, and what comes back to the outside (None: comes to another of our actors)."""


class Front(Parent):
    """Sums up what the undertaker, whose `asked_by` is this actor, says."""

    def receiveMsg_str(self, message: str, sender: Any) -> None:
        if message in ("watching", "ignoring"):
            self.send(self.asked_by, message)
        elif message == "work later":
            self.asked_by = sender
            self.work("later")
            self.send(sender, "nothing came")
        else:
            super().receiveMsg_str(message, sender)


ANSWERS = {
    "undertake watch": "watching",
    "work late": ("dead letter", "late"),
    "undertake ignore": "ignoring",
    "work later": "nothing came",
}


async def play(ask: Callable[[str], Awaitable[Any]]) -> list[Any]:
    return [await ask(text) for text, _ in SCRIPT]


def expected() -> list[Any]:
    return [ANSWERS.get(text, answer) for text, answer in SCRIPT]


async def test_the_script_has_the_expected_transcript_on_simple_system_base() -> None:
    system = ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True)
    front = system.createActor(Front)

    async def ask(text: str) -> Any:
        return system.ask(front, text, timedelta(seconds=SECOND))

    transcript = await play(ask)
    system.shutdown()

    assert transcript == expected()


async def test_the_script_has_the_same_transcript_on_asyncio_base(kit: Kit) -> None:
    base = kit.start()
    system = ActorSystem(systemBase=base, transientUnique=True)
    front = system.createActor(Front)

    async def ask(text: str) -> Any:
        return await system.ask(front, text, timedelta(seconds=SECOND))

    transcript = await play(ask)
    system.shutdown()

    assert transcript == expected()


async def test_a_global_name_means_the_same_actor_on_both_bases(kit: Kit) -> None:
    simple = ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True)
    here = ActorSystem(systemBase=kit.start(), transientUnique=True)

    said = simple.ask(simple.createActor(Front), "named", SECOND)
    said_here = await here.ask(here.createActor(Front), "named", SECOND)
    simple.shutdown()
    here.shutdown()

    assert said is said_here is True


async def test_a_class_may_be_named_by_text_on_both_bases(kit: Kit) -> None:
    simple = ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True)
    here = ActorSystem(systemBase=kit.start(), transientUnique=True)
    name = f"{Child.__module__}.Child"

    said = simple.ask(simple.createActor(name), Work("w"), SECOND)
    said_here = await here.ask(here.createActor(name), Work("w"), SECOND)
    simple.shutdown()
    here.shutdown()

    assert said == said_here == ("child did", "Work", "w")
