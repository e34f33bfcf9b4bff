"""What the mailbox of a charger's actor takes."""

from collections.abc import Container
from typing import TypeAlias

import msgspec

from domain.commands import Command
from domain.events import Event
from domain.known import KnownCharger
from domain.reports import Report


class Call(msgspec.Struct, gc=False):
    """One CALL of the charger, as much of it as the answer and the message log need."""

    uid: str
    action: str
    text: bytes
    received_us: int
    flags: tuple[str, ...]
    answered: bool = True
    """False: it was a SEND (2.1), which must not be answered."""


class Said(msgspec.Struct, gc=False):
    """The charger said something and waits for an answer."""

    report: Report
    call: Call


class Connected(msgspec.Struct, gc=False):
    """The connection is open and the charger is who it says it is."""

    generation: int
    heartbeat_s: int
    registration: str
    spread: float
    """This charger's own share in [0, 1) for jitter."""
    boots_first: bool = False
    """True: nothing is sent before its boot was answered, however long that takes."""
    actions: Container[str] = ()
    """What this version of OCPP lets us ask."""


class BootAnswered(msgspec.Struct, gc=False):
    """The answer to BootNotification has left: calls to the charger come after it."""


class Disconnected(msgspec.Struct, gc=False):
    """The connection has gone; nothing can be sent any more."""


class Expected(msgspec.Struct, gc=False):
    """An accepted command of an earlier connection, and the report that ends it (see Asked)."""

    command: str
    follow: str
    accepted_us: int
    key: str = ""
    once: bool = False


class Activated(msgspec.Struct, gc=False):
    """What the ledger knows; None when it could not say.

    `expected`: those of its commands that something should follow from, in this version of OCPP.
    """

    known: KnownCharger | None
    expected: tuple[Expected, ...] = ()
    boots_first: bool = False
    """As in Connected, when that is known only now."""
    late: bool = False
    """It was said before that the ledger could not say: the actor began blank, and stays so."""


class Asked(msgspec.Struct, gc=False):
    """Somebody wants a command sent. `follow` names the report that ends it, or is empty.

    `key`: what the report must speak of (token, transaction, connector ...); empty: anything.
    `once`: the next report of the kind ends it, whatever it says (a trigger).
    """

    command: Command
    follow: str = ""
    key: str = ""
    once: bool = False


class CommandAnswered(msgspec.Struct, gc=False):
    """The open command has an end.

    `outcome` is a value of domain.commands.Outcome; `response` the charger's payload, if any.
    """

    command: str
    outcome: str
    response: dict[str, object] | None = None
    error_code: str = ""
    error_text: str = ""
    beside: tuple[Event, ...] = ()
    """To be kept in one entry with the end: the exchange, and what it lets us know."""


class Tick(msgspec.Struct, gc=False):
    """The time of the earliest Wake has come."""


Message: TypeAlias = (
    Said | Connected | BootAnswered | Disconnected | Activated | Asked | CommandAnswered | Tick
)
