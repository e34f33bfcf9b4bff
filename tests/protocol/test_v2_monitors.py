"""Monitors of OCPP 2.x in words of the domain (N02 to N08), and statuses that they tell (G01)."""

from typing import Any

import pytest

from domain.events import Monitor, MonitoringTold
from protocol.reading import Reading
from protocol.v201.monitors import CUSTOM
from protocol.versions import VERSIONS
from tests.protocol.payloads_v2 import PAYLOADS

NOW_US = 1_767_225_600_000_000
READING = Reading(NOW_US)
PLACE = {
    "component": {"name": "Connector", "instance": "left", "evse": {"id": 2, "connectorId": 1}},
    "variable": {"name": "Temperature"},
}
VERSIONS_2X = ("ocpp2.0.1", "ocpp2.1")


def learn(action: str, request: Any, response: Any) -> Any:
    row = VERSIONS["ocpp2.0.1"].outbound[action]
    assert row.learn is not None
    return row.learn(request, response, READING)


@pytest.mark.parametrize("name", VERSIONS_2X)
def test_a_report_is_one_monitor_for_each_number(name: str) -> None:
    row = VERSIONS[name].inbound["NotifyMonitoringReport"]
    each = {"value": 80, "type": "UpperThreshold", "severity": 3, "transaction": False}
    payload = {
        "requestId": 5,
        "seqNo": 1,
        "tbc": True,
        "generatedAt": "2026-01-01T00:00:00Z",
        "monitor": [
            {**PLACE, "variableMonitoring": [{"id": 0, **each}, {"id": 9, **each, "value": 1.5}]}
        ],
    }
    told = row.read(payload, READING)
    assert isinstance(told, MonitoringTold)
    assert (told.request, told.seq, told.more, told.flags) == (5, 1, True, ())
    first, second = told.monitors
    assert first == Monitor(
        0, "Connector", "Temperature", "UpperThreshold", 80.0, 3, "left", evse=2, connector=1
    )
    assert (second.number, second.value) == (9, 1.5)


@pytest.mark.parametrize("name", VERSIONS_2X)
def test_every_member_of_a_report_is_read(name: str) -> None:
    payload = PAYLOADS[name].inbound["NotifyMonitoringReport"]
    told = VERSIONS[name].inbound["NotifyMonitoringReport"].read(payload, READING)
    assert isinstance(told, MonitoringTold)
    asked = [each for row in payload["monitor"] for each in row["variableMonitoring"]]
    assert [m.number for m in told.monitors] == [each["id"] for each in asked]
    assert told.monitors[0].origin == asked[0].get("eventNotificationType", "")
    assert told.flags == ()


@pytest.mark.parametrize(
    "payload",
    [{}, {"monitor": 5}, {"monitor": [1, {}]}, {"monitor": [{"variableMonitoring": [None, {}]}]}],
    ids=["nothing", "no-list", "no-rows", "no-monitors"],
)
def test_nonsense_is_read_and_flagged(payload: Any) -> None:
    told = VERSIONS["ocpp2.1"].inbound["NotifyMonitoringReport"].read(payload, READING)
    assert isinstance(told, MonitoringTold)
    assert told.flags


def test_what_was_set_has_the_value_that_was_asked_for() -> None:
    asked = [
        {**PLACE, "value": 80.5, "type": "UpperThreshold", "severity": 3, "transaction": True},
        {**PLACE, "value": 4, "type": "LowerThreshold", "severity": 3},
        {**PLACE, "value": 2, "type": "Delta", "severity": 8},
    ]
    results = [
        {**PLACE, "type": "Delta", "severity": 8, "status": "Accepted", "id": 12},
        {**PLACE, "type": "UpperThreshold", "severity": 3, "status": "Accepted", "id": 0},
        {**PLACE, "type": "LowerThreshold", "severity": 3, "status": "Duplicate"},
    ]
    told = learn(
        "SetVariableMonitoring", {"setMonitoringData": asked}, {"setMonitoringResult": results}
    )
    found = [(m.number, m.kind, m.value, m.in_transaction, m.origin) for m in told.monitors]
    assert found == [
        (12, "Delta", 2.0, False, CUSTOM),
        (0, "UpperThreshold", 80.5, True, CUSTOM),
    ]


def test_nothing_is_learned_from_a_no() -> None:
    no = {**PLACE, "type": "Delta", "severity": 8, "status": "Rejected"}
    assert learn("SetVariableMonitoring", {}, {"setMonitoringResult": [no]}) is None
    assert learn("SetVariableMonitoring", {}, {}) is None
    refused = {"clearMonitoringResult": [{"id": 4, "status": "Rejected"}]}
    assert learn("ClearVariableMonitoring", {"id": [4]}, refused) is None
    assert learn("SetMonitoringBase", {"monitoringBase": "All"}, {"status": "Rejected"}) is None
    assert learn("SetMonitoringLevel", {"severity": 3}, {"status": "Rejected"}) is None


def test_what_is_cleared_or_was_never_there_is_gone() -> None:
    results = [
        {"id": 0, "status": "Accepted"},
        {"id": 2, "status": "NotFound"},
        {"id": 3, "status": "Rejected"},
    ]
    told = learn("ClearVariableMonitoring", {"id": [0, 2, 3]}, {"clearMonitoringResult": results})
    assert told.cleared == (0, 2)


def test_base_and_level_are_those_that_were_accepted() -> None:
    yes = {"status": "Accepted"}
    base = learn("SetMonitoringBase", {"monitoringBase": "HardWiredOnly"}, yes)
    assert (base.base, base.level) == ("HardWiredOnly", -1)
    level = learn("SetMonitoringLevel", {"severity": 0}, yes)
    assert (level.base, level.level) == ("", 0)


@pytest.mark.parametrize(
    ("component", "value", "status"),
    [
        ({"name": "Connector", "evse": {"id": 2, "connectorId": 1}}, "Occupied", "Occupied"),
        ({"name": "connector", "evse": {"id": 2, "connectorId": 1}}, "faulted ", "Faulted"),
        ({"name": "ChargingStation"}, "Unavailable", "Unavailable"),
        ({"name": "EVSE", "evse": {"id": 2}}, "Occupied", ""),
        ({"name": "Connector", "evse": {"id": 2}}, "Occupied", ""),
        ({"name": "Connector"}, "Occupied", ""),
        ({"name": "Connector", "evse": {"id": 2, "connectorId": 1}}, "", ""),
    ],
    ids=["connector", "spelled-oddly", "whole", "evse", "no-plug", "no-place", "no-value"],
)
def test_an_availability_state_is_a_status(component: Any, value: str, status: str) -> None:
    event = {
        "eventId": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "PreconfiguredMonitor",
        "component": component,
        "variable": {"name": "AvailabilityState"},
    }
    payload = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [event]}
    told: Any = VERSIONS["ocpp2.0.1"].inbound["NotifyEvent"].read(payload, READING)
    assert [notice.status for notice in told.notices] == [status]
