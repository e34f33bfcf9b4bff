"""Charging profiles in calls: refused before they are sent, or sent all the same."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.events import ChargerBooted, Entry, Variable, VariablesReported
from tests.csms.api.node import Api, project, running_api

T0 = 1_767_225_600_000_000
PATH = "/api/v1/chargers/CP1/calls?wait=1"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api() as running:
        await running.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        running.peers.connect("CP1")
        yield running


def call(level: int = 0, **more: Any) -> dict[str, Any]:
    profile = {
        "chargingProfileId": 5,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        },
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    return {"action": "SetChargingProfile", "payload": payload} | more


async def test_a_profile_above_the_stack_of_the_charger_is_not_sent(api: Api) -> None:
    key = Variable("", "ChargeProfileMaxStackLevel", "3")
    await project(api, Entry("CP1", 1, T0, (ChargerBooted("ACME", "1"), VariablesReported((key,)))))
    status, answer = await api.ask("POST", PATH, call(4))
    assert status == 422, answer
    assert answer["errors"] == [
        {
            "field": "payload.csChargingProfiles.stackLevel",
            "rule": "must be at most 3 at this charger",
        }
    ]
    assert api.peers.commands == []
    status, answer = await api.ask("POST", PATH, call(4, force=True))
    assert (status, len(api.peers.commands)) == (200, 1)
    assert answer["warnings"] == [
        "csChargingProfiles.stackLevel: must be at most 3 at this charger"
    ]
    status, answer = await api.ask("POST", PATH, call(3))
    assert (status, answer["warnings"]) == (200, [])
