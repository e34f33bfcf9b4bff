"""`AsyncioBase`: thousands of Thespian actors in one asyncio or uvloop loop.

    base = AsyncioBase()                                          # inside the running loop
    charger = base.create(Charger, name="CP-17", init={"journal": journal})
    base.tell(charger, Frame(text))
    result = await base.ask(charger, Command(...), timeout_s=30)

or, for code written against Thespian, `ActorSystem(systemBase=base, transientUnique=True)` (there,
`ask` returns an awaitable too). Any `thespian.actors.Actor` or `ActorTypeDispatcher` class runs
here unchanged; an actor touches its system only through `_myRef`, so Thespian is not patched.

The laws

1.  One thread, one run queue, one `call_soon`. A pass ends after `pass_ms`, an actor's turn after
    `quantum_messages`: sockets and other actors are never starved by a flooded one. While actors
    wait for the next pass, it lasts as long as the loop did other things: nor are they by sockets.
2.  An idle actor is an instance and an address: no task, no queue. A queue is made for the second
    waiting message.
3.  An actor handles one message at a time, in the order of arrival (so per sender in the order of
    sending). A handler that returns an awaitable keeps the mailbox waiting until that is done.
4.  Every accepted message is handled exactly once, or becomes a dead letter. Never twice, unlike on
    Thespian's own bases, which run a failing handler again.
5.  A full mailbox refuses: the sender gets PoisonMessage(message, 'mailbox full'). Messages of
    the system (ActorSystemMessage) are always accepted.
6.  A crash ends the instance, not the actor: PoisonMessage to the sender, `onFailure`, then a
    fresh instance at the same address with the same mailbox and children. Too many crashes stop
    the actor.
7.  A stop is: ActorExitRequest handled, children stopped (last started first), `onStop`, name
    released, open asks failed, mailbox to the dead letters, ChildActorExited to the parent.
8.  An ask ends: answered, or failed at once when the actor is dead, dies, is full or crashes on
    that very message, or with TimeoutError.

What an actor class may set: `mailbox_limit` (messages), `max_restarts`, `max_seconds` (law 6: more
than so many crashes within so many seconds stop the actor); the defaults are in `ActorLimits`. And
the hooks, both called in the loop, both sync; one that raises is reported and otherwise ignored:

    onFailure(exc)   the instance crashed and is dropped after this call: release what it holds
    onStop()         the actor ends for good, after its last message and after its children.
                     Follows `onFailure` when that crash was one too many

An actor that is stopped with its parent or by `shutdown()` gets ActorExitRequest first, but an
awaitable that it returns for that one is dropped, not awaited; an actor then in the middle of an
awaitable is cancelled and gets `onStop` only. So `onStop` is the place to clean up.

Different from Thespian's processes, on purpose: messages are not copied; an address is no pickle;
a handler may be async; a stop without recursion leaves the children without a parent; no source
loading, no convention, no ThespianWatch (`UnsupportedByBase`). All calls belong in the loop's
thread.
"""

import asyncio
import contextlib
import dataclasses
import functools
import inspect
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, NoReturn, Protocol, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field
from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    ActorSystemFailure,
    ActorSystemMessage,
    ChildActorExited,
    DeadEnvelope,
    InvalidActorAddress,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
)
from thespian.system.timing import timePeriodSeconds
from thespian.system.utilis import actualActorClass

from supervisor.actor_errors import ActorDead, UnsupportedByBase
from supervisor.actor_events import (
    ActorFailed,
    ActorNotBuilt,
    BounceLost,
    HookFailed,
    OnActorEvent,
    log_actor_event,
)
from supervisor.address import (
    BUSY,
    DEAD,
    IDLE,
    MAILBOX_FULL,
    READY,
    Address,
    Mail,
    OutsideAddress,
    ReplyAddress,
)

Init: TypeAlias = Mapping[str, Any] | Callable[[], Actor]
"""Builds an instance, now and after each crash: keyword arguments, or what returns an instance."""

Route: TypeAlias = Callable[[ActorAddress, object, ActorAddress], None]
"""Carries (to, message, sender) to an address elsewhere. What it raises, the sender sees."""


class ActorLimits(BaseModel):
    """How much one actor may take of the loop that it shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantum_messages: int = Field(
        default=16,
        ge=1,
        description="Messages an actor handles in a row; then the next actor has its turn.",
    )
    pass_ms: float = Field(
        default=2.0,
        ge=0,
        description="After so long the actors pause and the loop serves its sockets and timers.",
    )
    pass_ms_max: float = Field(
        default=50.0,
        ge=0,
        description="The same while actors wait and the loop has taken as long for other things.",
    )
    mailbox_messages: int = Field(
        default=256,
        ge=1,
        description="Waiting messages of an actor without `mailbox_limit`. "
        "One more is refused: its sender gets PoisonMessage.",
    )
    restarts: int = Field(
        default=3,
        ge=0,
        description="Crashes within `restarts_s` of an actor without `max_restarts`. "
        "One more stops it.",
    )
    restarts_s: float = Field(
        default=10.0,
        gt=0,
        description="How long a crash is remembered, of an actor without `max_seconds`.",
    )
    spare_queues: int = Field(
        default=64,
        ge=0,
        description="Empty queues kept for actors with more than one message; more are freed.",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start of the base, but `actors`, which is now."""

    handled: int
    poison: int
    """Handlers that raised."""
    dead: int
    """Messages that became dead letters, with or without a handler for them."""
    full: int
    """Messages refused by a full mailbox."""
    restarts: int
    actors: int
    mailbox_depth_max: int
    """The longest mailbox seen at the start of an actor's turn or when one was full."""


class Timer(Protocol):
    """A message that will be sent later."""

    def cancel(self) -> None:
        """Do not send it. Without effect once it is sent, handled or not."""


class AsyncioBase:
    """A Thespian system base inside an event loop. The module docstring has its laws.

    Args:
        loop: where the actors run; the running loop by default.
        limits: see `ActorLimits`.
        on_telemetry: called in the loop with each `actor_events.ActorEvent`; must not raise.
        route: carries messages to addresses elsewhere (`ForeignAddress`); may be set later.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        limits: ActorLimits | None = None,
        on_telemetry: OnActorEvent = log_actor_event,
        route: Route | None = None,
    ) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self.limits = limits or ActorLimits()
        self.on_telemetry = on_telemetry
        self.route = route
        self.capabilities: dict[str, Any] = {}
        self.outside = OutsideAddress()
        self._quantum = self.limits.quantum_messages
        self._spare_max = self.limits.spare_queues
        self._pass_s = self.limits.pass_ms / 1_000
        self._pass_s_max = self.limits.pass_ms_max / 1_000
        self._cells: dict[Address, None] = {}  # in the order of their start
        self._names: dict[str, Address] = {}
        self._ready: deque[Address] = deque()
        self._spare: list[deque[Mail]] = []
        self._pumping = False
        self._left_s = 0.0
        """When the last pass ended with actors waiting; 0: none waited."""
        self._running: Address | None = None
        self._tasks: set[asyncio.Future[Any]] = set()  # the loop alone would keep them only weakly
        self._far_asks: set[ReplyAddress] = set()
        self._dead_letter_handlers: dict[Address, None] = {}
        self._serial = 0
        self._closed = False
        self._handled = self._poison = self._dead = self._full = self._restarts = (
            self._depth_max
        ) = 0

    # For everyone in the loop's thread.

    def create(
        self,
        cls: type[Actor] | str,
        name: str | None = None,
        parent: Address | None = None,
        init: Init | None = None,
    ) -> Address:
        """Start an actor, or return the one that has this `name` already.

        Args:
            cls: the class, or "module.Class".
            name: for `find()`, until the actor stops; Thespian's globalName.
            parent: who gets ChildActorExited; it stops its children when it stops.
            init: the constructor's keyword arguments, or a callable that returns an instance of
                `cls`. Used again after each crash. Without it, `capabilities` and `requirements`
                are filled in when the constructor asks for them, as Thespian does.

        Raises:
            ActorDead: the parent is stopped.
            ActorSystemFailure: the base is shut down.
            InvalidActorSpecification: `cls` or what `init` returned is no actor.
            NoCompatibleSystemForActor: the class's actorSystemCapabilityCheck refused.
            Exception: whatever the constructor raised.
        """
        return self._create(cls, name, parent, init, None)

    def tell(self, address: ActorAddress, message: object) -> None:
        """Send without a sender: answers, and the PoisonMessage of a crash, go nowhere.

        Raises:
            InvalidActorAddress: the address is foreign and there is no `route`.
        """
        self.deliver(address, message, self.outside)

    async def ask(
        self, address: ActorAddress, message: object, timeout_s: float | timedelta
    ) -> Any:  # noqa: ANN401
        """Send, and return the first message that comes back. Later ones are dead letters.

        Raises:
            ActorDead: the actor is stopped, or stops before it has answered.
            ActorCrashed: its handler raised on this message.
            MailboxFull: its mailbox refused the message.
            TimeoutError: no answer within `timeout_s`.
            InvalidActorAddress: the address is foreign and there is no `route`.
        """
        seconds = timePeriodSeconds(timeout_s)
        reply = ReplyAddress(self.loop.create_future(), address.actorAddressString)
        near = address if type(address) is Address else None
        if near is None:
            asks = self._far_asks
        elif near.state == DEAD:
            self.bury(near, message)
            raise ActorDead(near.label)
        else:
            asks = near.asks = near.asks or set()
        asks.add(reply)
        timer = self.loop.call_later(seconds, reply.expire, seconds)
        try:
            self.deliver(address, message, reply)
            return await reply.future
        finally:
            timer.cancel()
            reply.future.cancel()
            asks.discard(reply)
            if near is not None and not asks:
                near.asks = None

    def after(self, seconds: float, address: ActorAddress, message: object) -> Timer:
        """Send `message` to `address` in `seconds`, unless the timer is cancelled before."""
        return self.loop.call_later(seconds, self.deliver, address, message, self.outside)

    def stop(self, address: Address) -> None:
        """Stop an actor and its children once it has handled what is in its mailbox now."""
        if address.state != DEAD:
            self.deliver(address, ActorExitRequest(), self.outside)

    def find(self, name: str) -> Address | None:
        """Return the living actor of this name."""
        return self._names.get(name)

    def shutdown(self) -> None:
        """Stop every actor now, the last started first, so children before parents; end every ask.

        Messages still in mailboxes are dead letters. Afterwards nothing can be created.
        """
        if self._closed:
            return
        self._closed = True
        for cell in reversed(list(self._cells)):
            self._dismiss(cell)
        for reply in list(self._far_asks):
            reply.fail(ActorDead(reply.asked))

    def shutdown_soon(self) -> None:
        """Shut down, but not in the middle of the handler that asks for it."""
        self.loop.call_soon(self.shutdown)

    @property
    def waiting(self) -> int:
        """How many actors have messages to handle."""
        return len(self._ready)

    @property
    def stats(self) -> Stats:
        """The counters as they are now."""
        return Stats(
            handled=self._handled,
            poison=self._poison,
            dead=self._dead,
            full=self._full,
            restarts=self._restarts,
            actors=len(self._cells),
            mailbox_depth_max=self._depth_max,
        )

    # What thespian.actors.ActorSystem calls besides tell, ask and shutdown.

    def newPrimaryActor(  # noqa: N802
        self,
        actorClass: type[Actor] | str,  # noqa: N803
        targetActorRequirements: object,  # noqa: N803
        globalName: str | None,  # noqa: N803
        sourceHash: object = None,  # noqa: N803
    ) -> Address:
        """`ActorSystem.createActor`. Raises as `create` does."""
        if sourceHash is not None:
            self.loadActorSource()
        return self._create(actorClass, globalName, None, None, targetActorRequirements)

    def updateCapability(self, name: str, value: object = None) -> None:  # noqa: N802
        """Set a capability, or remove it (None). Actors that run already are left alone."""
        if value is None:
            self.capabilities.pop(name, None)
        else:
            self.capabilities[name] = value

    def listen(self, *_: object) -> NoReturn:
        """Thespian's blocking wait for any message."""
        raise UnsupportedByBase("listen()", "it would block the loop; use `await base.ask(...)`")

    def external_clone(self) -> NoReturn:
        """`ActorSystem.private()`."""
        raise UnsupportedByBase("private()", "asks do not disturb each other here")

    def loadActorSource(self, *_: object) -> NoReturn:  # noqa: N802
        """Thespian's loading of zipped sources."""
        raise UnsupportedByBase("source loading", "import the actor's class")

    unloadActorSource = loadActorSource  # noqa: N815

    def _handleDeadLetters(self, address: Address, enable: bool) -> None:  # noqa: FBT001, N802
        self.handle_dead_letters(address, enable=enable)

    # What an Address calls for its actor.

    def deliver(self, to: ActorAddress, message: object, sender: ActorAddress) -> None:
        """Put a message into a mailbox: the heart of every send, so nothing here is idle.

        Raises:
            InvalidActorAddress: the address is foreign and there is no `route`.
        """
        if type(to) is not Address:
            self._deliver_elsewhere(to, message, sender)
            return
        box = to.box
        if box is None:
            if to.state == DEAD:
                self.bury(to, message)
                return
            to.box = (message, sender)
            to.state = READY
            self._ready.append(to)
            if not self._pumping:
                self._pumping = True
                self.loop.call_soon(self._pump)
            return
        if isinstance(box, tuple):
            box = to.box = self._queue(box)
        if len(box) < to.limit or isinstance(message, ActorSystemMessage):
            box.append((message, sender))
        else:
            self._full += 1
            self._depth_max = max(self._depth_max, len(box))
            self._bounce(to, message, sender, MAILBOX_FULL)

    def wakeup_after(self, cell: Address, period: float | timedelta, payload: object) -> None:
        """Send WakeupMessage to an actor later; if it is dead by then, nothing happens."""
        self.loop.call_later(
            timePeriodSeconds(period), self._wake, cell, WakeupMessage(period, payload)
        )

    def create_child(
        self,
        parent: Address,
        cls: type[Actor] | str,
        requirements: object,
        name: str | None,
    ) -> Address:
        """`Actor.createActor`: a child that cannot be built is an address that is dead already.

        Its parent gets ChildActorExited, as on Thespian's bases.
        """
        try:
            return self._create(cls, name, parent, None, requirements)
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a constructor raises
            stillborn = self._cell(cls if inspect.isclass(cls) else Actor, "", parent, Actor)
            stillborn.state = DEAD
            self.on_telemetry(ActorNotBuilt(stillborn.label, error))
            self.deliver(parent, ChildActorExited(stillborn), self.outside)
            return stillborn

    def handle_dead_letters(self, address: Address, *, enable: bool) -> None:
        """Make an actor a receiver of DeadEnvelope, until it stops or no longer wants it."""
        if enable:
            self._dead_letter_handlers[address] = None
        else:
            self._dead_letter_handlers.pop(address, None)

    # The beginning of an actor.

    def _create(
        self,
        cls: type[Actor] | str,
        name: str | None,
        parent: Address | None,
        init: Init | None,
        requirements: object,
    ) -> Address:
        if name and name in self._names:
            return self._names[name]
        if self._closed:
            raise ActorSystemFailure("the actor system is shut down")
        if parent is not None and parent.state == DEAD:
            raise ActorDead(parent.label)
        actor_class = actualActorClass(cls)
        if not (inspect.isclass(actor_class) and issubclass(actor_class, Actor)):
            raise InvalidActorSpecification(cls, "not a subclass of thespian.actors.Actor")
        check = getattr(actor_class, "actorSystemCapabilityCheck", None)
        if check is not None and not check(self.capabilities, requirements or {}):
            raise NoCompatibleSystemForActor(actor_class, "capabilities do not match")
        cell = self._cell(
            actor_class, name or "", parent, self._builder(actor_class, init, requirements)
        )
        self._build(cell)
        self._cells[cell] = None
        if name:
            self._names[name] = cell
        if parent is not None:
            if parent.children is None:
                parent.children = {}
            parent.children[cell] = None
        return cell

    def _cell(
        self, cls: type[Actor], name: str, parent: Address | None, build: Callable[[], Actor]
    ) -> Address:
        self._serial += 1
        return Address(
            self,
            serial=self._serial,
            cls=cls,
            name=name,
            parent=parent,
            build=build,
            limit=getattr(cls, "mailbox_limit", self.limits.mailbox_messages),
        )

    def _builder(
        self, cls: type[Actor], init: Init | None, requirements: object
    ) -> Callable[[], Actor]:
        constructor: Callable[..., Actor] = cls
        if init is not None:
            return functools.partial(constructor, **init) if isinstance(init, Mapping) else init
        if cls.__init__ is Actor.__init__:
            return constructor
        offered = {"capabilities": self.capabilities, "requirements": requirements}
        wanted = inspect.signature(cls.__init__).parameters
        kwargs = {key: value for key, value in offered.items() if key in wanted}
        return functools.partial(constructor, **kwargs) if kwargs else constructor

    def _build(self, cell: Address) -> None:
        instance = cell.build()
        if not isinstance(instance, Actor):
            raise InvalidActorSpecification(cell.cls, "init returned no actor")
        instance._myRef = cell  # noqa: SLF001  # Thespian's way to make an instance an actor
        cell.instance = instance

    def _queue(self, first: Mail) -> deque[Mail]:
        """Return a queue with its first message."""
        queue = self._spare.pop() if self._spare else deque()
        queue.append(first)
        return queue

    # The life of an actor.

    def _pump(self) -> None:
        """Give ready actors their turns, for one pass."""
        ready = self._ready
        spare = self._spare
        turn = range(self._quantum)
        clock = time.perf_counter
        now = clock()
        rest_s = min(now - self._left_s, self._pass_s_max) if self._left_s else 0.0
        end = now + max(rest_s, self._pass_s)
        handled = 0
        depth_max = self._depth_max
        while ready:
            cell = ready.popleft()
            if cell.state != READY:  # stopped while it waited for its turn
                continue
            box: Any = cell.box
            if isinstance(box, tuple):
                mail: Mail | None = box
                box = cell.box = spare.pop() if spare else deque()
                depth_max = depth_max or 1
            else:
                mail = None
                if len(box) > depth_max:  # noqa: PLR1730  # a call of max() costs a tenth of a turn
                    depth_max = len(box)
            self._running = cell
            for _ in turn:
                message, sender = mail or box.popleft()
                mail = None
                handled += 1
                try:
                    result = cell.instance.receiveMessage(message, sender)
                # CancelledError too: asyncio would swallow it, and the pump with it.
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
                    self._crash(cell, message, sender, error)
                else:
                    if result is not None or isinstance(message, ActorExitRequest):
                        self._conclude(cell, message, sender, result)
                if cell.state != READY or not box:
                    break
            if cell.state == READY:
                if box:
                    ready.append(cell)
                else:
                    cell.state = IDLE
                    cell.box = None
                    if len(spare) < self._spare_max:
                        spare.append(box)
            if clock() >= end:
                break
        self._running = None
        self._handled += handled
        self._depth_max = max(self._depth_max, depth_max)
        if ready:
            self._left_s = clock()
            self.loop.call_soon(self._pump)
        else:
            self._left_s = 0.0
            self._pumping = False

    def _conclude(
        self, cell: Address, message: object, sender: ActorAddress, result: object
    ) -> None:
        """After a handler that returned something, or whose message asked the actor to exit."""
        if cell.state != READY:
            _discard(result)
        elif inspect.isawaitable(result):
            task = asyncio.ensure_future(result, loop=self.loop)
            cell.state = BUSY
            cell.task = task
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._resume, cell, message, sender))
        elif isinstance(result, ThespianWatch):
            unsupported = UnsupportedByBase("ThespianWatch", "use loop.add_reader")
            self._crash(cell, message, sender, unsupported)
        elif isinstance(message, ActorExitRequest):
            self._stop(cell, recursive=message.isRecursive)

    def _resume(
        self, cell: Address, message: object, sender: ActorAddress, task: asyncio.Future[Any]
    ) -> None:
        """The awaitable of a handler is done: go on with the mailbox."""
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if cell.task is not task:  # stopped meanwhile
            return
        cell.task = None
        cell.state = READY
        if error is not None:
            self._crash(cell, message, sender, error)
        elif isinstance(message, ActorExitRequest):
            self._stop(cell, recursive=message.isRecursive)
        if cell.state != READY:
            return
        if cell.box:
            self._ready.append(cell)
            if not self._pumping:
                self._pumping = True
                self.loop.call_soon(self._pump)
        else:
            cell.state = IDLE
            cell.box = None

    def _wake(self, cell: Address, message: WakeupMessage) -> None:
        if cell.state != DEAD:
            self.deliver(cell, message, cell)

    def _crash(
        self, cell: Address, message: object, sender: ActorAddress, error: BaseException
    ) -> None:
        """A handler raised: law 6."""
        self._poison += 1
        if not isinstance(message, PoisonMessage):
            self._bounce(cell, message, sender, "".join(traceback.format_exception(error)))
        if cell.state == DEAD:  # it stopped itself, by a shutdown, and raised then
            self.on_telemetry(
                ActorFailed(cell.label, type(message).__name__, error, restarted=False)
            )
            return
        self._call_hook(cell, "onFailure", error)
        if cell.state == DEAD:
            restarted = False
        elif isinstance(message, ActorExitRequest):
            self._stop(cell, recursive=message.isRecursive)
            restarted = False
        else:
            restarted = self._restart(cell)
        self.on_telemetry(
            ActorFailed(cell.label, type(message).__name__, error, restarted=restarted)
        )

    def _restart(self, cell: Address) -> bool:
        now = self.loop.time()
        crashes = cell.crashes
        if crashes is None:
            crashes = cell.crashes = deque()
        crashes.append(now)
        oldest = now - getattr(cell.cls, "max_seconds", self.limits.restarts_s)
        while crashes[0] < oldest:
            crashes.popleft()
        if len(crashes) > getattr(cell.cls, "max_restarts", self.limits.restarts):
            self._stop(cell)
            return False
        try:
            self._build(cell)
        except Exception as error:  # noqa: BLE001  # whatever a constructor raises
            self.on_telemetry(ActorNotBuilt(cell.label, error))
            self._stop(cell)
            return False
        self._restarts += 1
        return True

    # The end of an actor.

    def _dismiss(self, cell: Address) -> None:
        """Stop an actor that did not ask for it: its parent stops, or everything does."""
        if cell.state == DEAD:
            return
        request = ActorExitRequest()
        if cell.state != BUSY and cell is not self._running:  # else two handlers would interleave
            outer, self._running = self._running, cell
            try:
                _discard(cell.instance.receiveMessage(request, self.outside))
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
                self.on_telemetry(HookFailed(cell.label, "ActorExitRequest", error))
            self._running = outer
        self._stop(cell, recursive=request.isRecursive, tell_parent=False)

    def _stop(self, cell: Address, *, recursive: bool = True, tell_parent: bool = True) -> None:
        """Law 7, without its first step."""
        if cell.state == DEAD:
            return
        cell.state = DEAD
        box, cell.box = cell.box, None
        task, cell.task = cell.task, None
        if task is not None:
            task.cancel()
        children, cell.children = cell.children or {}, None
        for child in reversed(children):
            if recursive:
                self._dismiss(child)
            else:
                child.parent = None
        self._call_hook(cell, "onStop")
        cell.instance = None
        # What builds an actor often knows who holds its address: a cycle, and garbage by thousands.
        cell.build = Actor
        del self._cells[cell]
        if cell.name:
            del self._names[cell.name]
        self._dead_letter_handlers.pop(cell, None)
        for reply in cell.asks or ():
            reply.fail(ActorDead(cell.label))
        for message, _ in [box] if isinstance(box, tuple) else box or ():
            self.bury(cell, message)
        parent, cell.parent = cell.parent, None
        if parent is not None and parent.state != DEAD:
            cast("dict[Address, None]", parent.children).pop(cell, None)
            if tell_parent:
                self.deliver(parent, ChildActorExited(cell), self.outside)

    def _call_hook(self, cell: Address, hook: str, *args: object) -> None:
        method = getattr(cell.instance, hook, None)
        if method is not None:
            try:
                method(*args)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
                self.on_telemetry(HookFailed(cell.label, hook, error))

    # Messages that reach no mailbox.

    def _deliver_elsewhere(self, to: ActorAddress, message: object, sender: ActorAddress) -> None:
        if isinstance(to, ReplyAddress):
            if not to.answer(message):
                self.bury(to, message)
        elif to is self.outside:
            pass
        elif self.route is not None:
            self.route(to, message, sender)
        else:
            raise InvalidActorAddress(to, "not an address of this base, and there is no route")

    def _bounce(self, cell: Address, message: object, sender: ActorAddress, details: str) -> None:
        try:
            self.deliver(sender, PoisonMessage(message, details), cell)
        except Exception as error:  # noqa: BLE001  # whatever a route raises
            self.on_telemetry(BounceLost(cell.label, error))

    def bury(self, to: ActorAddress, message: object) -> None:
        """Count a dead letter and show it to those who handle them, as far as they keep up."""
        if isinstance(message, DeadEnvelope | ChildActorExited):
            return
        self._dead += 1
        handlers: Iterable[Address] = self._dead_letter_handlers
        for handler in list(handlers):
            box = handler.box
            waiting = 1 if isinstance(box, tuple) else len(box or ())
            if waiting < handler.limit:
                self.deliver(handler, DeadEnvelope(to, message), self.outside)


def _discard(result: object) -> None:
    """Drop what a handler returned, without Python's warning about a coroutine never awaited."""
    if inspect.iscoroutine(result):
        with contextlib.suppress(Exception):
            result.close()
