"""Which known oddity of chargers a message shows: from its flags and from what it says. Pure.

The numbers are those of tests/conformance. One message may show several; one that shows none costs
a look at an empty tuple. Q41 (a charger that cannot read our times) shows in nothing that it says.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from domain.events import (
    ConnectorStatusReported,
    EnergyMeasured,
    Event,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStopped,
)
from domain.reports import (
    AuthorizationAsked,
    Report,
    StartReported,
    StopReported,
    TransactionReported,
)

NO_SUBPROTOCOL: Final = 1
NO_UPGRADE: Final = 2
ODD_IDENTITY: Final = 3
ODD_PATH: Final = 4
ODD_PASSWORD: Final = 5
OTHER_VERSION: Final = 6
NO_PONG: Final = 7
AT_ONCE_BACK: Final = 8
DEAF: Final = 9
SLOWED: Final = 10
BOOTS_FIRST: Final = 11
NO_BOOT: Final = 12
BOOTS_AGAIN: Final = 13
NO_TRIGGER: Final = 14
BROKEN_ANSWER: Final = 16
UNMATCHED: Final = 20
PIPELINED: Final = 21
REPEATED: Final = 22
STATUSES_AT_ONCE: Final = 35
STARTS_CROSS: Final = 53
"""Numbers of oddities that show in how a charger comes and converses, not in one message."""

FLAGS: Mapping[str, int] = {
    "repaired:leading_comma": 15,
    "repaired:missing_value": 17,
    "repaired:control_character": 18,
    "cleaned:nul": 18,
    "msgid_reuse": 22,
    "duplicate_call": 22,
    "length:/chargePointSerialNumber": 23,
    "length:/chargeBoxSerialNumber": 23,
    "length:/chargingStation/serialNumber": 23,
    "length:/idTag": 24,
    "type:/meterValue/*/sampledValue/*/value": 25,
    "length:/meterValue/*/sampledValue": 26,
    "enum:/meterValue/*/sampledValue/*/unit": 27,
    "enum:/meterValue/*/sampledValue/*/measurand": 28,
    "missing:/timestamp": 34,
    # The actor's own words, of an exchange as a whole.
    "after_stop": 42,
    "start_again": 43,
    "stop_after_concurrent": 47,
    "stop_again": 48,
    "events_missing": 50,
}
"""A flag -> the oddity that it stands for."""

QUALITIES: Mapping[str, int] = {"skewed": 36, "pre_sync": 36, "no_zone": 37, "absurd": 40}
"""How good a time is -> the oddity."""
EPOCH = "1970-"


def of_flags(flags: Iterable[str]) -> list[int]:
    """Return the oddities that flags stand for."""
    return [FLAGS[flag] for flag in flags if flag in FLAGS]


PATH_SLASHES: Final = 2
"""Of /ocpp/{identity}."""
KEY_BYTES: Final = 20
"""Of a key whose 40 hexadecimal digits were decoded before they were sent."""


def of_handshake(
    path: str, name: str, scheme: str, password: bytes | None, *, pinned: bool
) -> tuple[int, ...]:
    """Return the oddities of a handshake that was let in.

    Args:
        path: of the request.
        name: the charger's, as its record has it.
        scheme: the first word of the Authorization header; empty: there is none.
        password: what is in it, if any.
        pinned: it offered no subprotocol.
    """
    found = [NO_SUBPROTOCOL] if pinned else []
    place = path.partition("?")[0]
    if place.rstrip("/").rpartition("/")[2] != name:
        found.append(ODD_IDENTITY)
    if place.count("/") != PATH_SLASHES or place.endswith("/") or "//" in place:
        found.append(ODD_PATH)
    is_decoded = password is not None and len(password) == KEY_BYTES and not password.isalnum()
    if is_decoded or scheme.endswith(":"):
        found.append(ODD_PASSWORD)
    return tuple(found)


FRACTION_DIGITS: Final = 4
"""More in a value are noise of a binary fraction."""
_WORDS: Final = (b"Hertz", b"Celcius")
_SHORT_OFFSET = re.compile(r"[+-]\d{1,2}$").search
_TRIGGERS: Final = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
STARTS: Final = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})


def of_answer(action: str, payload: Mapping[str, Any], *, accepted: bool) -> list[int]:
    """Return the oddities in an answer to a call of ours; a CALLERROR has no payload."""
    if action in _TRIGGERS:
        return [] if accepted else [NO_TRIGGER]
    if action == "ChangeAvailability":
        return [32] if payload.get("status") == "Scheduled" else []
    if action == "GetConfiguration":
        rows = payload.get("configurationKey")
        keys = (
            [row.get("key") for row in rows if isinstance(row, dict)]
            if isinstance(rows, list)
            else []
        )
        return [29] if any(isinstance(key, str) and key[:1].islower() for key in keys) else []
    return []


def _token(token: str) -> list[int]:
    return [19] if token.endswith("\\") else []


def _authorization(report: AuthorizationAsked, text: bytes) -> list[int]:
    del text
    return _token(report.token)


def _start(report: StartReported, text: bytes) -> list[int]:
    del text
    return [*_time(report.quality, report.started_raw), *_token(report.token)]


def _stop(report: StopReported, text: bytes) -> list[int]:
    found = [*_time(report.quality, report.stopped_raw), *_token(report.token)]
    if b'"reason"' not in text:
        found.append(31)
    return [*found, *_number(report.said_transaction)]


def _meter(report: EnergyMeasured, text: bytes) -> Sequence[int]:
    # Most of what a fleet sends: only the first value is looked at.
    del text
    value = report.samples[0].value if report.samples else 0.0
    is_long = round(value, FRACTION_DIGITS) != value
    if report.transaction != -1 and not is_long:
        return ()
    return [44] * (report.transaction == -1) + [30] * is_long


def _status(report: ConnectorStatusReported, text: bytes) -> list[int]:
    del text
    found = [34] if report.quality == "missing" else _time(report.quality, "")
    return found if report.connector else [33, *found]


def _progress(report: TransactionReported, text: bytes) -> Sequence[int]:
    del text
    number = QUALITIES.get(report.quality)
    return () if number is None else (number,)


REPORTS: Mapping[type, Callable[..., Sequence[int]]] = {
    AuthorizationAsked: _authorization,
    StartReported: _start,
    StopReported: _stop,
    EnergyMeasured: _meter,
    ConnectorStatusReported: _status,
    TransactionReported: _progress,
}
"""A kind of report -> what it may show."""


def of_words(text: bytes) -> Sequence[int]:
    """Return the oddities in the words of a payload that is not exactly as specified."""
    return (27,) if any(word in text for word in _WORDS) else ()


def of_report(report: Report, text: bytes) -> Sequence[int]:
    """Return the oddities in what a charger says; `text`: its payload as it came."""
    look = REPORTS.get(type(report))
    return look(report, text) if look is not None else ()


def _time(quality: str, raw: str) -> list[int]:
    number = QUALITIES.get(quality, 0)
    if number == 40 and raw.startswith(EPOCH):  # noqa: PLR2004 - an oddity's number
        number = 39
    found = [number] if number else []
    return [*found, 38] if _SHORT_OFFSET(raw) is not None and "T" in raw else found


def _number(said: int) -> list[int]:
    return {-1: [44], 0: [45]}.get(said, [])


_REGISTER = {"unknown_transaction": (46,), "meter_decreased": (51,), "meter_rollover": (51,)}
# Whether its start was lost or never sent, nobody can tell.
_END = {"unknown_transaction": (46, 49), "meter_decreased": (52,), "meter_rollover": (51,)}
_EVENT = {"after_ended": (42,), "meter_decreased": (51,), "meter_rollover": (51,)}
EVENT_FLAGS: Mapping[type, Mapping[str, tuple[int, ...]]] = {
    EnergyMeasured: _REGISTER,
    TransactionStopped: _END,
    TransactionProgressed: _EVENT,
}
"""A kind of event -> flag -> the oddity."""


def of_events(events: Iterable[Event]) -> list[int]:
    """Return the oddities that an actor has found while it handled a report."""
    found: list[int] = []
    for event in events:
        kind = type(event)
        if kind is TransactionEndedProvisionally:
            found.append(54)
        elif kind in EVENT_FLAGS and event.flags:  # type: ignore[union-attr]
            table = EVENT_FLAGS[kind]
            for flag in event.flags:  # type: ignore[union-attr]
                found += table.get(flag, ())
    return found
