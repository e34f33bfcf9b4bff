import json

import pytest
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from benchmarks.load import PAYLOADS, Payloads, frame, meter_values
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


def test_payloads_differ():
    make = Payloads(4)
    assert len({make() for _ in range(PAYLOADS)}) == PAYLOADS
