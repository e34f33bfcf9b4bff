"""What the generator's chargers do over a longer time."""

import itertools
import json

from benchmarks.habits import _due, starts
from benchmarks.load import LoadCharger, Tally
from protocol.versions import VERSIONS


def test_starts_are_valid_ocpp_and_no_two_are_alike():
    make = starts()
    payloads = [json.loads(make()) for _ in range(1_500)]
    schema = VERSIONS["ocpp1.6"].schemas.request("StartTransaction")
    assert {schema.flags(payload) for payload in payloads[:20]} == {()}
    assert len({(one["timestamp"], one["meterStart"]) for one in payloads}) == len(payloads)


def test_heartbeats_and_samples_come_in_order_at_their_rates():
    chargers = [LoadCharger(f"C{n}", Tally()) for n in range(10)]
    minute = list(itertools.takewhile(lambda due: due[0] < 60, _due(chargers, 30, 15, 5)))
    assert [at for at, _, _ in minute] == sorted(at for at, _, _ in minute)
    beats = [charger.name for _, charger, samples in minute if not samples]
    samples = [charger.name for _, charger, samples in minute if samples]
    assert {name: beats.count(name) for name in beats} == {f"C{n}": 2 for n in range(10)}
    assert {name: samples.count(name) for name in samples} == {"C0": 4, "C5": 4}
