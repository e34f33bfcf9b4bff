"""Each version's virtual charger answers each command that a server can send."""

import pytest

from csms.simulator.models import MODELS
from protocol.schemas import Schemas, load_schemas
from protocol.versions import VERSIONS
from tests.csms.simulator.network import Network
from tests.csms.simulator.payloads_16 import PAYLOADS_16
from tests.csms.simulator.v2.payloads import PAYLOADS, PAYLOADS_21

KINDS = {
    "exemplary": ("v16", "", PAYLOADS_16),
    "modern": ("v201", "Request", PAYLOADS),
    "newest": ("v21", "Request", PAYLOADS_21),
}
"""Model -> folder and ending of its schemas, and valid payloads."""


def outbound(model: str) -> list[str]:
    return sorted(VERSIONS[MODELS[model].subprotocol].outbound)


CASES = [(model, action) for model in KINDS for action in outbound(model)]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Schemas]:
    return {model: load_schemas(folder, end) for model, (folder, end, _) in KINDS.items()}


def charging(model: str, **more) -> tuple[Network, str | int]:
    network = Network(model=model, connectors=2, session_s_mean=100_000.0, **more).begin().pass_s(5)
    while not network.charger.busy():
        network.pass_s(1)
    network.pass_s(5)
    running = [c.transaction for c in network.charger.connectors.values() if c.transaction]
    return network, running[0].id or running[0].number


@pytest.mark.parametrize(("model", "action"), CASES)
def test_each_command_is_answered_with_a_result_by_the_schema(schemas, model, action) -> None:
    network, name = charging(model)
    for payload in KINDS[model][2][action](name):
        assert schemas[model].request(action).flags(payload) == (), payload
        answer = network.call(action, payload)
        assert isinstance(answer, dict), answer
        assert schemas[model].response(action).flags(answer) == (), answer
        network.pass_s(30)
    for said, payload in network.stored.values():
        assert schemas[model].request(said).flags(payload) == (), (said, payload)
    assert network.rejected == 0


@pytest.mark.parametrize("model", KINDS)
def test_the_payloads_are_those_of_every_command_of_the_version(model) -> None:
    assert sorted(KINDS[model][2]) == outbound(model)


def test_a_charger_of_the_field_has_no_equipment_and_says_so() -> None:
    network, name = charging("metric")
    [swap] = PAYLOADS_21["RequestBatterySwap"](name)
    assert network.call("RequestBatterySwap", swap) == "NotImplemented"
    [shown] = PAYLOADS_21["SetDisplayMessage"](name)
    assert network.call("SetDisplayMessage", shown) == {"status": "Rejected"}
    rows = network.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert rows == {"status": "Accepted"}
    network.pass_s(5)
    report = [row for payload in network.said("NotifyReport") for row in payload["reportData"]]
    assert not any(row["variableCharacteristics"]["supportsMonitoring"] for row in report)
