"""Whole sessions and all commands with chargers that other people wrote, over a real node."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from protocol.v16 import INBOUND, OUTBOUND
from supervisor.clock import Clock
from tests.interop.node_under_test import NodeUnderTest
from tests.interop.peers import ANSWER_S, CallRefused, Peer, Refused, Reply
from tests.interop.story import BOOT, COMMANDS, LATER, NOTICES, SECRET, meter_value, status

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

_numbers = itertools.count(1)


@pytest.fixture
def identity(request: pytest.FixtureRequest) -> str:
    """A new charger for each test."""
    return f"{request.node.callspec.params['peer']}-{next(_numbers)}"


def now() -> datetime:
    return datetime.fromtimestamp(Clock().now_us() / 1e6, UTC)


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def boot(peer: Peer, node: NodeUnderTest, identity: str, password: str | None = None) -> None:
    await peer.connect(node.chargers, identity, password)
    answer = await peer.call("BootNotification", BOOT)
    assert answer["status"] == "Accepted"
    # A charger that was unknown becomes a record when the ledger has read the journal.
    await asyncio.to_thread(node.settled, "the charger's record", lambda: is_known(node, identity))


def is_known(node: NodeUnderTest, identity: str) -> bool:
    return node.ask("GET", f"/chargers/{quote(identity)}")[0] == 200


async def ask(node: NodeUnderTest, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    return await asyncio.to_thread(node.ask, method, path, body)


async def command(
    node: NodeUnderTest,
    identity: str,
    action: str,
    payload: Any,
    wait_s: float = 30,
    *,
    force: bool = False,
) -> dict[str, Any]:
    """Send a command by REST and return how it ended."""
    code, body = await ask(
        node,
        "POST",
        f"/chargers/{identity}/calls?wait={wait_s}",
        {"action": action, "payload": payload, "force": force},
    )
    assert code == 200, (action, code, body)
    assert body["state"] == "finished", body
    return dict(body)


async def followed(node: NodeUnderTest, command: str) -> dict[str, Any]:
    """Return what the stores say of a command, once something followed."""

    def look() -> Any:
        body = node.get(f"/commands/{command}")
        return body if body["followed"] else None

    return await asyncio.to_thread(node.settled, f"what follows command {command}", look)


def test_the_story_has_every_command_of_the_version() -> None:
    assert set(COMMANDS) == set(OUTBOUND)
    assert len(COMMANDS) == 26


async def test_a_whole_session_is_answered_and_kept(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    said: set[str] = set()

    async def say(action: str, payload: Any) -> Any:
        said.add(action)
        return await peer.call(action, payload)

    agreed = await peer.connect(node.chargers, identity)
    assert agreed.subprotocol == "ocpp1.6"
    assert "permessage-deflate" in agreed.extensions

    booted = await say("BootNotification", BOOT)
    assert booted["status"] == "Accepted"
    assert 270 <= booted["interval"] <= 330
    for told in (booted["currentTime"], (await say("Heartbeat", {}))["currentTime"]):
        assert abs(now() - datetime.fromisoformat(told)) < timedelta(seconds=30)
    for connector in (0, 1, 2):
        assert await say("StatusNotification", status(connector, "Available")) == {}

    info = {"status": "Accepted", "expiryDate": LATER, "parentIdTag": "FAMILY"}
    for token, answer in (
        ("KNOWN", info),
        ("known", info),
        ("NOBODY", {"status": "Invalid"}),
        ("BLOCKED", {"status": "Blocked"}),
        ("EXPIRED", {"status": "Expired", "expiryDate": "1970-01-01T00:00:01Z"}),
    ):
        assert await say("Authorize", {"idTag": token}) == {"idTagInfo": answer}

    begin = now() - timedelta(minutes=10)
    start = {"connectorId": 1, "idTag": "ONCE", "meterStart": 1000, "timestamp": iso(begin)}
    started = await say("StartTransaction", start)
    number = started["transactionId"]
    assert number > 0
    assert started["idTagInfo"] == {"status": "Accepted"}
    # A charger that heard no answer sends it again.
    assert (await say("StartTransaction", start))["transactionId"] == number
    await say("StatusNotification", status(1, "Charging"))
    second = await say(
        "StartTransaction",
        {"connectorId": 2, "idTag": "ONCE", "meterStart": 0, "timestamp": iso(now())},
    )
    assert second["idTagInfo"] == {"status": "ConcurrentTx"}
    for minute in (1, 2, 3):
        value = meter_value(iso(begin + timedelta(minutes=minute)), 1000 + 120 * minute)
        meter = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        assert await say("MeterValues", meter) == {}
    end = begin + timedelta(minutes=4)
    stopped = await say(
        "StopTransaction",
        {
            "transactionId": number,
            "idTag": "ONCE",
            "meterStop": 1480,
            "timestamp": iso(end),
            "reason": "EVDisconnected",
            "transactionData": [meter_value(iso(end), 1480, "Transaction.End")],
        },
    )
    assert stopped == {"idTagInfo": {"status": "Accepted"}}
    for action, payload, answer in NOTICES:
        assert await say(action, payload) == answer, (action, payload)
    await say("StatusNotification", status(1, "Finishing"))
    assert said == set(INBOUND)

    await asyncio.to_thread(_check_stores, node, identity, number)


def _check_stores(node: NodeUnderTest, identity: str, number: int) -> None:
    def ended() -> Any:
        found = node.items(f"/transactions?charger={identity}&number={number}&state=ended")
        return found[0] if found else None

    transaction = node.settled("the transaction", ended)
    assert transaction["token"] == "ONCE"
    assert transaction["connector"] == 1
    assert (transaction["meter_start_wh"], transaction["meter_stop_wh"]) == (1000, 1480)
    assert transaction["stop_reason"] == "EVDisconnected"

    charger = node.get(f"/chargers/{identity}")
    assert (charger["vendor"], charger["model"], charger["firmware"]) == ("Acme", "Two", "4.5.6")
    assert charger["presence"] == "connected"

    def last_message() -> Any:
        return node.items(f"/messages?charger={identity}&action=SignCertificate")

    node.settled("the message log", last_message)
    samples = node.sql(
        "SELECT measurand, context, value, unit FROM samples FINAL"
        f" WHERE charger = '{identity}' AND transaction = {number} ORDER BY measurand, ts"
    )
    energy = [s for s in samples if s["measurand"] == "Energy.Active.Import.Register"]
    assert [s["value"] for s in energy] == [1120, 1240, 1360, 1480]
    assert energy[-1]["context"] == "Transaction.End"
    power = [(s["value"], s["unit"]) for s in samples if s["measurand"] == "Power.Active.Import"]
    assert power == [(7360, "W")] * 4
    assert len(samples) == 16
    messages = node.items(f"/messages?charger={identity}&direction=in&limit=100")
    assert {m["action"] for m in messages} == set(INBOUND)
    assert {m["outcome"] for m in messages} == {"result"}
    # the start that was sent again, and nothing else
    assert [(m["action"], m["flags"]) for m in messages if m["flags"]] == [
        ("StartTransaction", ["start_again"])
    ]


async def test_every_command_brings_the_chargers_own_answer(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    for action, case in COMMANDS.items():
        await peer.reply(action, Reply(case.yes))
        ended = await command(node, identity, action, case.payload)
        assert (ended["outcome"], ended["response"]) == ("accepted", case.yes), ended
        async with asyncio.timeout(ANSWER_S):  # the node may hear the answer before we do
            while peer.called[-1:] != [(action, case.payload)]:
                await asyncio.sleep(0.01)
        assert ended["queued_us"] <= ended["sent_us"] <= ended["finished_us"]
    assert [action for action, _ in peer.called] == list(COMMANDS)

    def logged() -> Any:
        found = node.items(f"/messages?charger={identity}&direction=out&limit=100")
        return found if len(found) == len(COMMANDS) else None

    messages = await asyncio.to_thread(node.settled, "the message log", logged)
    assert {m["outcome"] for m in messages} == {"result"}
    assert [m for m in messages if m["flags"]] == []
    assert SECRET not in str(messages)


async def test_a_no_is_rejected_and_a_callerror_is_an_error(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    for action, case in COMMANDS.items():
        if case.no is not None:
            await peer.reply(action, Reply(case.no))
            ended = await command(node, identity, action, case.payload)
            assert (ended["outcome"], ended["response"]) == ("rejected", case.no), ended
        await peer.reply(action, Reply(error="NotSupported"))
        ended = await command(node, identity, action, case.payload)
        assert (ended["outcome"], ended["error_code"]) == ("error", "NotSupported"), ended
        assert ended["response"] is None


async def test_no_answer_times_out_and_the_late_one_confuses_nobody(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("GetConfiguration", Reply(COMMANDS["GetConfiguration"].yes, hold=True))
    ended = await command(node, identity, "GetConfiguration", {}, wait_s=1)
    assert (ended["outcome"], ended["response"]) == ("timed_out", None)
    await peer.reply("GetLocalListVersion", Reply({"listVersion": 3}))
    waiting = asyncio.create_task(command(node, identity, "GetLocalListVersion", {}))
    await asyncio.sleep(0)
    await peer.release()
    ended = await waiting
    assert (ended["outcome"], ended["response"]) == ("accepted", {"listVersion": 3})
    await peer.call("Heartbeat", {})


async def test_a_connection_that_goes_loses_the_open_command(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("ClearCache", Reply(COMMANDS["ClearCache"].yes, hold=True))
    waiting = asyncio.create_task(command(node, identity, "ClearCache", {}))
    async with asyncio.timeout(10):
        while not peer.called:
            await asyncio.sleep(0.01)
    await peer.vanish()
    ended = await waiting
    assert (ended["outcome"], ended["response"]) == ("lost", None)
    code, body = await ask(
        node, "POST", f"/chargers/{identity}/calls?wait=5", {"action": "ClearCache"}
    )
    assert (code, body["type"]) == (409, "urn:csms:problem:charger_offline")


async def test_a_remote_start_is_followed_to_its_transaction_and_its_stop(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("RemoteStartTransaction", Reply({"status": "Accepted"}))
    await peer.reply("RemoteStopTransaction", Reply({"status": "Accepted"}))
    payload = {"connectorId": 1, "idTag": "KNOWN"}
    start = await command(node, identity, "RemoteStartTransaction", payload)
    at = iso(now())
    number = (
        await peer.call(
            "StartTransaction",
            {"connectorId": 1, "idTag": "KNOWN", "meterStart": 5, "timestamp": at},
        )
    )["transactionId"]
    stop = await command(node, identity, "RemoteStopTransaction", {"transactionId": number})
    assert peer.called[-1] == ("RemoteStopTransaction", {"transactionId": number})
    ending = {"transactionId": number, "meterStop": 9, "timestamp": at, "reason": "Remote"}
    assert await peer.call("StopTransaction", ending) == {}
    for sent, end in ((start, "transaction_started"), (stop, "transaction_stopped")):
        found = await followed(node, sent["id"])
        assert found["followed"]["end"] == end
        assert found["followed"]["transaction"] == number
        assert found["response"] == {"status": "Accepted"}


async def test_a_reset_is_followed_to_the_boot_of_the_next_connection(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("Reset", Reply({"status": "Accepted"}))
    reset = await command(node, identity, "Reset", {"type": "Hard"})
    await peer.disconnect()
    await boot(peer, node, identity)
    found = await followed(node, reset["id"])
    assert found["followed"]["end"] == "booted"
    # The new connection takes commands.
    await peer.reply("ClearCache", Reply({"status": "Accepted"}))
    assert (await command(node, identity, "ClearCache", {}))["outcome"] == "accepted"


TRIGGERS: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    ("TriggerMessage", "Heartbeat", "Heartbeat", {}, "heartbeat_received"),
    ("TriggerMessage", "StatusNotification", "StatusNotification", status(1, "Available"), "status_reported"),
    ("TriggerMessage", "BootNotification", "BootNotification", BOOT, "booted"),
    # A charger that is not busy says Idle (sections 4.4 and 4.5), and that is all that comes.
    ("TriggerMessage", "DiagnosticsStatusNotification", "DiagnosticsStatusNotification", {"status": "Idle"}, "diagnostics_reported"),
    ("TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification", {"status": "Idle"}, "firmware_reported"),
    ("ExtendedTriggerMessage", "LogStatusNotification", "LogStatusNotification", {"status": "Idle", "requestId": 1}, "log_reported"),
)  # fmt: skip


async def test_a_triggered_message_ends_its_trigger(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    sent = []
    for action, requested, message, payload, end in TRIGGERS:
        await peer.reply(action, Reply({"status": "Accepted"}))
        ended = await command(node, identity, action, {"requestedMessage": requested})
        assert ended["outcome"] == "accepted"
        await peer.call(message, payload)
        sent.append((ended["id"], end))
    for number, end in sent:
        assert (await followed(node, number))["followed"]["end"] == end


async def test_an_update_ends_when_it_is_installed_not_before(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("UpdateFirmware", Reply({}))
    update = await command(node, identity, "UpdateFirmware", COMMANDS["UpdateFirmware"].payload)
    for word in ("Downloading", "Downloaded", "Installing", "Installed"):
        await peer.call("FirmwareStatusNotification", {"status": word})
    found = await followed(node, update["id"])
    assert found["followed"] == {
        "end": "firmware_reported",
        "transaction": 0,
        "detail": "Installed",
    }


async def test_a_password_lets_its_own_charger_in_and_no_other(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    name = f"{identity}-Säule+7(Süd)&A=B"
    password = await add(node, {"id": name, "generate_password": True})
    for wrong in (None, "", password + "x"):
        with pytest.raises(Refused) as refused:
            await peer.connect(node.chargers, name, wrong)
        assert refused.value.status == 401
    await boot(peer, node, name, password)
    found = await ask(node, "GET", f"/chargers?search={identity}")
    assert [(c["id"], c["presence"]) for c in found[1]["items"]] == [(name, "connected")]

    def refusals() -> Any:
        found = node.items(f"/refusals?charger={quote(name)}")
        return found if len(found) == 3 else None

    kept = await asyncio.to_thread(node.settled, "the refusals", refusals)
    assert {r["reason"] for r in kept} == {"no_password", "wrong_password"}


async def test_a_password_that_a_human_chose_lets_its_charger_in(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    password = await add(node, {"id": identity, "password": "Kopf-an-Kopf: Rennen"})
    await boot(peer, node, identity, password)


async def add(node: NodeUnderTest, fields: dict[str, Any]) -> str:
    """Add a charger; return its password."""
    code, body = await ask(node, "POST", "/chargers", fields)
    assert code == 201, body
    return str(body.get("password") or fields["password"])


async def test_a_strict_charger_is_told_what_was_wrong(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    password = await add(node, {"id": identity, "generate_password": True, "strict": True})
    await peer.connect(node.chargers, identity, password, strict=False)
    await peer.call("BootNotification", BOOT)
    with pytest.raises(CallRefused) as refused:
        await peer.call("StatusNotification", status(1, "Available") | {"connectorId": "one"})
    assert refused.value.code == "TypeConstraintViolation"
    with pytest.raises(CallRefused) as refused:
        await peer.call("MakeCoffee", {"cups": 2})
    assert refused.value.code == "NotImplemented"
    assert await peer.call("StatusNotification", status(1, "Available")) == {}


async def test_a_peer_notices_what_does_not_fit_the_schema(
    node: NodeUnderTest, peer: Peer, identity: str
) -> None:
    await boot(peer, node, identity)
    await peer.reply("UnlockConnector", Reply({"status": "Unlocked"}))
    body = {"action": "UnlockConnector", "payload": {"connectorId": "one"}}
    path = f"/chargers/{identity}/calls?wait=30"
    code, refused = await ask(node, "POST", path, body)
    assert (code, refused["type"]) == (422, "urn:csms:problem:schema")
    assert peer.called == []
    code, ended = await ask(node, "POST", path, body | {"force": True})
    assert (code, ended["outcome"], ended["error_code"]) == (
        200,
        "error",
        "TypeConstraintViolation",
    )
    assert ended["warnings"]
    assert len(peer.violations) == 1
    peer.violations.clear()
