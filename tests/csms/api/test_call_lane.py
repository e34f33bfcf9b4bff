"""A call takes a lane past the layers of the others; nobody can tell by its answer."""

from typing import Any

import pytest

from csms.api import call_lane
from tests.csms.api.node import Api, running_api

CALLS = "/api/v1/chargers/CP1/calls"
CALL: dict[str, Any] = {"action": "ClearCache", "payload": {}}
OF_ONE_REQUEST = {"date", "location", "ratelimit", "x-request-id", "content-length"}
OF_ONE_COMMAND = {"id", "queued_us", "deadline_us", "timeline", "sent_us", "finished_us"}


@pytest.fixture
async def online(api: Api) -> Api:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    for role in api.keys:
        await api.ask("GET", "/api/v1/chargers", role=role)
    return api


async def send(
    api: Api, path: str, body: bytes, role: str, **headers: str
) -> tuple[int, dict[str, str], Any]:
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {api.keys[role]}"}
    async with api.session.post(api.url + path, data=body, headers=sent | headers) as response:
        told = {name.lower(): value for name, value in response.headers.items()}
        shown = await response.json(content_type=None)
        assert int(told["content-length"]) > 0
        return (
            response.status,
            {name: value for name, value in told.items() if name not in OF_ONE_REQUEST}
            | {name: "" for name in told if name in OF_ONE_REQUEST},
            {name: value for name, value in shown.items() if name not in OF_ONE_COMMAND},
        )


BODIES = {
    "sent": (CALLS + "?wait=5", b'{"action": "ClearCache", "payload": {}}', 200),
    "not waited for": (CALLS + "?wait=0", b'{"action": "ClearCache", "payload": {}}', 202),
    "no such parameter": (CALLS + "?weit=5", b'{"action": "ClearCache"}', 422),
    "no JSON": (CALLS, b'{"action": ', 422),
    "no body": (CALLS, b"", 422),
    "no such member": (CALLS, b'{"action": "ClearCache", "paylaod": {}}', 422),
    "no such action": (CALLS, b'{"action": "ClearCach"}', 422),
    "against its schema": (CALLS, b'{"action": "Reset", "payload": {"type": 1}}', 422),
    "no such charger": ("/api/v1/chargers/CP2/calls", b'{"action": "ClearCache"}', 404),
    "NUL in the charger": ("/api/v1/chargers/C%00/calls", b'{"action": "ClearCache"}', 422),
    "too long a wait": (CALLS + "?wait=1e9", b'{"action": "ClearCache"}', 422),
}


@pytest.mark.parametrize("role", ["operator", "viewer", "other", "wrong"])
async def test_both_ways_answer_the_same_and_leave_the_same_row(
    online: Api, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who guesses keys is stopped after ten.
    bodies = dict(list(BODIES.items())[:4]) if role == "wrong" else BODIES
    for name, (path, body, status) in bodies.items():
        quick = await send(online, path, body, role)
        with monkeypatch.context() as patch:
            patch.setattr(call_lane, "END", "no path ends so\0")
            slow = await send(online, path, body, role)
        assert quick == slow, name
        assert quick[0] == {"operator": status, "wrong": 401}.get(role, quick[0]), name
    rows = (await online.get("/api/v1/audit"))["items"][:-1]
    assert len(rows) == (0 if role == "wrong" else 2 * len(BODIES))
    own = {"id", "at_us", "request"}
    shown = [{name: value for name, value in row.items() if name not in own} for row in rows]
    assert shown[::2] == shown[1::2]


async def test_a_call_of_a_known_key_takes_the_lane(
    online: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []
    answered = call_lane.answered

    async def counted(request: Any, charger: str, asked: Any) -> Any:
        passed.append(charger)
        return await answered(request, charger, asked)

    monkeypatch.setattr(call_lane, "answered", counted)
    body = b'{"action": "ClearCache", "payload": {}}'
    assert (await send(online, CALLS, body, "operator"))[0] == 200
    assert passed == ["CP1"]
    for headers in (
        {"Idempotency-Key": "k"},
        {"Content-Encoding": "gzip", "Expect": "100-continue"},
    ):
        assert (await send(online, CALLS, body, "operator", **headers))[0] == 200
    assert passed == ["CP1"]


async def test_a_mistake_of_ours_is_a_500_and_says_no_more(
    online: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("of the inside")

    monkeypatch.setattr(call_lane, "answered", broken)
    status, _, problem = await send(online, CALLS, b'{"action": "ClearCache"}', "operator")
    assert (status, problem["type"]) == (500, "urn:csms:problem:internal")
    assert "inside" not in str(problem)


async def test_both_ways_take_of_the_same_bucket() -> None:
    async with running_api(**{"api.rate_per_s": 0.01, "api.rate_burst": 4}) as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        api.peers.connect("CP1")
        await api.ask("GET", "/api/v1/chargers", role="operator")
        body = b'{"action": "ClearCache", "payload": {}}'
        statuses = [(await send(api, CALLS, body, "operator"))[0] for _ in range(2)]
        keyed = await send(api, CALLS, body, "operator", **{"Idempotency-Key": "k"})
        refused = await send(api, CALLS, body, "operator")
        assert (*statuses, keyed[0], refused[0]) == (200, 200, 200, 429)
        assert "retry-after" in refused[1]


async def test_a_body_that_is_too_long_is_refused_on_the_other_way() -> None:
    async with running_api(**{"api.body_bytes_max": 1_024}) as api:
        await api.ask("GET", "/api/v1/chargers", role="operator")
        assert (await send(api, CALLS, b" " * 1_025, "operator"))[0] == 413
