"""The rows of a version's tables: one for every message, each with all that differs about it.

Adding a message is adding a row (and a function to read it) in its chapter's module.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from domain.answers import ACKNOWLEDGED, NOTHING_TO_SAY, Answer
from domain.commands import Priority
from domain.events import Event
from domain.reports import Report
from protocol.codec import PayloadDecoder
from protocol.dialect import Dialect
from protocol.limits_on_chargers import ChargerLimit
from protocol.local_lists import ListWords
from protocol.profile_rules import ProfileWords
from protocol.reading import Reading, ReadingLimits
from protocol.reservations import WriteReservation
from protocol.schemas import Schemas

__all__ = [
    "Exact",
    "Expectation",
    "Follow",
    "Inbound",
    "Learn",
    "Outbound",
    "Read",
    "Reading",
    "ReadingLimits",
    "Version",
    "Write",
]

Read: TypeAlias = Callable[[Mapping[str, Any], Reading], Report]
"""Payload of the charger's CALL -> what it says. Never raises for any JSON object."""


@dataclass(frozen=True, slots=True)
class Exact:
    """A faster way to read what is exactly as specified; see v16/exact_metering.py."""

    decode: PayloadDecoder
    read: Callable[[Any, Reading], Report | None]
    """What `decode` made -> what it says, or None when schema and `Read` have to look at it."""


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
    TRANSACTION_REPORTED = "transaction_reported"
    VARIABLES_REPORTED = "variables_reported"
    # Reports that are kept as they were said are named by their action.
    BATTERY_SWAPPED = "BatterySwap"
    CUSTOMER_REPORTED = "NotifyCustomerInformation"
    DER_REPORTED = "ReportDERControl"
    DISPLAY_REPORTED = "NotifyDisplayMessages"
    MONITORS_REPORTED = "NotifyMonitoringReport"
    PROFILES_REPORTED = "ReportChargingProfiles"
    PUBLISHING_REPORTED = "PublishFirmwareStatusNotification"
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
    personal: frozenset[str] = frozenset()
    """Members about a person: hidden in the message log, read and kept as they are."""
    hidden_answer: frozenset[str] = frozenset()
    """Members of our answer that the message log does not show."""
    exact: Exact | None = None
    answered: bool = True
    """False: it comes as SEND (2.1) and must not be answered; `write` is not asked."""


Learn: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any], Reading], Event | None]
"""Payloads of our CALL and of its CALLRESULT, secrets hidden -> the fact that they make known.

Never raises for any JSON objects.
"""

ACCEPTED_CANCELED = frozenset({"accepted", "acceptedcanceled"})
"""Accepted; or accepted, and an earlier request of the same kind was given up."""


class Expectation(NamedTuple):
    """What should follow from a command.

    `key`: what the report must speak of (a token, a transaction, a connector); empty: anything.
    `once`: the next report of the kind ends it, whatever it says.
    """

    kind: str = ""
    key: str = ""
    once: bool = False


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
    each: tuple[str, str] | None = None
    """The list of results, and the status in each, where the response has not one but many."""
    admin: bool = False
    """True: trust and firmware of a charger; nothing for operators."""
    locks_out: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether this payload could lock a charger out: then it is nothing for operators either."""
    learn: Learn | None = None
    """What an answer lets us know."""
    learn_silence: bool = False
    """True: no answer lets us know something too; `learn` gets an empty one."""
    learn_refusal: bool = False
    """True: a CALLERROR is a no like any other; `learn` gets its code as the `status`."""

    def accepted(self, response: Mapping[str, Any]) -> bool:
        """Return whether the charger's answer means yes. Never raises.

        Of many results each must.
        """
        if not self.yes:
            return True
        if self.each is None:
            return self._means_yes(response.get("status"))
        results = response.get(self.each[0])
        return isinstance(results, list) and all(
            isinstance(result, dict) and self._means_yes(result.get(self.each[1]))
            for result in results
        )

    def _means_yes(self, status: object) -> bool:
        return isinstance(status, str) and status.strip().casefold() in self.yes

    def is_for_admins(self, payload: Mapping[str, Any]) -> bool:
        """Return whether operators may not send this."""
        return self.admin or (self.locks_out is not None and self.locks_out(payload))

    def followed_by(self, payload: Mapping[str, Any]) -> Follow:
        """Return which report ends this command with this payload."""
        if self.requested is None:
            return self.follow
        return self.requested.get(str(payload.get("requestedMessage")), Follow.NOTHING)


Row = TypeVar("Row", Inbound, Outbound)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of OCPP."""

    subprotocol: str
    dialect: Dialect
    inbound: Mapping[str, Inbound]
    outbound: Mapping[str, Outbound]
    schemas: Schemas
    follow_names: Mapping[Follow, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Where in a command's payload the name of the thing is that a report must speak of."""
    write_limit: Callable[[ChargerLimit], dict[str, Any]] | None = None
    """The payload of SetChargingProfile; None: it cannot be told limits."""
    profile_words: ProfileWords | None = None
    """Where calls have charging profiles; None: they are not checked."""
    list_words: ListWords | None = None
    """How local authorization lists are written; None: it has none."""
    write_reservation: WriteReservation | None = None
    """The payload of ReserveNow; None: nothing can be reserved."""
    decoders: Mapping[str, PayloadDecoder] = field(init=False)
    """Of the inbound actions that have an exact reader."""
    acknowledgements: Mapping[str, bytes] = field(init=False)
    """The payload of the CALLRESULT, as JSON, of those actions that are only acknowledged, or
    whose answer may say nothing."""

    def __post_init__(self) -> None:
        exact = {name: row.exact.decode for name, row in self.inbound.items() if row.exact}
        object.__setattr__(self, "decoders", MappingProxyType(exact))
        object.__setattr__(self, "acknowledgements", MappingProxyType(_empty(self.inbound)))

    def expectation(self, action: str, payload: Mapping[str, Any]) -> Expectation:
        """Return what should follow from a command; an unknown action: nothing."""
        row = self.outbound.get(action)
        kind = Follow.NOTHING if row is None else row.followed_by(payload)
        if row is None or not kind:
            return Expectation()
        value: object = payload
        for name in self.follow_names.get(kind, ()):
            value = value.get(name) if isinstance(value, dict) else None
        key = str(value) if isinstance(value, str | int) else ""
        return Expectation(kind, key, row.requested is not None)


def _empty(inbound: Mapping[str, Inbound]) -> dict[str, bytes]:
    found = {}
    for action, row in inbound.items():
        for answer in (ACKNOWLEDGED, NOTHING_TO_SAY):
            with suppress(TypeError):  # its answer says something
                found[action] = msgspec.json.encode(row.write(answer))
    return found


def table(*chapters: Sequence[Row]) -> Mapping[str, Row]:
    """Return the rows of all chapters by action; a later one takes the place of an earlier one."""
    return MappingProxyType({row.action: row for chapter in chapters for row in chapter})
