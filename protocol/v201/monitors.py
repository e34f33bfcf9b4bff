"""Monitors of variables: what is reported, set and cleared (part 2, N02 to N06)."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.events import Monitor, MonitoringTold
from protocol.fields import INT32_MIN, Fields, as_number, listed
from protocol.reading import Reading
from protocol.v201.variables import VARIABLES_MAX, read_place

VALUE_MAX = 1e300
CUSTOM = "CustomMonitor"
CLEARED = frozenset({"accepted", "notfound"})
"""Statuses of ClearVariableMonitoring after which there is none of that number."""


def read_monitors(payload: Mapping[str, Any], reading: Reading) -> MonitoringTold:
    """Read NotifyMonitoringReport (N02)."""
    fields = Fields(payload, reading)
    flags = fields.flags
    at_us, _ = fields.time("generatedAt")
    data = fields.get("monitor")
    rows = [] if data is None else listed(data, "/monitor", flags)
    found = [monitor for row in rows for monitor in _of_row(row, reading, flags)]
    return MonitoringTold(
        _bounded(found, flags),
        request=fields.integer("requestId", None, INT32_MIN),
        seq=fields.integer("seqNo", None),
        more=fields.get("tbc") is True,
        at_us=at_us,
        flags=tuple(flags),
    )


def _of_row(row: object, reading: Reading, flags: list[str]) -> Iterator[Monitor]:
    fields = Fields(row, reading, flags, "/monitor/*/")
    place = read_place(fields)
    path = "/monitor/*/variableMonitoring"
    for each in listed(fields.get("variableMonitoring"), path, flags):
        one = Fields(each, reading, flags, f"{path}/*/")
        yield Monitor(
            **place,
            number=one.integer("id", None),
            kind=one.text("type", None),
            value=_value(one),
            severity=one.integer("severity", None),
            in_transaction=one.get("transaction") is True,
            origin=one.text("eventNotificationType"),
        )


def _value(fields: Fields) -> float:
    number = as_number(fields.get("value"))
    return float(number) if number is not None and abs(number) <= VALUE_MAX else 0.0


def _bounded(found: list[Monitor], flags: list[str]) -> tuple[Monitor, ...]:
    if len(found) > VARIABLES_MAX:
        flags.append("cut:/")
    return tuple(found[:VARIABLES_MAX])


def learn_set(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> MonitoringTold | None:
    """Read the answer to SetVariableMonitoring (N04): the monitors that are there now.

    Results name place, type and severity; value and scope are those that were asked for.
    """
    asked: dict[tuple[object, ...], list[Fields]] = {}
    for row in _rows(request, "setMonitoringData"):
        fields = Fields(row, reading)
        asked.setdefault(_key(fields), []).append(fields)
    found = []
    for row in _rows(response, "setMonitoringResult"):
        result = Fields(row, reading)
        wanted = asked.get(_key(result))
        one = wanted.pop(0) if wanted else Fields({}, reading)
        if result.text("status").casefold() != "accepted" or result.get("id") is None:
            continue
        found.append(
            Monitor(
                **read_place(result),
                number=result.integer("id"),
                kind=result.text("type"),
                value=_value(one),
                severity=result.integer("severity"),
                in_transaction=one.get("transaction") is True,
                origin=CUSTOM,
            )
        )
    flags: list[str] = []
    monitors = _bounded(found, flags)
    if not monitors:
        return None
    return MonitoringTold(monitors, at_us=reading.received_us, flags=tuple(flags))


def _key(fields: Fields) -> tuple[object, ...]:
    return (*read_place(fields).values(), fields.text("type"), fields.integer("severity"))


def learn_cleared(
    _request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> MonitoringTold | None:
    """Read the answer to ClearVariableMonitoring (N06)."""
    gone = []
    for row in _rows(response, "clearMonitoringResult"):
        result = Fields(row, reading)
        if result.text("status").casefold() in CLEARED and result.get("id") is not None:
            gone.append(result.integer("id"))
    numbers = tuple(gone[:VARIABLES_MAX])
    return MonitoringTold(cleared=numbers, at_us=reading.received_us) if numbers else None


def learn_base(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> MonitoringTold | None:
    """Read the answer to SetMonitoringBase (N03)."""
    base = Fields(request, reading).text("monitoringBase")
    return MonitoringTold(base=base, at_us=reading.received_us) if _is_yes(response) else None


def learn_level(
    request: Mapping[str, Any], response: Mapping[str, Any], reading: Reading
) -> MonitoringTold | None:
    """Read the answer to SetMonitoringLevel (N05)."""
    level = Fields(request, reading).integer("severity")
    return MonitoringTold(level=level, at_us=reading.received_us) if _is_yes(response) else None


def _is_yes(response: Mapping[str, Any]) -> bool:
    return str(response.get("status")).strip().casefold() == "accepted"


def _rows(payload: Mapping[str, Any], name: str) -> list[object]:
    rows = payload.get(name)
    return rows if isinstance(rows, list) else []
