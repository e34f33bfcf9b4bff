"""Laws 1 to 5: turns, idle actors, order, suspension, limits."""

# Thespian names the methods of actors
import asyncio
import socket
import time
from typing import Any

import pytest
from thespian.actors import Actor, ActorTypeDispatcher, PoisonMessage, WakeupMessage

from supervisor.actor_errors import MailboxFull
from supervisor.address import MAILBOX_FULL
from tests.supervisor.actor_kit import SECOND, Doer, Kit, Recorder, quiet, settle

ON_EVERY_LOOP = True


class Echo(Actor):
    def receiveMessage(self, message: Any, sender: Any) -> None:
        self.send(sender, message)


class Slow(Actor):
    """Waits for the gate with every message but PoisonMessage."""

    mailbox_limit = 4

    def __init__(self, gate: asyncio.Event, seen: list[Any]) -> None:
        self.gate = gate
        self.seen = seen

    async def receiveMessage(self, message: Any, sender: Any) -> None:
        self.seen.append(("begin", message))
        await self.gate.wait()
        self.seen.append(("end", message))
        self.send(sender, message)


class Endless(Actor):
    """Keeps itself busy until told to end."""

    turns = 0
    over = False

    def receiveMessage(self, message: Any, sender: Any) -> None:
        self.turns += 1
        self.over = self.over or message == "end"
        if not self.over:
            self.send(self.myAddress, message)


async def test_messages_are_handled_in_the_order_of_sending(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})

    for number in range(100):
        base.tell(recorder, number)
    await settle(base)

    assert seen == list(range(100))
    assert base.stats.handled == 100


async def test_nothing_is_handled_inside_tell(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    base.tell(base.create(Recorder, init={"seen": seen}), "later")

    assert seen == []
    await settle(base)
    assert seen == ["later"]


async def test_an_idle_actor_has_neither_queue_nor_task(kit: Kit) -> None:
    base = kit.start()
    sync, other = base.create(Echo), base.create(Echo)
    gate = asyncio.Event()
    gate.set()
    slow = base.create(Slow, init={"gate": gate, "seen": []})

    answers = await asyncio.gather(*(base.ask(actor, 1, SECOND) for actor in (sync, other, slow)))
    await settle(base)

    assert answers == [1, 1, 1]
    assert [actor.box for actor in (sync, other, slow)] == [None] * 3
    assert [actor.task for actor in (sync, other, slow)] == [None] * 3
    assert [actor.asks for actor in (sync, other, slow)] == [None] * 3
    assert not base._tasks


async def test_queues_are_used_again_as_far_as_the_limit_goes(kit: Kit) -> None:
    base = kit.start(spare_queues=1)
    seen: list[Any] = []
    recorders = [base.create(Recorder, init={"seen": seen}) for _ in range(3)]
    for number in range(3):
        for recorder in recorders:
            base.tell(recorder, number)
    queues = {id(recorder.box) for recorder in recorders}
    await settle(base)

    assert seen == [0, 1, 2] * 3
    assert len(queues) == 3
    assert len(base._spare) == 1
    assert id(base._spare[0]) in queues
    assert not base._spare[0]


async def test_a_flooded_actor_gives_way_to_another_after_its_quantum(kit: Kit) -> None:
    base = kit.start(quantum_messages=4, pass_ms=1000)
    seen: list[Any] = []
    flooded = base.create(Recorder, init={"seen": seen})
    other = base.create(Recorder, init={"seen": seen})

    for number in range(9):
        base.tell(flooded, number)
    base.tell(other, "other")
    await settle(base)

    assert seen == [0, 1, 2, 3, "other", 4, 5, 6, 7, 8]
    assert base.stats.mailbox_depth_max == 9


async def test_an_endless_actor_does_not_starve_sockets_timers_and_other_actors(kit: Kit) -> None:
    base = kit.start()
    endless = base.create(Endless)
    echo = base.create(Echo)
    base.tell(endless, "on")
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        for number in range(5):
            await loop.sock_sendall(theirs, b"%d" % number)
            assert await loop.sock_recv(ours, 1) == b"%d" % number
            await asyncio.sleep(0.001)
            assert await base.ask(echo, number, SECOND) == number
            assert endless.instance.turns > 0
    base.tell(endless, "end")
    await settle(base)
    assert base.stats.handled == endless.instance.turns + 5


async def test_a_pass_ends_after_its_time_even_when_actors_are_ready(kit: Kit) -> None:
    base = kit.start(pass_ms=0, pass_ms_max=0)
    seen: list[Any] = []
    for _ in range(3):
        base.tell(base.create(Recorder, init={"seen": seen}), "x")

    passes = []
    while base._pumping:
        await asyncio.sleep(0)
        passes.append(len(seen))

    assert passes[:3] == [1, 2, 3]


async def test_actors_that_wait_get_as_long_as_the_loop_did_other_things(kit: Kit) -> None:
    base = kit.start(pass_ms=0, pass_ms_max=10_000)
    seen: list[Any] = []
    first, second = (base.create(Recorder, init={"seen": seen}) for _ in range(2))
    others = [base.create(Recorder, init={"seen": seen}) for _ in range(20)]
    base.tell(first, "one")
    base.tell(second, "two")
    for other in others:
        base.tell(other, "more")
    await asyncio.sleep(0)
    assert seen == ["one"]  # nothing came before the first pass

    time.sleep(0.05)
    await asyncio.sleep(0)

    assert len(seen) == 22


async def test_an_awaiting_actor_handles_one_message_at_a_time(kit: Kit) -> None:
    base = kit.start()
    gate, seen = asyncio.Event(), list[Any]()
    slow = base.create(Slow, init={"gate": gate, "seen": seen})
    asks = [asyncio.ensure_future(base.ask(slow, number, SECOND)) for number in range(3)]
    await quiet(base)
    await asyncio.sleep(0)
    assert seen == [("begin", 0)]

    gate.set()

    assert await asyncio.gather(*asks) == [0, 1, 2]
    steps = [(step, number) for number in range(3) for step in ("begin", "end")]
    assert seen == steps


async def test_an_awaiting_actor_does_not_hold_up_others(kit: Kit) -> None:
    base = kit.start()
    gate = asyncio.Event()
    slow = base.create(Slow, init={"gate": gate, "seen": []})
    base.tell(slow, "wait")

    assert await base.ask(base.create(Echo), "quick", SECOND) == "quick"

    gate.set()
    await settle(base)


async def test_a_handler_may_return_a_future_or_a_value_that_means_nothing(kit: Kit) -> None:
    base = kit.start()
    future = asyncio.get_running_loop().create_future()
    doer = base.create(Doer)
    base.tell(doer, lambda _actor, _sender: future)
    base.tell(doer, lambda _actor, _sender: "not awaitable")
    await quiet(base)
    assert base.stats.handled == 1

    future.set_result(None)
    await settle(base)

    assert base.stats.handled == 2
    assert kit.events == []


async def test_a_type_dispatcher_may_have_async_handlers(kit: Kit) -> None:
    class Typed(ActorTypeDispatcher):
        async def receiveMsg_int(self, message: int, sender: Any) -> None:
            await asyncio.sleep(0)
            self.send(sender, message + 1)

        def receiveMsg_str(self, message: str, sender: Any) -> None:
            self.send(sender, message.upper())

    base = kit.start()
    typed = base.create(Typed)
    answers = await asyncio.gather(*(base.ask(typed, m, SECOND) for m in (1, "a", 2)))

    assert answers == [2, "A", 3]


async def test_a_full_mailbox_refuses_and_tells_the_sender(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    gate = asyncio.Event()
    slow = base.create(Slow, init={"gate": gate, "seen": []})
    sender = base.create(Recorder, init={"seen": seen})

    for number in range(6):
        sender.actor_send(slow, number)
    assert base.stats.full == 2
    await quiet(base)

    assert [(type(m), m.poisonMessage, m.details) for m in seen] == [
        (PoisonMessage, 4, MAILBOX_FULL),
        (PoisonMessage, 5, MAILBOX_FULL),
    ]
    assert MAILBOX_FULL == "mailbox full"
    assert base.stats.mailbox_depth_max == 4
    gate.set()
    await settle(base)
    assert seen[2:] == [0, 1, 2, 3]


async def test_an_ask_at_a_full_mailbox_fails_at_once(kit: Kit) -> None:
    base = kit.start(mailbox_messages=1)
    echo = base.create(Echo)
    base.tell(echo, "first")

    with pytest.raises(MailboxFull, match="mailbox of actor Echo-1 is full") as caught:
        await base.ask(echo, "second", SECOND)

    assert caught.value.actor == "Echo-1"
    assert base.stats.full == 1


async def test_a_full_mailbox_takes_messages_of_the_system(kit: Kit) -> None:
    base = kit.start(mailbox_messages=2)
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})

    for message in ("a", "b", WakeupMessage(1), "c", PoisonMessage("d")):
        base.tell(recorder, message)
    await settle(base)

    assert seen == ["a", "b", WakeupMessage(1), PoisonMessage("d")]


async def test_a_mailbox_has_room_again_after_its_messages_were_handled(kit: Kit) -> None:
    base = kit.start(mailbox_messages=2)
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})

    for _ in range(3):
        base.tell(recorder, "x")
        base.tell(recorder, "y")
        await settle(base)

    assert seen == ["x", "y"] * 3
    assert base.stats.full == 0


async def test_the_default_limit_of_a_mailbox_is_256(kit: Kit) -> None:
    base = kit.start()
    recorder = base.create(Recorder, init={"seen": []})

    for number in range(257):
        base.tell(recorder, number)

    assert base.stats.full == 1
    await settle(base)
    assert base.stats.handled == 256


async def test_an_actor_may_send_to_itself_while_it_handles(kit: Kit) -> None:
    base = kit.start()
    endless = base.create(Endless)
    base.tell(endless, "on")
    base.tell(endless, "end")
    await settle(base)

    assert endless.instance.turns == 3
