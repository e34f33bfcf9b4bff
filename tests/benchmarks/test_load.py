import json

import pytest
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from benchmarks.load import PAYLOADS, SAID, SEQ, Payloads, frame, meter_values, transaction_event
from protocol.versions import VERSIONS


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535])
def test_frames_are_masked_frames_of_websocket(size: int):
    server = ServerProtocol(state=OPEN, max_size=100_000)
    server.receive_data(frame(b"x" * size))
    (got,) = server.events_received()
    assert bytes(got.data) == b"x" * size


@pytest.mark.parametrize("samples", [1, 4, 9])
def test_meter_values_are_valid_ocpp(samples: int):
    payload = json.loads(meter_values(samples))
    assert VERSIONS["ocpp1.6"].schemas.request("MeterValues").flags(payload) == ()
    assert len(payload["meterValue"][0]["sampledValue"]) == samples


@pytest.mark.parametrize("samples", [1, 4, 9])
def test_events_are_valid_ocpp_and_can_be_made_those_of_a_charger(samples: int):
    text = transaction_event(samples)
    assert (text.count(SAID), text.count(SEQ)) == (1, 1)
    payload = json.loads(text)
    assert VERSIONS["ocpp2.0.1"].schemas.request("TransactionEvent").flags(payload) == ()
    assert len(payload["meterValue"][0]["sampledValue"]) == samples


@pytest.mark.parametrize("made", [meter_values, transaction_event])
def test_payloads_differ(made):
    make = Payloads(4, made)
    assert len({make() for _ in range(PAYLOADS)}) == PAYLOADS
