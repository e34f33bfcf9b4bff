"""API keys over REST, the audit log, and how much one caller may ask."""

import time
from typing import Any

import pytest

from tests.csms.api.node import Api, running_api

KEYS = "/api/v1/keys"


async def test_a_key_is_made_shown_once_used_and_revoked() -> None:
    async with running_api(**{"api.key_cache_s": 3_600.0}) as api:
        await api.ask("PUT", "/api/v1/sites/berlin", {})
        body = {"name": "grafana", "role": "viewer", "sites": ["berlin"]}
        status, made = await api.ask("POST", KEYS, body)
        assert (status, made["sites"], made["created_by"]) == (201, ["berlin"], "admin")
        api.keys["grafana"] = made.pop("secret")
        assert await api.get(f"{KEYS}/{made['id']}") == made
        assert api.keys["grafana"] not in str(await api.get(KEYS))
        assert (await api.get("/api/v1/sites", role="grafana"))["items"][0]["id"] == "berlin"
        assert (await api.ask("GET", "/api/v1/tokens", role="grafana"))[0] == 403
        assert (await api.ask("DELETE", f"{KEYS}/{made['id']}"))[0] == 204
        assert (await api.ask("GET", "/api/v1/sites", role="grafana"))[0] == 401
        assert (await api.get(f"{KEYS}/{made['id']}"))["revoked_us"] > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "root"}, "role"),
        ({"role": "viewer", "sites": ["nowhere"]}, "sites"),
        ({"role": "viewer", "expires_us": 1}, "expires_us"),
    ],
)
async def test_what_is_wrong_with_a_key_is_named(api: Api, body: Any, field: str) -> None:
    status, problem = await api.ask("POST", KEYS, body)
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_a_tenant_makes_keys_for_itself_only(api: Api) -> None:
    status, made = await api.ask("POST", KEYS, {"role": "viewer"}, "other")
    assert (status, made["tenant"]) == (201, "other")
    status, _ = await api.ask("POST", KEYS, {"role": "admin", "tenant": "default"}, "other")
    assert status == 422


async def test_keys_come_in_pages(api: Api) -> None:
    first = await api.get(f"{KEYS}?limit=3")
    then = await api.get(f"{KEYS}?limit=3&cursor={first['next']}")
    found = [key["id"] for key in (*first["items"], *then["items"])]
    assert found == sorted(found)
    assert (len(found), then["next"]) == (4, "")


async def test_every_write_is_in_the_audit_log_when_it_is_answered(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "password": "a secret of CP1"})
    api.peers.connect("CP1")
    call = {"action": "ClearCache", "payload": {}}
    headers = {"Authorization": f"Bearer {api.keys['operator']}"}
    path = "/api/v1/chargers/CP1/calls"
    async with api.session.post(api.url + path, json=call, headers=headers) as response:
        request = response.headers["X-Request-Id"]
    await api.ask("DELETE", "/api/v1/chargers/CP1", role="viewer")
    await api.get("/api/v1/chargers")
    rows = (await api.get("/api/v1/audit"))["items"]
    assert [(row["action"], row["object"], row["outcome"]) for row in rows] == [
        ("DELETE /api/v1/chargers/{charger}", "CP1", "refused"),
        ("POST /api/v1/chargers/{charger}/calls", "CP1", "done"),
        ("POST /api/v1/chargers", "", "done"),
    ]
    assert rows[1]["detail"] == {"action": "ClearCache"}
    assert (rows[1]["request"], rows[1]["actor_name"]) == (request, "operator")
    assert "a secret" not in str(rows)
    refused = await api.get("/api/v1/audit?outcome=refused&object=CP1")
    assert [row["actor_name"] for row in refused["items"]] == ["viewer"]
    assert (await api.get("/api/v1/audit", role="other"))["items"] == []
    assert (await api.ask("GET", "/api/v1/audit", role="operator"))[0] == 403


async def test_a_stranger_writes_nothing_into_the_audit_log(api: Api) -> None:
    assert (await api.ask("POST", "/api/v1/chargers", {"id": "CP1"}, "wrong"))[0] == 401
    assert (await api.get("/api/v1/audit"))["items"] == []


async def test_who_asks_too_much_is_told_when_to_come_back() -> None:
    limits = {"api.rate_per_s": 0.5, "api.rate_burst": 3}
    async with running_api(**limits) as api:
        headers = {"Authorization": f"Bearer {api.keys['viewer']}"}
        began = time.monotonic()
        seen = []
        for _ in range(4):
            async with api.session.get(f"{api.url}/api/v1/sites", headers=headers) as response:
                seen.append((response.status, response.headers))
        if time.monotonic() - began < 2:
            assert [status for status, _ in seen] == [200, 200, 200, 429]
            assert seen[0][1]["RateLimit"].startswith('"caller";r=2;')
            assert int(seen[3][1]["Retry-After"]) >= 1
        assert seen[0][1]["RateLimit-Policy"] == '"caller";q=3;w=6'
        await api.get("/api/v1/sites", role="admin")
