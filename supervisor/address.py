"""Addresses: where a message can be sent.

    Address             an actor of this event loop. The address *is* the actor's cell: one object
                        holds instance, mailbox and state, so a send is one attribute away from it
    ReplyAddress        one waiting ask: the first message that comes is the answer
    OutsideAddress      nobody in particular: the sender of `AsyncioBase.tell`
    ForeignAddress      base class of addresses elsewhere; `AsyncioBase.route` carries what is sent

The first three are hashable, compare by identity and refuse to be pickled: outside this process
they would point nowhere. Send a name, or a foreign address.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NoReturn, Protocol, TypeAlias

from thespian.actors import (
    Actor,
    ActorAddress,
    PoisonMessage,
)

from supervisor.actor_errors import ActorCrashed, MailboxFull, UnsupportedByBase

IDLE: Final = 0
"""No mail: `box` is None."""
READY: Final = 1
"""In the run queue, or running."""
BUSY: Final = 2
"""An awaitable of its handler is not done: the mailbox waits."""
DEAD: Final = 3
"""Stopped for good: `box` is None and stays so."""

Mail: TypeAlias = tuple[object, ActorAddress]
"""A message and its sender. A waiting one alone needs no queue: then it is the `box` itself."""

MAILBOX_FULL: Final = "mailbox full"
"""`PoisonMessage.details` of a message that a full mailbox refused."""


class Engine(Protocol):
    """What an address needs of the base that it lives in."""

    def deliver(self, to: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Send."""

    def wakeup_after(self, cell: "Address", period: float | timedelta, payload: object) -> None:
        """Send WakeupMessage later."""

    def create_child(
        self, parent: "Address", cls: type[Actor] | str, requirements: object, name: str | None
    ) -> "Address":
        """Start a child."""

    def handle_dead_letters(self, address: "Address", *, enable: bool) -> None:
        """Add or remove a receiver of DeadEnvelope."""

    def updateCapability(self, name: str, value: object = None) -> None:  # noqa: N802
        """Set, or remove, a capability of the system."""

    def shutdown_soon(self) -> None:
        """Stop everything after the running handler."""


class LocalAddress(ActorAddress):  # type: ignore[misc]  # Thespian has no types
    """What the addresses of this process share."""

    __slots__ = ()

    # The slots of `object` are C code: dictionaries of addresses cost what dictionaries of ints do.
    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def eqOverride(self, other: object) -> bool:  # noqa: N802
        """Thespian's own addresses ask this before they compare details."""
        return other is self

    @property
    def _aaddr(self) -> str:
        """Thespian shows this name in texts and logs."""
        return self.label

    @property
    def label(self) -> str:
        """A name for texts and logs."""
        raise NotImplementedError

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{self} means nothing outside its process: send a name instead")

    def __copy__(self) -> "LocalAddress":
        return self

    def __deepcopy__(self, memo: object) -> "LocalAddress":
        return self


class ReplyAddress(LocalAddress):
    """One waiting ask of the actor called `asked`."""

    __slots__ = ("asked", "future")

    def __init__(self, future: asyncio.Future[Any], asked: str) -> None:
        self.future = future
        self.asked = asked

    @property
    def label(self) -> str:
        """Says whose answer is awaited."""
        return f"ask-of-{self.asked}"

    def answer(self, message: object) -> bool:
        """End the ask with `message`; False when it has ended before."""
        if self.future.done():
            return False
        if isinstance(message, PoisonMessage):
            details = str(message.details)
            full = details == MAILBOX_FULL
            self.future.set_exception(
                MailboxFull(self.asked) if full else ActorCrashed(self.asked, details)
            )
        else:
            self.future.set_result(message)
        return True

    def fail(self, error: Exception) -> None:
        """End the ask with `error`, unless it has ended before."""
        if not self.future.done():
            self.future.set_exception(error)

    def expire(self, timeout_s: float) -> None:
        """End the ask because `timeout_s` have passed."""
        self.fail(TimeoutError(f"actor {self.asked} did not answer within {timeout_s} s"))


class OutsideAddress(LocalAddress):
    """The sender of what no actor sent. Messages to it are dropped: nobody listens."""

    __slots__ = ()

    def __init__(self) -> None:
        """There is nothing to keep."""

    @property
    def label(self) -> str:
        """Always the same."""
        return "outside"


class ForeignAddress(ActorAddress):  # type: ignore[misc]  # Thespian has no types
    """Base class of addresses of actors elsewhere: give `ActorAddress.__init__` hashable details.

    Two are equal when their class and details are.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(other.addressDetails == self.addressDetails)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), self.addressDetails))


class Address(LocalAddress):
    """An actor of this loop: its address for everyone, its cell for `AsyncioBase`, its `_myRef`.

    Only the engine touches anything but `name`, `label` and `alive`. The methods spelled in
    Thespian's way are what `thespian.actors.Actor` calls on its `_myRef`.
    """

    __slots__ = (
        "asks",
        "box",
        "build",
        "children",
        "cls",
        "crashes",
        "engine",
        "instance",
        "limit",
        "name",
        "parent",
        "serial",
        "state",
        "task",
    )

    def __init__(
        self,
        engine: Engine,
        *,
        serial: int,
        cls: type[Actor],
        name: str,
        parent: "Address | None",
        build: Callable[[], Actor],
        limit: int,
    ) -> None:
        self.engine = engine
        self.serial = serial
        self.cls = cls
        self.name = name
        self.parent = parent
        self.build = build
        self.limit = limit
        self.instance: Any = None
        self.state: int = IDLE
        # Everything below is made when it is first needed: most actors are idle most of the time.
        self.box: deque[Mail] | Mail | None = None
        self.children: dict[Address, None] | None = None
        self.crashes: deque[float] | None = None
        self.asks: set[ReplyAddress] | None = None
        self.task: asyncio.Future[Any] | None = None

    @property
    def label(self) -> str:
        """The name, or class and number for an actor without one."""
        return self.name or f"{self.cls.__name__}-{self.serial}"

    @property
    def alive(self) -> bool:
        """False once the actor is stopped for good."""
        return self.state != DEAD

    # What thespian.actors.Actor calls.

    @property
    def address(self) -> "Address":
        """`Actor.myAddress`."""
        return self

    @property
    def globalName(self) -> str:  # noqa: N802
        """`Actor.globalName`: empty for an actor without one."""
        return self.name

    def actor_send(self, to: ActorAddress, message: object) -> None:
        """`Actor.send`."""
        self.engine.deliver(to, message, self)

    def createActor(  # noqa: N802
        self,
        actorClass: type[Actor] | str,  # noqa: N803
        targetActorRequirements: object = None,  # noqa: N803
        globalName: str | None = None,  # noqa: N803
        sourceHash: object = None,  # noqa: N803
    ) -> "Address":
        """`Actor.createActor`."""
        if sourceHash is not None:
            raise UnsupportedByBase("source loading", "import the actor's class")
        return self.engine.create_child(self, actorClass, targetActorRequirements, globalName)

    def wakeupAfter(self, period: float | timedelta, payload: object = None) -> None:  # noqa: N802
        """`Actor.wakeupAfter`."""
        self.engine.wakeup_after(self, period, payload)

    def handleDeadLetters(self, address: "Address", enable: bool) -> None:  # noqa: FBT001, N802
        """`Actor.handleDeadLetters`."""
        self.engine.handle_dead_letters(address, enable=enable)

    def updateCapability(self, name: str, value: object = None) -> None:  # noqa: N802
        """`Actor.updateCapability`."""
        self.engine.updateCapability(name, value)

    def notifyOnSystemRegistrationChanges(self, address: object, enable: object) -> None:  # noqa: N802
        """Accepted and without effect, as on simpleSystemBase: there is no convention to join."""

    def actorSystemShutdown(self) -> None:  # noqa: N802
        """`Actor.actorSystemShutdown`: everything stops, after this handler."""
        self.engine.shutdown_soon()

    def loadActorSource(self, *_: object) -> NoReturn:  # noqa: N802
        """Everything about loading of sources: raises UnsupportedByBase."""
        raise UnsupportedByBase("source loading", "import the actor's class")

    unloadActorSource = loadActorSource  # noqa: N815
    registerSourceAuthority = loadActorSource  # noqa: N815
    notifyOnSourceAvailability = loadActorSource  # noqa: N815

    def preRegisterRemoteSystem(self, *_: object) -> NoReturn:  # noqa: N802
        """Everything about remote systems: raises UnsupportedByBase."""
        raise UnsupportedByBase("convention of systems", "reach other processes by their links")

    deRegisterRemoteSystem = preRegisterRemoteSystem  # noqa: N815
