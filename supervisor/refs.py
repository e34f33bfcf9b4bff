"""References to actors that work the same near and far.

    base = AsyncioBase()
    port = ActorPort(base, Vocabulary([ChargeLimit, LoadSeen]))
    base.route = port.route                                     # self.send works on far addresses
    server = LinkServer(path, {**port.handlers, ...})           # others reach the actors of here
    client = LinkClient(other_path, {**port.handlers, ...})     # here reaches the actors of others

    site = port.far(client, "site-7")                           # or port.near(address)
    site.tell(LoadSeen(...))
    granted = await site.ask(ChargeLimit(...), timeout_s=2)
    self.send(site.address, LoadSeen(...))                      # inside an actor; it can answer

A far message is a msgspec Struct whose class is in the `Vocabulary` of both processes. Over a link:

    actor.tell   [to, sender, kind, blob]            to, sender: a name, or the number that stands
    actor.ask    [to, kind, blob, timeout_ms]        for an actor without one; sender 0: nobody
                 -> [kind, blob]

The same near and far
    - A tell never raises for the fate of the other end. It arrives at most once, and in order with
      other tells of the same sender to the same actor.
    - An ask ends with the first message that comes back, or raises ActorDead (also: nobody has this
      name), ActorCrashed, MailboxFull or TimeoutError. Only a far one can raise LinkDown, LinkBusy.
    - The sender of a message can be answered. A handler that raises, and a mailbox or link that is
      full or down, gives PoisonMessage(message, why) to the sender. A name that nobody has is a
      dead letter in the process where it was looked for.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from thespian.actors import ActorAddress, InvalidActorAddress, PoisonMessage

from domain.errors import CsmsError
from supervisor.actor_errors import ActorCrashed, ActorDead, MailboxFull
from supervisor.address import Address, ForeignAddress, ReplyAddress
from supervisor.asyncio_base import AsyncioBase
from supervisor.link_frames import Body, FrameTooLarge
from supervisor.links import Handler, Link, LinkError, RemoteFailed

log = logging.getLogger(__name__)

_TELL, _ASK = "actor.tell", "actor.ask"
_POISON = "!poison"
_NOBODY = 0

FarName: TypeAlias = str | int
"""The name of an actor in its own process, or the number that stands for one without a name."""


class RefSettings(BaseModel):
    """Limits of the references of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask_deadline_s: float = Field(
        default=30.0,
        gt=0,
        description="`base.ask` of a far address ends after its own timeout, at most after this.",
    )
    nameless_max: int = Field(
        default=10_000,
        ge=1,
        description="Actors without a name that were the sender of a far message. One more, and "
        "the one that sent longest ago can no longer be answered: a dead letter.",
    )


class NotInVocabulary(CsmsError):
    """A message cannot go over a link: its class is not in the vocabulary, or does not fit."""


class Vocabulary:
    """The classes of messages that go over links, by their names.

    Raises:
        ValueError: two classes have the same name.
    """

    def __init__(self, classes: Iterable[type[msgspec.Struct]]) -> None:
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}
        self._kinds: dict[type, str] = {}
        self._encoder = msgspec.msgpack.Encoder()
        for cls in classes:
            kind = cls.__name__
            if kind in self._decoders:
                raise ValueError(f"two classes of messages are called {kind}")
            self._decoders[kind] = msgspec.msgpack.Decoder(cls)
            self._kinds[cls] = kind

    def encode(self, message: object) -> tuple[str, bytes]:
        """Return the kind and the bytes of `message`.

        Raises:
            NotInVocabulary: it cannot go over a link.
        """
        kind = self._kinds.get(type(message))
        if kind is not None:
            try:
                return kind, self._encoder.encode(message)
            except (TypeError, ValueError, OverflowError) as error:
                raise NotInVocabulary(f"{kind} cannot be encoded: {error}") from error
        if isinstance(message, PoisonMessage):
            poison = self.encode(message.poisonMessage)
            return _POISON, self._encoder.encode((str(message.details), *poison))
        raise NotInVocabulary(f"{type(message).__name__} is not in the vocabulary")

    def decode(self, kind: object, blob: object) -> object:
        """Return the message.

        Raises:
            NotInVocabulary: there is no such kind here, or the bytes are none of it.
        """
        if not isinstance(kind, str) or not isinstance(blob, bytes):
            raise NotInVocabulary("a message is a kind and its bytes")
        try:
            if kind == _POISON:
                details, *poison = msgspec.msgpack.decode(blob, type=tuple[str, str, bytes])
                return PoisonMessage(self.decode(*poison), details)
            return self._decoders[kind].decode(blob)
        except KeyError:
            raise NotInVocabulary(f"{kind[:100]} is not in the vocabulary") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotInVocabulary(f"no {kind[:100]}: {error}") from error


class Carrier(Protocol):
    """What brings messages to another process: a LinkClient (lasts) or a Link (one connection)."""

    def tell(self, method: str, body: Body = None) -> None:
        """See `Link.tell`."""

    async def ask(self, method: str, body: Body = None, deadline_s: float | None = None) -> Body:
        """See `Link.ask`."""


class FarAddress(ForeignAddress):
    """The address of an actor in another process. Equal when carrier and name are."""

    def __init__(self, carrier: Carrier, name: FarName) -> None:
        super().__init__((carrier, name))
        self.carrier = carrier
        self.name = name

    @property
    def actorAddressString(self) -> str:  # noqa: N802  # Thespian's name
        """What errors and logs call it."""
        return str(self.name)

    def __str__(self) -> str:
        return f"FarAddress({self.name} by {self.carrier})"

    def __deepcopy__(self, memo: object) -> "FarAddress":
        return self


class Ref(ABC):
    """An actor, wherever it lives."""

    @property
    @abstractmethod
    def address(self) -> ActorAddress:
        """For `self.send` inside an actor of this process."""

    @abstractmethod
    def tell(self, message: object) -> None:
        """Send without a sender. What cannot arrive is a dead letter, here or there.

        Raises:
            NotInVocabulary: the actor is far and the message cannot go over a link.
        """

    @abstractmethod
    async def ask(self, message: object, timeout_s: float) -> Any:  # noqa: ANN401
        """Send, and return the first message that comes back.

        Raises:
            ActorDead, ActorCrashed, MailboxFull: as `AsyncioBase.ask`.
            TimeoutError: no answer within `timeout_s`.
            LinkDown, LinkBusy: the actor is far and cannot be reached now.
            RemoteFailed: the other process cannot handle such a message.
            NotInVocabulary, FrameTooLarge: the message or its answer cannot go over a link.
        """


class NearRef(Ref):
    """An actor of this process."""

    def __init__(self, base: AsyncioBase, address: Address) -> None:
        self._base = base
        self._address = address

    @property
    def address(self) -> Address:
        """The actor's own."""
        return self._address

    def tell(self, message: object) -> None:
        """See `Ref.tell`."""
        self._base.tell(self._address, message)

    async def ask(self, message: object, timeout_s: float) -> Any:  # noqa: ANN401
        """See `Ref.ask`."""
        return await self._base.ask(self._address, message, timeout_s)


class FarRef(Ref):
    """An actor of another process. Made by `ActorPort.far`."""

    def __init__(self, port: "ActorPort", address: FarAddress) -> None:
        self._port = port
        self._address = address

    @property
    def address(self) -> FarAddress:
        """What the base's route understands."""
        return self._address

    def tell(self, message: object) -> None:
        """See `Ref.tell`."""
        self._port.route(self._address, message, self._port.base.outside)

    async def ask(self, message: object, timeout_s: float) -> Any:  # noqa: ANN401
        """See `Ref.ask`."""
        return await self._port.ask(self._address, message, timeout_s)


@dataclass(slots=True)
class RefStats:
    """Counts since the port was made."""

    tells_out: int = 0
    tells_in: int = 0
    asks_out: int = 0
    asks_in: int = 0
    undelivered: int = 0
    """Messages to far actors that no link took; their sender was told."""
    unknown_actors: int = 0
    """Messages from afar to a name that nobody has here."""
    undecodable: int = 0
    """Messages from afar that are not in the vocabulary."""


class ActorPort:
    """Where the actors of this process and those of others meet.

    Give `handlers` to every LinkServer and LinkClient over which actors talk, and `route` to the
    base.
    """

    def __init__(
        self, base: AsyncioBase, vocabulary: Vocabulary, settings: RefSettings | None = None
    ) -> None:
        self.base = base
        self.vocabulary = vocabulary
        self.stats = RefStats()
        self.handlers: Mapping[str, Handler] = {_TELL: self._told, _ASK: self._asked}
        self._settings = settings or RefSettings()
        self._nameless: OrderedDict[int, Address] = OrderedDict()
        self._asking: set[asyncio.Task[None]] = set()

    def near(self, address: Address) -> NearRef:
        """Return the reference of an actor of this process."""
        return NearRef(self.base, address)

    def far(self, carrier: Carrier, name: str) -> FarRef:
        """Return the reference of the actor that is called `name` where `carrier` leads.

        Whether there is one is not asked.
        """
        return FarRef(self, FarAddress(carrier, name))

    # Out.

    def route(self, to: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Carry a message to a far address: for `AsyncioBase.route`.

        When no link takes it, the sender gets PoisonMessage; without a sender it is a dead letter.

        Raises:
            InvalidActorAddress: `to` is no far address.
            NotInVocabulary: the message cannot go over a link.
        """
        if not isinstance(to, FarAddress):
            raise InvalidActorAddress(to, "neither near nor behind a link")
        if isinstance(sender, ReplyAddress):
            self._ask_for(to, message, sender)
            return
        kind, blob = self.vocabulary.encode(message)
        try:
            to.carrier.tell(_TELL, [to.name, self._name_of(sender), kind, blob])
        except (LinkError, FrameTooLarge) as error:
            self.stats.undelivered += 1
            if isinstance(sender, Address) and not isinstance(message, PoisonMessage):
                self.base.deliver(sender, PoisonMessage(message, str(error)), self.base.outside)
            else:
                self.base.bury(to, message)
        else:
            self.stats.tells_out += 1

    async def ask(self, to: FarAddress, message: object, timeout_s: float) -> Any:  # noqa: ANN401
        """Ask a far actor. Raises as `Ref.ask` does."""
        kind, blob = self.vocabulary.encode(message)
        self.stats.asks_out += 1
        body = [to.name, kind, blob, int(timeout_s * 1000)]
        try:
            answer = await to.carrier.ask(_ASK, body, timeout_s)
        except RemoteFailed as error:
            raise _same_as_near(error, to.actorAddressString) from error
        if not isinstance(answer, list) or len(answer) != 2:  # noqa: PLR2004  kind and blob
            raise NotInVocabulary("an answer is a kind and its bytes")
        return self.vocabulary.decode(*answer)

    def _ask_for(self, to: FarAddress, message: object, reply: ReplyAddress) -> None:
        """`base.ask` of a far address: ask over the link and hand the answer in."""

        async def ask() -> None:
            try:
                self.base.deliver(
                    reply, await self.ask(to, message, self._settings.ask_deadline_s), to
                )
            except Exception as error:  # noqa: BLE001  whatever it is, it is the asker's
                reply.fail(error)

        task = self.base.loop.create_task(ask())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        # An asker that gave up leaves nothing behind.
        reply.future.add_done_callback(lambda _: task.cancel())

    def _name_of(self, sender: ActorAddress) -> FarName:
        """Return what the other process may call `sender`, so that it can answer."""
        if not isinstance(sender, Address):
            return _NOBODY
        if sender.name:
            return sender.name
        nameless = self._nameless
        nameless[sender.serial] = sender
        nameless.move_to_end(sender.serial)
        if len(nameless) > self._settings.nameless_max:
            nameless.popitem(last=False)
        return sender.serial

    # In.

    def _find(self, name: object) -> Address | None:
        if isinstance(name, str):
            return self.base.find(name)
        address = self._nameless.get(name) if isinstance(name, int) else None
        return address if address is not None and address.alive else None

    def _told(self, link: Link, body: Body) -> None:
        self.stats.tells_in += 1
        try:
            name, sender, kind, blob = body
            message = self.vocabulary.decode(kind, blob)
        except (TypeError, ValueError, NotInVocabulary) as error:
            self.stats.undecodable += 1
            log.warning("link %s: a message that nobody understands: %s", link.name, error)
            return
        known = isinstance(sender, str | int) and sender != _NOBODY
        answerable = FarAddress(link, sender) if known else self.base.outside
        address = self._find(name)
        if address is None:
            self.stats.unknown_actors += 1
            self.base.bury(FarAddress(link, str(name)[:100]), message)
            return
        self.base.deliver(address, message, answerable)

    def _asked(self, _link: Link, body: Body) -> Awaitable[Body]:
        self.stats.asks_in += 1
        try:
            name, kind, blob, timeout_ms = body
            message = self.vocabulary.decode(kind, blob)
            timeout_s = int(timeout_ms) / 1000
        except (TypeError, ValueError, NotInVocabulary) as error:
            self.stats.undecodable += 1
            raise RemoteFailed(NotInVocabulary.__name__, str(error)) from error
        address = self._find(name)
        if address is None:
            self.stats.unknown_actors += 1
            raise ActorDead(str(name)[:100])
        return self._answer(address, message, timeout_s)

    async def _answer(self, address: Address, message: object, timeout_s: float) -> Body:
        try:
            return self.vocabulary.encode(await self.base.ask(address, message, timeout_s))
        except ActorCrashed as error:
            # The traceback stays in the log of this process; its last line goes.
            last_line = error.details.strip().rpartition("\n")[2]
            raise RemoteFailed(ActorCrashed.__name__, last_line) from error
        except TimeoutError as error:
            raise RemoteFailed(TimeoutError.__name__, str(error)) from error


_NEAR_ERRORS: Mapping[str, Callable[[str, str], Exception]] = {
    ActorDead.__name__: lambda actor, _: ActorDead(actor),
    ActorCrashed.__name__: ActorCrashed,
    MailboxFull.__name__: lambda actor, _: MailboxFull(actor),
    TimeoutError.__name__: lambda _, text: TimeoutError(text),
    NotInVocabulary.__name__: lambda _, text: NotInVocabulary(text),
}


def _same_as_near(error: RemoteFailed, actor: str) -> Exception:
    """Return the error that an actor of this process would have caused."""
    near = _NEAR_ERRORS.get(error.kind)
    return error if near is None else near(actor, error.text)
