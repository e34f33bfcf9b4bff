import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from domain.events import CommandFinished, CommandFollowed, Entry
from tests.csms.api.node import Api, project, running_api

CALLS = "/api/v1/chargers/CP1/calls"
START = {"action": "RemoteStartTransaction", "payload": {"connectorId": 1, "idTag": "TAG"}}


@pytest.fixture
async def online(api: Api) -> AsyncIterator[Api]:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    return api


async def test_a_call_returns_the_answer_of_the_charger(online: Api) -> None:
    status, view = await online.ask("POST", f"{CALLS}?wait=5", START, "operator")
    assert status == 200
    assert (view["state"], view["outcome"]) == ("finished", "accepted")
    assert view["response"] == {"status": "Accepted"}
    ((command, waited),) = online.peers.commands
    assert (command.action, command.payload) == (START["action"], START["payload"])
    assert waited is True
    assert command.issued_by.startswith("operator")


async def test_every_end_of_a_command_is_told_as_it_is(online: Api) -> None:
    for outcome, fields in (
        ("rejected", {"response": {"status": "Rejected"}}),
        ("error", {"error_code": "InternalError", "error_text": "oops"}),
        ("timed_out", {}),
        ("lost", {}),
    ):
        online.peers.result = {"outcome": outcome, **fields}
        status, view = await online.ask("POST", CALLS, START)
        assert (status, view["outcome"], view["settled"]) == (200, outcome, True)
        assert view["timeline"][-1]["step"] == outcome
        assert fields.items() <= view.items()


async def test_what_is_awaited_is_told_with_the_answer_already(online: Api) -> None:
    _, view = await online.ask("POST", f"{CALLS}?wait=5", START)
    last = view["timeline"][-1]
    assert (last["step"], last["awaited"]) == ("awaited", "transaction_started")
    assert last["until_us"] > view["finished_us"]
    assert not view["settled"]
    cleared = {"action": "ClearCache", "payload": {}}
    _, view = await online.ask("POST", f"{CALLS}?wait=5", cleared)
    assert (view["timeline"][-1]["step"], view["settled"]) == ("accepted", True)
    _, view = await online.ask("POST", f"{CALLS}?wait=0", cleared)
    assert (view["timeline"][-1]["awaited"], view["settled"]) == ("answer", False)


async def test_a_charger_that_is_not_connected_is_a_conflict(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    status, problem = await api.ask("POST", CALLS, START)
    assert (status, problem["type"]) == (409, "urn:csms:problem:charger_offline")


async def test_a_command_that_is_not_taken_is_a_conflict(online: Api) -> None:
    online.peers.result = {"outcome": "refused", "error_text": "the queue is full"}
    status, problem = await online.ask("POST", CALLS, START)
    assert (status, problem["detail"]) == (409, "the queue is full")


async def test_without_waiting_the_command_can_be_asked_for_later(online: Api) -> None:
    status, view = await online.ask("POST", f"{CALLS}?wait=0", START)
    assert (status, view["state"], view["outcome"]) == (202, "pending", None)
    found = await online.get(f"/api/v1/commands/{view['id']}", role="viewer")
    assert (found["state"], found["action"]) == ("pending", START["action"])


async def test_a_gateway_that_says_nothing_leaves_the_command_pending() -> None:
    async with running_api(**{"api.ask_deadline_s": 0.2}) as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        api.peers.connect("CP1")
        api.peers.silent = True
        status, view = await api.ask("POST", f"{CALLS}?wait=0", START)
        assert (status, view["state"]) == (202, "pending")
        assert len(api.peers.commands) == 1


async def test_how_a_command_ended_and_what_followed_is_in_the_store(online: Api) -> None:
    _, view = await online.ask("POST", f"{CALLS}?wait=0", START)
    entry = Entry(
        "CP1",
        1,
        5_000,
        (
            CommandFinished(
                view["id"],
                START["action"],
                json.dumps(START["payload"]),
                "accepted",
                '{"status":"Accepted"}',
            ),
            CommandFollowed(view["id"], "transaction_started", 1017),
        ),
    )
    await project(online, entry)
    found = await online.get(f"/api/v1/commands/{view['id']}")
    assert (found["state"], found["outcome"]) == ("finished", "accepted")
    assert found["response"] == {"status": "Accepted"}
    assert found["followed"] == {"end": "transaction_started", "transaction": 1017, "detail": ""}
    (row,) = (await online.get("/api/v1/commands?charger=CP1"))["items"]
    assert row["id"] == view["id"]


async def test_an_unknown_action_is_named_with_its_nearest(online: Api) -> None:
    status, problem = await online.ask("POST", CALLS, {"action": "RemoteStartTransction"})
    assert (status, problem["type"]) == (422, "urn:csms:problem:unknown_action")
    assert "RemoteStartTransaction" in problem["detail"]
    assert online.peers.commands == []


async def test_a_payload_that_violates_the_schema_is_sent_only_when_forced(online: Api) -> None:
    wrong = {"action": "Reset", "payload": {"type": "Gentle"}}
    status, problem = await online.ask("POST", CALLS, wrong)
    assert (status, problem["type"]) == (422, "urn:csms:problem:schema")
    assert problem["errors"][0]["field"] == "payload"
    assert online.peers.commands == []
    status, view = await online.ask("POST", CALLS, wrong | {"force": True})
    assert status == 200
    assert view["warnings"]
    assert len(online.peers.commands) == 1


async def test_certificates_and_the_password_are_not_for_operators(online: Api) -> None:
    for body in (
        {
            "action": "ChangeConfiguration",
            "payload": {"key": "AuthorizationKey", "value": "0" * 40},
        },
        {
            "action": "InstallCertificate",
            "payload": {"certificateType": "CentralSystemRootCertificate", "certificate": "x"},
        },
    ):
        assert (await online.ask("POST", CALLS, body, "operator"))[0] == 403
        assert (await online.ask("POST", CALLS, body, "admin"))[0] == 200


async def test_unknown_things_are_not_found(api: Api) -> None:
    assert (await api.ask("POST", CALLS, START))[0] == 404
    assert (await api.ask("GET", "/api/v1/commands/nothing"))[0] == 404


async def test_a_wait_that_is_too_long_is_refused(online: Api) -> None:
    assert (await online.ask("POST", f"{CALLS}?wait=9999", START))[0] == 422
    assert (await online.ask("POST", f"{CALLS}?wait=-1", START))[0] == 422


async def test_what_is_remembered_of_a_charger_is_never_what_is_acted_on_when_it_has_changed(
    online: Api,
) -> None:
    assert (await online.ask("POST", CALLS, START))[0] == 200
    # It comes back with another version, so the action is none of its.
    online.peers.connected["CP1"] |= {"generation": 8, "subprotocol": "ocpp2.0.1"}
    status, problem = await online.ask("POST", CALLS, START)
    assert (status, problem["type"]) == (422, "urn:csms:problem:unknown_action")
    of_2x = {"action": "ClearCache", "payload": {}}
    assert (await online.ask("POST", CALLS, of_2x))[0] == 200
    # It goes, and comes back through the other gateway.
    there = online.peers.connected.pop("CP1")
    status, problem = await online.ask("POST", CALLS, of_2x)
    assert (status, problem["type"]) == (409, "urn:csms:problem:charger_offline")
    online.peers.connected["CP1"] = there | {"generation": 9}
    assert (await online.ask("POST", CALLS, of_2x))[0] == 200
    assert len(online.peers.commands) == 3


async def test_a_charger_that_has_moved_is_not_commanded_by_those_it_has_left(online: Api) -> None:
    for site in ("here", "there"):
        assert (await online.ask("PUT", f"/api/v1/sites/{site}", {}))[0] == 200
    await online.ask("PATCH", "/api/v1/chargers/CP1", {"site": "here"})
    for site in ("here", "there"):
        body = {"name": site, "role": "operator", "sites": [site]}
        online.keys[site] = (await online.ask("POST", "/api/v1/keys", body))[1]["secret"]
    assert (await online.ask("POST", CALLS, START, "here"))[0] == 200
    assert (await online.ask("POST", CALLS, START, "there"))[0] == 404
    status, moved = await online.ask("PATCH", "/api/v1/chargers/CP1", {"site": "there"})
    assert status == 200
    online.peers.revisions["CP1"] = moved["revision"]
    assert (await online.ask("POST", CALLS, START, "here"))[0] == 404
    assert (await online.ask("POST", CALLS, START, "there"))[0] == 200
    assert len(online.peers.commands) == 2
    # It is removed.
    await online.ask("DELETE", "/api/v1/chargers/CP1")
    online.peers.connected.clear()
    assert (await online.ask("POST", CALLS, START, "there"))[0] == 404


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ("{}", "action", "required"),
        ('{"action": 5}', "action", "string"),
        ('{"action": "Reset", "actoin": 1}', "actoin", "did you mean action"),
        ('{"action": "Reset", "payload": []}', "payload", "dictionary"),
        ('{"action": "Reset", "force": 1}', "force", "true or false"),
        ('{"action": "Reset", "priority": "now"}', "priority", "safety"),
        ('{"action": "Re\\u0000set"}', "body", "NUL"),
        ('{"action": "Reset"', "body", "JSON"),
        ('["Reset"]', "body", "dictionary"),
        ("", "body", "dictionary"),
    ],
    ids=range(10),
)
async def test_a_body_that_is_no_call_is_told_which_field_is_wrong(
    online: Api, body: str, field: str, word: str
) -> None:
    headers = {
        "Authorization": f"Bearer {online.keys['operator']}",
        "Content-Type": "application/json",
    }
    async with online.session.post(online.url + CALLS, data=body, headers=headers) as response:
        problem = await response.json()
    assert response.status == 422, problem
    assert word in problem["detail"], problem
    assert problem["errors"][0]["field"] == field
    assert online.peers.commands == []


@pytest.mark.parametrize(
    "query", ["wait=NaN", "wait=1_0", "wait=1e999", "until=never", "wait=1&wait=2", "wiat=1"]
)
async def test_a_wrong_parameter_is_refused(online: Api, query: str) -> None:
    status, problem = await online.ask("POST", f"{CALLS}?{query}", START)
    assert status == 422
    assert query.partition("=")[0] in problem["detail"]


async def test_many_commands_at_once_are_each_in_the_audit_log_before_their_answer(
    online: Api,
) -> None:
    answers = await asyncio.gather(
        *(online.ask("POST", f"{CALLS}?wait=5", START, "operator") for _ in range(40))
    )
    rows = (await online.get("/api/v1/audit?limit=1000"))["items"]
    assert [status for status, _ in answers] == [200] * 40
    assert sum(row["action"].endswith("/calls") and row["actor"] != "" for row in rows) == 40
