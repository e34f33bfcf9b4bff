"""Monitors of variables, and the events and reports that come of them (part 2, N02 to N08).

What can be monitored: every variable of the device model, and the power of an EVSE.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.outbox import Payload
from csms.simulator.v2 import variables
from csms.simulator.v2.equipment import (
    SEVERITY_MAX,
    EquippedCommand,
    EquippedFace,
    Monitor,
    parts,
)
from csms.simulator.v2.streams import close_stream, open_stream, take

MONITORS_MAX = 50
ITEMS = 4
"""Monitors in one NotifyMonitoringReport."""
WATCH_S = 5.0
"""Between two looks at a variable whose monitor has no period."""
CUSTOM = "CustomMonitor"
POWER = ("EVSE", "Power")
PERIODIC = frozenset({"Periodic", "PeriodicClockAligned"})
CRITERIA: Mapping[str, frozenset[str]] = {
    "ThresholdMonitoring": frozenset({"UpperThreshold", "LowerThreshold"}),
    "DeltaMonitoring": frozenset({"Delta"}),
    "PeriodicMonitoring": PERIODIC,
}
KINDS = frozenset().union(*CRITERIA.values())
BASES: Mapping[str, str] = {
    "All": "Accepted",
    "FactoryDefault": "Accepted",
    "HardWiredOnly": "Accepted",
}
"""Of the factory there are no monitors, and none is wired."""


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["component"]["name"]), str(row["variable"]["name"])


def reading(charger: EquippedFace, row: Mapping[str, Any]) -> str | None:
    """Return the value of a variable now; None: there is none such."""
    if _place(row) == POWER:
        evse = row["component"].get("evse")
        connector = None if evse is None else charger.connectors.get(int(evse["id"]))
        if connector is None:
            return None
        charger.meter(connector)
        return f"{connector.power_w:.1f}"
    value = variables.get(charger.keys, row).get("attributeValue")
    return None if value is None else str(value)


def _judge(charger: EquippedFace, row: Mapping[str, Any]) -> str:
    """Return whether a monitor is taken: a SetMonitoringStatusEnumType."""
    if row["type"] not in KINDS:
        return "UnsupportedMonitorType"
    if not 0 <= row["severity"] <= SEVERITY_MAX or row["value"] < 0:
        return "Rejected"
    if row["type"] in PERIODIC and row["value"] == 0:
        return "Rejected"
    if reading(charger, row) is None:
        known = _place(row)[0] in {POWER[0], *(name for name, _ in variables.VARIABLES)}
        return "UnknownVariable" if known else "UnknownComponent"
    monitors = charger.equipment.monitors
    number = row.get("id")
    if number is not None and number not in monitors:
        return "Rejected"
    for other in monitors.values():
        alike = (_place(other.row), other.row["type"], other.row["severity"])
        if other.number != number and alike == (_place(row), row["type"], row["severity"]):
            same = other.row["component"] == row["component"]
            if same:
                return "Duplicate"
    return "Rejected" if number is None and len(monitors) >= MONITORS_MAX else "Accepted"


def _set(charger: EquippedFace, row: Mapping[str, Any]) -> Payload:
    said: Payload = {
        name: row[name] for name in ("type", "severity", "component", "variable") if name in row
    }
    said["status"] = _judge(charger, row)
    if said["status"] != "Accepted":
        return said
    equipment = charger.equipment
    number = row.get("id")
    if number is None:
        equipment.monitors_made += 1
        number = equipment.monitors_made
    monitor = Monitor(int(number), {**row, "id": int(number)}, str(reading(charger, row)))
    close_stream(charger, monitor.number)
    equipment.monitors[monitor.number] = monitor
    charger.after(_period_s(monitor), partial(_watch, charger, monitor))
    if row.get("periodicEventStream") is not None and row["type"] in PERIODIC:
        open_stream(charger, monitor.number, row["periodicEventStream"])
    return {**said, "id": monitor.number}


def set_variable_monitoring(charger: EquippedFace, request: Request) -> Payload:
    """Set monitors (N04)."""
    return {"setMonitoringResult": [_set(charger, row) for row in request["setMonitoringData"]]}


def _clear(charger: EquippedFace, number: int) -> str:
    if charger.equipment.monitors.pop(number, None) is None:
        return "NotFound"
    close_stream(charger, number)
    return "Accepted"


def clear_variable_monitoring(charger: EquippedFace, request: Request) -> Payload:
    """Forget monitors (N06)."""
    return {
        "clearMonitoringResult": [
            {"status": _clear(charger, number), "id": number} for number in request["id"]
        ]
    }


def set_monitoring_base(charger: EquippedFace, request: Request) -> Payload:
    """Forget what was set, unless all is wanted (N03)."""
    base = str(request["monitoringBase"])
    if base != "All":
        for number in list(charger.equipment.monitors):
            _clear(charger, number)
    return answer(BASES.get(base, "NotSupported"))


def set_monitoring_level(charger: EquippedFace, request: Request) -> Payload:
    """Report only what is as severe as this (N05)."""
    if not 0 <= request["severity"] <= SEVERITY_MAX:
        return answer("Rejected")
    charger.equipment.severity = request["severity"]
    return answer("Accepted")


def get_monitoring_report(charger: EquippedFace, request: Request) -> Payload:
    """Tell the wanted monitors soon after the answer (N02)."""
    wanted = request.get("componentVariable") or ()
    names = {(row["component"]["name"], (row.get("variable") or {}).get("name")) for row in wanted}
    criteria = request.get("monitoringCriteria") or ()
    kinds = frozenset().union(*(CRITERIA[name] for name in criteria)) if criteria else KINDS
    found = [
        _told(charger, monitor)
        for monitor in charger.equipment.monitors.values()
        if monitor.row["type"] in kinds
        and (
            not names or not names.isdisjoint({_place(monitor.row), (_place(monitor.row)[0], None)})
        )
    ]
    if not found:
        return answer("EmptyResultSet")

    def tell(_now_us: int) -> None:
        for seq, part, more in parts(found, ITEMS):
            said: Payload = {
                "requestId": request["requestId"],
                "generatedAt": charger.stamp(charger.now_us),
                "seqNo": seq,
                "tbc": more,
                "monitor": part,
            }
            charger.send("NotifyMonitoringReport", said)

    charger.after(LATER_S, tell)
    return answer("Accepted")


def _told(charger: EquippedFace, monitor: Monitor) -> Payload:
    row = monitor.row
    one: Payload = {
        "id": monitor.number,
        "transaction": bool(row.get("transaction")),
        **{name: row[name] for name in ("value", "type", "severity")},
    }
    if charger.dialect.extended:
        one["eventNotificationType"] = CUSTOM  # since 2.1
    return {
        "component": row["component"],
        "variable": row["variable"],
        "variableMonitoring": [one],
    }


# What monitors report (N07 and N08)


def _period_s(monitor: Monitor) -> float:
    return max(1.0, monitor.row["value"]) if monitor.row["type"] in PERIODIC else WATCH_S


def _watch(charger: EquippedFace, monitor: Monitor, _now_us: int) -> None:
    """Look at the variable; report what the monitor is there for; look again."""
    equipment = charger.equipment
    if equipment.monitors.get(monitor.number) is not monitor:
        return
    charger.after(_period_s(monitor), partial(_watch, charger, monitor))
    value = str(reading(charger, monitor.row))
    if take(charger, monitor.number, value):
        return
    trigger, cleared = _trigger(monitor, value)
    if trigger == "" or monitor.row["severity"] > equipment.severity:
        return
    equipment.events += 1
    row = monitor.row
    event: Payload = {
        "eventId": equipment.events,
        "timestamp": charger.stamp(charger.now_us),
        "trigger": trigger,
        "actualValue": value,
        "cleared": cleared,
        "component": row["component"],
        "variable": row["variable"],
        "variableMonitoringId": monitor.number,
        "eventNotificationType": CUSTOM,
    }
    charger.send(
        "NotifyEvent",
        {"generatedAt": charger.stamp(charger.now_us), "seqNo": 0, "eventData": [event]},
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _trigger(monitor: Monitor, value: str) -> tuple[str, bool]:
    """Return the trigger, empty for none, and whether a threshold is no longer crossed."""
    kind, bound = monitor.row["type"], float(monitor.row["value"])
    before, now = _number(monitor.last), _number(value)
    if kind in PERIODIC:
        return "Periodic", False
    if before is None or now is None:
        changed, monitor.last = monitor.last != value, value
        return ("Delta" if changed and kind == "Delta" else ""), False
    if kind == "Delta":
        if abs(now - before) < bound or now == before:
            return "", False
        monitor.last = value
        return "Delta", False
    monitor.last = value
    was, is_over = before > bound, now > bound
    if kind == "LowerThreshold":
        was, is_over = before < bound, now < bound
    return ("" if was == is_over else "Alerting"), was


COMMANDS: Mapping[str, EquippedCommand] = {
    "ClearVariableMonitoring": clear_variable_monitoring,
    "GetMonitoringReport": get_monitoring_report,
    "SetMonitoringBase": set_monitoring_base,
    "SetMonitoringLevel": set_monitoring_level,
    "SetVariableMonitoring": set_variable_monitoring,
}
