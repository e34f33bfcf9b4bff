"""Which known oddity of chargers a message shows: from its flags and from what it says. Pure.

The numbers are those of tests/conformance. One message may show several; one that shows none costs
a look at an empty tuple.
"""

from collections.abc import Callable, Iterable, Mapping

from domain.events import (
    ConnectorStatusReported,
    EnergyMeasured,
    Event,
    TransactionEndedProvisionally,
    TransactionStopped,
)
from domain.reports import Report, StartReported, StopReported, TransactionReported

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
}
"""A flag -> the oddity that it stands for."""

QUALITIES: Mapping[str, int] = {"skewed": 36, "pre_sync": 36, "no_zone": 37, "absurd": 40}
"""How good a time is -> the oddity."""
EPOCH = "1970-"


def of_flags(flags: Iterable[str]) -> list[int]:
    """Return the oddities that flags stand for."""
    return [FLAGS[flag] for flag in flags if flag in FLAGS]


def _start(report: StartReported) -> list[int]:
    return _time(report.quality, report.started_raw)


def _stop(report: StopReported) -> list[int]:
    found = _time(report.quality, report.stopped_raw)
    return [*found, *_number(report.said_transaction)]


def _meter(report: EnergyMeasured) -> list[int]:
    return [44] if report.transaction == -1 else []


def _status(report: ConnectorStatusReported) -> list[int]:
    if report.quality == "missing":
        return [34]
    return _time(report.quality, "")


def _progress(report: TransactionReported) -> list[int]:
    return _time(report.quality, "")


REPORTS: Mapping[type, Callable[..., list[int]]] = {
    StartReported: _start,
    StopReported: _stop,
    EnergyMeasured: _meter,
    ConnectorStatusReported: _status,
    TransactionReported: _progress,
}
"""A kind of report -> what it may show."""


def of_report(report: Report) -> list[int]:
    """Return the oddities in what a charger says."""
    look = REPORTS.get(type(report))
    return look(report) if look is not None else []


def _time(quality: str, raw: str) -> list[int]:
    number = QUALITIES.get(quality, 0)
    if number == 40 and raw.startswith(EPOCH):  # noqa: PLR2004 - an oddity's number
        number = 39
    return [number] if number else []


def _number(said: int) -> list[int]:
    return {-1: [44], 0: [45]}.get(said, [])


_REGISTER = {"unknown_transaction": 46, "meter_decreased": 51, "meter_rollover": 51}
_END = {"unknown_transaction": 46, "meter_decreased": 52, "meter_rollover": 51}
EVENT_FLAGS: Mapping[type, Mapping[str, int]] = {
    EnergyMeasured: _REGISTER,
    TransactionStopped: _END,
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
            found += [table[flag] for flag in event.flags if flag in table]  # type: ignore[union-attr]
    return found
