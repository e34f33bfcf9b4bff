"""Transactions of 2.x over real sockets, from TransactionEvents to rows of the ledger."""

import asyncio
import json

import msgspec

from actors.charger.settings import ChargerSettings
from domain.events import TransactionProgressed, TransactionStatusTold, VariablesReported
from domain.pricing import RunningSession, Shown
from domain.records import TokenRecord
from storage.journal_reader import Row
from storage.relational import migrations
from storage.relational.engine import open_engine
from storage.relational.known import known
from storage.relational.projector import Projector
from storage.relational.tables import transactions, variables
from tests.csms.gateway.harness import Harness, call, gateway_running
from tests.csms.gateway.test_versions import charged, command, virtual
from tests.storage.relational.kit import rows

STATION = {"vendorName": "V", "model": "M"}
BOOT = {"reason": "PowerUp", "chargingStation": STATION}


class Euros:
    """A cent for each watt-hour."""

    def shown(self, session: RunningSession) -> Shown:
        return Shown(round((session.meter_wh - session.meter_start_wh) / 100, 2), "so far")


def event(kind: str, seq: int, wh: float | None = None, **more) -> dict:
    payload = {
        "eventType": kind,
        "timestamp": f"2026-11-25T10:{seq:02}:00Z",
        "triggerReason": "Authorized" if kind == "Started" else "MeterValuePeriodic",
        "seqNo": seq,
        "transactionInfo": {"transactionId": "tx-1"},
        "evse": {"id": 1, "connectorId": 2},
        **more,
    }
    if wh is not None:
        value = {"value": wh, "measurand": "Energy.Active.Import.Register"}
        payload["meterValue"] = [{"timestamp": payload["timestamp"], "sampledValue": [value]}]
    return payload


TOKEN = {"idToken": "TAG1", "type": "ISO14443"}


async def test_a_gap_is_asked_about_a_repeat_is_answered_the_same_and_costs_are_shown(
    tmp_path,
) -> None:
    settings = ChargerSettings(doubt_s=1, activation_wait_ms=100)
    async with gateway_running(
        tmp_path, tokens=(TokenRecord("TAG1", parent="FAM"),), charger_settings=settings
    ) as node:
        node.gateway.directory.pricing = Euros()
        async with node.charger("CP1", subprotocols=("ocpp2.0.1",)) as socket:
            await call(socket, "BootNotification", BOOT, "b")
            start = event("Started", 0, 1_000, idToken=TOKEN)
            first = await call(socket, "TransactionEvent", start, "1")
            assert first[2]["idTokenInfo"]["status"] == "Accepted"
            assert first[2]["idTokenInfo"]["groupIdToken"]["idToken"] == "FAM"
            assert first[2]["totalCost"] == 0
            again = await call(socket, "TransactionEvent", start, "2")
            assert again[2] == first[2]
            later = await call(socket, "TransactionEvent", event("Updated", 3, 1_500), "3")
            assert later[2]["totalCost"] == 5
            asked = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert asked[2:] == ["GetTransactionStatus", {"transactionId": "tx-1"}]
            answer = {"ongoingIndicator": True, "messagesInQueue": False}
            await socket.send(json.dumps([3, asked[1], answer]))
            await node.until(lambda: bool(node.events(TransactionStatusTold)))
            await call(socket, "TransactionEvent", event("Ended", 4, 1_900), "4")
        (told,) = node.events(TransactionStatusTold)
        assert (told.said, told.ongoing, told.queued) == ("tx-1", True, False)
        events = node.events(TransactionProgressed)
        flags = [set(e.flags) - {"started_blank"} for e in events]
        assert flags == [set(), {"sent_again"}, set(), set()]
        store = await projected(node, tmp_path)
        (row,) = await rows(store, transactions)
        assert (row["state"], row["missing"], row["plug"]) == ("ended", 2, 2)
        assert set(json.loads(row["flags"])) >= {"gap", "messages_lost"}
        assert (row["meter_start_wh"], row["meter_stop_wh"], row["cost"]) == (1_000, 1_900, 9.0)
        (about,) = await known(store, ["CP1"])
        assert about.transactions[0].seqs == ((0, 0), (3, 4))
        await store.dispose()


async def projected(node: Harness, folder):
    """Project what the gateway has kept into a fresh store."""
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    await migrations.upgrade(url)
    store = open_engine(url)
    entries = [
        Row(lsn, 0, msgspec.msgpack.encode(entry)) for lsn, entry in enumerate(node.entries(), 1)
    ]
    applied = await Projector(store, lambda: 0).apply("j", entries)
    assert applied.quarantined == 0
    return store


async def test_the_number_of_a_transaction_survives_a_reconnect(tmp_path) -> None:
    async with gateway_running(tmp_path, tokens=(TokenRecord("TAG1"),)) as node:
        for kind, seq in (("Started", 0), ("Updated", 1), ("Ended", 2)):
            async with node.charger("CP1", subprotocols=("ocpp2.0.1",)) as socket:
                await call(socket, "BootNotification", BOOT, f"b{seq}")
                await call(socket, "TransactionEvent", event(kind, seq, 1_000 + seq), f"{seq}")
            await node.until(lambda: not node.gateway.lines)
        store = await projected(node, tmp_path)
        (row,) = await rows(store, transactions)
        # No ledger told the actors its number, so each gave its own: the first is the one.
        numbers = [e.transaction for e in node.events(TransactionProgressed)]
        assert len(set(numbers)) == 3
        assert (row["number"], row["state"], row["missing"]) == (numbers[0], "ended", 0)
        await store.dispose()


async def test_sessions_and_variables_of_a_virtual_charger_become_rows(tmp_path) -> None:
    async with gateway_running(tmp_path, tokens=(TokenRecord("TAG1"),)) as node:
        async with virtual(node, "modern"):
            await charged(node)
            full = {"requestId": 7, "reportBase": "FullInventory"}
            await command(node, "GetBaseReport", full)
            await node.until(lambda: any(e.request == 7 and not e.more for e in _reports(node)), 20)
        store = await projected(node, tmp_path)
        found = [row for row in await rows(store, transactions) if row["state"] == "ended"]
        assert found
        row = found[0]
        assert (row["flags"], row["missing"], row["token"]) == ('["started_blank"]', 0, "TAG1")
        assert row["token_kind"] == "ISO14443"
        assert row["meter_stop_wh"] >= row["meter_start_wh"] >= 0
        told = await rows(store, variables)
        assert len({row["component"] for row in told}) > 3
        assert all(row["mutability"] for row in told)
        await store.dispose()


def _reports(node: Harness) -> list[VariablesReported]:
    return node.events(VariablesReported)
