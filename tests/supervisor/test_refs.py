import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from thespian.actors import Actor, ActorAddress, DeadEnvelope, InvalidActorAddress, PoisonMessage

from supervisor.actor_errors import ActorCrashed, ActorDead, MailboxFull
from supervisor.asyncio_base import AsyncioBase
from supervisor.link_frames import FrameTooLarge
from supervisor.links import LinkClient, LinkDown, LinkServer, LinkSettings, RemoteFailed
from supervisor.refs import ActorPort, FarAddress, NotInVocabulary, Ref, RefSettings, Vocabulary

SETTINGS = LinkSettings(backoff_min_s=0.005, backoff_max_s=0.05, frame_bytes_max=1 << 16)


class Greeting(msgspec.Struct, frozen=True):
    text: str


class Reply(msgspec.Struct, frozen=True):
    text: str
    count: int = 0


class Crash(msgspec.Struct, frozen=True):
    pass


class Hang(msgspec.Struct, frozen=True):
    pass


class Secret(msgspec.Struct, frozen=True):
    """In no vocabulary."""


class Unencodable(msgspec.Struct, frozen=True):
    what: object


VOCABULARY = Vocabulary([Greeting, Reply, Crash, Hang, Unencodable])


class Host(Actor):  # type: ignore[misc]
    """Answers greetings, and says so how many came."""

    mailbox_limit = 2
    max_restarts = 100

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def hang(self) -> None:
        await asyncio.Event().wait()

    def receiveMessage(self, message: object, sender: ActorAddress) -> object:
        match message:
            case Greeting("nothing"):
                pass
            case Greeting("secret"):
                self.send(sender, Secret())
            case Greeting("big"):
                self.send(sender, Reply("x" * (1 << 16)))
            case Greeting(text):
                self.texts.append(text)
                self.send(sender, Reply(text, len(self.texts)))
            case Crash():
                raise ValueError("broken on purpose")
            case Hang():
                return self.hang()
            case _:
                pass
        return None


class Roomy(Host):
    mailbox_limit = 10_000


class Guest(Actor):  # type: ignore[misc]
    """Sends to `host` what it is told by the outside, keeps everything else."""

    def __init__(self, host: ActorAddress) -> None:
        self.host = host
        self.kept: list[tuple[object, ActorAddress]] = []

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        if isinstance(message, Greeting | Crash | Hang | Secret):
            self.send(self.host, message)
        else:
            self.kept.append((message, sender))


class Undertaker(Actor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.buried: list[object] = []

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        if isinstance(message, DeadEnvelope):
            self.buried.append(message.deadMessage)


async def until(condition: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"never came: {what}")


@dataclass
class World:
    """Guests live at `here`, the host at `there`: the same base, or another behind a link."""

    here: ActorPort
    there: ActorPort
    server: LinkServer
    client: LinkClient
    far: bool

    def host(self, cls: type[Host] = Host, name: str = "host") -> Ref:
        address = self.there.base.create(cls, name=name)
        return self.here.far(self.client, name) if self.far else self.here.near(address)

    def guest(self, host: Ref, name: str | None = None) -> Guest:
        address = self.here.base.create(Guest, name=name, init={"host": host.address})
        guest: Guest = address.instance
        return guest

    def tell(self, guest: Guest, message: object) -> None:
        self.here.base.tell(guest.myAddress, message)

    def undertaker(self) -> Undertaker:
        address = self.there.base.create(Undertaker)
        self.there.base.handle_dead_letters(address, enable=True)
        undertaker: Undertaker = address.instance
        return undertaker


@pytest.fixture
def path() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="csms-")
    yield Path(folder) / "gateway.sock"
    shutil.rmtree(folder)


@pytest.fixture(params=["near", "far"])
async def world(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[World]:
    far = request.param == "far"
    here = ActorPort(AsyncioBase(), VOCABULARY)
    here.base.route = here.route
    there = here
    if far:
        there = ActorPort(AsyncioBase(), VOCABULARY)
        there.base.route = there.route
    async with (
        LinkServer(path, there.handlers, SETTINGS) as server,
        LinkClient(path, here.handlers, SETTINGS) as client,
    ):
        await client.connected(5)
        yield World(here, there, server, client, far)
        here.base.shutdown()
        there.base.shutdown()


only_far = pytest.mark.parametrize("world", ["far"], indirect=True)


# The same, near and far.


async def test_an_ask_brings_the_answer_of_the_actor(world: World) -> None:
    host = world.host()
    assert await host.ask(Greeting("hello"), 5) == Reply("hello", 1)
    assert await host.ask(Greeting("again"), 5) == Reply("again", 2)


async def test_an_ask_by_address_brings_the_answer_too(world: World) -> None:
    host = world.host()
    assert await world.here.base.ask(host.address, Greeting("hello"), 5) == Reply("hello", 1)


async def test_tells_arrive_in_order(world: World) -> None:
    host = world.host(Roomy)
    texts = [str(n) for n in range(1_000)]
    for text in texts:
        host.tell(Greeting(text))
    assert (await host.ask(Greeting("last"), 5)).count == 1_001
    address = world.there.base.find("host")
    assert address is not None
    assert address.instance.texts == [*texts, "last"]


@pytest.mark.parametrize("name", ["guest", None])
async def test_an_actor_sends_and_is_answered_with_or_without_a_name(
    world: World, name: str | None
) -> None:
    guest = world.guest(world.host(), name)
    world.tell(guest, Greeting("hello"))
    await until(lambda: guest.kept, "the answer")
    ((message, sender),) = guest.kept
    assert message == Reply("hello", 1)
    # The sender of the answer can itself be asked.
    assert await world.here.base.ask(sender, Greeting("you"), 5) == Reply("you", 2)


async def test_an_ask_of_an_actor_that_crashes_on_it_says_why(world: World) -> None:
    host = world.host()
    with pytest.raises(ActorCrashed, match="broken on purpose") as caught:
        await host.ask(Crash(), 5)
    assert caught.value.actor == "host"
    with pytest.raises(ActorCrashed, match="broken on purpose"):
        await world.here.base.ask(host.address, Crash(), 5)


async def test_the_sender_of_a_message_that_crashes_an_actor_gets_it_back(world: World) -> None:
    guest = world.guest(world.host())
    world.tell(guest, Crash())
    await until(lambda: guest.kept, "the poison")
    ((message, _),) = guest.kept
    assert isinstance(message, PoisonMessage)
    assert message.poisonMessage == Crash()
    assert "broken on purpose" in message.details


async def test_an_actor_that_is_stopped_is_dead_to_askers_and_its_mail_a_dead_letter(
    world: World,
) -> None:
    host = world.host()
    undertaker = world.undertaker()
    address = world.there.base.find("host")
    assert address is not None
    world.there.base.stop(address)
    await until(lambda: not address.alive, "the end")
    with pytest.raises(ActorDead):
        await host.ask(Greeting("hello"), 5)
    with pytest.raises(ActorDead):
        await world.here.base.ask(host.address, Greeting("hello"), 5)
    host.tell(Greeting("anyone"))
    await until(lambda: Greeting("anyone") in undertaker.buried, "the dead letter")


async def test_a_full_mailbox_refuses_asks_and_gives_tells_back_to_their_sender(
    world: World,
) -> None:
    host = world.host()
    host.tell(Hang())
    address = world.there.base.find("host")
    assert address is not None
    await until(lambda: address.task, "the hanging handler")
    host.tell(Greeting("1"))
    host.tell(Greeting("2"))
    with pytest.raises(MailboxFull):
        await host.ask(Greeting("3"), 5)
    guest = world.guest(host)
    world.tell(guest, Greeting("4"))
    await until(lambda: guest.kept, "the refusal")
    assert guest.kept[0][0].details == "mailbox full"  # type: ignore[attr-defined]


async def test_an_ask_that_is_not_answered_in_time_is_a_timeout(world: World) -> None:
    host = world.host()
    with pytest.raises(TimeoutError):
        await host.ask(Greeting("nothing"), 0.05)
    with pytest.raises(TimeoutError):
        await world.here.base.ask(host.address, Greeting("nothing"), 0.05)
    assert await host.ask(Greeting("hello"), 5) == Reply("hello", 1)
    await until(lambda: not world.here._asking, "the end of the given-up ask")


async def test_shutting_down_ends_open_asks(world: World) -> None:
    host = world.host()
    asking = asyncio.create_task(host.ask(Greeting("nothing"), 30))
    address = world.there.base.find("host")
    assert address is not None
    await until(lambda: address.asks, "the open ask")
    world.there.base.shutdown()
    with pytest.raises(ActorDead):
        await asking


# What only the far can do.


@only_far
async def test_a_name_that_nobody_has_is_an_error_to_the_asker_and_a_dead_letter_there(
    world: World,
) -> None:
    undertaker = world.undertaker()
    nobody = world.here.far(world.client, "nobody")
    with pytest.raises(ActorDead, match="nobody"):
        await nobody.ask(Greeting("hello"), 5)
    nobody.tell(Greeting("anyone"))
    await until(lambda: Greeting("anyone") in undertaker.buried, "the dead letter")
    assert world.there.stats.unknown_actors == 2


@only_far
async def test_without_a_link_asks_fail_and_senders_get_their_message_back(world: World) -> None:
    host = world.host()
    guest = world.guest(host)
    undertaker = world.here.base.create(Undertaker)
    world.here.base.handle_dead_letters(undertaker, enable=True)
    await world.server.close()
    await until(lambda: not world.client.is_up, "the end of the link")
    with pytest.raises(LinkDown):
        await host.ask(Greeting("hello"), 0.05)
    world.tell(guest, Greeting("hello"))
    host.tell(Greeting("to nobody"))
    await until(lambda: guest.kept, "the message back")
    message = guest.kept[0][0]
    assert isinstance(message, PoisonMessage)
    assert message.poisonMessage == Greeting("hello")
    assert "not connected" in message.details
    await until(lambda: undertaker.instance.buried, "the dead letter")
    assert undertaker.instance.buried == [Greeting("to nobody")]
    assert world.here.stats.undelivered == 2


@only_far
async def test_an_actor_is_reached_again_once_its_process_is_back(world: World) -> None:
    host = world.host()
    await world.server.close()
    await until(lambda: not world.client.is_up, "the end of the link")
    asking = asyncio.create_task(host.ask(Greeting("hello"), 10))
    async with LinkServer(world.client.path, world.there.handlers, SETTINGS):
        assert await asking == Reply("hello", 1)


@only_far
async def test_an_answer_to_a_sender_whose_link_is_gone_comes_back(world: World) -> None:
    (link,) = world.server.links
    gone = FarAddress(link, "guest")
    link.close("test")
    sender = world.there.base.create(Guest, init={"host": gone})
    world.there.base.tell(sender, Greeting("late"))
    await until(lambda: sender.instance.kept, "the message back")
    assert isinstance(sender.instance.kept[0][0], PoisonMessage)


@only_far
async def test_what_is_not_in_the_vocabulary_is_refused_at_the_sender(world: World) -> None:
    host = world.host()
    with pytest.raises(NotInVocabulary, match="Secret is not in the vocabulary"):
        host.tell(Secret())
    with pytest.raises(NotInVocabulary, match="Unencodable cannot be encoded"):
        await host.ask(Unencodable(object()), 5)
    with pytest.raises(NotInVocabulary):
        await world.here.base.ask(host.address, Secret(), 5)


@only_far
async def test_an_answer_that_cannot_be_sent_is_an_error_to_the_asker(world: World) -> None:
    host = world.host()
    with pytest.raises(NotInVocabulary, match="Secret is not in the vocabulary"):
        await host.ask(Greeting("secret"), 5)
    with pytest.raises(RemoteFailed, match="answer_too_large"):
        await host.ask(Greeting("big"), 5)
    with pytest.raises(FrameTooLarge):
        await host.ask(Greeting("x" * (1 << 16)), 5)


@only_far
async def test_a_message_that_this_process_does_not_know_is_counted_and_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.host()
    for body in (
        ["host", "Unheard", b"", 100],
        ["host", "Greeting", b"\xc1", 100],
        ["host", "Greeting", "text", 100],
        ["host", ["Greeting"], b"", 100],
        ["host", "!poison", b"\x93\xa0", 100],
        ["host"],
        7,
    ):
        with pytest.raises(RemoteFailed, match="NotInVocabulary"):
            await world.client.ask("actor.ask", body)
    world.client.tell("actor.tell", ["host", 0, "Unheard", b""])
    world.client.tell("actor.tell", None)
    await until(lambda: world.there.stats.undecodable == 9, "the counts")
    assert caplog.text.count("nobody understands") == 2
    assert await world.here.far(world.client, "host").ask(Greeting("ok"), 5) == Reply("ok", 1)


@only_far
async def test_only_so_many_actors_without_a_name_can_be_answered(world: World) -> None:
    world.here._settings = RefSettings(nameless_max=2)
    undertaker = world.here.base.create(Undertaker)
    world.here.base.handle_dead_letters(undertaker, enable=True)
    host = world.host(Roomy)
    guests = [world.guest(host) for _ in range(3)]
    for guest in guests:
        world.tell(guest, Greeting("hello"))
    await until(lambda: guests[2].kept and guests[1].kept, "the answers")
    assert guests[0].kept == []
    await until(lambda: undertaker.instance.buried, "the dead letter")
    assert undertaker.instance.buried == [Reply("hello", 1)]


async def test_far_addresses_are_equal_when_carrier_and_name_are(path: Path) -> None:
    one, other = LinkClient(path, {}), LinkClient(path, {})
    assert FarAddress(one, "a") == FarAddress(one, "a")
    assert len({FarAddress(one, "a"), FarAddress(one, "a"), FarAddress(other, "a")}) == 2
    assert FarAddress(one, "a") != FarAddress(one, "b")
    assert FarAddress(one, "a").actorAddressString == "a"


async def test_an_address_of_no_kind_that_is_known_is_refused() -> None:
    port = ActorPort(AsyncioBase(), VOCABULARY)
    with pytest.raises(InvalidActorAddress):
        port.route(ActorAddress("elsewhere"), Greeting("x"), port.base.outside)


def test_two_classes_of_one_name_are_refused() -> None:
    class Greeting(msgspec.Struct):
        pass

    with pytest.raises(ValueError, match="two classes of messages are called Greeting"):
        Vocabulary([*VOCABULARY._kinds, Greeting])
