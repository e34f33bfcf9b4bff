"""A charger and its network, without either: inputs in, effects out, time that jumps."""

import itertools
from collections import Counter

import pytest

from csms.simulator.books import from_json
from csms.simulator.faults import FAULTS
from csms.simulator.machine import (
    Close,
    Cut,
    Deaf,
    Dial,
    Leave,
    Phase,
    Reset,
    Send,
    Stop,
    Text,
    Tick,
)
from csms.simulator.sightings import Kind, Saw
from tests.csms.simulator.network import T0, Network

HOUR_S = 3_600.0


def test_a_charger_dials_boots_and_charges() -> None:
    network = Network().begin().pass_s(HOUR_S)
    said = Counter(action for action, _ in network.stored.values())
    assert said["BootNotification"] == 1
    assert said["StartTransaction"] >= 2
    assert said["MeterValues"] > said["StopTransaction"] >= 1


def test_the_same_seed_gives_the_same_effects() -> None:
    rates = dict.fromkeys(FAULTS, 0.02)
    first, second, other = (
        Network(seed=seed, rates=rates).begin().pass_s(HOUR_S) for seed in (7, 7, 8)
    )
    assert first.log == second.log
    assert first.log != other.log


def test_refused_dials_wait_longer_and_longer_up_to_the_limit() -> None:
    network = Network(reconnect_s_min=1.0, reconnect_s_max=30.0)
    network.refuse = "HTTP 503"
    network.begin().pass_s(HOUR_S)
    times = network.times(Dial)
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert 0.5 <= waits[0] <= 1.5
    assert all(15 <= wait <= 45 for wait in waits[6:])
    assert network.charger.books.refused == {"HTTP 503": len(times)}
    failed = [saw for saw in network.effects(Saw) if saw.kind is Kind.CONNECT]
    assert {saw.failure for saw in failed} == {"HTTP 503"}


def test_without_backoff_everybody_comes_back_exactly_at_once() -> None:
    network = Network(reconnect_s_min=2.0, backoff=False)
    network.refuse = "ConnectionRefusedError"
    network.begin().pass_s(20)
    assert network.times(Dial) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]


def test_what_happened_while_away_is_told_afterwards_in_order() -> None:
    network = Network(connectors=1).begin().pass_s(5)
    network.machine.handle(Leave(HOUR_S), network.now_us)
    network.server = None
    before = set(network.stored)
    network.pass_s(HOUR_S - 10)
    assert set(network.stored) == before
    network.pass_s(20)
    told = [row for uid, row in network.stored.items() if uid not in before]
    kept = [p.get("timestamp") for a, p in told if a in {"StartTransaction", "StopTransaction"}]
    assert len(kept) >= 3
    assert kept == sorted(kept)
    assert min(kept) < "2026-01-01T00:50"


@pytest.mark.parametrize(("fault", "effect"), [("cut", Cut), ("reset", Reset), ("half_open", Deaf)])
def test_a_broken_connection_is_dialled_again_and_nothing_is_lost(fault, effect) -> None:
    network = Network(rates={fault: 0.05}).begin().pass_s(HOUR_S)
    assert network.effects(effect)
    assert len(network.effects(Dial)) > network.charger.books.faults[fault]
    books = network.charger.books
    assert sum(tally.lost for tally in books.messages.values()) >= len(network.effects(effect)) - 1
    stored = Counter(action for action, _ in network.stored.values())
    for action, tally in books.messages.items():
        assert tally.acknowledged <= stored[action] <= tally.sent, action


def test_a_frozen_charger_says_nothing_until_its_socket_is_reset() -> None:
    network = Network(rates={"half_open": 1.0}).begin()
    assert network.machine.phase is Phase.FROZEN
    assert network.effects(Send) == []
    network.pass_s(25)
    assert network.effects(Reset)


def test_a_silent_charger_still_answers_and_speaks_later() -> None:
    network = Network(rates={"silence": 1.0}).begin()
    assert network.effects(Send) == []
    network.server.call("c1", "GetLocalListVersion", {}, network.now_us, 1_000_000)
    for frame in network.server.take_frames():
        network._do(Text(frame))
    assert len(network.effects(Send)) == 1
    network.pass_s(61)
    assert "BootNotification" in {action for action, _ in network.stored.values()}


def test_duplicates_come_with_the_same_bytes_and_are_counted_once() -> None:
    network = Network(rates={"duplicate": 1.0}).begin().pass_s(60)
    texts = Counter(network.texts)
    assert set(texts.values()) == {2}
    books = network.charger.books
    assert sum(tally.sent for tally in books.messages.values()) == len(texts)


def test_a_wrong_clock_shows_in_what_is_said_and_not_in_when_it_is_said() -> None:
    network = Network(seed=3, rates={"clock": 0.5}).begin().pass_s(HOUR_S)
    days = {p["timestamp"][:10] for a, p in network.stored.values() if "timestamp" in p}
    assert len(days) > 1
    assert network.now_us == T0 + 3_600_000_000


def test_malformed_frames_do_not_stop_anybody() -> None:
    network = Network(rates={"malformed": 0.5}).begin().pass_s(HOUR_S)
    assert network.rejected > 10
    assert network.charger.counts.stopped >= 1


def test_metervalues_may_come_after_the_message_behind_them() -> None:
    network = Network(seed=2, rates={"reorder": 1.0}, connectors=1).begin().pass_s(30)
    network.machine.handle(Leave(600.0), network.now_us)
    network.server = None
    network.pass_s(700)
    times = [
        payload["meterValue"][0]["timestamp"]
        for action, payload in network.stored.values()
        if action == "MeterValues"
    ]
    assert times != sorted(times)


def test_bills_are_in_the_books_once_the_server_has_acknowledged() -> None:
    network = Network().begin().pass_s(HOUR_S)
    bills = network.charger.books.bills
    stops = {
        p["transactionId"]: p["meterStop"]
        for a, p in network.stored.values()
        if a == "StopTransaction"
    }
    assert {n: b.meter_stop_wh for n, b in bills.items() if b.meter_stop_wh is not None} == stops
    assert from_json(network.charger.books.to_json()) == network.charger.books


def test_flows_are_seen_from_plug_to_energy_and_from_stop_to_bill() -> None:
    network = Network().begin().pass_s(HOUR_S)
    flows = [saw for saw in network.effects(Saw) if saw.kind is Kind.FLOW]
    assert {saw.name for saw in flows} == {"card to transaction", "plug to energy", "stop to bill"}
    waits_s = [saw.us / 1e6 for saw in flows if saw.name == "plug to energy"]
    assert all(1 <= wait_s <= 4 for wait_s in waits_s)  # the driver thinks, the server does not


def test_after_stop_nothing_happens_any_more() -> None:
    network = Network().begin().pass_s(60)
    assert Close() in network.machine.handle(Stop(), network.now_us)
    assert network.machine.phase is Phase.STOPPED
    assert network.machine.handle(Tick(), network.now_us + 10**9) == []
    assert network.machine.due_us() is None
