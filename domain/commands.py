"""What we ask of a charger, and how it ended."""

from enum import IntEnum, StrEnum

import msgspec


class Priority(IntEnum):
    """Lower goes first."""

    SAFETY = 0
    DRIVER = 1
    OPERATOR = 2
    BACKGROUND = 3


class Outcome(StrEnum):
    """How a command ended. Never retried silently when not idempotent."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """The charger answered and said no (or anything that is not yes)."""
    ERROR = "error"
    """The charger answered CALLERROR, or its answer was not readable."""
    TIMED_OUT = "timed_out"
    """Sent, and not answered before its deadline."""
    LOST = "lost"
    """Sent, and the connection went before the answer."""
    EXPIRED = "expired"
    """Never sent: its deadline passed in the queue."""
    REFUSED = "refused"
    """Never sent: the charger is not connected here, its queue is full, or it must not be sent."""


class Command(msgspec.Struct, frozen=True, gc=False):
    """One OCPP call that we want to send to a charger."""

    id: str
    charger: str
    action: str
    payload: dict[str, object]
    deadline_us: int
    priority: int = Priority.OPERATOR
    issued_by: str = ""
    queued_us: int = 0


class CommandResult(msgspec.Struct, frozen=True, gc=False):
    """The end of a command. `response` is the charger's payload, exactly as sent."""

    id: str
    outcome: str
    response: dict[str, object] | None = None
    error_code: str = ""
    error_text: str = ""
    sent_us: int = 0
    finished_us: int = 0
