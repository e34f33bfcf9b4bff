"""A command that is sent twice with the same Idempotency-Key is the same command."""

import asyncio
from typing import Any

import pytest

from storage.relational.tables import idempotency_keys
from tests.csms.api.node import Api, running_api

PATH = "/api/v1/chargers/CP1/calls"
CALL = {"action": "ClearCache", "payload": {}}


@pytest.fixture
async def online(api: Api) -> Api:
    await ready(api)
    return api


async def ready(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    api.peers.connect("CP1")


async def send(
    api: Api, key: str, body: Any = CALL, role: str = "operator", query: str = "?wait=5"
) -> tuple[int, Any, Any]:
    headers = {"Authorization": f"Bearer {api.keys[role]}", "Idempotency-Key": key}
    url = api.url + PATH + query
    async with api.session.post(url, json=body, headers=headers) as response:
        return response.status, await response.json(), response.headers


async def test_the_same_request_gives_the_same_command_and_answer(online: Api) -> None:
    first = await send(online, "one")
    again = await send(online, "one")
    assert (first[0], again[0]) == (200, 200)
    assert first[1] == again[1]
    assert first[2]["Location"] == again[2]["Location"]
    assert "Idempotent-Replayed" not in first[2]
    assert again[2]["Idempotent-Replayed"] == "true"
    assert len(online.peers.commands) == 1
    await send(online, "two")
    assert len(online.peers.commands) == 2


async def test_another_body_is_refused(online: Api) -> None:
    await send(online, "one")
    status, problem, _ = await send(online, "one", {"action": "GetLocalListVersion", "payload": {}})
    assert (status, problem["type"]) == (422, "urn:csms:problem:idempotency_key")
    assert len(online.peers.commands) == 1


async def test_keys_of_other_callers_are_other_keys(online: Api) -> None:
    first = await send(online, "one")
    other = await send(online, "one", role="admin")
    assert first[1]["id"] != other[1]["id"]


async def test_what_was_never_sent_can_be_sent_again(online: Api) -> None:
    online.peers.connected.clear()
    assert (await send(online, "one"))[0] == 409
    online.peers.connect("CP1")
    assert (await send(online, "one"))[0] == 200
    wrong = {"action": "NoSuchAction", "payload": {}}
    assert (await send(online, "two", wrong))[0] == 422
    assert (await send(online, "two"))[0] == 200


async def test_two_at_once_are_one_command() -> None:
    async with running_api(**{"api.call_wait_s_max": 60.0}) as api:
        await ready(api)
        answers = await asyncio.gather(*(send(api, "one") for _ in range(5)))
        assert len(api.peers.commands) == 1
        assert {status for status, _, _ in answers} <= {200, 202, 409}
        assert 200 in {status for status, _, _ in answers}


async def test_an_answer_is_found_after_its_process_has_died(online: Api) -> None:
    """What a process leaves that dies while it waits for the charger: a key without an answer."""
    first = await send(online, "one")
    async with online.engine.begin() as connection:
        await connection.execute(idempotency_keys.update().values(status=0, headers="", body=None))
    again = await send(online, "one")
    assert again[1]["id"] == first[1]["id"]
    assert again[0] in {200, 202}
    assert again[2]["Location"] == first[2]["Location"]
    assert len(online.peers.commands) == 1


async def test_a_key_that_has_expired_is_a_new_one() -> None:
    async with running_api(**{"api.idempotency_s": 0.001}) as api:
        await ready(api)
        await send(api, "one")
        await asyncio.sleep(0.01)
        await send(api, "one")
        assert len(api.peers.commands) == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_has_a_length(online: Api, key: str) -> None:
    assert (await send(online, key))[0] == 422
