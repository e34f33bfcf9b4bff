"""Entity tags: who changes what somebody else has changed meanwhile is told so."""

import asyncio
from typing import Any

import pytest

from csms.api.etags import BY_GET, BY_WRITE, RESOURCES, is_edited_since, is_unchanged
from csms.api.rules import RULES
from tests.csms.api.node import Api

V1 = "/api/v1"
CHARGER = f"{V1}/chargers/CP1"


async def tag_of(api: Api, path: str, expected: int = 200, **headers: str) -> str:
    headers["Authorization"] = f"Bearer {api.keys['admin']}"
    async with api.session.get(api.url + path, headers=headers) as response:
        body = await response.read()
        assert response.status == expected, body
        assert (expected == 304) == (body == b"")
        return response.headers["ETag"]


async def write(
    api: Api, method: str, path: str, body: Any = None, role: str = "admin", **headers: str
) -> tuple[int, Any]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Authorization"] = f"Bearer {api.keys[role]}"
    async with api.session.request(method, api.url + path, json=body, headers=headers) as response:
        text = await response.text()
        is_json = "json" in response.content_type
        return response.status, (await response.json(content_type=None)) if is_json else text


def test_every_row_is_a_route() -> None:
    rules = {(rule.method, rule.path) for rule in RULES}
    assert {("GET", path) for path in BY_GET} | set(BY_WRITE) <= rules
    assert len(BY_WRITE) == sum(len(one.writes) for one in RESOURCES)


EDITED = (
    # path, how it comes to be, how it is changed
    (CHARGER, ("POST", f"{V1}/chargers", {"id": "CP1"}), ("PATCH", CHARGER, {"strict": True})),
    (f"{CHARGER}/tags", None, ("PUT", f"{CHARGER}/tags", {"tags": ["a"]})),
    (f"{V1}/tokens/T", ("PUT", f"{V1}/tokens/T", {}), ("PUT", f"{V1}/tokens/t", {"max_active": 3})),
    (f"{V1}/sites/s", ("PUT", f"{V1}/sites/s", {}), ("PUT", f"{V1}/sites/s", {"name": "Depot"})),
    (
        f"{V1}/sites/s/model",
        ("PUT", f"{V1}/sites/s/model", {"id": "s", "circuits": [{"id": "g", "limit_a": 10}]}),
        ("PUT", f"{V1}/sites/s/model", {"id": "s", "circuits": [{"id": "g", "limit_a": 11}]}),
    ),
    (
        f"{V1}/sites/s/capacity",
        None,
        ("PUT", f"{V1}/sites/s/capacity/x", [{"circuit": "g", "source": "x", "limit_w": 9}]),
    ),
    (
        f"{V1}/templates/t",
        ("PUT", f"{V1}/templates/t", {"wanted": []}),
        ("PUT", f"{V1}/templates/t", {"name": "new", "wanted": []}),
    ),
    (
        f"{V1}/tenants/acme",
        ("PUT", f"{V1}/tenants/acme", {"name": "Acme"}),
        ("PUT", f"{V1}/tenants/acme", {"name": "Acme Charging"}),
    ),
)


async def test_of_two_changes_of_one_thing_the_second_is_told_of_the_first(api: Api) -> None:
    for path, made, change in EDITED:
        if made is not None:
            assert (await write(api, *made))[0] in {200, 201}
        seen = await tag_of(api, path)
        assert await tag_of(api, path, 304, **{"If-None-Match": f'"other", {seen}'}) == seen
        status, answer = await write(api, *change, If_Match=seen)
        assert status == 200, (path, answer)
        status, answer = await write(api, *change, If_Match=seen)
        assert (status, answer["type"]) == (412, "urn:csms:problem:changed"), path
        # Who does not ask is not refused.
        assert (await write(api, *change))[0] == 200
        now = await tag_of(api, path)
        assert now != seen
        assert await tag_of(api, path, **{"If-None-Match": seen}) == now


async def test_an_outage_that_is_counted_again_is_counted_as_it_was_seen(api: Api) -> None:
    await write(api, "POST", f"{V1}/chargers", {"id": "CP1"})
    wanted = {"charger": "CP1", "from_us": 1, "to_us": 2, "reason": "utility"}
    _, made = await write(api, "POST", f"{V1}/outage-exclusions", wanted)
    path = f"{V1}/outage-exclusions/{made['id']}"
    seen = await tag_of(api, path)
    assert (await write(api, "DELETE", path, If_Match='"other"'))[0] == 412
    assert (await write(api, "DELETE", path, If_Match=seen))[0] == 204
    assert (await write(api, "DELETE", path, If_Match=seen))[0] == 412


async def test_of_many_changes_at_the_same_time_one_is_done(api: Api) -> None:
    await write(api, "PUT", f"{V1}/sites/s", {"name": "before"})
    seen = await tag_of(api, f"{V1}/sites/s")
    answers = await asyncio.gather(
        *(write(api, "PUT", f"{V1}/sites/s", {"name": f"by {n}"}, If_Match=seen) for n in range(8))
    )
    assert sorted(status for status, _ in answers) == [200] + [412] * 7
    (winner,) = (answer["name"] for status, answer in answers if status == 200)
    assert (await api.get(f"{V1}/sites/s"))["name"] == winner


async def test_a_charger_that_connects_does_not_stand_in_the_way_of_an_operator(api: Api) -> None:
    await write(api, "POST", f"{V1}/chargers", {"id": "CP1"})
    seen = await tag_of(api, CHARGER)
    api.peers.connect("CP1")
    assert await tag_of(api, CHARGER, **{"If-None-Match": seen}) != seen
    assert (await write(api, "PATCH", CHARGER, {"strict": True}, If_Match=seen))[0] == 200
    revision = (await api.get(CHARGER))["revision"]
    assert (await write(api, "DELETE", CHARGER, If_Match=f'"{revision}"'))[0] == 204


async def test_what_is_gone_is_not_made_anew(api: Api) -> None:
    token = f"{V1}/tokens/T"
    await write(api, "PUT", token, {})
    seen = await tag_of(api, token)
    assert (await write(api, "DELETE", token, If_Match=seen))[0] == 204
    assert (await write(api, "PUT", token, {}, If_Match=seen))[0] == 412
    assert (await write(api, "PUT", token, {}, If_Match="*"))[0] == 412
    assert (await write(api, "PUT", token, {}, If_None_Match="*"))[0] == 200
    assert (await write(api, "PUT", token, {}, If_None_Match="*"))[0] == 412


async def test_tags_tell_nothing_of_another_tenant(api: Api) -> None:
    await write(api, "PUT", f"{V1}/tokens/T", {})
    seen = await tag_of(api, f"{V1}/tokens/T")
    there = await write(api, "DELETE", f"{V1}/tokens/T", role="other", If_Match=seen)
    nowhere = await write(api, "DELETE", f"{V1}/tokens/U", role="other", If_Match=seen)
    assert there == nowhere
    assert there[0] == 412


async def test_a_job_is_paused_as_it_was_seen(api: Api) -> None:
    await write(api, "POST", f"{V1}/chargers", {"id": "CP1"})
    job = {"action": "ClearCache", "where": {"ids": ["CP1"]}, "paused": True}
    _, made = await write(api, "POST", f"{V1}/jobs", job)
    path = f"{V1}/jobs/{made['id']}"
    seen = await tag_of(api, path)
    assert (await write(api, "POST", f"{path}/resume", If_Match=seen))[0] == 200
    assert (await write(api, "POST", f"{path}/cancel", If_Match=seen))[0] == 412


@pytest.mark.parametrize(
    ("header", "edited"),
    [
        ('"17.ab"', False),
        ('"17"', False),
        ('"17.other"', False),
        ('"3", "17"', False),
        ("*", False),
        ('W/"17.ab"', True),
        ('"18.ab"', True),
        ("17", True),
        ("", True),
    ],
)
def test_a_strong_tag_of_the_same_version_matches(header: str, edited: bool) -> None:
    assert is_edited_since(header, "17.ab") is edited


def test_an_answer_is_the_same_when_all_of_its_tag_is() -> None:
    assert is_unchanged('W/"17.ab"', "17.ab")
    assert is_unchanged("*", "17.ab")
    assert not is_unchanged('"17"', "17.ab")
