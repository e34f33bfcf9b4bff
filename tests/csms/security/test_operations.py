"""Keys, profiles and onboarding against a real store; the charger is a small one."""

import itertools

import pytest

from csms.security.operations import Busy, ChargerSecurity, NotConnected, Parts
from csms.security.settings import SecuritySettings
from csms.security.steps import Network, Verdict
from domain.commands import CommandResult
from domain.errors import InvalidInput, Unavailable
from domain.records import ChargerRecord
from domain.security_upgrade import keys, profiles
from storage.relational.credentials import keep_generated, verify
from storage.relational.engine import open_engine
from storage.relational.key_candidates import expire
from storage.relational.migrations import upgrade
from storage.relational.registry import Registry

OLD = "00" * 20
T0 = 1_777_636_800_000_000
DAY_US = 86_400_000_000


class World:
    """One charger, and what becomes of a command to it."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.now_us = T0
        self.registry = Registry(engine, lambda: self.now_us)
        self.subprotocol = "ocpp1.6"
        self.told = True
        self.sent = []
        self.answers = {}
        self.valid_when_sent = ()
        ids = itertools.count()
        self.security = ChargerSecurity(
            Parts(
                self.registry,
                SecuritySettings(),
                lambda: self.now_us,
                lambda: f"c{next(ids)}",
                self.sync,
                self.place,
                self.command,
            )
        )

    async def sync(self) -> bool:
        return self.told

    async def place(self, charger):
        return ("gw0", self.subprotocol) if self.subprotocol else None

    async def command(self, gateway, command):
        self.sent.append(command)
        self.valid_when_sent = keys(await self.registry.get_charger("CP1"), self.now_us)
        answer = self.answers.get(command.action, ("accepted", {"status": "Accepted"}))
        if isinstance(answer, Exception):
            raise answer
        outcome, response = answer
        return CommandResult(command.id, outcome, response)

    async def accepts(self, key: str) -> bool:
        record = await self.registry.get_charger("CP1")
        return any(verify(each, key.encode()) for each in keys(record, self.now_us))

    @property
    def new(self) -> str:
        return str(self.sent[0].payload["value"])


@pytest.fixture
async def world(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    await upgrade(url)
    engine = open_engine(url)
    made = World(engine)
    await made.registry.create_charger(ChargerRecord("CP1", credential=keep_generated(OLD)))
    yield made
    await engine.dispose()


async def test_a_key_that_was_taken_ends_the_old_one(world) -> None:
    ended = await world.security.rotate_key("CP1", "me")
    assert ended.verdict is Verdict.TAKEN
    assert len(world.valid_when_sent) == 2  # whatever becomes of the answer, it can come back
    assert await world.accepts(world.new)
    assert not await world.accepts(OLD)
    (command,) = world.sent
    assert (command.action, command.payload["key"]) == ("ChangeConfiguration", "AuthorizationKey")
    assert len(world.new) == 40


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_key_that_was_refused_never_counts(world, status) -> None:
    world.answers["ChangeConfiguration"] = ("rejected", {"status": status})
    assert (await world.security.rotate_key("CP1", "me")).verdict is Verdict.REFUSED
    assert await world.accepts(OLD)
    assert not await world.accepts(world.new)


LOST = [
    ("lost", None),
    ("timed_out", None),
    ("accepted", {"status": "RebootRequired"}),
    TimeoutError(),
    Unavailable("the gateway died"),
]


@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_lost_answer_leaves_both_keys_until_the_charger_shows_which_one_it_has(
    world, lost
) -> None:
    world.answers["ChangeConfiguration"] = lost
    ended = await world.security.rotate_key("CP1", "me")
    assert ended.verdict is Verdict.UNKNOWN
    assert ended.until_us == T0 + DAY_US
    assert await world.accepts(OLD)
    assert await world.accepts(world.new)
    with pytest.raises(Busy):
        await world.security.rotate_key("CP1", "me")


async def test_a_new_key_that_nobody_used_ends_by_the_timer(world, caplog) -> None:
    world.answers["ChangeConfiguration"] = ("lost", None)
    await world.security.rotate_key("CP1", "me")
    world.now_us = T0 + DAY_US - 1
    assert await expire(world.engine, world.registry, world.now_us, 10) == []
    assert await world.accepts(world.new)
    world.now_us += 1
    assert not await world.accepts(world.new)  # without anybody's doing
    assert await expire(world.engine, world.registry, world.now_us, 10) == ["CP1"]
    assert await expire(world.engine, world.registry, world.now_us, 10) == []
    record = await world.registry.get_charger("CP1")
    assert record.candidate is None
    assert await world.accepts(OLD)


async def test_a_withdrawn_key_counts_no_more(world) -> None:
    world.answers["ChangeConfiguration"] = ("lost", None)
    await world.security.rotate_key("CP1", "me")
    await world.security.withdraw_key("CP1", "me")
    assert not await world.accepts(world.new)
    world.answers.clear()
    assert (await world.security.rotate_key("CP1", "me")).verdict is Verdict.TAKEN


async def test_nothing_is_sent_while_the_gateways_cannot_be_told(world) -> None:
    world.told = False
    with pytest.raises(Unavailable):
        await world.security.rotate_key("CP1", "me")
    with pytest.raises(Unavailable):
        await world.security.raise_profile("CP1", 2, "me")
    assert world.sent == []
    record = await world.registry.get_charger("CP1")
    assert (record.candidate, record.pending_profile) == (None, 0)


async def test_nothing_is_changed_of_a_charger_that_is_away(world) -> None:
    world.subprotocol = ""
    before = await world.registry.get_charger("CP1")
    for asked in (world.security.rotate_key("CP1", "me"), world.security.raise_profile("CP1", 2, "me")):  # fmt: skip
        with pytest.raises(NotConnected):
            await asked
    assert await world.registry.get_charger("CP1") == before


async def test_no_key_is_in_the_audit_log(world, caplog) -> None:
    with caplog.at_level("INFO"):
        await world.security.rotate_key("CP1", "me")
    assert "taken" in caplog.text
    assert world.new not in "".join(repr(vars(each)) for each in caplog.records)


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_charger_of_2x_gets_its_key_as_a_variable(world, version) -> None:
    world.subprotocol = version
    said = {"setVariableResult": [{"attributeStatus": "Accepted"}]}
    world.answers["SetVariables"] = ("accepted", said)
    assert (await world.security.rotate_key("CP1", "me")).verdict is Verdict.TAKEN
    (data,) = world.sent[0].payload["setVariableData"]
    assert data["variable"] == {"name": "BasicAuthPassword"}
    assert await world.accepts(data["attributeValue"])


async def test_a_higher_profile_waits_until_the_charger_has_come_with_it(world) -> None:
    ended = await world.security.raise_profile("CP1", 2, "me")
    assert ended.verdict is Verdict.TAKEN
    record = await world.registry.get_charger("CP1")
    assert profiles(record) == (1, 2)
    assert world.sent[0].payload == {"key": "SecurityProfile", "value": "2"}


async def test_a_refused_profile_is_taken_back_and_an_unknown_one_is_not(world) -> None:
    world.answers["ChangeConfiguration"] = ("rejected", {"status": "Rejected"})
    assert (await world.security.raise_profile("CP1", 3, "me")).verdict is Verdict.REFUSED
    assert profiles(await world.registry.get_charger("CP1")) == (1,)
    world.answers["ChangeConfiguration"] = ("lost", None)
    assert (await world.security.raise_profile("CP1", 3, "me")).verdict is Verdict.UNKNOWN
    assert profiles(await world.registry.get_charger("CP1")) == (1, 3)


@pytest.mark.parametrize("profile", [0, 1])
async def test_there_is_no_way_down(world, profile) -> None:
    with pytest.raises(InvalidInput, match="no way down"):
        await world.security.raise_profile("CP1", profile, "me")
    assert world.sent == []


async def test_a_charger_of_201_gets_a_network_profile_and_its_priority(world) -> None:
    world.subprotocol = "ocpp2.0.1"
    with pytest.raises(InvalidInput, match="network"):
        await world.security.raise_profile("CP1", 2, "me")
    said = {"setVariableResult": [{"attributeStatus": "RebootRequired"}]}
    world.answers["SetVariables"] = ("accepted", said)
    network = Network("wss://csms.example.com/ocpp", slot=3)
    ended = await world.security.raise_profile("CP1", 2, "me", network)
    assert [each.action for each in world.sent] == ["SetNetworkProfile", "SetVariables"]
    assert ended.verdict is Verdict.UNKNOWN  # it must reboot first
    world.sent.clear()
    world.answers["SetNetworkProfile"] = ("rejected", {"status": "Rejected"})
    assert (await world.security.raise_profile("CP1", 2, "me", network)).verdict is Verdict.REFUSED
    assert [each.action for each in world.sent] == ["SetNetworkProfile"]


async def test_onboarding_replaces_the_factory_key_before_it_accepts(world) -> None:
    with pytest.raises(InvalidInput, match="not Pending"):
        await world.security.onboard("CP1", "me")
    await world.registry.update_charger("CP1", {"registration": "Pending"})
    world.answers["ChangeConfiguration"] = ("rejected", {"status": "Rejected"})
    assert (await world.security.onboard("CP1", "me")).verdict is Verdict.REFUSED
    assert (await world.registry.get_charger("CP1")).registration == "Pending"
    world.answers.clear()
    world.sent.clear()
    assert (await world.security.onboard("CP1", "me")).verdict is Verdict.TAKEN
    assert (await world.registry.get_charger("CP1")).registration == "Accepted"
    assert [each.action for each in world.sent] == ["ChangeConfiguration", "TriggerMessage"]
    assert not await world.accepts(OLD)
