"""Throws mutated frames at the codec and a session; only documented errors may escape.

    python tests/protocol/fuzz_codec.py [--seed N] [--count N]

Prints the seed and what became of the texts; a failure is a traceback with the text.
"""

import argparse
import random
from collections import Counter

import msgspec

from protocol.codec import decode
from protocol.dialect import OCPP_16, OCPP_21, OCPP_201
from protocol.errors import RemoteProtocolError
from protocol.session import CallReceived, Role, SendReceived, Session, SessionLimits

LIMITS = SessionLimits(frame_bytes_max=4_096, unanswered_calls_max=8, recent_calls_max=4)

SEEDS = (
    b'[2,"1","Heartbeat",{}]',
    b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"1.5"}]}]}]',
    b'[3,"1",{"status":"Accepted","a":[1,-2.5e3,true,null]}]',
    b'[4,"1","GenericError","text",{"a":"b"}]',
    '[2,"ü","DataTransfer",{"data":"😀\\u00fc\\ud83d\\ude00\\\\"}]'.encode(),
    b'[2,"1","X",{"a":,"b":[,{"c":"\x00\\u0000\\ud800"}]}]',
    b"[7,1,2]",
    b'[5,"1","FormatViolation","text",{"a":"b"}]',
    b'[6,"s","NotifyPeriodicEventStream",{"id":1,"basetime":"","data":[{"t":-2.5e3,"v":"1"}]}]',
)
PIECES = (
    b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\x00",
    b"\xff", b"\xed\xa0\x80", b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"2", b"3", b"4",
    b"5", b"6",
    b'"1"', b"[,{", b'":,', b" ", b"\n", b"[" * 40, b"]" * 40, b'{"a":' * 40, b"\xef\xbb\xbf", b"-",
)  # fmt: skip


def mutate(text: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(0, 6)):
        at, to = sorted(chance.choices(range(len(text) + 1), k=2))
        match chance.randrange(5):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[to:]
            case 2:
                text = text[:to]
            case 3:
                text = text[:to] + text[at:]
            case _:
                text = text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
    return text


def check(text: bytes) -> str:
    """Feed one text to everything that reads text; return what became of it."""
    for dialect in (OCPP_16, OCPP_201, OCPP_21):
        session = Session(role=Role.CSMS, dialect=dialect, limits=LIMITS)
        session.call("1", "Reset", {}, 0, 10)
        session.take_frames()
        session.receive(text, 1)
        session.receive(text, 2)
        events = session.take_events()
        for event in events:
            if isinstance(event, CallReceived):
                session.answer(event.uid, {})
        told = {event.uid for event in events if isinstance(event, SendReceived)}
        assert dialect.extended or not told
        for frame in session.take_frames():
            kind, uid = msgspec.json.decode(frame)[:2]
            # What came as SEND is never answered; a broken answer to our own call is refused.
            assert kind in ((3, 4, 5) if dialect.extended else (3, 4))
            assert uid not in told or kind == 5
        assert session.unanswered == 0
    try:
        frame = decode(text, LIMITS, extended=True)
    except RemoteProtocolError as problem:
        return problem.fault.value
    # What was taken can be stored: as UTF-8, without NUL, and its text is sound JSON.
    assert b"\\u0000" not in msgspec.json.encode(frame).replace(rb"\\", b"")
    if hasattr(frame, "text"):
        msgspec.json.decode(frame.text)
    return type(frame).__name__ + (" with flags" if frame.flags else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=20_000)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    for _ in range(options.count):
        text = mutate(chance.choice(SEEDS), chance)
        try:
            ends[check(text)] += 1
        except BaseException:
            print("failed on", text)
            raise
    for end, count in ends.most_common():
        print(f"{count:8} {end}")


if __name__ == "__main__":
    main()
