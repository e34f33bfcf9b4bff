"""Variables over REST, of 1.6 and 2.x: set in batches, read back, kept at what is wanted."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.commands import Command
from domain.events import (
    ChargerBooted,
    DeviceNotice,
    DeviceNoticed,
    Entry,
    Variable,
    VariablesReported,
)
from tests.csms.api.node import Api, project, running_api

T0 = 1_767_225_600_000_000
V1 = "/api/v1"
_journals = itertools.count()


class KeysOf16:
    """What a charger of 1.6 answers about its keys."""

    subprotocol = "ocpp1.6"

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.stubborn: set[str] = set()
        self.calls: list[tuple[str, Any]] = []

    def answer(self, command: Command) -> dict[str, Any]:
        payload: Any = command.payload
        self.calls.append((command.action, payload))
        if command.action == "ChangeConfiguration":
            if payload["key"] not in self.keys:
                return {"status": "NotSupported"}
            if payload["key"] not in self.stubborn:
                self.keys[payload["key"]] = payload["value"]
            return {"status": "Accepted"}
        wanted = payload.get("key") or list(self.keys)
        return {
            "configurationKey": [
                {"key": key, "readonly": False, "value": self.keys[key]}
                for key in wanted
                if key in self.keys
            ],
            "unknownKey": [key for key in wanted if key not in self.keys],
        }


class VariablesOf201(KeysOf16):
    """What a charger of 2.0.1 answers about its variables."""

    subprotocol = "ocpp2.0.1"

    def answer(self, command: Command) -> dict[str, Any]:
        payload: Any = command.payload
        self.calls.append((command.action, payload))
        if command.action == "GetBaseReport":
            return {"status": "Accepted"}
        is_set = command.action == "SetVariables"
        results = []
        for each in payload["setVariableData" if is_set else "getVariableData"]:
            name = each["variable"]["name"]
            status = "Accepted" if name in self.keys else "UnknownVariable"
            place = {"component": each["component"], "variable": each["variable"]}
            if is_set and name in self.keys and name not in self.stubborn:
                self.keys[name] = each["attributeValue"]
            result = {**place, "attributeStatus": status}
            if not is_set and name in self.keys:
                result["attributeValue"] = self.keys[name]
            results.append(result)
        return {"setVariableResult" if is_set else "getVariableResult": results}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api() as running:
        yield running


async def plug(api: Api, charger: str, device: KeysOf16) -> None:
    """Let commands to `charger` be answered by `device`."""
    await api.ask("POST", f"{V1}/chargers", {"id": charger})
    api.peers.connect(charger)
    api.peers.connected[charger]["subprotocol"] = device.subprotocol
    api.peers.device = device.answer


async def report(api: Api, charger: str, *variables: Variable) -> None:
    boot = ChargerBooted("ACME", "One")
    entry = Entry(charger, 1, T0, (boot, VariablesReported(variables)))
    await project(api, entry, journal=f"j{next(_journals)}")


async def test_keys_of_16_are_variables_without_a_component(api: Api) -> None:
    device = KeysOf16(HeartbeatInterval="300", Name="x")
    await plug(api, "CP1", device)
    body = {
        "set": [{"variable": "HeartbeatInterval", "value": "60"}, {"variable": "No", "value": "1"}]
    }
    status, answer = await api.ask("PATCH", f"{V1}/chargers/CP1/variables", body)
    assert status == 200, answer
    assert [(r["variable"], r["value"], r["status"]) for r in answer["results"]] == [
        ("HeartbeatInterval", "60", "Accepted"),
        ("No", "1", "NotSupported"),
    ]
    assert [action for action, _ in device.calls] == ["ChangeConfiguration"] * 2


async def test_variables_are_set_within_the_limits_of_the_charger(api: Api) -> None:
    device = VariablesOf201(**{f"V{n}": "0" for n in range(5)})
    await plug(api, "CP2", device)
    await report(
        api,
        "CP2",
        Variable("DeviceDataCtrlr", "ItemsPerMessage", "2", variable_instance="SetVariables"),
    )
    body = {"set": [{"component": "C", "variable": f"V{n}", "value": str(n)} for n in range(5)]}
    status, answer = await api.ask("PATCH", f"{V1}/chargers/CP2/variables", body)
    assert status == 200, answer
    assert [len(payload["setVariableData"]) for _, payload in device.calls] == [2, 2, 1]
    assert [(r["value"], r["status"]) for r in answer["results"]] == [
        (str(n), "Accepted") for n in range(5)
    ]
    assert device.keys == {f"V{n}": str(n) for n in range(5)}


async def test_bytes_of_a_message_are_a_limit_too(api: Api) -> None:
    device = VariablesOf201(**{f"V{n}": "" for n in range(4)})
    await plug(api, "CP2", device)
    await report(
        api,
        "CP2",
        Variable("DeviceDataCtrlr", "BytesPerMessage", "400", variable_instance="SetVariables"),
    )
    body = {"set": [{"component": "C", "variable": f"V{n}", "value": "x" * 100} for n in range(4)]}
    await api.ask("PATCH", f"{V1}/chargers/CP2/variables", body)
    assert [len(payload["setVariableData"]) for _, payload in device.calls] == [1, 1, 1, 1]


async def test_a_variable_of_2x_without_a_component_is_named(api: Api) -> None:
    await plug(api, "CP2", VariablesOf201())
    body = {"set": [{"variable": "V", "value": "1"}]}
    status, answer = await api.ask("PATCH", f"{V1}/chargers/CP2/variables", body)
    assert status == 422
    assert "set.0.component" in str(answer)


async def test_reports_are_listed_and_found(api: Api) -> None:
    await plug(api, "CP2", VariablesOf201())
    await report(
        api, "CP2", Variable("Conn", "Enabled", "true", evse=1), Variable("Ctrl", "Url", "ws")
    )
    page = await api.get(f"{V1}/chargers/CP2/variables?limit=1")
    assert [item["variable"] for item in page["items"]] == ["Enabled"]
    rest = await api.get(f"{V1}/chargers/CP2/variables?cursor={page['next']}")
    assert [item["variable"] for item in rest["items"]] == ["Url"]
    assert len((await api.get(f"{V1}/chargers/CP2/variables?component=Conn"))["items"]) == 1
    assert len((await api.get(f"{V1}/chargers/CP2/variables?search=ws"))["items"]) == 1
    status, answer = await api.ask("POST", f"{V1}/chargers/CP2/variables/refresh")
    assert (status, answer["outcome"]) == (200, "accepted")


async def test_drift_is_shown_and_applied_until_something_does_not_hold(api: Api) -> None:
    device = KeysOf16(A="1", B="2", C="3", D="4.0")
    await plug(api, "CP1", device)
    await plug(api, "CP1", device)
    await report(api, "CP1", *(Variable("", key, value) for key, value in device.keys.items()))
    wanted = [{"variable": key, "value": value} for key, value in
              {"A": "10", "B": "20", "C": "30", "D": "4"}.items()]  # fmt: skip
    template = {"vendor": "ACME", "wanted": wanted}
    assert (await api.ask("PUT", f"{V1}/templates/acme", template))[0] == 200
    assert (await api.ask("PUT", f"{V1}/templates/other", template | {"vendor": "X"}))[0] == 200
    fleet = await api.get(f"{V1}/drift")
    mine = await api.get(f"{V1}/chargers/CP1/drift")
    assert fleet["items"] == mine["items"]
    assert [(d["variable"], d["wanted"], d["found"]) for d in mine["items"]] == [
        ("A", "10", "1"),
        ("B", "20", "2"),
        ("C", "30", "3"),
    ]
    device.stubborn.add("B")
    status, run = await api.ask("POST", f"{V1}/chargers/CP1/drift/apply")
    assert status == 200, run
    assert run["outcome"] == "stopped"
    assert [(s["variable"], s["status"], s["after"], s["holds"]) for s in run["steps"]] == [
        ("A", "Accepted", "10", True),
        ("B", "Accepted", "2", False),
    ]
    assert device.keys["C"] == "3"
    kept = await api.get(f"{V1}/chargers/CP1/drift/runs")
    assert [(r["outcome"], len(r["steps"]), r["template"]) for r in kept["items"]] == [
        ("stopped", 2, "acme")
    ]


async def test_what_monitors_noticed_is_listed(api: Api) -> None:
    await plug(api, "CP2", VariablesOf201())
    notice = DeviceNotice(1, T0, "Alerting", "Connector", "Problem", "true", evse=1, severity=2)
    await project(api, Entry("CP2", 1, T0, (DeviceNoticed((notice,)),)), journal="n")
    found = await api.get(f"{V1}/device-events?charger=CP2&severity=2")
    assert [(i["component"], i["value"]) for i in found["items"]] == [("Connector", "true")]
