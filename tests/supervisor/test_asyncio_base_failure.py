"""Law 6: what a crash does."""

# Thespian names the methods of actors
import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystemFailure,
    ActorTypeDispatcher,
    ChildActorExited,
    PoisonMessage,
    ThespianWatch,
)

from supervisor.actor_errors import ActorCrashed, ActorDead, UnsupportedByBase
from supervisor.actor_events import ActorFailed, ActorNotBuilt, BounceLost, HookFailed
from supervisor.address import Address, ForeignAddress
from supervisor.asyncio_base import AsyncioBase
from tests.supervisor.actor_kit import SECOND, Doer, Kit, Recorder, boom, reply, settle

ON_EVERY_LOOP = True


class Counter(Doer):
    """Counts the calls of its instance; reports its hooks."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.count = 0
        log.append("built")

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        self.count += 1
        if message == "count":
            return self.send(sender, self.count)
        return super().receiveMessage(message, sender)

    def onFailure(self, error: BaseException) -> None:
        self.log.append(("failed", type(error).__name__, self.count))

    def onStop(self) -> None:
        self.log.append("stopped")


class Guardian(ActorTypeDispatcher):
    """A parent that keeps what it hears of its children."""

    def __init__(self, heard: list[Any]) -> None:
        self.heard = heard

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, _sender: Any) -> None:
        self.heard.append(message.childAddress)


def family(base: AsyncioBase, log: list[Any], heard: list[Any]) -> Address:
    parent = base.create(Guardian, init={"heard": heard})
    return base.create(Counter, name="child", parent=parent, init={"log": log})


def raising(error: BaseException) -> Callable[[Actor, Any], None]:
    def handler(_actor: Actor, _sender: Any) -> None:
        raise error

    return handler


async def boom_later(_actor: Actor, _sender: Any) -> None:
    await asyncio.sleep(0)
    raise ValueError("boom")


async def cancel_self(_actor: Actor, _sender: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


CRASHES = {
    "sync": (boom, "ValueError"),
    "async": (boom_later, "ValueError"),
    "cancelled": (raising(asyncio.CancelledError()), "CancelledError"),
    "task cancelled": (cancel_self, "CancelledError"),
    "watch": (lambda _actor, _sender: ThespianWatch([0]), "UnsupportedByBase"),
}


@pytest.mark.parametrize("kind", CRASHES)
async def test_a_crash_renews_the_instance_at_the_same_address(kit: Kit, kind: str) -> None:
    crash, error = CRASHES[kind]
    base = kit.start()
    log: list[Any] = []
    counter = base.create(Counter, init={"log": log})
    assert [await base.ask(counter, "count", SECOND) for _ in range(2)] == [1, 2]

    base.tell(counter, crash)

    assert await base.ask(counter, "count", SECOND) == 1
    assert log == ["built", ("failed", error, 3), "built"]
    assert (base.stats.poison, base.stats.restarts, base.stats.actors) == (1, 1, 1)
    (event,) = kit.events
    assert isinstance(event, ActorFailed)
    assert (event.actor, event.restarted) == ("Counter-1", True)
    assert type(event.error).__name__ == error


@pytest.mark.parametrize("kind", CRASHES)
async def test_the_mailbox_outlives_a_crash_and_no_message_is_handled_twice(
    kit: Kit, kind: str
) -> None:
    crash, _ = CRASHES[kind]
    base = kit.start()
    seen: list[Any] = []
    doer = base.create(Doer)

    def note(what: Any) -> Callable[[Actor, Any], None]:
        return lambda _actor, _sender: seen.append(what)

    def note_and_crash(actor: Actor, sender: Any) -> Any:
        seen.append("crash")
        return crash(actor, sender)

    for message in (note(1), note_and_crash, note(2), note(3)):
        base.tell(doer, message)
    await settle(base)

    assert seen == [1, "crash", 2, 3]
    assert base.stats.handled == 4


@pytest.mark.parametrize("kind", CRASHES)
async def test_the_sender_of_the_failed_message_gets_it_back(kit: Kit, kind: str) -> None:
    crash, error = CRASHES[kind]
    base = kit.start()
    seen: list[Any] = []
    sender = base.create(Recorder, init={"seen": seen})

    sender.actor_send(base.create(Doer), crash)
    await settle(base)

    (poison,) = seen
    assert isinstance(poison, PoisonMessage)
    assert poison.poisonMessage is crash
    assert error in str(poison.details)


@pytest.mark.parametrize("kind", CRASHES)
async def test_an_ask_fails_at_once_when_the_actor_crashes_on_it(kit: Kit, kind: str) -> None:
    crash, error = CRASHES[kind]
    base = kit.start()

    with pytest.raises(ActorCrashed, match=error) as caught:
        await base.ask(base.create(Doer), crash, SECOND)

    assert error in caught.value.details
    assert caught.value.actor == "Doer-1"


async def test_other_asks_survive_the_crash_and_are_answered_by_the_fresh_instance(
    kit: Kit,
) -> None:
    base = kit.start()
    doer = base.create(Doer)

    answers = await asyncio.gather(
        base.ask(doer, boom, SECOND),
        base.ask(doer, reply("fresh"), SECOND),
        return_exceptions=True,
    )

    assert isinstance(answers[0], ActorCrashed)
    assert answers[1] == "fresh"


async def test_a_poison_message_that_crashes_its_receiver_is_not_sent_back(kit: Kit) -> None:
    class Touchy(Actor):
        def receiveMessage(self, message: Any, sender: Any) -> None:
            raise RuntimeError("I cannot take anything")

    base = kit.start()
    seen: list[Any] = []
    sender = base.create(Recorder, init={"seen": seen})

    sender.actor_send(base.create(Touchy), PoisonMessage("bad"))
    await settle(base)

    assert seen == []
    assert base.stats.poison == 1


async def test_more_crashes_than_allowed_stop_the_actor_and_tell_its_parent(kit: Kit) -> None:
    base = kit.start()
    log, heard = list[Any](), list[Any]()
    child = family(base, log, heard)

    for _ in range(3):
        base.tell(child, boom)
    await settle(base)
    assert child.alive
    assert heard == []

    base.tell(child, boom)
    base.tell(child, "too late")
    await settle(base)

    assert not child.alive
    assert heard == [child]
    assert log[-2:] == [("failed", "ValueError", 1), "stopped"]
    assert base.find("child") is None
    assert (base.stats.restarts, base.stats.poison, base.stats.dead) == (3, 4, 1)
    assert [event.restarted for event in kit.events if isinstance(event, ActorFailed)] == [
        True,
        True,
        True,
        False,
    ]


async def test_the_class_says_how_many_crashes_are_allowed(kit: Kit) -> None:
    class Fragile(Doer):
        max_restarts = 0

    base = kit.start()
    fragile = base.create(Fragile)

    with pytest.raises(ActorCrashed):
        await base.ask(fragile, boom, SECOND)

    assert not fragile.alive


async def test_crashes_older_than_max_seconds_are_forgotten(kit: Kit) -> None:
    class Fragile(Doer):
        max_restarts = 1
        max_seconds = 0.01

    base = kit.start()
    fragile = base.create(Fragile)

    for _ in range(4):
        with pytest.raises(ActorCrashed):
            await base.ask(fragile, boom, SECOND)
        await asyncio.sleep(0.02)

    assert fragile.alive
    assert fragile.crashes is not None
    assert len(fragile.crashes) == 1


async def test_the_children_outlive_a_crash_of_their_parent(kit: Kit) -> None:
    base = kit.start()
    parent = base.create(Doer)
    child = base.create(Doer, parent=parent)

    base.tell(parent, boom)
    await settle(base)

    assert child.alive
    base.stop(parent)
    await settle(base)
    assert not child.alive


async def test_a_fresh_instance_that_cannot_be_built_stops_the_actor(kit: Kit) -> None:
    class Once(Doer):
        def __init__(self, built: list[Any]) -> None:
            built.append(self)
            if len(built) > 1:
                raise RuntimeError("only once")

    base = kit.start()
    heard: list[Any] = []
    parent = base.create(Guardian, init={"heard": heard})
    once = base.create(Once, parent=parent, init={"built": []})
    base.tell(once, boom)
    await settle(base)

    assert not once.alive
    assert heard == [once]
    assert [type(event) for event in kit.events] == [ActorNotBuilt, ActorFailed]
    assert base.stats.restarts == 0


async def test_a_hook_that_raises_is_reported_and_ignored(kit: Kit) -> None:
    class Clumsy(Doer):
        def onFailure(self, error: BaseException) -> None:
            raise KeyError("onFailure")

        def onStop(self) -> None:
            raise KeyError("onStop")

    base = kit.start()
    clumsy = base.create(Clumsy)
    base.tell(clumsy, boom)
    assert await base.ask(clumsy, reply("on"), SECOND) == "on"
    base.stop(clumsy)
    await settle(base)

    assert not clumsy.alive
    assert [event.hook for event in kit.events if isinstance(event, HookFailed)] == [
        "onFailure",
        "onStop",
    ]


async def test_an_actor_whose_failure_hook_shuts_everything_down_is_not_renewed(kit: Kit) -> None:
    class Last(Doer):
        def onFailure(self, error: BaseException) -> None:
            self._myRef.engine.shutdown()

    base = kit.start()
    last = base.create(Last)
    base.tell(last, boom)
    await settle(base)

    assert not last.alive
    (event,) = kit.events
    assert isinstance(event, ActorFailed)
    assert not event.restarted


@pytest.mark.parametrize("handler", [boom, boom_later])
async def test_a_crash_on_the_exit_request_stops_the_actor_all_the_same(
    kit: Kit, handler: Any
) -> None:
    class Stubborn(Actor):
        def receiveMessage(self, message: Any, sender: Any) -> Any:
            return handler(self, sender)

    base = kit.start()
    stubborn = base.create(Stubborn)
    child = base.create(Doer, parent=stubborn)
    base.stop(stubborn)
    await settle(base)

    assert not stubborn.alive
    assert not child.alive
    assert base.stats.restarts == 0


async def test_a_handler_that_shuts_down_and_then_raises_is_reported(kit: Kit) -> None:
    base = kit.start()

    def shutdown_and_raise(_actor: Actor, _sender: Any) -> None:
        base.shutdown()
        raise ValueError("after the end")

    doer = base.create(Doer)
    with pytest.raises(ActorDead):
        await base.ask(doer, shutdown_and_raise, SECOND)
    (event,) = kit.events

    assert isinstance(event, ActorFailed)
    assert not event.restarted
    with pytest.raises(ActorSystemFailure):
        base.create(Doer)


async def test_a_poison_that_cannot_be_routed_is_reported_and_the_actor_goes_on(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.deliver(doer, boom, ForeignAddress("elsewhere"))

    assert await base.ask(doer, reply("on"), SECOND) == "on"
    assert [type(event) for event in kit.events] == [BounceLost, ActorFailed]


async def test_a_watch_is_refused_with_the_way_out(kit: Kit) -> None:
    base = kit.start()
    base.tell(base.create(Doer), lambda _actor, _sender: ThespianWatch([0]))
    await settle(base)
    (event,) = kit.events

    assert isinstance(event, ActorFailed)
    assert isinstance(event.error, UnsupportedByBase)
    assert "loop.add_reader" in str(event.error)


async def test_an_exit_request_sent_after_a_crash_still_stops(kit: Kit) -> None:
    base = kit.start()
    log, heard = list[Any](), list[Any]()
    child = family(base, log, heard)
    base.tell(child, boom)
    base.tell(child, ActorExitRequest())
    await settle(base)

    assert heard == [child]
    assert log == ["built", ("failed", "ValueError", 1), "built", "stopped"]
