"""What a TransactionEvent with meter values costs beside a MeterValues of 1.6.

    python -m benchmarks.micro.versions [--samples N]

The same samples; everything between the socket and the journal: session, reader, the actor's
machine, the answer, the entry. The versions take turns, so that what else the machine does meets
all of them. Prints one JSON line: CPU microseconds a message (medians), bytes of the payloads, and
the ratios.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import msgspec

from actors.charger.effects import Reply
from actors.charger.machine import handle
from actors.charger.messages import Activated, Call, Connected, Said
from actors.charger.settings import ChargerSettings
from actors.charger.state import State
from benchmarks.load import meter_values, transaction_event
from csms.gateway.directory import Directory
from csms.gateway.numbers import Numbers
from domain.answers import ACKNOWLEDGED, NOTHING_TO_SAY
from domain.events import Entry, MessageExchanged, encode_entry
from domain.known import KnownCharger
from protocol.events import CallReceived
from protocol.limits import SessionLimits
from protocol.reading import Reading
from protocol.session import Role, Session
from protocol.versions import VERSIONS
from supervisor.clock import Clock

TURNS = 15
CALLS = 2_000
MESSAGES: dict[str, tuple[str, Callable[[int, int], bytes]]] = {
    "ocpp1.6": ("MeterValues", lambda samples, _seq: meter_values(samples)),
    "ocpp2.0.1": ("TransactionEvent", transaction_event),
    "ocpp2.1": ("TransactionEvent", transaction_event),
}
_to_json = msgspec.json.Encoder().encode


class Path:
    """One charger's way through a gateway, without its socket and its disk."""

    def __init__(self, subprotocol: str, samples: int, numbers: Numbers) -> None:
        self.version = VERSIONS[subprotocol]
        self.action, self.payload = MESSAGES[subprotocol]
        self.samples = samples
        self.session = Session(
            role=Role.CSMS,
            dialect=self.version.dialect,
            limits=SessionLimits(),
            decoders=self.version.decoders,
        )
        self.state = State("BENCH000001", ChargerSettings(), Directory(numbers))
        self.now_us = Clock().now_us()
        handle(self.state, Connected(1, 0, "Accepted", 0.5), self.now_us)
        handle(self.state, Activated(KnownCharger("BENCH000001")), self.now_us)
        self.count = 0
        if self.action == "TransactionEvent":
            # As in life: its first event was heard, so nothing has to be asked.
            started = transaction_event(samples, 0).replace(b'"Updated"', b'"Started"')
            self.take(b'[2,"begun","TransactionEvent",' + started + b"]")
            self.count = 1

    def texts(self) -> list[bytes]:
        """Return the frames of one turn."""
        first, self.count = self.count, self.count + CALLS
        return [
            b'[2,"%d","%s",' % (n, self.action.encode()) + self.payload(self.samples, n) + b"]"
            for n in range(first, first + CALLS)
        ]

    def take(self, text: bytes) -> None:
        """Bring one frame to its answer."""
        session, now_us = self.session, self.now_us
        session.receive(text, now_us)
        for event in session.take_events():
            assert isinstance(event, CallReceived)
            row = self.version.inbound[event.action]
            assert row.exact is not None
            report = row.exact.read(event.exact, Reading(now_us))
            assert report is not None
            call = Call(event.uid, event.action, event.text, now_us, event.flags)
            effects = handle(self.state, Said(report, call), now_us)
            reply = next(effect for effect in effects if isinstance(effect, Reply))
            if reply.answer is ACKNOWLEDGED or reply.answer is NOTHING_TO_SAY:
                answer = self.version.acknowledgements[event.action]
            else:
                answer = _to_json(row.write(reply.answer))
            exchange = MessageExchanged(
                True,  # noqa: FBT003 - as in the gateway
                call.uid,
                call.action,
                call.text.decode(),
                answer.decode(),
                "result",
                "",
                "",
                now_us,
                0,
                call.flags,
            )
            encode_entry(Entry("BENCH000001", 1, now_us, (*reply.events, exchange)))
            session.answer(call.uid, answer)
        session.take_frames()


def turn_us(path: Path) -> float:
    texts = path.texts()
    begun = time.process_time_ns()
    for text in texts:
        path.take(text)
    return (time.process_time_ns() - begun) / CALLS / 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    numbers = Numbers(b"k" * 32, 4, lambda n: 7 % n, lambda: None)
    numbers.lease(1, 1_000_000)
    paths = {name: Path(name, options.samples, numbers) for name in MESSAGES}
    times: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(TURNS):
        for name, path in paths.items():
            times[name].append(turn_us(path))
    medians = {name: statistics.median(each) for name, each in times.items()}
    base = medians["ocpp1.6"]
    result: dict[str, object] = {"samples": options.samples, "turns": TURNS}
    for name, path in paths.items():
        result[name] = {
            "action": path.action,
            "bytes": len(path.payload(options.samples, 0)),
            "us": round(medians[name], 1),
            "ratio": round(medians[name] / base, 2),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
