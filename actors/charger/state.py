"""What a charger's actor remembers. Small: there are tens of thousands of them in a process."""

from enum import StrEnum
from typing import Protocol

import msgspec

from actors.charger.messages import Said
from actors.charger.settings import ChargerSettings
from domain.answers import TokenDecision
from domain.commands import Command
from domain.records import TokenRecord


class Phase(StrEnum):
    """Where a connection stands with its BootNotification."""

    SILENT = "silent"
    """Connected; has not booted yet, or does not mean to (1.6 allows a reconnect without)."""
    PENDING = "pending"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    GONE = "gone"
    """The connection has closed."""


class Desk(Protocol):
    """What the machine may look up: tokens, and the next transaction number."""

    def token(self, token: str) -> TokenRecord | None:
        """Return the record of a token, whatever its case."""
        ...

    def active(self, token: str, *, besides: str) -> int:
        """Return how many transactions of a token run, those at charger `besides` left out."""
        ...

    def next_transaction(self) -> int:
        """Return a transaction number that was never given out before."""
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


class Connector(msgspec.Struct, gc=False):
    """The newest status of a connector."""

    status: str
    at_us: int


class OpenCommand(msgspec.Struct, gc=False):
    """A command with what should follow it; `sent_us` is 0 until it is sent."""

    command: Command
    follow: str
    sent_us: int


class Follow(msgspec.Struct, gc=False):
    """An accepted command that waits for what should follow."""

    command: str
    kind: str
    key: str
    """Token of a start, number of a transaction, or empty."""
    until_us: int


class State:
    """Everything about one connection of one charger."""

    __slots__ = (
        "boot_backstop_us",
        "charger",
        "connectors",
        "deferred",
        "desk",
        "follows",
        "heartbeat_s",
        "known",
        "open_command",
        "phase",
        "queue",
        "recent",
        "registration",
        "settings",
        "spread",
        "timeouts",
        "transactions",
        "wait_until_us",
        "wake_us",
    )

    def __init__(self, charger: str, settings: ChargerSettings, desk: Desk) -> None:
        self.charger = charger
        self.settings = settings
        self.desk = desk
        self.phase = Phase.SILENT
        self.known = False
        self.registration = "Accepted"
        self.heartbeat_s = settings.heartbeat_s
        self.spread = 0.5
        self.boot_backstop_us = 0
        self.wait_until_us = 0
        self.wake_us = 0
        self.timeouts = 0
        self.connectors: dict[int, Connector] = {}
        self.transactions: dict[int, Transaction] = {}
        self.recent: dict[tuple[int, str, str, int], tuple[int, TokenDecision]] = {}
        self.deferred: list[Said] | None = None
        self.queue: list[tuple[int, int, int, str, OpenCommand]] | None = None
        self.open_command: OpenCommand | None = None
        self.follows: list[Follow] | None = None

    def open_on(self, connector: int) -> Transaction | None:
        """Return the open transaction of a connector."""
        for transaction in self.transactions.values():
            if transaction.connector == connector and transaction.open:
                return transaction
        return None
