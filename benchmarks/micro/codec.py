"""What one MeterValues of 600 bytes costs in the RPC engine, and what an idle session weighs.

    python benchmarks/micro/codec.py [--rounds N]

Prints one JSON line: CPU microseconds (medians of runs), bytes a session.
"""

import argparse
import json
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable

from protocol.codec import decode
from protocol.dialect import OCPP_16
from protocol.limits import SessionLimits
from protocol.session import Role, Session

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
)
PAYLOAD = {
    "connectorId": 1,
    "transactionId": 170001,
    "meterValue": [
        {
            "timestamp": "2026-01-01T00:00:00Z",
            "sampledValue": [
                {"value": "12345.6", "context": "Sample.Periodic", "measurand": name, "unit": "Wh"}
                for name in MEASURANDS
            ],
        }
    ],
}
FRAMES = 500
LIMITS = SessionLimits()


def new_session() -> Session:
    return Session(role=Role.CSMS, dialect=OCPP_16, limits=LIMITS)


def frames(count: int) -> list[bytes]:
    return [
        json.dumps(
            [2, f"3f2c9d0e-3c7a-4c2e-9d2a-{n:012d}", "MeterValues", PAYLOAD], separators=(",", ":")
        ).encode()
        for n in range(count)
    ]


def best_us(run: Callable[[list[bytes]], None], rounds: int) -> float:
    """Few frames, many times: as behind a socket, the bytes are in the processor's cache."""
    texts = frames(FRAMES)
    times = []
    for _ in range(max(5, rounds // FRAMES)):
        started = time.process_time_ns()
        run(texts)
        times.append((time.process_time_ns() - started) / FRAMES / 1000)
    return round(statistics.median(times), 2)


def whole(texts: list[bytes]) -> None:
    session = new_session()
    for text in texts:
        session.receive(text, 0)
        for event in session.take_events():
            session.answer(event.uid, b"{}")
        session.take_frames()


def only_decode(texts: list[bytes]) -> None:
    for text in texts:
        decode(text, LIMITS)


def session_bytes(messages: int) -> int:
    count = 500
    texts = frames(messages)
    sessions = []
    tracemalloc.start()
    for _ in range(count):
        session = new_session()
        for text in texts:
            session.receive(bytes(bytearray(text)), 0)
            for event in session.take_events():
                session.answer(event.uid, b"{}")
            session.take_frames()
        sessions.append(session)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used // count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50_000)
    rounds = parser.parse_args().rounds
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "frame_bytes": len(frames(1)[0]),
                "decode_us": best_us(only_decode, rounds),
                "receive_answer_us": best_us(whole, rounds),
                "new_session_bytes": session_bytes(0),
                "after_1_call_bytes": session_bytes(1),
                "after_100_calls_bytes": session_bytes(100),
            }
        )
    )


if __name__ == "__main__":
    main()
