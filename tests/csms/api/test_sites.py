"""Models of sites, capacity, loads and limits over REST."""

from typing import Any

import msgspec
import pytest

from actors.site.messages import LoadMeasured, WishSet
from tests.csms.api.node import Api

MODEL: dict[str, Any] = {
    "id": "berlin",
    "circuits": [
        {"id": "grid", "kind": "contract", "limit_a": 125},
        {"id": "row", "parent": "grid", "limit_a": 63, "derating": 0.8},
    ],
    "places": [{"id": "CP1/1", "charger": "CP1", "evse": 1, "circuit": "row"}],
}
PATH = "/api/v1/sites/berlin"


async def site_with_model(api: Api) -> None:
    assert (await api.ask("PUT", PATH, {"name": "Berlin"}))[0] == 200
    status, answer = await api.ask("PUT", f"{PATH}/model", MODEL)
    assert (status, answer["elsewhere"], answer["pending"]) == (200, ["CP1"], False), answer


async def test_a_model_is_set_shown_and_removed(api: Api) -> None:
    await site_with_model(api)
    shown = await api.get(f"{PATH}/model", role="viewer")
    assert [circuit["id"] for circuit in shown["circuits"]] == ["grid", "row"]
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "site": "berlin"})
    assert (await api.ask("PUT", f"{PATH}/model", MODEL))[1]["elsewhere"] == []
    assert (await api.ask("DELETE", f"{PATH}/model"))[0] == 204
    assert (await api.ask("GET", f"{PATH}/model"))[0] == 404


async def test_what_is_wrong_with_a_model_names_the_node(api: Api) -> None:
    await api.ask("PUT", PATH, {})
    wrong = MODEL | {"circuits": [MODEL["circuits"][0], {"id": "row", "parent": "hall"}]}
    status, problem = await api.ask("PUT", f"{PATH}/model", wrong)
    assert status == 422
    errors = [{"field": "circuits.row.parent", "rule": "there is no circuit hall"}]
    assert problem["errors"] == errors
    status, problem = await api.ask("PUT", f"{PATH}/model", MODEL | {"plcaes": []})
    assert (status, "plcaes" in problem["detail"]) == (422, True)


async def test_a_source_sets_and_lifts_its_capacity(api: Api) -> None:
    await site_with_model(api)
    entry = {"circuit": "grid", "source": "grid", "limit_w": 20_000.0}
    assert (await api.ask("PUT", f"{PATH}/capacity/grid", [entry], role="operator"))[0] == 200
    other = entry | {"source": "operator", "limit_w": 10_000.0}
    await api.ask("PUT", f"{PATH}/capacity/operator", [other], role="operator")
    assert await api.get(f"{PATH}/capacity") == [entry, other]
    await api.ask("PUT", f"{PATH}/capacity/grid", [], role="operator")
    assert await api.get(f"{PATH}/capacity") == [other]
    status, problem = await api.ask("PUT", f"{PATH}/capacity/grid", [other])
    assert (status, problem["errors"][0]["field"]) == (422, "0.source")


async def test_a_meter_and_a_driver_are_heard_by_the_gateways(api: Api) -> None:
    await site_with_model(api)
    load = {"circuit": "grid", "current_a": [12.5, 9, -3]}
    assert (await api.ask("POST", f"{PATH}/loads", load, role="operator"))[0] == 202
    wish = {"departure_us": 5, "energy_wh": 2e4, "priority": 1}
    assert (await api.ask("PUT", f"{PATH}/wishes/CP1/1", wish, role="operator"))[0] == 202
    async with api.peers.heard:
        await api.peers.heard.wait_for(lambda: len(api.peers.site_words) == 2)
    first, second = api.peers.site_words
    heard = msgspec.msgpack.decode(first["blob"], type=LoadMeasured).load
    assert (heard.circuit, heard.current_a) == ("grid", (12.5, 9.0, -3.0))
    assert msgspec.msgpack.decode(second["blob"], type=WishSet) == WishSet("CP1/1", 5, 2e4, 1)
    load["circuit"] = "hall"
    assert (await api.ask("POST", f"{PATH}/loads", load))[0] == 422
    assert (await api.ask("PUT", f"{PATH}/wishes/CP9", wish))[0] == 422


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "loads", {"circuit": "grid", "current_a": [1e300, 0, 0]}, "current_a"),
        ("PUT", "wishes/CP1/1", {"energy_wh": -1}, "energy_wh"),
        ("PUT", "wishes/CP1/1", {"departure_us": -1}, "departure_us"),
        ("PUT", "wishes/CP1/1", {"priority": 10**9}, "priority"),
    ],
)
async def test_what_no_site_has_is_refused_by_name(
    api: Api, method: str, path: str, body: object, said: str
) -> None:
    await site_with_model(api)
    status, problem = await api.ask(method, f"{PATH}/{path}", body)
    assert status == 422
    assert said in problem["detail"]


async def test_before_anybody_shares_a_site_out_it_has_no_limits(api: Api) -> None:
    await site_with_model(api)
    assert (await api.get(f"{PATH}/limits", role="viewer"))["evses"] == []


async def test_other_tenants_and_lesser_roles_see_and_change_nothing(api: Api) -> None:
    await site_with_model(api)
    for role, status in (("other", 404), ("operator", 403), ("viewer", 403)):
        assert (await api.ask("PUT", f"{PATH}/model", MODEL, role=role))[0] == status
    for path in ("model", "capacity", "limits"):
        assert (await api.ask("GET", f"{PATH}/{path}", role="other"))[0] == 404
    assert (await api.ask("PUT", f"{PATH}/capacity/grid", [], role="viewer"))[0] == 403


async def test_prices_are_set_and_shown_and_wrong_ones_named(api: Api) -> None:
    await site_with_model(api)
    signal = {"from_us": 0, "until_us": 3_600_000_000, "price_per_kwh": 0.3}
    assert (await api.ask("PUT", f"{PATH}/signals", [signal], role="operator"))[0] == 200
    assert await api.get(f"{PATH}/signals", role="viewer") == [signal]
    status, problem = await api.ask("PUT", f"{PATH}/signals", [signal | {"until_us": 0}])
    assert (status, problem["errors"][0]["field"]) == (422, "0.until_us")
