import pytest

from storage.relational.registry import Site
from tests.csms.api.node import Api


@pytest.fixture(autouse=True)
async def sites(api: Api) -> None:
    await api.registry.create_site(Site("depot"))


async def send(api: Api, text: str, query: str = "", role: str = "admin"):
    return await api.ask("POST", f"/api/v1/chargers.csv{query}", role=role, data=text.encode())


async def test_a_dry_run_tells_what_would_happen_and_writes_nothing(api: Api) -> None:
    text = "id,site,strict\nA,depot,\nB,nowhere,maybe\n"
    status, told = await send(api, text, "?dry_run=true")
    assert status == 200
    assert (told["added"], told["changed"], told["unchanged"]) == (2, 0, 0)
    assert told["errors"] == [
        {"line": 3, "field": "site", "rule": "there is no site nowhere"},
        {"line": 3, "field": "strict", "rule": "must be true or false"},
    ]
    assert await api.registry.list_chargers() == []


async def test_one_wrong_line_and_nothing_is_imported(api: Api) -> None:
    status, problem = await send(api, "id,site\nA,depot\nB,nowhere\n")
    assert status == 422
    assert problem["errors"] == [{"line": 3, "field": "site", "rule": "there is no site nowhere"}]
    assert "nothing was imported" in problem["detail"]
    assert await api.registry.list_chargers() == []


async def test_an_import_adds_and_changes_and_makes_passwords_that_fit(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "OLD", "password": "x" * 20})
    old = await api.registry.get_charger("OLD")
    text = "id,site,security_profile\nOLD,depot,1\nNEW,depot,1\nCERT,depot,3\n"
    status, told = await send(api, text, "?generate_passwords=true")
    assert status == 200
    assert (told["added"], told["changed"], told["errors"], told["pending"]) == (2, 1, [], False)
    (made,) = told["passwords"]
    assert made["id"] == "NEW"
    assert made["url"].endswith("/ocpp/NEW")
    assert len(made["password"]) >= 20
    changed = await api.registry.get_charger("OLD")
    assert (changed.site, changed.credential) == ("depot", old.credential)
    assert (await api.registry.get_charger("NEW")).credential is not None
    assert (await api.registry.get_charger("CERT")).credential is None
    status, told = await send(api, text)
    assert (told["added"], told["changed"], told["unchanged"]) == (0, 0, 3)


async def test_an_export_can_be_imported_again(api: Api) -> None:
    await send(api, "id,site,networks\nA,depot,10.0.0.0/8\n-B,,\n")
    status, text = await api.ask("GET", "/api/v1/chargers.csv", role="viewer")
    assert status == 200
    assert text.splitlines()[0].startswith("id,site,security_profile,networks,")
    assert len(text.splitlines()) == 3
    status, told = await send(api, text, "?dry_run=true")
    assert (told["unchanged"], told["errors"]) == (2, [])
    status, text = await api.ask("GET", "/api/v1/chargers.csv?site=depot", role="viewer")
    assert len(text.splitlines()) == 2


async def test_only_admins_import_and_tenants_see_their_own(api: Api) -> None:
    assert (await send(api, "id\nA\n", role="operator"))[0] == 403
    await send(api, "id\nA\n")
    status, text = await api.ask("GET", "/api/v1/chargers.csv", role="other")
    assert (status, len(text.splitlines())) == (200, 1)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_a_request_without_a_file_is_refused(api: Api, query: str) -> None:
    status, problem = await send(api, "", query)
    assert (status, problem["errors"][0]["rule"]) == (422, "the file is empty")


async def test_what_is_no_text_is_told(api: Api) -> None:
    status, problem = await api.ask("POST", "/api/v1/chargers.csv", data=b"id\nA\xff\n")
    assert status == 422
    assert problem["errors"] == [{"line": 2, "field": "", "rule": "is not UTF-8"}]
