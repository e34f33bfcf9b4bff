"""What a charger's actor remembers. Small: there are tens of thousands of them in a process."""

from collections.abc import Container, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from actors.charger.messages import Said
from actors.charger.settings import ChargerSettings
from domain.answers import TokenDecision
from domain.commands import Command
from domain.pricing import RunningSession, Shown
from domain.records import ChargerRecord, TokenRecord
from domain.sequences import Ranges


class Phase(StrEnum):
    """Where a connection stands with its BootNotification."""

    SILENT = "silent"
    """Connected; has not booted yet, or does not mean to (1.6 allows a reconnect without)."""
    PENDING = "pending"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    GONE = "gone"
    """The connection has closed."""


PHASES: Mapping[tuple[Phase, str], Phase] = {
    (Phase.SILENT, "boot Accepted"): Phase.ACCEPTED,
    (Phase.SILENT, "boot Pending"): Phase.PENDING,
    (Phase.SILENT, "boot Rejected"): Phase.REJECTED,
    (Phase.PENDING, "boot Accepted"): Phase.ACCEPTED,
    (Phase.PENDING, "boot Rejected"): Phase.REJECTED,
    (Phase.REJECTED, "boot Accepted"): Phase.ACCEPTED,
    (Phase.REJECTED, "boot Pending"): Phase.PENDING,
    (Phase.ACCEPTED, "boot Pending"): Phase.PENDING,
    (Phase.ACCEPTED, "boot Rejected"): Phase.REJECTED,
    (Phase.SILENT, "disconnected"): Phase.GONE,
    (Phase.PENDING, "disconnected"): Phase.GONE,
    (Phase.REJECTED, "disconnected"): Phase.GONE,
    (Phase.ACCEPTED, "disconnected"): Phase.GONE,
}
"""A connection's life; a missing key is a happening that leaves the phase alone."""


class Desk(Protocol):
    """What the machine may look up: records, and the next transaction number."""

    def charger(self, identity: str) -> ChargerRecord | None:
        """Return the record of a charger as it is now."""
        ...

    def token(self, token: str) -> TokenRecord | None:
        """Return the record of a token, whatever its case."""
        ...

    def active(self, token: str, *, besides: str) -> int:
        """Return how many transactions of a token run, those at charger `besides` left out."""
        ...

    def next_transaction(self) -> int:
        """Return a transaction number that was never given out before."""
        ...

    def next_command(self) -> str:
        """Return an id for a command of our own, never given out before."""
        ...

    @property
    def prices(self) -> bool:
        """Return whether anything is ever shown: if not, `shown` need not be asked."""
        ...

    def shown(self, session: RunningSession) -> Shown | None:
        """Return what the driver is shown of a session; None: nothing."""
        ...


class Transaction(msgspec.Struct, gc=False):
    """One transaction, open or lately ended."""

    number: int
    connector: int
    token: str
    started_us: int
    meter_wh: float
    """The last reading of the energy register; start value until one came."""
    open: bool = True
    said: str = ""
    """2.x: the charger's own id of it. 1.6: empty."""
    ended: bool = False
    """2.x: its end was told; else, when not open, it is only taken to have ended."""
    meter_start_wh: float = -1.0
    seqs: Ranges = ()
    """2.x: the sequence numbers that have come."""
    decisions: dict[str, TokenDecision] | None = None
    """2.x: what was answered for its tokens on this connection."""
    doubts: int = 0
    """2.x: how often the charger was asked for its status."""
    doubted: bool = False
    """2.x: it is to be asked at `State.looks`."""
    cost: float = -1.0
    """What the driver was told last."""


class Connector(msgspec.Struct, gc=False):
    """The newest status of a connector."""

    status: str
    at_us: int


class OpenCommand(msgspec.Struct, gc=False):
    """A command with what should follow it; `sent_us` is 0 until it is sent."""

    command: Command
    follow: str
    sent_us: int
    key: str = ""
    once: bool = False


class Follow(msgspec.Struct, gc=False):
    """An accepted command that waits for what should follow."""

    command: str
    kind: str
    key: str
    """Token of a start, number of a transaction, or empty."""
    until_us: int
    once: bool = False
    """True: the next report of the kind ends it, whatever it says (TriggerMessage)."""


class MonitorReport(msgspec.Struct, gc=False):
    """2.x: a report of all monitors that is on its way."""

    request: int
    asked_us: int
    next_seq: int = 0


class State:
    """Everything about one connection of one charger."""

    __slots__ = (
        "actions",
        "boot_backstop_us",
        "boot_unanswered",
        "charger",
        "connectors",
        "deferred",
        "desk",
        "follows",
        "heartbeat_s",
        "known",
        "looks",
        "monitors",
        "open_command",
        "phase",
        "queue",
        "recent",
        "registration",
        "said",
        "settings",
        "spread",
        "timeouts",
        "transactions",
        "wait_until_us",
        "waits",
        "wake_us",
    )

    def __init__(self, charger: str, settings: ChargerSettings, desk: Desk) -> None:
        self.charger = charger
        self.settings = settings
        self.desk = desk
        self.phase = Phase.SILENT
        self.known = False
        """True: the ledger has said what it knows."""
        self.waits = True
        """True: starts and stops are held back until it has, or until `wait_until_us`."""
        self.boot_unanswered = False
        """True: the answer to a BootNotification has not left yet."""
        self.registration = "Accepted"
        self.heartbeat_s = settings.heartbeat_s
        self.spread = 0.5
        self.boot_backstop_us = 0
        self.wait_until_us = 0
        self.wake_us = 0
        self.timeouts = 0
        self.actions: Container[str] = ()
        """What this version lets us ask."""
        self.connectors: dict[tuple[int, int], Connector] = {}
        """By connector (2.x: EVSE) and plug (1.6: 0)."""
        self.said: dict[str, int] = {}
        """2.x: the charger's own id of a transaction -> our number."""
        self.looks: dict[int, int] | None = None
        """2.x: number of a transaction -> when it is looked at again."""
        self.monitors: MonitorReport | None = None
        """2.x: the report of all monitors that is on its way."""
        self.transactions: dict[int, Transaction] = {}
        self.recent: dict[tuple[int, str, str, int], tuple[int, TokenDecision | None]] = {}
        """Content key of a start -> its number, and its decision when this connection made it."""
        self.deferred: list[Said] | None = None
        self.queue: list[tuple[int, int, int, str, OpenCommand]] | None = None
        self.open_command: OpenCommand | None = None
        self.follows: list[Follow] | None = None

    def step(self, happening: str) -> None:
        """Move to the phase that PHASES says, if any."""
        self.phase = PHASES.get((self.phase, happening), self.phase)

    def open_on(self, connector: int) -> Transaction | None:
        """Return the open transaction of a connector."""
        for transaction in self.transactions.values():
            if transaction.connector == connector and transaction.open:
                return transaction
        return None
