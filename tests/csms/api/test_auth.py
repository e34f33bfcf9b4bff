import asyncio

import pytest

from csms.api.auth import PUBLIC, Authenticator, home_of
from csms.api.settings import ApiSettings
from domain.errors import Unavailable
from storage.relational.api_keys import ApiKey
from supervisor.clock import Clock, FakeClock
from tests.csms.api.node import Api, running_api

CLOSED = ["/api/v1/chargers", "/api/v1/chargers/X", "/api/v1/messages", "/metrics", "/nowhere"]
OPEN = ["/health", "/api/v1/health", "/ready", "/api/docs", "/api/openapi.json"]


async def test_nothing_but_health_and_the_description_is_open(api: Api) -> None:
    for path in CLOSED:
        status, problem = await api.ask("GET", path, role="")
        assert (status, problem["type"]) == (401, "urn:csms:problem:no_key"), path
    for path in OPEN:
        status, _ = await api.ask("GET", path, role="")
        assert status == 200, path


async def test_every_documented_route_needs_a_key(api: Api) -> None:
    document = await api.get("/api/openapi.json")
    for path, item in document["paths"].items():
        for method in item:
            if (method.upper(), path) not in PUBLIC:
                status, _ = await api.ask(method.upper(), path, {}, role="")
                assert status == 401, (method, path)


async def test_a_wrong_key_is_refused_and_says_how_to_send_one(api: Api) -> None:
    headers = {"Authorization": "Bearer csms_wrong"}
    async with api.session.get(api.url + "/api/v1/chargers", headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert response.content_type == "application/problem+json"


async def revoke(api: Api, name: str) -> None:
    """As another process does it: behind the back of this one."""
    (key,) = [key for key in await api.registry.api_keys.list_all() if key.name == name]
    await api.registry.api_keys.revoke(key.id)


async def test_a_revoked_key_stops_working() -> None:
    async with running_api(**{"api.key_cache_s": 0.0}) as api:
        await api.get("/api/v1/chargers", role="viewer")
        await revoke(api, "viewer")
        status, _ = await api.ask("GET", "/api/v1/chargers", role="viewer")
        assert status == 401


async def test_a_key_that_another_process_revokes_is_forgotten_when_the_ledger_says_so() -> None:
    async with running_api(**{"api.key_cache_s": 3_600.0}) as api:
        await api.get("/api/v1/chargers", role="viewer")
        await revoke(api, "viewer")
        assert (await api.ask("GET", "/api/v1/chargers", role="viewer"))[0] == 200
        assert api.peers.listening is not None
        assert await api.peers.listening.ask("forget", {}, 5.0) == {}
        assert (await api.ask("GET", "/api/v1/chargers", role="viewer"))[0] == 401


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered() -> None:
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def verify(_secret: str) -> ApiKey | None:
        looking.set()
        await go_on.wait()
        return ApiKey("id", "viewer", "viewer", "default", 1)

    authenticator = Authenticator(verify, ApiSettings(key_cache_s=3_600.0), Clock())
    asking = asyncio.create_task(authenticator.principal("Bearer secret", "::1"))
    await looking.wait()
    authenticator.forget()
    go_on.set()
    assert (await asking).name == "viewer"
    assert authenticator.known("Bearer secret") is None
    await authenticator.principal("Bearer secret", "::1")
    assert authenticator.known("Bearer secret") is not None


async def test_a_key_in_use_is_looked_up_once_before_its_time_is_over_and_nobody_waits() -> None:
    asked, go_on = [], asyncio.Event()
    answers: list[ApiKey | None] = [ApiKey("id", "viewer", "viewer", "default", 1)]

    async def verify(secret: str) -> ApiKey | None:
        asked.append(secret)
        await go_on.wait()
        return answers[-1]

    clock = FakeClock()
    authenticator = Authenticator(verify, ApiSettings(key_cache_s=10.0), clock)
    go_on.set()
    await authenticator.principal("Bearer secret", "::1")
    go_on.clear()
    clock.advance_us(4_900_000)
    assert authenticator.known("Bearer secret") is not None
    assert asked == ["secret"]
    clock.advance_us(200_000)
    for _ in range(3):
        assert authenticator.known("Bearer secret") is not None
    await asyncio.sleep(0)
    assert asked == ["secret", "secret"]
    go_on.set()
    await asyncio.sleep(0.01)
    clock.advance_us(9_000_000)
    assert authenticator.known("Bearer secret") is not None, "it was renewed at 5.1 s"
    answers.append(None)
    await asyncio.sleep(0.01)
    assert authenticator.known("Bearer secret") is None, "the store says that it is revoked"
    assert len(asked) == 3


async def test_a_key_that_the_store_cannot_renew_is_not_known_when_its_time_is_over() -> None:
    stores = [ApiKey("id", "viewer", "viewer", "default", 1)]

    async def verify(_secret: str) -> ApiKey | None:
        if not stores:
            raise Unavailable("the relational store is away")
        return stores.pop()

    clock = FakeClock()
    authenticator = Authenticator(verify, ApiSettings(key_cache_s=10.0), clock)
    await authenticator.principal("Bearer secret", "::1")
    clock.advance_us(9_000_000)
    assert authenticator.known("Bearer secret") is not None
    await asyncio.sleep(0.01)
    assert authenticator.known("Bearer secret") is not None
    clock.advance_us(1_000_000)
    assert authenticator.known("Bearer secret") is None
    await asyncio.sleep(0.01)


async def test_an_address_that_guesses_is_stopped_but_known_keys_go_on() -> None:
    async with running_api(**{"api.failed_attempts_max": 3}) as api:
        await api.get("/api/v1/chargers", role="viewer")
        statuses = [(await api.ask("GET", "/api/v1/chargers", role="wrong"))[0] for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        await api.get("/api/v1/chargers", role="viewer")


@pytest.mark.parametrize(
    ("method", "path", "body", "needed"),
    [
        ("POST", "/api/v1/chargers", {"id": "X"}, "admin"),
        ("PATCH", "/api/v1/chargers/X", {}, "admin"),
        ("DELETE", "/api/v1/chargers/X", None, "admin"),
        ("PUT", "/api/v1/sites/s", {}, "admin"),
        ("PUT", "/api/v1/tokens/T", {}, "operator"),
        ("DELETE", "/api/v1/tokens/T", None, "operator"),
        ("POST", "/api/v1/chargers/X/calls", {"action": "Reset"}, "operator"),
    ],
)
async def test_a_role_below_the_needed_one_is_refused(
    api: Api, method: str, path: str, body: object, needed: str
) -> None:
    order = ["viewer", "operator", "admin"]
    for role in order:
        status, _ = await api.ask(method, path, body, role)
        assert (status == 403) == (order.index(role) < order.index(needed)), role


async def test_what_is_of_another_tenant_does_not_exist(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "MINE"})
    await api.ask("POST", "/api/v1/chargers", {"id": "THEIRS"}, "other")
    assert [row["id"] for row in (await api.get("/api/v1/chargers", role="other"))["items"]] == [
        "THEIRS"
    ]
    for method, path, body in (
        ("GET", "/api/v1/chargers/MINE", None),
        ("PATCH", "/api/v1/chargers/MINE", {"strict": True}),
        ("DELETE", "/api/v1/chargers/MINE", None),
        ("POST", "/api/v1/chargers/MINE/calls", {"action": "ClearCache"}),
    ):
        assert (await api.ask(method, path, body, "other"))[0] == 404, path
    assert (await api.ask("GET", "/api/v1/refusals", role="other"))[0] == 403
    assert (await api.ask("GET", "/metrics", role="other"))[0] == 403


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with running_api(**{"api.body_bytes_max": 2_000}) as api:
        body = {"id": "X", "site": "s" * 3_000}
        status, problem = await api.ask("POST", "/api/v1/chargers", body)
        assert (status, problem["type"]) == (413, "urn:csms:problem:too_large")


def test_a_home_has_one_ipv6_network() -> None:
    assert home_of("2001:db8::1") == home_of("2001:db8::ffff:2")
    assert home_of("2001:db8::1") != home_of("2001:db8:0:1::1")
    assert home_of("::ffff:10.0.0.1") == "10.0.0.1"
