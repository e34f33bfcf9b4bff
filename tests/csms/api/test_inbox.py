from domain.events import ConnectionRefused, Entry
from supervisor.clock import Clock
from tests.csms.api.node import Api, project


async def knock(api: Api, *attempts: tuple[str, str]) -> None:
    now_us = Clock().now_us()
    refused = [
        Entry(name, 0, now_us, (ConnectionRefused(f"/ocpp/{name}", "10.0.0.7", 401, reason),))
        for name, reason in attempts
    ]
    await project(api, *refused)


async def test_who_was_refused_waits_in_the_inbox_until_it_is_dismissed(api: Api) -> None:
    await knock(api, ("A", "unknown_charger"), ("A", "no_password"), ("", "no_identity"))
    items = (await api.get("/api/v1/inbox"))["items"]
    assert {(one["charger"], one["remote"], one["count"]) for one in items} == {
        ("A", "", 2),
        ("", "10.0.0.7", 1),
    }
    assert (await api.ask("PUT", "/api/v1/inbox/dismissal?charger=A"))[0] == 204
    assert (await api.ask("PUT", "/api/v1/inbox/dismissal?remote=10.0.0.7"))[0] == 204
    assert (await api.get("/api/v1/inbox"))["items"] == []
    hidden = (await api.get("/api/v1/inbox?state=dismissed&search=A"))["items"]
    assert [(one["charger"], one["dismissed_by"]) for one in hidden] == [("A", "admin")]
    assert (await api.ask("DELETE", "/api/v1/inbox/dismissal?charger=A"))[0] == 204
    assert [one["charger"] for one in (await api.get("/api/v1/inbox"))["items"]] == ["A"]


async def test_the_inbox_is_of_the_installation_and_changed_by_admins(api: Api) -> None:
    assert (await api.ask("GET", "/api/v1/inbox", role="other"))[0] == 403
    assert (await api.ask("PUT", "/api/v1/inbox/dismissal?charger=A", role="operator"))[0] == 403
    assert (await api.ask("DELETE", "/api/v1/inbox/dismissal?charger=A", role="operator"))[0] == 403


async def test_wrong_questions_are_told_by_field(api: Api) -> None:
    for method, path, field in (
        ("GET", "/api/v1/inbox?state=new", "state"),
        ("PUT", "/api/v1/inbox/dismissal", "charger"),
        ("PUT", f"/api/v1/inbox/dismissal?charger={'x' * 256}", "charger"),
    ):
        status, problem = await api.ask(method, path)
        assert (status, problem["errors"][0]["field"]) == (422, field), path
