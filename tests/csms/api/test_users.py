"""Users over REST."""

from typing import Any

import pytest

from tests.csms.api.node import Api

USERS = "/api/v1/users"
PASSWORD = "correct horse battery"


async def test_a_user_is_added_changed_and_removed_and_all_of_it_is_in_the_audit_log(
    api: Api,
) -> None:
    await api.ask("PUT", "/api/v1/sites/berlin", {})
    body = {"login": "Anna", "role": "viewer", "sites": ["berlin"], "password": PASSWORD}
    status, made = await api.ask("POST", USERS, body)
    assert (status, made["tenant"], made["sites"], made["has_password"]) == (
        201,
        "default",
        ["berlin"],
        True,
    )
    assert PASSWORD not in str(made)
    path = f"{USERS}/{made['id']}"
    assert await api.get(path) == made
    status, changed = await api.ask("PATCH", path, {"role": "operator", "sites": []})
    assert (status, changed["role"], changed["sites"]) == (200, "operator", [])
    assert changed["revision"] > made["revision"]
    assert (await api.ask("DELETE", path))[0] == 204
    assert (await api.ask("GET", path))[0] == 404
    assert (await api.get(USERS))["items"] == []
    assert (await api.ask("POST", USERS, body))[0] == 201, "the name is free again"
    rows = (await api.get("/api/v1/audit"))["items"]
    assert [row["action"].split()[0] for row in rows] == ["POST", "DELETE", "PATCH", "POST", "PUT"]
    assert rows[2]["detail"] == {"login": "Anna", "role": "operator", "sites": []}
    assert PASSWORD not in str(rows)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"login": "a b", "role": "viewer"}, "login"),
        ({"login": "", "role": "viewer"}, "login"),
        ({"login": "anna", "role": "root"}, "role"),
        ({"login": "anna", "role": "viewer", "sites": ["nowhere"]}, "sites"),
        ({"login": "anna", "role": "viewer", "password": "short"}, "password"),
        ({"login": "annaannaanna", "role": "viewer", "password": "AnnaAnnaAnna"}, "password"),
        ({"login": "anna", "role": "viewer", "tenant": "a/b"}, "tenant"),
    ],
)
async def test_what_is_wrong_with_a_user_is_named(api: Api, body: Any, field: str) -> None:
    status, problem = await api.ask("POST", USERS, body)
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_a_name_that_differs_by_case_only_is_taken(api: Api) -> None:
    assert (await api.ask("POST", USERS, {"login": "anna", "role": "viewer"}))[0] == 201
    status, problem = await api.ask("POST", USERS, {"login": "ANNA", "role": "viewer"}, "other")
    assert (status, problem["errors"][0]["field"]) == (409, "login")


async def test_the_last_admin_cannot_be_locked_out(api: Api) -> None:
    body = {"login": "anna", "role": "admin", "password": PASSWORD}
    _, anna = await api.ask("POST", USERS, body)
    await api.ask("PUT", "/api/v1/sites/berlin", {})
    # Without a password nobody can come in as this one.
    await api.ask("POST", USERS, {"login": "fresh", "role": "admin"})
    path = f"{USERS}/{anna['id']}"
    for change in ({"role": "operator"}, {"disabled": True}, {"sites": ["berlin"]}):
        status, problem = await api.ask("PATCH", path, change)
        assert (status, problem["errors"][0]["field"]) == (422, "user"), change
    assert (await api.ask("DELETE", path))[0] == 422
    await api.ask("POST", USERS, body | {"login": "berta"})
    assert (await api.ask("PATCH", path, {"role": "operator"}))[0] == 200


async def test_a_tenant_has_users_of_its_own_and_only_the_installation_takes_its_last_admin(
    api: Api,
) -> None:
    body = {"login": "anna", "role": "admin", "password": PASSWORD}
    status, made = await api.ask("POST", USERS, body, "other")
    assert (status, made["tenant"]) == (201, "other")
    theirs = body | {"login": "x", "tenant": "default"}
    assert (await api.ask("POST", USERS, theirs, "other"))[0] == 422
    path = f"{USERS}/{made['id']}"
    assert (await api.ask("DELETE", path, None, "other"))[0] == 422
    _, own = await api.ask("POST", USERS, body | {"login": "root"})
    assert (await api.ask("GET", f"{USERS}/{own['id']}", None, "other"))[0] == 404
    assert [one["login"] for one in (await api.get(USERS, role="other"))["items"]] == ["anna"]
    assert (await api.ask("DELETE", path))[0] == 204
