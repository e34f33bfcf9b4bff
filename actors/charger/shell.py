"""The Thespian actor of one charger: feeds the machine and runs its effects on a line."""

from collections.abc import Callable, Mapping
from typing import Protocol

from thespian.actors import Actor

from actors.charger.effects import (
    Close,
    Finish,
    Keep,
    Occupy,
    Release,
    Reply,
    Send,
    Wake,
)
from actors.charger.machine import HANDLERS, handle
from actors.charger.outbox import abandon
from actors.charger.settings import ChargerSettings
from actors.charger.state import Desk, State


class Line(Protocol):
    """The charger's end of the world: its connection, the journal, the desk. Runs effects."""

    def reply(self, effect: Reply) -> None:
        """Keep, then answer."""

    def keep(self, effect: Keep) -> None:
        """Write to the journal."""

    def send(self, effect: Send) -> None:
        """Send a CALL."""

    def finish(self, effect: Finish) -> None:
        """Tell whoever asked."""

    def occupy(self, effect: Occupy) -> None:
        """Count a transaction of a token."""

    def release(self, effect: Release) -> None:
        """Count it no more."""

    def wake(self, effect: Wake) -> None:
        """Arrange for a Tick."""

    def close_line(self, effect: Close) -> None:
        """Close the connection."""

    def failed(self, message: object, error: BaseException) -> None:
        """The actor crashed on `message`; a fresh one takes over at the same address."""

    def ended(self) -> None:
        """The actor is gone for good: nobody will be told anything by it any more."""


class ChargerActor(Actor):  # type: ignore[misc]  # thespian has no types
    """One connection of one charger.

    A crash loses this instance's state: the line then closes the connection (1011) and the charger
    starts afresh, with what the ledger knows.
    """

    mailbox_limit = 4_096
    """More messages bounce. The connection stops reading long before (gateway.unanswered_max)."""
    max_restarts = 3
    max_seconds = 10.0

    def __init__(
        self,
        charger: str,
        settings: ChargerSettings,
        desk: Desk,
        line: Line,
        now_us: Callable[[], int],
    ) -> None:
        super().__init__()
        self.state = State(charger, settings, desk)
        self.line = line
        self.now_us = now_us
        self.message: object = None

    def receiveMessage(self, message: object, sender: object) -> None:
        """Handle one message; runs its effects in order."""
        del sender
        if type(message) not in HANDLERS:
            return  # Thespian's own: exit requests, poison
        self.message = message
        line = self.line
        for effect in handle(self.state, message, self.now_us()):  # type: ignore[arg-type]
            if type(effect) is Reply:  # nearly all of them
                line.reply(effect)
            else:
                RUN[type(effect)](line, effect)

    def onFailure(self, error: BaseException) -> None:
        """Runs on the dying instance, before the fresh one takes over."""
        self.line.failed(self.message, error)
        for effect in abandon(self.state, self.now_us()):
            RUN[type(effect)](self.line, effect)

    def onStop(self) -> None:
        """Runs at the very end, whatever the reason."""
        self.line.ended()


RUN: Mapping[type, Callable[..., None]] = {
    Reply: lambda line, effect: line.reply(effect),
    Keep: lambda line, effect: line.keep(effect),
    Send: lambda line, effect: line.send(effect),
    Finish: lambda line, effect: line.finish(effect),
    Occupy: lambda line, effect: line.occupy(effect),
    Release: lambda line, effect: line.release(effect),
    Wake: lambda line, effect: line.wake(effect),
    Close: lambda line, effect: line.close_line(effect),
}
