"""A charger of 2.x: every word of it by the official schemas."""

from collections import defaultdict
from dataclasses import replace

import pytest

from csms.simulator.machine import Leave
from csms.simulator.v2.commands import COMMANDS
from protocol.schemas import Schemas, load_schemas
from tests.csms.simulator.network import Network
from tests.csms.simulator.v2.payloads import PAYLOADS

FOLDERS = {"modern": "v201", "newest": "v21"}


@pytest.fixture(scope="module", params=FOLDERS)
def model(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def schemas(model: str) -> Schemas:
    return load_schemas(FOLDERS[model], "Request")


def living(model: str, **more) -> Network:
    return Network(model=model, connectors=2, **more).begin().pass_s(5)


def charging(model: str, **more) -> Network:
    network = living(model, session_s_mean=100_000.0, **more)
    while not network.charger.busy():
        network.pass_s(1)
    return network.pass_s(5)


def running(network: Network):
    return next(c for c in network.charger.connectors.values() if c.transaction is not None)


def test_an_hour_of_life_is_told_by_the_schemas(model, schemas) -> None:
    network = living(model).pass_s(3_600)
    for action, payload in network.stored.values():
        assert schemas.request(action).flags(payload) == (), (action, payload)
    assert network.rejected == 0
    kinds = {payload["eventType"] for payload in network.said("TransactionEvent")}
    assert kinds == {"Started", "Updated", "Ended"}
    assert network.charger.counts.stopped >= 2


def test_events_of_a_transaction_are_numbered_without_a_gap_also_over_a_lost_connection(
    model,
) -> None:
    network = living(model)
    network.pass_s(200)
    network.machine.handle(Leave(600.0), network.now_us)
    network.server = None
    network.pass_s(1_200)
    numbers = defaultdict(list)
    for payload in network.said("TransactionEvent"):
        numbers[payload["transactionInfo"]["transactionId"]].append(payload["seqNo"])
    assert len(numbers) >= 3
    for found in numbers.values():
        assert found == list(range(len(found)))
    assert any(payload["offline"] for payload in network.said("TransactionEvent"))


def test_the_charging_state_is_an_event_and_the_connector_is_only_occupied(model) -> None:
    network = living(model).pass_s(1_800)
    statuses = {payload["connectorStatus"] for payload in network.said("StatusNotification")}
    assert statuses == {"Available", "Occupied"}
    states = {
        payload["transactionInfo"].get("chargingState")
        for payload in network.said("TransactionEvent")
        if payload["triggerReason"] == "ChargingStateChanged"
    }
    assert "Charging" in states


@pytest.mark.parametrize("action", sorted(COMMANDS))
def test_a_charger_without_equipment_answers_each_command_by_its_schema(
    model, schemas, action
) -> None:
    network = charging(model)
    network.charger.identity = replace(network.charger.identity, equipped=False)
    name = running(network).transaction.id
    for payload in PAYLOADS[action](name):
        assert schemas.request(action).flags(payload) == (), payload
        answer = network.call(action, payload)
        assert isinstance(answer, dict), answer
        assert schemas.response(action).flags(answer) == (), answer
        network.pass_s(30)
    for said, payload in network.stored.values():
        assert schemas.request(said).flags(payload) == (), (said, payload)


def test_commands_that_a_charger_does_not_know_are_refused(model) -> None:
    assert living(model).call("Get15118EVCertificate", {}) == "NotImplemented"


def test_a_remote_start_is_named_in_the_transaction(model) -> None:
    network = living(model, tokens=())
    [payload] = PAYLOADS["RequestStartTransaction"]("")[:1]
    assert network.call("RequestStartTransaction", payload)["status"] == "Accepted"
    network.pass_s(5)
    [started] = [e for e in network.said("TransactionEvent") if e["eventType"] == "Started"]
    assert started["triggerReason"] == "RemoteStart"
    assert started["transactionInfo"]["remoteStartId"] == payload["remoteStartId"]
    assert started["idToken"] == payload["idToken"]


def test_a_remote_stop_ends_the_named_transaction_only(model) -> None:
    network = charging(model)
    connector = running(network)
    name = connector.transaction.id
    assert network.call("RequestStopTransaction", {"transactionId": "other"}) == {
        "status": "Rejected"
    }
    answer = network.call("RequestStopTransaction", {"transactionId": name})
    assert answer == {"status": "Accepted"}
    network.pass_s(5)
    ended = [e for e in network.said("TransactionEvent") if e["eventType"] == "Ended"]
    assert ended[-1]["transactionInfo"]["transactionId"] == name
    assert ended[-1]["transactionInfo"]["stoppedReason"] == "Remote"


def test_a_profile_limits_the_power_at_once(model) -> None:
    network = charging(model)
    network.pass_s(30)
    connector = running(network)
    [payload] = PAYLOADS["SetChargingProfile"](connector.transaction.id)[:1]
    payload["evseId"] = connector.number
    assert network.call("SetChargingProfile", payload) == {"status": "Accepted"}
    assert 0 < connector.power_w <= 1_500


def test_variables_are_views_of_what_they_change(model) -> None:
    network = charging(model)
    component = {"component": {"name": "SampledDataCtrlr"}}
    row = {**component, "variable": {"name": "TxUpdatedInterval"}}
    network.call("SetVariables", {"setVariableData": [{**row, "attributeValue": "3"}]})
    found = network.call("GetVariables", {"getVariableData": [row]})
    assert found["getVariableResult"][0]["attributeValue"] == "3"
    network.pass_s(15)
    before = len(network.said("TransactionEvent"))
    network.pass_s(30)
    assert len(network.said("TransactionEvent")) - before >= 9
