"""Reservations over REST: asked for in the words of each version, found, given up."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.commands import Command
from domain.events import Entry, ReservationTold
from supervisor.clock import Clock
from tests.csms.api.node import Api, project, running_api

V1 = "/api/v1"
HOUR_US = 3_600_000_000
VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")


class Reserving:
    """A charger that answers ReserveNow and CancelReservation with what it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.says = "Accepted"

    def answer(self, command: Command) -> dict[str, Any]:
        self.sent.append((command.action, command.payload))
        return {"status": self.says}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api() as running:
        yield running


async def plug(api: Api, subprotocol: str = "ocpp1.6") -> Reserving:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    api.peers.connected["CP1"]["subprotocol"] = subprotocol
    charger = Reserving()
    api.peers.device = charger.answer
    return charger


def wanted(**more: Any) -> dict[str, Any]:
    return {"token": "TAG", "connector": 1, "expires_us": Clock().now_us() + HOUR_US} | more


async def reserve(api: Api, status: int = 201, role: str = "operator", **more: Any) -> Any:
    found, body = await api.ask("POST", f"{V1}/chargers/CP1/reservations", wanted(**more), role)
    assert found == status, body
    return body


async def tell(api: Api, made: dict[str, Any], **more: Any) -> None:
    """Let the ledger read what the charger's gateway wrote down."""
    fields = {name: made[name] for name in ("connector", "token", "expires_us")} | more
    told = ReservationTold(made["number"], "Accepted", **fields)
    await project(api, Entry("CP1", 1, Clock().now_us(), (told,)), journal=made["id"])


@pytest.mark.parametrize("subprotocol", VERSIONS)
async def test_a_reservation_is_made_found_and_cancelled(api: Api, subprotocol: str) -> None:
    charger = await plug(api, subprotocol)
    made = await reserve(api)
    assert (made["state"], made["status"], made["token"]) == ("active", "Accepted", "TAG")
    assert 1 <= made["number"] < 2**31
    await tell(api, made)
    found = await api.get(f"{V1}/reservations/{made['id']}")
    assert (found["state"], found["number"]) == ("active", made["number"])
    listed = await api.get(f"{V1}/reservations?charger=CP1&state=active")
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    status, ended = await api.ask("DELETE", f"{V1}/reservations/{made['id']}", role="operator")
    assert (status, ended["state"]) == (200, "cancelled")
    assert charger.sent[1] == ("CancelReservation", {"reservationId": made["number"]})


async def test_each_version_is_told_in_its_own_words(api: Api) -> None:
    await api.ask("PUT", f"{V1}/tokens/TAG", {"parent": "FAMILY", "kind": "eMAID"})
    old = (await plug(api)).sent
    await reserve(api)
    assert set(old[0][1]) == {"connectorId", "expiryDate", "idTag", "parentIdTag", "reservationId"}
    assert old[0][1]["parentIdTag"] == "FAMILY"
    new = (await plug(api, "ocpp2.0.1")).sent
    await reserve(api, connector=0, connector_type="cCCS2", parent="")
    assert set(new[0][1]) == {"id", "expiryDateTime", "idToken", "connectorType"}
    assert new[0][1]["idToken"] == {"idToken": "TAG", "type": "eMAID"}


@pytest.mark.parametrize("word", ["Occupied", "Faulted", "Unavailable", "Rejected"])
async def test_a_no_is_a_conflict_by_its_word(api: Api, word: str) -> None:
    charger = await plug(api)
    charger.says = word
    body = await reserve(api, 409)
    assert body["type"] == f"urn:csms:problem:{word.lower()}"


async def test_without_an_answer_it_may_hold(api: Api) -> None:
    await plug(api)
    api.peers.device = None
    api.peers.result = {"outcome": "timed_out", "response": None}
    made = await reserve(api, 202)
    assert made["state"] == "unknown"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"expires_us": 1}, "expires_us"),
        ({"expires_us": 1 << 60}, "expires_us"),
        ({"token": ""}, "token"),
        ({"connector": -1}, "connector"),
        ({"connector_type": "cCCS2"}, "connector_type"),
        ({"token": "T" * 21}, "payload"),
        ({"colour": "red"}, "colour"),
    ],
    ids=["past", "far", "no-token", "negative", "type-in-1.6", "long-token", "unknown-field"],
)
async def test_bad_input_names_the_field_and_nothing_is_sent(
    api: Api, more: dict[str, Any], field: str
) -> None:
    charger = await plug(api)
    body = await reserve(api, 422, **more)
    assert field in str(body["errors"])
    assert charger.sent == []


async def test_what_has_ended_cannot_be_cancelled(api: Api) -> None:
    charger = await plug(api)
    made = await reserve(api)
    await tell(api, made, expires_us=Clock().now_us() - 1)
    status, body = await api.ask("DELETE", f"{V1}/reservations/{made['id']}")
    assert (status, body["type"]) == (409, "urn:csms:problem:not_active")
    assert [action for action, _ in charger.sent] == ["ReserveNow"]


async def test_a_charger_that_does_not_know_it_has_given_it_up(api: Api) -> None:
    charger = await plug(api)
    made = await reserve(api)
    await tell(api, made)
    charger.says = "Rejected"
    status, body = await api.ask("DELETE", f"{V1}/reservations/{made['id']}")
    assert (status, body["state"], body["status"]) == (200, "removed", "Rejected")


async def test_a_charger_that_is_away_cannot_be_asked(api: Api) -> None:
    await plug(api)
    api.peers.connected.clear()
    assert (await reserve(api, 409))["type"] == "urn:csms:problem:charger_offline"
