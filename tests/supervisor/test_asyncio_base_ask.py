"""Law 8 and the timers."""

# Thespian names the methods of actors
import asyncio
from datetime import timedelta
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystem,
    DeadEnvelope,
    InvalidActorAddress,
    PoisonMessage,
    WakeupMessage,
)

from supervisor.actor_errors import ActorCrashed, ActorDead, MailboxFull
from supervisor.address import MAILBOX_FULL, ForeignAddress
from supervisor.asyncio_base import ActorLimits, AsyncioBase
from tests.supervisor.actor_kit import SECOND, Doer, Kit, Recorder, boom, quiet, reply, settle

ON_EVERY_LOOP = True

SOON = 0.005


async def wait_for_ever(_actor: Actor, _sender: Any) -> None:
    await asyncio.Event().wait()


def twice(actor: Actor, sender: Any) -> None:
    actor.send(sender, "first")
    actor.send(sender, "second")


async def test_an_ask_returns_the_first_answer_and_later_ones_are_dead_letters(kit: Kit) -> None:
    base = kit.start()
    letters: list[Any] = []
    base.handle_dead_letters(base.create(Recorder, init={"seen": letters}), enable=True)

    assert await base.ask(base.create(Doer), twice, SECOND) == "first"
    await settle(base)

    (letter,) = letters
    assert isinstance(letter, DeadEnvelope)
    assert letter.deadMessage == "second"
    assert str(letter.deadAddress) == "ActorAddr-ask-of-Doer-2"


async def test_an_answer_may_come_much_later_and_from_another_actor(kit: Kit) -> None:
    base = kit.start()
    helper = base.create(Doer)
    waiting: list[Any] = []
    ask = asyncio.ensure_future(
        base.ask(base.create(Doer), lambda _, sender: waiting.append(sender), SECOND)
    )
    await quiet(base)

    base.tell(helper, lambda actor, _: actor.send(waiting[0], "from the helper"))

    assert await ask == "from the helper"


async def test_an_answer_may_be_none(kit: Kit) -> None:
    base = kit.start()
    assert await base.ask(base.create(Doer), reply(None), SECOND) is None


async def test_an_ask_without_an_answer_times_out(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    with pytest.raises(TimeoutError, match=r"actor Doer-1 did not answer within 0.005 s"):
        await base.ask(doer, "no answer", SOON)
    with pytest.raises(TimeoutError):
        await base.ask(doer, "no answer", timedelta(seconds=SOON))

    assert doer.alive
    assert doer.asks is None


async def test_an_answer_after_the_timeout_is_a_dead_letter(kit: Kit) -> None:
    base = kit.start()
    gate = asyncio.Event()

    async def late(actor: Actor, sender: Any) -> None:
        await gate.wait()
        actor.send(sender, "late")

    with pytest.raises(TimeoutError):
        await base.ask(base.create(Doer), late, SOON)
    gate.set()
    await settle(base)

    assert base.stats.dead == 1


async def test_an_ask_that_its_caller_gives_up_is_forgotten(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    ask = asyncio.ensure_future(base.ask(doer, "no answer", SECOND))
    await asyncio.sleep(0)
    ask.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ask

    assert doer.asks is None


async def test_an_ask_of_a_dead_actor_fails_at_once(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer, name="CP-9")
    base.stop(doer)
    await settle(base)

    with pytest.raises(ActorDead, match="actor CP-9 is stopped"):
        await base.ask(doer, reply(1), SECOND)

    assert base.stats.dead == 1


@pytest.mark.parametrize("message", ["never answered", wait_for_ever])
async def test_an_ask_fails_at_once_when_the_actor_stops_before_it_answers(
    kit: Kit, message: Any
) -> None:
    base = kit.start()
    parent = base.create(Doer)
    child = base.create(Doer, parent=parent)
    ask = asyncio.ensure_future(base.ask(child, message, SECOND))
    await quiet(base)
    await asyncio.sleep(0)
    base.stop(parent)

    with pytest.raises(ActorDead):
        await ask


async def test_an_ask_behind_the_exit_request_fails_when_the_actor_stops(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.tell(doer, ActorExitRequest())

    with pytest.raises(ActorDead):
        await base.ask(doer, reply("never"), SECOND)


async def test_an_answer_given_before_the_stop_counts(kit: Kit) -> None:
    base = kit.start()

    def answer_and_exit(actor: Actor, sender: Any) -> None:
        actor.send(sender, "the last word")
        actor.send(actor.myAddress, ActorExitRequest())

    assert await base.ask(base.create(Doer), answer_and_exit, SECOND) == "the last word"


async def test_an_ask_is_a_thespian_ask_too(kit: Kit) -> None:
    system = ActorSystem(systemBase=kit.start(), transientUnique=True)
    doer = system.createActor(Doer)

    assert await system.ask(doer, reply("yes"), timedelta(seconds=SECOND)) == "yes"
    with pytest.raises(TypeError, match="time"):
        await system.ask(doer, reply("yes"))


async def test_an_ask_of_a_foreign_address_is_answered_through_its_sender(kit: Kit) -> None:
    base = kit.start()
    far = ForeignAddress("far")
    answers: list[Any] = [
        "near and far",
        PoisonMessage(1, "Traceback\nKeyError: 'x'"),
        PoisonMessage(1, MAILBOX_FULL),
    ]
    base.route = lambda _to, _message, sender: base.tell(sender, answers.pop(0))

    assert await base.ask(far, 1, SECOND) == "near and far"
    with pytest.raises(ActorCrashed, match="KeyError: 'x'"):
        await base.ask(far, 1, SECOND)
    with pytest.raises(MailboxFull):
        await base.ask(far, 1, SECOND)
    assert base._far_asks == set()


async def test_an_ask_of_a_foreign_address_without_a_route_fails_and_is_forgotten(kit: Kit) -> None:
    base = kit.start()
    with pytest.raises(InvalidActorAddress):
        await base.ask(ForeignAddress("far"), 1, SECOND)

    assert base._far_asks == set()


async def test_an_ask_with_many_in_flight_gives_each_its_own_answer(kit: Kit) -> None:
    base = kit.start()
    doers = [base.create(Doer) for _ in range(20)]
    asks = [base.ask(doers[n % 20], reply(n), SECOND) for n in range(200)]

    assert await asyncio.gather(*asks) == list(range(200))


# Timers.


async def test_after_sends_once_and_not_before_its_time(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})
    loop = asyncio.get_running_loop()
    began = loop.time()
    base.after(2 * SOON, recorder, "second")
    base.after(SOON, recorder, "first")
    while len(seen) < 2:
        await asyncio.sleep(SOON / 5)

    assert seen == ["first", "second"]
    # Loops may fire early by the resolution of their clock: a millisecond in uvloop.
    assert loop.time() - began >= 2 * SOON - 0.002


async def test_a_cancelled_timer_sends_nothing(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})
    timer = base.after(SOON, recorder, "cancelled")
    base.after(2 * SOON, recorder, "sent")
    timer.cancel()
    while not seen:
        await asyncio.sleep(SOON / 5)

    assert seen == ["sent"]


async def test_a_timer_of_a_dead_actor_is_a_dead_letter_and_a_wakeup_is_nothing(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.tell(doer, lambda actor, _: actor.wakeupAfter(SOON))
    base.after(SOON, doer, "dead letter")
    base.after(0, doer, ActorExitRequest())
    while doer.alive:
        await asyncio.sleep(0)
    await asyncio.sleep(3 * SOON)

    assert base.stats.dead == 1


async def test_a_wakeup_reaches_the_fresh_instance_after_a_crash(kit: Kit) -> None:
    class Sleeper(Doer):
        woken: Any = None

        def receiveMessage(self, message: Any, sender: Any) -> Any:
            if isinstance(message, WakeupMessage):
                self.woken = message.payload
            return super().receiveMessage(message, sender)

    base = kit.start()
    sleeper = base.create(Sleeper)
    base.tell(sleeper, lambda actor, _: actor.wakeupAfter(timedelta(seconds=SOON), "up"))
    base.tell(sleeper, boom)
    await settle(base)
    while sleeper.instance.woken is None:
        await asyncio.sleep(SOON / 5)

    assert sleeper.instance.woken == "up"
    assert base.stats.restarts == 1


# Limits.


def test_the_limits_are_those_that_the_documentation_names() -> None:
    limits = ActorLimits()

    assert (limits.quantum_messages, limits.pass_ms) == (16, 2.0)
    assert (limits.mailbox_messages, limits.restarts, limits.restarts_s) == (256, 3, 10.0)
    assert all(field.description for field in ActorLimits.model_fields.values())


def test_a_base_without_a_loop_needs_a_running_one() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncioBase()


async def test_a_base_may_be_given_its_loop() -> None:
    loop = asyncio.get_running_loop()
    assert AsyncioBase(loop).loop is loop
