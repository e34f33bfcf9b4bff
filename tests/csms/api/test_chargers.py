from yarl import URL

from storage.relational.credentials import verify
from tests.csms.api.node import Api, running_api


async def test_a_charger_is_made_shown_changed_listed_and_removed(api: Api) -> None:
    status, made = await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    assert status == 201
    assert made["url"].endswith("/ocpp/CP1")
    assert (made["password_set"], made["presence"], made["pending"]) == (False, "offline", False)
    status, changed = await api.ask(
        "PATCH", "/api/v1/chargers/CP1", {"security_profile": 2, "strict": True}
    )
    assert (status, changed["security_profile"], changed["strict"]) == (200, 2, True)
    assert (await api.get("/api/v1/chargers/CP1", role="viewer"))["strict"] is True
    page = await api.get("/api/v1/chargers", role="viewer")
    assert [row["id"] for row in page["items"]] == ["CP1"]
    assert (await api.ask("DELETE", "/api/v1/chargers/CP1"))[0] == 204
    assert (await api.ask("GET", "/api/v1/chargers/CP1"))[0] == 404
    assert api.peers.syncs == 3


async def test_a_generated_password_is_shown_once_and_works(api: Api) -> None:
    body = {"id": "CP1", "generate_password": True}
    _, made = await api.ask("POST", "/api/v1/chargers", body)
    record = await api.registry.get_charger("CP1")
    assert record.credential is not None
    assert verify(record.credential, made["password"].encode())
    again = await api.get("/api/v1/chargers/CP1")
    assert again["password_set"] is True
    assert "password" not in again
    assert made["password"] not in str(await api.get("/api/v1/chargers"))
    _, renewed = await api.ask("PATCH", "/api/v1/chargers/CP1", {"generate_password": True})
    assert renewed["password"] != made["password"]


async def test_a_chosen_password_is_never_returned(api: Api) -> None:
    secret = "correct horse battery staple"
    status, made = await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "password": secret})
    assert status == 201
    assert secret not in str(made)
    record = await api.registry.get_charger("CP1")
    assert record.credential is not None
    assert verify(record.credential, secret.encode())


async def test_a_wrong_password_is_refused_without_being_repeated(api: Api) -> None:
    body = {"id": "CP1", "password": "too long " * 8}
    status, problem = await api.ask("POST", "/api/v1/chargers", body)
    assert status == 422
    assert problem["errors"][0]["field"] == "password"
    assert "too long" not in str(problem)


async def test_an_unknown_field_is_named_with_its_nearest(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    status, problem = await api.ask("PATCH", "/api/v1/chargers/CP1", {"securty_profile": 2})
    assert status == 422
    assert problem["errors"] == [
        {"field": "securty_profile", "rule": "no such field; did you mean security_profile?"}
    ]


async def test_wrong_values_are_named(api: Api) -> None:
    for body, field in (
        ({"id": "a/b"}, "id"),
        ({"id": "CP1", "site": "nowhere"}, "site"),
        ({"id": "CP1", "networks": ["10.0.0.0/99"]}, "networks"),
        ({"id": "CP1", "security_profile": 9}, "security_profile"),
        ({"id": "CP1", "security_profile": 0}, "networks"),
        ({"id": "CP1", "time_zone": "Mars/Olympus"}, "time_zone"),
    ):
        status, problem = await api.ask("POST", "/api/v1/chargers", body)
        assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_a_second_charger_of_the_same_id_is_a_conflict(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    status, problem = await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    assert (status, problem["type"]) == (409, "urn:csms:problem:exists")


async def test_presence_comes_from_the_gateways(api: Api) -> None:
    for name in ("A", "B"):
        await api.ask("POST", "/api/v1/chargers", {"id": name})
    api.peers.connect("B")
    rows = (await api.get("/api/v1/chargers"))["items"]
    assert [(row["id"], row["presence"]) for row in rows] == [("A", "offline"), ("B", "connected")]
    assert rows[1]["connection"]["gateway"] == "gw0"


async def test_without_gateways_the_list_still_comes_and_presence_is_unknown() -> None:
    async with running_api(peers=("ledger",), **{"api.presence_deadline_s": 0.05}) as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "A"})
        (row,) = (await api.get("/api/v1/chargers"))["items"]
        assert row["presence"] == "unknown"


async def test_without_the_ledger_a_write_is_kept_and_said_to_be_pending() -> None:
    async with running_api(peers=("gw0",)) as api:
        status, made = await api.ask("POST", "/api/v1/chargers", {"id": "A"})
        assert (status, made["pending"]) == (201, True)
        assert (await api.ask("DELETE", "/api/v1/chargers/A"))[0] == 202


async def test_pages_follow_the_cursor_and_show_every_charger_once(api: Api) -> None:
    for number in range(5):
        await api.ask("POST", "/api/v1/chargers", {"id": f"CP{number}"})
    seen, cursor = [], ""
    while True:
        page = await api.get(f"/api/v1/chargers?limit=2&cursor={cursor}")
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == [f"CP{number}" for number in range(5)]


async def test_wrong_parameters_of_a_list_are_named(api: Api) -> None:
    for query, field in (
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=100000", "limit"),
        ("cursor=nonsense", "cursor"),
        ("connectd=true", "connectd"),
        ("site=a&site=b", "site"),
    ):
        status, problem = await api.ask("GET", f"/api/v1/chargers?{query}")
        assert (status, problem["errors"][0]["field"]) == (422, field), query
    _, problem = await api.ask("GET", "/api/v1/chargers?connectd=true")
    assert "connected" in problem["detail"]


async def test_sites_can_be_made_and_chargers_put_there(api: Api) -> None:
    status, site = await api.ask("PUT", "/api/v1/sites/berlin", {"name": "Berlin"})
    assert (status, site["name"]) == (200, "Berlin")
    await api.ask("PUT", "/api/v1/sites/berlin", {"power_w_max": 100_000})
    assert (await api.get("/api/v1/sites/berlin"))["name"] == "Berlin"
    await api.ask("POST", "/api/v1/chargers", {"id": "A", "site": "berlin"})
    await api.ask("POST", "/api/v1/chargers", {"id": "B"})
    rows = (await api.get("/api/v1/chargers?site=berlin"))["items"]
    assert [row["id"] for row in rows] == ["A"]


async def test_tokens_are_put_got_listed_and_removed(api: Api) -> None:
    status, token = await api.ask("PUT", "/api/v1/tokens/TagOne", {"max_active": 0}, "operator")
    assert (status, token["max_active"], token["status"]) == (200, 0, "Accepted")
    await api.ask("PUT", "/api/v1/tokens/TagOne", {"status": "Blocked"})
    assert (await api.get("/api/v1/tokens/tagone"))["status"] == "Blocked"
    assert [row["id"] for row in (await api.get("/api/v1/tokens"))["items"]] == ["TagOne"]
    assert (await api.ask("DELETE", "/api/v1/tokens/TagOne"))[0] == 204
    assert (await api.ask("GET", "/api/v1/tokens/TagOne"))[0] == 404


async def test_an_identity_of_any_script_is_added_and_found_where_the_answer_says(api: Api):
    name = "\u6f22\u5b57-1"
    headers = {"Authorization": f"Bearer {api.keys['admin']}"}
    async with api.session.post(
        f"{api.url}/api/v1/chargers", json={"id": name}, headers=headers
    ) as response:
        assert response.status == 201
        where = response.headers["Location"]
    async with api.session.get(URL(api.url + where, encoded=True), headers=headers) as response:
        assert (await response.json())["id"] == name
