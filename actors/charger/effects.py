"""What the machine may ask of the world. Effects are values: the shell runs them in order."""

from typing import TypeAlias

import msgspec

from actors.charger.messages import Call
from domain.answers import Answer
from domain.commands import Command, CommandResult
from domain.events import Event


class Reply(msgspec.Struct, gc=False):
    """Keep `events` together with the exchange, then answer the call.

    `durable`: the answer leaves only after the journal's commit. `flags`: what is odd about the
    exchange beside the call's own flags; for the message log.
    """

    call: Call
    answer: Answer
    events: tuple[Event, ...] = ()
    durable: bool = True
    flags: tuple[str, ...] = ()


class Keep(msgspec.Struct, gc=False):
    """Write to the journal; nobody waits for it."""

    events: tuple[Event, ...]


class Send(msgspec.Struct, gc=False):
    """Send a command to the charger."""

    command: Command
    timeout_us: int


class Finish(msgspec.Struct, gc=False):
    """Tell whoever asked how the command ended."""

    command: Command
    result: CommandResult


class Occupy(msgspec.Struct, gc=False):
    """A token charges from now on."""

    token: str
    transaction: int


class Release(msgspec.Struct, gc=False):
    """A token charges no more."""

    token: str
    transaction: int


class Wake(msgspec.Struct, gc=False):
    """Send a Tick at this time, instead of any earlier asked-for one."""

    at_us: int


class Close(msgspec.Struct, gc=False):
    """Close the connection."""

    code: int
    reason: str


Effect: TypeAlias = Reply | Keep | Send | Finish | Occupy | Release | Wake | Close
