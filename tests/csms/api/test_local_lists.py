"""Local authorization lists over REST; the charger's list is that of the simulator's machine."""

import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from csms.simulator import local_list as v16
from csms.simulator.local_list import LocalList
from csms.simulator.v2 import commands as v2
from domain.commands import Command
from domain.events import ChargerBooted, Entry, Variable, VariablesReported
from tests.csms.api.node import Api, project, running_api

T0 = 1_767_225_600_000_000
PATH = "/api/v1/chargers/CP1/local-list"
_journals = itertools.count()


class Lists:
    """A charger that has nothing but a list."""

    def __init__(self, subprotocol: str = "ocpp1.6") -> None:
        self.face: Any = SimpleNamespace(local_list=LocalList())
        self.module = v16 if subprotocol == "ocpp1.6" else v2
        self.subprotocol = subprotocol
        self.sent: list[dict[str, Any]] = []
        self.says: list[dict[str, Any]] = []
        """Answers SendLocalList instead of the machine, once each."""

    @property
    def tokens(self) -> dict[str, str]:
        return self.face.local_list.tokens

    def answer(self, command: Command) -> dict[str, Any]:
        payload: Any = command.payload
        if command.action == "GetLocalListVersion":
            return self.module.get_local_list_version(self.face, payload)
        self.sent.append(payload)
        if self.says:
            return self.says.pop(0)
        return self.module.send_local_list(self.face, payload)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api() as running:
        yield running


async def plug(api: Api, lists: Lists, *tokens: str) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    api.peers.connected["CP1"]["subprotocol"] = lists.subprotocol
    api.peers.device = lists.answer
    for token in tokens:
        await put_token(api, token)


async def put_token(api: Api, token: str, **fields: Any) -> None:
    status, answer = await api.ask("PUT", f"/api/v1/tokens/{token}", fields)
    assert status == 200, answer


async def report(api: Api, *variables: Variable) -> None:
    entry = Entry("CP1", 1, T0, (ChargerBooted("ACME", "One"), VariablesReported(variables)))
    await project(api, entry, journal=f"l{next(_journals)}")


async def put(api: Api, body: Any = None, status: int = 200, role: str = "operator") -> Any:
    found, answer = await api.ask("PUT", PATH, body or {}, role)
    assert found == status, answer
    return answer


@pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_list_is_brought_whole_then_by_what_changed(api: Api, subprotocol: str) -> None:
    lists = Lists(subprotocol)
    await plug(api, lists, *(f"TAG{n}" for n in range(5)))
    first = await put(api)
    assert (first["verdict"], first["update"], first["entries"]) == ("in_step", "Full", 5)
    assert lists.tokens == {f"tag{n}": "Accepted" for n in range(5)}
    await put_token(api, "TAG1", status="Blocked")
    await api.ask("DELETE", "/api/v1/tokens/TAG2")
    view = await api.get(f"{PATH}?ask=true")
    assert (view["in_step"], view["changes"], view["version_at_charger"]) == (False, 2, 1)
    second = await put(api)
    assert (second["verdict"], second["update"], second["version"]) == (
        "in_step",
        "Differential",
        2,
    )
    assert len(lists.sent[-1]["localAuthorizationList"]) == 2
    assert lists.tokens == {
        "tag0": "Accepted",
        "tag1": "Blocked",
        "tag3": "Accepted",
        "tag4": "Accepted",
    }
    assert (await put(api))["update"] == "none"
    assert len(lists.sent) == 2
    view = await api.get(f"{PATH}?ask=true")
    assert (view["in_step"], view["changes"], view["version"]) == (True, 0, 2)


async def test_messages_stay_within_the_limits_that_the_charger_reported(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, *(f"TAG{n}" for n in range(5)))
    await report(api, Variable("", "SendLocalListMaxLength", "2"))
    assert (await put(api))["verdict"] == "in_step"
    assert [len(each["localAuthorizationList"]) for each in lists.sent] == [2, 2, 1]
    assert len(lists.tokens) == 5


async def test_a_list_that_the_charger_cannot_hold_is_refused_unsent(api: Api) -> None:
    lists = Lists("ocpp2.0.1")
    await plug(api, lists, "TAG1", "TAG2", "TAG3")
    entries = Variable("LocalAuthListCtrlr", "Entries", "0", limit_max=2)
    await report(api, entries)
    answer = await put(api, status=422)
    assert "holds 2 at most" in answer["detail"]
    assert lists.sent == []


async def test_a_version_that_does_not_fit_is_answered_with_everything(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1", "TAG2", "TAG3")
    await put(api)
    await put_token(api, "TAG4")
    lists.says = [{"status": "VersionMismatch"}]
    ended = await put(api)
    assert (ended["verdict"], ended["update"]) == ("in_step", "Full")
    assert [each["updateType"] for each in lists.sent] == ["Full", "Differential", "Full"]
    assert len(lists.tokens) == 4


async def test_a_charger_that_lost_its_list_gets_everything(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1", "TAG2", "TAG3")
    await put(api)
    lists.face.local_list = LocalList()
    ended = await put(api)
    assert (ended["update"], ended["version"], len(lists.tokens)) == ("Full", 2, 3)


async def test_after_a_refusal_nothing_is_taken_for_known(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1", "TAG2", "TAG3")
    await put(api)
    await put_token(api, "TAG4")
    lists.says = [{"status": "Failed"}]
    ended = await put(api)
    assert (ended["verdict"], ended["detail"]) == ("refused", "accepted failed")
    assert (await api.get(PATH))["version"] == 0
    assert (await put(api))["update"] == "Full"


async def test_a_charger_that_says_yes_and_keeps_its_version_is_not_believed(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1")
    lists.says = [{"status": "Accepted"}]
    ended = await put(api, status=202)
    assert (ended["verdict"], ended["detail"]) == ("unknown", "the charger tells version 0")


async def test_only_the_chosen_tokens_are_on_the_list(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1", "TAG2")
    await put_token(api, "TAG3", parent="FLEET")
    await put(api, {"filter": {"parent": "fleet"}})
    assert lists.tokens == {"tag3": "Accepted"}
    await put(api, {"filter": {"ids": ["tag1"]}})
    assert lists.tokens == {"tag1": "Accepted"}
    answer = await put(api, {"filter": {"ids": ["NOBODY"]}}, status=422)
    assert "filter.ids" in answer["detail"]


async def test_tokens_of_another_tenant_are_on_no_list(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1")
    await api.ask("PUT", "/api/v1/tokens/THEIRS", {}, "other")
    await put(api)
    assert lists.tokens == {"tag1": "Accepted"}


async def test_a_charger_without_a_list_says_so(api: Api) -> None:
    lists = Lists()
    lists.face.local_list.version = -1
    await plug(api, lists, "TAG1")
    answer = await put(api, status=409)
    assert answer["type"].endswith("not_supported")


async def test_who_may_not_send_calls_may_look_but_not_ask(api: Api) -> None:
    lists = Lists()
    await plug(api, lists, "TAG1")
    assert (await api.ask("GET", PATH, role="viewer"))[0] == 200
    assert (await api.ask("GET", f"{PATH}?ask=true", role="viewer"))[0] == 403
    assert (await api.ask("PUT", PATH, {}, "viewer"))[0] == 403
