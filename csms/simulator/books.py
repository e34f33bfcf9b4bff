"""The books of one virtual charger: what it said, and what it was promised.

They are compared with the books of the server: an acknowledged message must be stored there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

BillName: TypeAlias = int | str
"""A number that the server has given (1.6), or the charger's own name (2.x)."""


@dataclass
class Tally:
    """One kind of message. Each that was sent ends as one of the others, or is still open."""

    sent: int = 0
    acknowledged: int = 0
    errors: int = 0
    timeouts: int = 0
    lost: int = 0
    """The connection went before the answer came: nobody knows what became of it."""

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class Bill:
    """A transaction whose start was acknowledged; `meter_stop_wh` once its stop was, too.

    `number` is the server's (1.6); `said` is the charger's own name for it (2.x).
    """

    number: int
    connector: int
    meter_start_wh: int
    meter_stop_wh: int | None = None
    said: str = ""

    @property
    def name(self) -> BillName:
        """What both sides call it."""
        return self.said or self.number


@dataclass
class Books:
    """What one charger has said and heard.

    Attributes:
        messages: its CALLs by action.
        commands: the server's CALLs by action; acknowledged: answered with a result.
        bills: transactions by what both sides call them.
        faults: what was done to it on purpose, by name.
        refused: handshakes that failed, by reason.
        dropped: messages given up unsent, because the box was full.
    """

    messages: dict[str, Tally] = field(default_factory=dict)
    commands: dict[str, Tally] = field(default_factory=dict)
    bills: dict[BillName, Bill] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    dropped: int = 0

    def message(self, action: str) -> Tally:
        """Return the tally of an action of ours."""
        return self.messages.setdefault(action, Tally())

    def command(self, action: str) -> Tally:
        """Return the tally of a command."""
        return self.commands.setdefault(action, Tally())

    def add(self, other: "Books") -> None:
        """Add other books to these; without bills, whose names belong to a charger."""
        for action, tally in other.messages.items():
            self.message(action).add(tally)
        for action, tally in other.commands.items():
            self.command(action).add(tally)
        for mine, theirs in ((self.faults, other.faults), (self.refused, other.refused)):
            for name, times in theirs.items():
                mine[name] = mine.get(name, 0) + times
        self.dropped += other.dropped

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, to be written to a file."""
        return {
            "messages": {action: dict(vars(tally)) for action, tally in self.messages.items()},
            "commands": {action: dict(vars(tally)) for action, tally in self.commands.items()},
            "bills": [dict(vars(bill)) for bill in self.bills.values()],
            "faults": self.faults,
            "refused": self.refused,
            "dropped": self.dropped,
        }


def from_json(said: dict[str, Any]) -> Books:
    """Read what `Books.to_json` wrote. KeyError, TypeError: it is something else."""
    return Books(
        {action: Tally(**row) for action, row in said["messages"].items()},
        {action: Tally(**row) for action, row in said["commands"].items()},
        {bill.name: bill for bill in (Bill(**row) for row in said["bills"])},
        dict(said["faults"]),
        dict(said["refused"]),
        int(said["dropped"]),
    )


def sums(all_books: Iterable[Books]) -> Books:
    """Return the books of many chargers as one, without bills."""
    total = Books()
    for books in all_books:
        total.add(books)
    return total
