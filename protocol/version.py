"""The rows of a version's tables: one for every message, each with all that differs about it.

Adding a message is adding a row (and a function to read it) in its chapter's module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from domain.answers import Answer
from domain.commands import Priority
from domain.reports import Report
from protocol.dialect import Dialect
from protocol.limits_on_chargers import ChargerLimit
from protocol.reading import Reading, ReadingLimits
from protocol.schemas import Schemas

__all__ = ["Follow", "Inbound", "Outbound", "Read", "Reading", "ReadingLimits", "Version", "Write"]

Read: TypeAlias = Callable[[Mapping[str, Any], Reading], Report]
"""Payload of the charger's CALL -> what it says. Never raises for any JSON object."""

ReadExact: TypeAlias = Callable[[bytes, Reading], Report | None]
"""Payload as text -> what it says, or None when schema and `Read` have to look at it."""

Write: TypeAlias = Callable[[Answer], dict[str, Any]]
"""What we say -> payload of the CALLRESULT.

Raises:
    TypeError: the answer is of another message; our bug.
"""


class Follow(StrEnum):
    """Which later report ends what an accepted command began."""

    NOTHING = ""
    """The answer is the end."""
    TRANSACTION_STARTED = "transaction_started"
    TRANSACTION_STOPPED = "transaction_stopped"
    BOOTED = "booted"
    STATUS_REPORTED = "status_reported"
    FIRMWARE_REPORTED = "firmware_reported"
    DIAGNOSTICS_REPORTED = "diagnostics_reported"
    LOG_REPORTED = "log_reported"
    METER_REPORTED = "meter_reported"
    HEARTBEAT_RECEIVED = "heartbeat_received"
    CERTIFICATE_ASKED = "certificate_asked"
    REQUESTED_MESSAGE = "requested_message"
    """Depends on the payload: ask `Outbound.followed_by`."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that chargers send."""

    action: str
    read: Read
    write: Write
    section: str
    """Where the specification has it."""
    secret_request: bool = False
    """True: the payload may hold secrets, redact it before it is logged."""
    read_exact: ReadExact | None = None
    """Reads and checks what is exactly as specified, faster; see v16/exact_metering.py."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message that we send."""

    action: str
    idempotent: bool
    """True: sending it twice does what sending it once does."""
    priority: Priority
    section: str
    follow: Follow = Follow.NOTHING
    yes: frozenset[str] = frozenset({"accepted"})
    """The statuses (lower case) that mean yes; empty: the response has no status, any answer is."""
    requested: Mapping[str, Follow] | None = None
    """For REQUESTED_MESSAGE: what each value of `requestedMessage` leads to."""
    secret_request: bool = False
    secret_response: bool = False

    def accepted(self, response: Mapping[str, Any]) -> bool:
        """Return whether the charger's answer means yes. Never raises."""
        if not self.yes:
            return True
        status = response.get("status")
        return isinstance(status, str) and status.strip().casefold() in self.yes

    def followed_by(self, payload: Mapping[str, Any]) -> Follow:
        """Return which report ends this command with this payload."""
        if self.requested is None:
            return self.follow
        return self.requested.get(str(payload.get("requestedMessage")), Follow.NOTHING)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of OCPP."""

    subprotocol: str
    dialect: Dialect
    inbound: Mapping[str, Inbound]
    outbound: Mapping[str, Outbound]
    schemas: Schemas
    write_limit: Callable[[ChargerLimit], dict[str, Any]] | None = None
    """The payload of SetChargingProfile; None: it cannot be told limits."""
