"""Reservations over real sockets: what a charger answers, and that it does not, is written down."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from domain.commands import Command, Outcome
from domain.events import NoticeReported, ReservationTold, TransactionProgressed
from protocol.reservations import Reservation, cancel_payload
from protocol.versions import VERSIONS
from storage.relational.tables import reservations
from tests.csms.gateway.harness import Harness, call, gateway_running
from tests.csms.gateway.test_sessions_of_2x import BOOT, TOKEN, event, projected
from tests.storage.relational.kit import rows

BOOTS = {"ocpp1.6": {"chargePointVendor": "V", "chargePointModel": "M"}}
WEEK_US = 7 * 86_400_000_000
_numbers = itertools.count(1)


async def ask(
    node: Harness, action: str, payload: dict[str, Any], seconds: float = 20.0
) -> Outcome:
    now_us = node.gateway.now_us()
    name = f"c{next(_numbers)}"
    deadline_us = now_us + int(seconds * 1e6)
    sent = Command(name, "CP1", action, payload, deadline_us, queued_us=now_us)
    result = await node.gateway.command(sent, wait=True)
    assert result is not None
    return Outcome(result.outcome)


async def answered(node: Harness, socket: Any, action: str, payload: Any, status: str) -> Outcome:
    waiting = asyncio.create_task(ask(node, action, payload))
    said = json.loads(await asyncio.wait_for(socket.recv(), 20))
    assert said[2:] == [action, payload]
    await socket.send(json.dumps([3, said[1], {"status": status}]))
    return await waiting


@pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_an_answer_says_what_is_reserved_in_words_of_no_version(
    tmp_path, subprotocol: str
) -> None:
    async with gateway_running(tmp_path) as node:
        write = VERSIONS[subprotocol].write_reservation
        assert write is not None
        # To the second, as it is written on the wire; later than any report could be of.
        until_us = (node.gateway.now_us() + WEEK_US) // 1_000_000 * 1_000_000
        payload = write(Reservation(7, "TAG", until_us, 2, group="FAMILY"))
        assert VERSIONS[subprotocol].schemas.request("ReserveNow").flags(payload) == ()
        async with node.charger("CP1", subprotocols=(subprotocol,)) as socket:
            await call(socket, "BootNotification", BOOTS.get(subprotocol, BOOT), "b")
            yes = await answered(node, socket, "ReserveNow", payload, "Accepted")
            no = await answered(node, socket, "ReserveNow", payload, "Occupied")
            gone = await answered(node, socket, "CancelReservation", cancel_payload(7), "Accepted")
            assert (yes, no, gone) == (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED)
            assert await ask(node, "ReserveNow", payload, 0.2) == Outcome.TIMED_OUT
        told = node.events(ReservationTold)
        assert [(each.number, each.status, each.cancels) for each in told] == [
            (7, "Accepted", False),
            (7, "Occupied", False),
            (7, "Accepted", True),
            (7, "", False),
        ]
        assert {(e.connector, e.token, e.group, e.expires_us) for e in told if not e.cancels} == {
            (2, "TAG", "FAMILY", until_us)
        }


@pytest.mark.parametrize("subprotocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_an_error_is_a_refusal_and_a_broken_answer_is_none(
    tmp_path, subprotocol: str
) -> None:
    async with gateway_running(tmp_path) as node:
        write = VERSIONS[subprotocol].write_reservation
        assert write is not None
        until_us = node.gateway.now_us() + WEEK_US
        frames = {1: '[4,"%s","NotSupported","no profile",{}]', 2: '[3,"%s",{"status":"Acc'}
        async with node.charger("CP1", subprotocols=(subprotocol,)) as socket:
            await call(socket, "BootNotification", BOOTS.get(subprotocol, BOOT), "b")
            await answered(
                node, socket, "ReserveNow", write(Reservation(3, "TAG", until_us)), "Accepted"
            )
            asked = [
                ("ReserveNow", write(Reservation(1, "TAG", until_us)), frames[1]),
                ("ReserveNow", write(Reservation(2, "TAG", until_us)), frames[2]),
                # What a charger does not cancel may still hold.
                ("CancelReservation", cancel_payload(3), frames[1]),
            ]
            for action, payload, frame in asked:
                waiting = asyncio.create_task(ask(node, action, payload))
                uid = json.loads(await asyncio.wait_for(socket.recv(), 20))[1]
                await socket.send(frame % uid)
                assert await waiting == Outcome.ERROR
        told = [(e.number, e.status, e.token) for e in node.events(ReservationTold)]
        assert told == [(3, "Accepted", "TAG"), (1, "NotSupported", "TAG"), (2, "", "TAG")]
        store = await projected(node, tmp_path)
        found = {row["number"]: row["state"] for row in await rows(store, reservations)}
        assert found == {1: "refused", 2: "unknown", 3: "active"}
        await store.dispose()


async def test_a_reservation_is_used_by_its_transaction_and_others_end_by_themselves(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node:
        until_us = node.gateway.now_us() + WEEK_US
        write = VERSIONS["ocpp2.1"].write_reservation
        assert write is not None
        async with node.charger("CP1", subprotocols=("ocpp2.1",)) as socket:
            await call(socket, "BootNotification", BOOT, "b")
            for number in (1, 2, 3):
                wanted = write(Reservation(number, "TAG1", until_us))
                await answered(node, socket, "ReserveNow", wanted, "Accepted")
            start = event("Started", 0, 1_000, idToken=TOKEN, reservationId=1)
            await call(socket, "TransactionEvent", start, "t")
            for number, status in ((2, "Expired"), (3, "NoTransaction")):
                body = {"reservationId": number, "reservationUpdateStatus": status}
                await call(socket, "ReservationStatusUpdate", body, f"u{number}")
        assert len(node.events(NoticeReported)) == 2
        (started,) = node.events(TransactionProgressed)
        store = await projected(node, tmp_path)
        found = {row["number"]: row for row in await rows(store, reservations)}
        states = {number: row["state"] for number, row in found.items()}
        assert states == {1: "used", 2: "expired", 3: "no_transaction"}
        assert found[1]["transaction"] == started.transaction
        assert found[2]["status"] == "Expired"
        await store.dispose()
