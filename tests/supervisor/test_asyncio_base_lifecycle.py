"""Law 7 and the beginning of an actor: create, names, stop, dead letters, shutdown."""

# Thespian names the methods of actors
import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystem,
    ActorSystemFailure,
    ActorTypeDispatcher,
    ChildActorExited,
    DeadEnvelope,
    InvalidActorAddress,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    requireCapability,
)

from supervisor.actor_errors import ActorDead, UnsupportedByBase
from supervisor.actor_events import ActorNotBuilt, HookFailed
from supervisor.address import Address, ForeignAddress
from supervisor.asyncio_base import AsyncioBase
from tests.supervisor.actor_kit import SECOND, Doer, Kit, Recorder, boom, quiet, reply, settle

ON_EVERY_LOOP = True


class Node(Doer):
    """Notes its end in the log, under its name."""

    def __init__(self, log: list[Any], name: str) -> None:
        self.log = log
        self.label = name

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        if isinstance(message, ActorExitRequest):
            self.log.append(f"{self.label} asked")
        elif isinstance(message, ChildActorExited):
            self.log.append(f"{self.label} lost {message.childAddress.label}")
        return super().receiveMessage(message, sender)

    def onStop(self) -> None:
        self.log.append(f"{self.label} stopped")


def tree(base: AsyncioBase, log: list[Any]) -> dict[str, Address]:
    """A root, two children of it, a grandchild below the first; and one beside them."""
    nodes: dict[str, Address] = {}
    for name, parent in [("root", ""), ("a", "root"), ("b", "root"), ("aa", "a"), ("beside", "")]:
        init = {"log": log, "name": name}
        nodes[name] = base.create(Node, name=name, parent=nodes.get(parent), init=init)
    return nodes


# Create.


async def test_init_gives_the_constructor_its_arguments_also_after_a_crash(kit: Kit) -> None:
    class Needy(Doer):
        def __init__(self, part: object, *, size: int) -> None:
            self.parts = (part, size)

    base = kit.start()
    part = object()
    for init in ({"part": part, "size": 3}, lambda: Needy(part, size=3)):
        needy = base.create(Needy, init=init)
        first = needy.instance
        base.tell(needy, boom)
        await settle(base)

        assert needy.instance is not first
        assert first.parts == needy.instance.parts == (part, 3)


async def test_a_constructor_without_init_gets_what_thespian_offers(kit: Kit) -> None:
    class Curious(Actor):
        def __init__(self, capabilities: Any, requirements: Any = None) -> None:
            self.offered = (capabilities, requirements)

    class Plain(Actor):
        def __init__(self) -> None:
            self.offered = ()

    base = kit.start()
    base.updateCapability("region", "north")
    system = ActorSystem(systemBase=base, transientUnique=True)
    curious = system.createActor(Curious, targetActorRequirements={"fast": True})

    assert curious.instance.offered == ({"region": "north"}, {"fast": True})
    assert base.create(Plain).instance.offered == ()


async def test_what_the_constructor_raises_reaches_the_caller_and_nothing_is_left(kit: Kit) -> None:
    class Broken(Actor):
        def __init__(self) -> None:
            raise RuntimeError("broken")

    base = kit.start()
    with pytest.raises(RuntimeError, match="broken"):
        base.create(Broken, name="broken")

    assert base.find("broken") is None
    assert base.stats.actors == 0


async def test_an_actor_that_creates_a_child_that_cannot_be_built_hears_of_its_exit(
    kit: Kit,
) -> None:
    class Broken(Actor):
        def __init__(self) -> None:
            raise RuntimeError("broken")

    class Parent(ActorTypeDispatcher):
        children: list[Any]
        heard: list[Any]

        def receiveMsg_str(self, _message: str, _sender: Any) -> None:
            self.heard = []
            self.children = [self.createActor(Broken), self.createActor("builtins.int")]

        def receiveMsg_ChildActorExited(self, message: ChildActorExited, _sender: Any) -> None:
            self.heard.append(message.childAddress)

    base = kit.start()
    parent = base.create(Parent)
    base.tell(parent, "create")
    await settle(base)

    assert parent.instance.heard == parent.instance.children
    assert not any(child.alive for child in parent.instance.heard)
    assert [type(event) for event in kit.events] == [ActorNotBuilt, ActorNotBuilt]
    assert base.stats.actors == 1


async def test_a_child_class_that_cannot_be_imported_is_an_error_of_the_parent(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    with pytest.raises(Exception, match="No module named 'no_such_module'"):
        await base.ask(doer, lambda actor, _: actor.createActor("no_such_module.Actor"), SECOND)


@pytest.mark.parametrize("cls", [int, "builtins.int", "Unqualified", len])
async def test_only_actor_classes_can_be_created(kit: Kit, cls: Any) -> None:
    with pytest.raises(InvalidActorSpecification):
        kit.start().create(cls)


async def test_init_must_return_an_actor(kit: Kit) -> None:
    init: Any = object
    with pytest.raises(InvalidActorSpecification, match="init returned no actor"):
        kit.start().create(Doer, init=init)


async def test_a_class_is_created_only_where_the_capabilities_match(kit: Kit) -> None:
    @requireCapability("GPU")
    class Picky(Actor):
        pass

    base = kit.start()
    with pytest.raises(NoCompatibleSystemForActor):
        base.create(Picky)
    base.updateCapability("GPU", True)
    assert base.create(Picky).alive
    base.updateCapability("GPU")
    with pytest.raises(NoCompatibleSystemForActor):
        base.create(Picky)


async def test_a_stopped_parent_gets_no_children(kit: Kit) -> None:
    base = kit.start()
    parent = base.create(Doer)
    base.stop(parent)
    await settle(base)

    with pytest.raises(ActorDead, match="Doer-1 is stopped"):
        base.create(Doer, parent=parent)


# Names.


async def test_a_name_finds_its_actor_until_it_stops(kit: Kit) -> None:
    base = kit.start()
    first = base.create(Doer, name="CP-1")
    assert base.find("CP-1") is first
    assert base.create(Recorder, name="CP-1") is first
    assert first.instance.globalName == "CP-1"
    assert base.create(Doer).instance.globalName == ""

    base.stop(first)
    await settle(base)
    assert base.find("CP-1") is None

    second = base.create(Doer, name="CP-1")
    assert second is not first
    assert base.find("CP-1") is second


async def test_the_name_is_free_when_the_parent_hears_of_the_exit(kit: Kit) -> None:
    class Renewer(ActorTypeDispatcher):
        def receiveMsg_str(self, _message: str, _sender: Any) -> None:
            self.createActor(Doer, globalName="renewed")

        def receiveMsg_ChildActorExited(self, _message: Any, _sender: Any) -> None:
            self.createActor(Doer, globalName="renewed")

    base = kit.start()
    base.tell(base.create(Renewer), "create")
    await settle(base)
    first = base.find("renewed")
    assert first is not None

    base.stop(first)
    await settle(base)

    second = base.find("renewed")
    assert second is not None
    assert second is not first


# Stop.


async def test_a_stop_handles_the_mailbox_up_to_the_request_and_buries_the_rest(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    letters: list[Any] = []
    undertaker = base.create(Recorder, init={"seen": letters})
    base.handle_dead_letters(undertaker, enable=True)
    recorder = base.create(Recorder, init={"seen": seen})

    base.tell(recorder, "before")
    base.stop(recorder)
    base.tell(recorder, "after")
    await settle(base)
    base.tell(recorder, "much later")
    await settle(base)

    assert seen == ["before", ActorExitRequest()]
    assert letters == [DeadEnvelope(recorder, "after"), DeadEnvelope(recorder, "much later")]
    assert base.stats.dead == 2


async def test_a_recursive_stop_ends_children_first_and_the_last_started_first(kit: Kit) -> None:
    base = kit.start()
    log: list[Any] = []
    nodes = tree(base, log)

    base.stop(nodes["root"])
    await settle(base)

    assert log == [
        "root asked",
        "b asked",
        "b stopped",
        "a asked",
        "aa asked",
        "aa stopped",
        "a stopped",
        "root stopped",
    ]
    assert [name for name, node in nodes.items() if node.alive] == ["beside"]


async def test_a_stop_without_recursion_leaves_the_children_alone(kit: Kit) -> None:
    base = kit.start()
    log: list[Any] = []
    nodes = tree(base, log)

    base.tell(nodes["root"], ActorExitRequest(recursive=False))
    await settle(base)
    assert log == ["root asked", "root stopped"]
    assert nodes["a"].alive

    base.stop(nodes["a"])
    await settle(base)
    assert log[2:] == ["a asked", "aa asked", "aa stopped", "a stopped"]


async def test_an_actor_may_spare_its_children_when_it_is_asked_to_exit(kit: Kit) -> None:
    class Kind(Actor):
        def receiveMessage(self, message: Any, sender: Any) -> None:
            message.notRecursive()

    base = kit.start()
    kind = base.create(Kind)
    child = base.create(Doer, parent=kind)
    base.stop(kind)
    await settle(base)
    assert not kind.alive
    assert child.alive

    grandparent = base.create(Doer)
    kind = base.create(Kind, parent=grandparent)
    child = base.create(Doer, parent=kind)
    base.stop(grandparent)
    await settle(base)
    assert not kind.alive
    assert child.alive


async def test_a_parent_hears_of_the_exit_of_a_child_and_of_no_grandchild(kit: Kit) -> None:
    base = kit.start()
    log: list[Any] = []
    nodes = tree(base, log)

    base.stop(nodes["a"])
    await settle(base)

    assert log == ["a asked", "aa asked", "aa stopped", "a stopped", "root lost a"]
    assert list(nodes["root"].children or {}) == [nodes["b"]]


async def test_an_actor_stops_itself_by_an_exit_request(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.tell(doer, lambda actor, _: actor.send(actor.myAddress, ActorExitRequest()))
    await settle(base)

    assert not doer.alive


async def test_an_async_actor_finishes_its_exit_request_before_it_stops(kit: Kit) -> None:
    log: list[Any] = []

    class Tidy(Actor):
        async def receiveMessage(self, message: Any, sender: Any) -> None:
            await asyncio.sleep(0)
            log.append("tidied")

        def onStop(self) -> None:
            log.append("stopped")

    base = kit.start()
    tidy = base.create(Tidy)
    base.stop(tidy)
    await settle(base)

    assert log == ["tidied", "stopped"]
    assert not tidy.alive


async def test_a_waiting_actor_is_cancelled_when_its_parent_stops(kit: Kit) -> None:
    log: list[Any] = []

    class Waiting(Actor):
        async def receiveMessage(self, message: Any, sender: Any) -> None:
            log.append(message)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                log.append("cancelled")
                raise

        def onStop(self) -> None:
            log.append("stopped")

    base = kit.start()
    parent = base.create(Doer)
    base.tell(base.create(Waiting, parent=parent), "wait")
    await quiet(base)
    await asyncio.sleep(0)
    base.stop(parent)
    await settle(base)

    assert log == ["wait", "stopped", "cancelled"]
    assert kit.events == []


async def test_what_a_cancelled_handler_raises_at_its_end_is_nobodys_business(kit: Kit) -> None:
    async def stubborn(_actor: Actor, _sender: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("on the way out")

    base = kit.start()
    base.tell(base.create(Doer), stubborn)
    await quiet(base)
    await asyncio.sleep(0)
    base.shutdown()
    await settle(base)

    assert kit.events == []


async def test_an_awaitable_for_the_last_exit_request_is_dropped(kit: Kit) -> None:
    class Lazy(Actor):
        async def receiveMessage(self, message: Any, sender: Any) -> None:
            raise AssertionError("never awaited")

    base = kit.start()
    lazy = base.create(Lazy)
    base.shutdown()

    assert not lazy.alive
    assert kit.events == []


async def test_a_last_exit_request_that_crashes_is_reported_and_the_stop_goes_on(kit: Kit) -> None:
    class Touchy(Actor):
        def receiveMessage(self, message: Any, sender: Any) -> None:
            raise RuntimeError("touchy")

    base = kit.start()
    touchy = base.create(Touchy)
    base.shutdown()

    (event,) = kit.events
    assert isinstance(event, HookFailed)
    assert (event.actor, event.hook) == ("Touchy-1", "ActorExitRequest")
    assert not touchy.alive


async def test_to_stop_a_stopped_actor_is_no_dead_letter(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.stop(doer)
    base.stop(doer)
    await settle(base)
    base.stop(doer)

    assert base.stats.dead == 1  # the second request, which waited in the mailbox


async def test_a_stopped_actor_does_not_keep_its_instance(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer, parent=base.create(Doer))
    base.stop(doer)
    await settle(base)

    assert (doer.instance, doer.box, doer.parent, doer.children) == (None, None, None, None)


# Dead letters.


async def test_every_handler_of_dead_letters_gets_them_until_it_no_longer_wants_them(
    kit: Kit,
) -> None:
    base = kit.start()
    letters: list[list[Any]] = [[], []]
    first, second = (base.create(Recorder, init={"seen": seen}) for seen in letters)
    dead = base.create(Doer)
    base.stop(dead)
    await settle(base)
    first.handleDeadLetters(first, True)
    ActorSystem(systemBase=base, transientUnique=True)._handleDeadLetters(second, True)

    base.tell(dead, 1)
    await settle(base)
    first.handleDeadLetters(first, False)
    base.tell(dead, 2)
    await settle(base)
    base.stop(second)
    await settle(base)
    base.tell(dead, 3)
    await settle(base)

    assert letters[0] == [DeadEnvelope(dead, 1)]
    assert letters[1][:2] == [DeadEnvelope(dead, 1), DeadEnvelope(dead, 2)]
    assert letters[1][2:] == [ActorExitRequest()]
    assert base.stats.dead == 3


async def test_notices_to_the_dead_are_no_dead_letters(kit: Kit) -> None:
    base = kit.start()
    letters: list[Any] = []
    base.handle_dead_letters(base.create(Recorder, init={"seen": letters}), enable=True)
    dead = base.create(Doer)
    base.stop(dead)
    await settle(base)

    base.tell(dead, DeadEnvelope(dead, "x"))
    base.tell(dead, ChildActorExited(dead))
    await settle(base)

    assert letters == []
    assert base.stats.dead == 0


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_handler_of_dead_letters_that_does_not_keep_up_misses_some(
    kit: Kit, limit: int
) -> None:
    base = kit.start(mailbox_messages=limit)
    letters: list[Any] = []
    base.handle_dead_letters(base.create(Recorder, init={"seen": letters}), enable=True)
    dead = base.create(Doer)
    base.stop(dead)
    await settle(base)

    for number in range(5):
        base.tell(dead, number)
    await settle(base)

    assert [letter.deadMessage for letter in letters] == [0, 1, 2][:limit]
    assert base.stats.dead == 5


# Shutdown.


async def test_shutdown_stops_everything_in_the_reverse_order_of_the_start(kit: Kit) -> None:
    base = kit.start()
    log: list[Any] = []
    tree(base, log)

    base.shutdown()

    stopped = [line for line in log if line.endswith("stopped")]
    assert stopped == [f"{name} stopped" for name in ("beside", "aa", "b", "a", "root")]
    assert not any("lost" in line for line in log)
    assert base.stats.actors == 0
    await settle(base)
    base.shutdown()


@pytest.mark.parametrize("moment", ["exit request", "onStop"])
async def test_a_shutdown_in_the_middle_of_a_stop_ends_everything_once(
    kit: Kit, moment: str
) -> None:
    base = kit.start()
    log: list[Any] = []

    class Ender(Node):
        def receiveMessage(self, message: Any, sender: Any) -> Any:
            if moment == "exit request":
                base.shutdown()
            return super().receiveMessage(message, sender)

        def onStop(self) -> None:
            super().onStop()
            base.shutdown()

    parent = base.create(Node, init={"log": log, "name": "parent"})
    base.create(Node, parent=parent, init={"log": log, "name": "first"})
    base.create(Ender, parent=parent, init={"log": log, "name": "ender"})
    base.create(Node, init={"log": log, "name": "other"})
    base.stop(parent)
    await settle(base)

    stopped = [line for line in log if line.endswith("stopped")]
    assert sorted(stopped) == ["ender stopped", "first stopped", "other stopped", "parent stopped"]
    assert len([line for line in log if line == "ender asked"]) <= 1
    assert base.stats.actors == 0


async def test_shutdown_ends_every_ask_near_and_far(kit: Kit) -> None:
    base = kit.start()
    base.route = lambda _to, _message, _sender: None
    silent = base.create(Doer)
    asks = [
        asyncio.ensure_future(base.ask(address, None, SECOND))
        for address in (silent, silent, ForeignAddress("far"))
    ]
    await quiet(base)

    base.shutdown()
    errors = await asyncio.gather(*asks, return_exceptions=True)

    assert [type(error) for error in errors] == [ActorDead] * 3
    assert base._far_asks == set()


async def test_after_shutdown_nothing_is_created_and_mail_is_dead(kit: Kit) -> None:
    base = kit.start()
    doer = base.create(Doer)
    base.tell(doer, "waiting")
    base.shutdown()
    base.tell(doer, "late")

    assert base.stats.dead == 2
    with pytest.raises(ActorSystemFailure, match="shut down"):
        base.create(Doer)
    with pytest.raises(ActorDead):
        await base.ask(doer, "late", SECOND)


async def test_an_actor_may_shut_the_system_down(kit: Kit) -> None:
    base = kit.start()
    doer, other = base.create(Doer), base.create(Doer)

    def end(actor: Actor, sender: Any) -> None:
        actor.actorSystemShutdown()
        actor.send(sender, "still here")

    assert await base.ask(doer, end, SECOND) == "still here"
    await asyncio.sleep(0)
    assert not doer.alive
    assert not other.alive


@pytest.mark.parametrize("returns", [None, "awaitable"])
async def test_a_shutdown_inside_a_handler_does_not_call_that_actor_again(
    kit: Kit, returns: str | None
) -> None:
    base = kit.start()
    log: list[Any] = []

    async def never() -> None:
        raise AssertionError("never awaited")

    class Ender(Actor):
        def receiveMessage(self, message: Any, sender: Any) -> Any:
            log.append(message)
            base.shutdown()
            return never() if returns else None

    ender = base.create(Ender)
    base.tell(ender, "end")
    base.tell(ender, "not handled")
    await settle(base)

    assert log == ["end"]
    assert base.stats.dead == 1


async def test_an_actor_that_was_stopped_while_it_waited_for_its_turn_gets_none(kit: Kit) -> None:
    base = kit.start()
    seen: list[Any] = []
    recorder = base.create(Recorder, init={"seen": seen})
    base.tell(recorder, "too late")
    base.shutdown()
    await settle(base)

    assert seen == [ActorExitRequest()]
    assert base.stats.handled == 0


# What Thespian offers and this base does not.

UNSUPPORTED: dict[str, Callable[[Any, Any], Any]] = {
    "loadActorSource": lambda actor, _: actor.loadActorSource("x.zip"),
    "unloadActorSource": lambda actor, _: actor.unloadActorSource("hash"),
    "registerSourceAuthority": lambda actor, _: actor.registerSourceAuthority(),
    "notifyOnSourceAvailability": lambda actor, _: actor.notifyOnSourceAvailability(),
    "preRegisterRemoteSystem": lambda actor, _: actor.preRegisterRemoteSystem("a", {}),
    "deRegisterRemoteSystem": lambda actor, _: actor.deRegisterRemoteSystem("a"),
    "createActor with sourceHash": lambda actor, _: actor.createActor(Doer, sourceHash="hash"),
}


@pytest.mark.parametrize("part", UNSUPPORTED)
async def test_an_actor_that_uses_an_unsupported_part_fails_with_a_clear_error(
    kit: Kit, part: str
) -> None:
    base = kit.start()
    with pytest.raises(Exception, match=r"UnsupportedByBase: AsyncioBase has no \w+"):
        await base.ask(base.create(Doer), UNSUPPORTED[part], SECOND)


async def test_the_unsupported_parts_of_the_system_raise_a_clear_error(kit: Kit) -> None:
    system = ActorSystem(systemBase=kit.start(), transientUnique=True)
    for call in (
        lambda: system.listen(1),
        lambda: system.private().__enter__(),
        lambda: system.loadActorSource("x.zip"),
        lambda: system.unloadActorSource("hash"),
        lambda: system.createActor(Doer, sourceHash="hash"),
    ):
        with pytest.raises(UnsupportedByBase, match="AsyncioBase has no"):
            call()


async def test_the_convention_is_quiet_as_on_simple_system_base(kit: Kit) -> None:
    base = kit.start()

    def subscribe(actor: Actor, sender: Any) -> None:
        actor.notifyOnSystemRegistrationChanges()
        actor.send(sender, "fine")

    assert await base.ask(base.create(Doer), subscribe, SECOND) == "fine"


# Elsewhere.


async def test_the_route_carries_what_is_sent_to_foreign_addresses(kit: Kit) -> None:
    base = kit.start()
    carried: list[Any] = []
    base.route = lambda to, message, sender: carried.append((to, message, sender))
    far = ForeignAddress("far")
    doer = base.create(Doer)

    base.tell(doer, lambda actor, _: actor.send(far, "by an actor"))
    base.tell(far, "by us")
    await settle(base)

    assert carried == [(far, "by us", base.outside), (far, "by an actor", doer)]


async def test_without_a_route_a_foreign_address_is_invalid(kit: Kit) -> None:
    base = kit.start()
    with pytest.raises(InvalidActorAddress, match="no route"):
        base.tell(ForeignAddress("far"), "x")


async def test_answers_to_the_outside_go_nowhere(kit: Kit) -> None:
    base = kit.start()
    base.tell(base.create(Doer), reply("heard by nobody"))
    await settle(base)

    assert base.stats.dead == 0
    assert kit.events == []
