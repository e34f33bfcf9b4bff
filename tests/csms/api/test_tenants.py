"""Tenants, and the tags of chargers."""

from tests.csms.api.node import Api, running_api

V1 = "/api/v1"


async def test_keys_of_a_disabled_tenant_are_refused_and_work_again_later() -> None:
    async with running_api(**{"api.key_cache_s": 0.0}) as api:
        path = f"{V1}/tenants/other"
        status, made = await api.ask("PUT", path, {"name": "Other"})
        assert (status, made["name"], made["disabled_us"]) == (200, "Other", 0)
        await api.get(f"{V1}/chargers", role="other")
        _, gone = await api.ask("PUT", path, {"name": "Other", "disabled": True})
        assert gone["disabled_us"] > 0
        assert (await api.ask("GET", f"{V1}/chargers", role="other"))[0] == 401
        assert await api.get(path) == gone
        await api.ask("PUT", path, {"name": "Other"})
        await api.get(f"{V1}/chargers", role="other")


async def test_tenants_are_the_installations_alone(api: Api) -> None:
    for role in ("other", "operator", "viewer"):
        assert (await api.ask("GET", f"{V1}/tenants", role=role))[0] == 403
        assert (await api.ask("PUT", f"{V1}/tenants/mine", {}, role))[0] == 403


async def test_tenants_are_listed_by_page_and_named_rightly(api: Api) -> None:
    for name in ("c", "a", "b"):
        await api.ask("PUT", f"{V1}/tenants/{name}", {})
    first = await api.get(f"{V1}/tenants?limit=2")
    assert [one["id"] for one in first["items"]] == ["a", "b"]
    rest = await api.get(f"{V1}/tenants?limit=2&cursor={first['next']}")
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (["c"], "")
    for path, body, field in (
        ("no%20spaces", {}, "id"),
        ("default", {"disabled": True}, "disabled"),
        ("a", {"label": "x"}, "label"),
    ):
        status, wrong = await api.ask("PUT", f"{V1}/tenants/{path}", body)
        assert (status, wrong["errors"][0]["field"]) == (422, field)


async def test_chargers_are_found_by_their_tags(api: Api) -> None:
    for name, tags in (("CP1", ["fast", "pilot", "fast"]), ("CP2", ["fast"]), ("CP3", [])):
        await api.ask("POST", f"{V1}/chargers", {"id": name})
        status, stored = await api.ask("PUT", f"{V1}/chargers/{name}/tags", {"tags": tags})
        assert (status, stored["tags"]) == (200, sorted(set(tags)))
    await api.ask("PUT", f"{V1}/chargers/CP2/tags", {"tags": ["pilot"]})
    assert (await api.get(f"{V1}/chargers/CP2/tags"))["tags"] == ["pilot"]
    found = await api.get(f"{V1}/chargers?tag=pilot")
    assert [one["id"] for one in found["items"]] == ["CP1", "CP2"]
    assert (await api.get(f"{V1}/tags"))["items"] == [
        {"tag": "fast", "chargers": 1},
        {"tag": "pilot", "chargers": 2},
    ]
    assert (await api.get(f"{V1}/tags", role="other"))["items"] == []
    job = {"action": "ClearCache", "where": {"tags": ["fast"]}, "dry_run": True}
    _, dry = await api.ask("POST", f"{V1}/jobs", job)
    assert [item["charger"] for item in dry["items"]] == ["CP1"]
    status, wrong = await api.ask("PUT", f"{V1}/chargers/CP1/tags", {"tags": ["no spaces"]})
    assert (status, wrong["errors"][0]["field"]) == (422, "tags.0")
