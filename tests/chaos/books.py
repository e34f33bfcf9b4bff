"""What the chargers sent and what was acknowledged to them: the client's side of the law.

Nothing in here is read from the product. A message is in the books before its first byte is sent,
and is marked acknowledged when its CALLRESULT has been read.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"


@dataclass(slots=True)
class Message:
    """One message of a charger, however often it was sent."""

    charger: str
    action: str
    payload: dict[str, Any]
    facts: tuple[Any, ...] = ()
    """What it says, as the stores should have it: keys of samples, a status, a start, a stop."""
    uids: list[str] = field(default_factory=list)
    """Of every attempt; one id may be here several times."""
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A meter value. `session` is the index of the charger's session; `at_ms` since 1970."""

    charger: str
    connector: int
    session: int
    measurand: str
    context: str
    at_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class Status:
    charger: str
    connector: int
    status: str
    at_ms: int


@dataclass(slots=True)
class Session:
    """A transaction as its charger knows it."""

    charger: str
    index: int
    connector: int
    token: str
    started_raw: str
    meter_start_wh: int
    start: Message | None = None
    stop: Message | None = None
    stopped_raw: str = ""
    meter_stop_wh: int = 0
    reason: str = ""

    @property
    def number(self) -> int:
        """The transactionId that the charger was given; 0 before."""
        answer = self.start.answer if self.start else None
        return int(answer["transactionId"]) if answer else 0

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What makes a start the same start."""
        return (self.charger, self.connector, self.started_raw, self.token, self.meter_start_wh)


@dataclass
class Books:
    """All chargers' messages."""

    messages: list[Message] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    handshakes: Counter[str] = field(default_factory=Counter)
    """Completed ones, by charger."""
    attempts: Counter[str] = field(default_factory=Counter)
    """Handshakes that were begun, by charger."""
    sent: Counter[str] = field(default_factory=Counter)
    """Frames that were sent, by action."""
    acknowledged: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    """CALLERRORs: none is ever right here, for every message is in order."""
    closes: Counter[str] = field(default_factory=Counter)
    """How connections ended: the close code, or `cut`."""
    commands: Counter[str] = field(default_factory=Counter)
    """CALLs that the server sent, by charger."""

    @property
    def answers(self) -> int:
        return self.acknowledged.total()
