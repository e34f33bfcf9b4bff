"""One gateway alone in a process: CPU of a MeterValues, of a connect with its boot, of each stage.

    python -m benchmarks.micro.gateway [--chargers N] [--seconds S] [--windows N]
    python -m benchmarks.micro.gateway --stages

The first prints one JSON line. Sockets, sessions, actors and a journal with fsync are real; there
is no ledger (every question to it is answered at once: nothing known), so this is the gateway's
share of what `macro/gateway.py` measures. The second has no sockets: microseconds of the stages of
one MeterValues of 4 samples, each called alone with warm caches, so their sum is less than the
whole.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from actors.charger.effects import Reply
from actors.charger.machine import handle
from actors.charger.messages import Call, Said
from actors.charger.settings import ChargerSettings
from actors.charger.state import State
from benchmarks.generator import Generator
from benchmarks.load import meter_values
from benchmarks.processes import Meter
from csms.gateway.activation import Activation
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.gateway import Gateway, Parts
from csms.gateway.metrics import GatewayMetrics
from csms.gateway.numbers import Numbers
from csms.gateway.process import raise_descriptor_limit
from csms.gateway.settings import GatewaySettings
from csms.gateway.sites import SiteParts, Sites
from csms.gateway.takeover import Takeover
from domain.events import Entry, MessageExchanged, encode_entry
from protocol.codec import decode
from protocol.limits import SessionLimits
from protocol.reading import Reading, ReadingLimits
from protocol.session import Role, Session
from protocol.versions import VERSIONS
from storage.journal import JournalSettings, JournalWriter, deliver_in
from supervisor.asyncio_base import AsyncioBase
from supervisor.clock import Clock
from supervisor.garbage import settle
from supervisor.telemetry import Telemetry

SUBPROTOCOL = "ocpp1.6"
ROUNDS = 5
CALLS = 4_000


def gateway(folder: Path, loop: asyncio.AbstractEventLoop) -> Gateway:
    """A gateway as its process builds it, without the other processes."""
    numbers = Numbers(b"k" * 32, 4, lambda n: 7 % n, lambda: None)
    numbers.lease(1, 1_000_000)
    settings = GatewaySettings()
    meters = GatewayMetrics(Telemetry())
    built = Gateway(
        Parts(
            name="gw0",
            loop=loop,
            clock=Clock(),
            settings=settings,
            charger_settings=ChargerSettings(),
            session_limits=SessionLimits(),
            reading_limits=ReadingLimits(),
            accept_unknown=("127.0.0.0/8",),
            versions=VERSIONS,
            base=AsyncioBase(),
            journal=JournalWriter(
                folder / "gw0.db",
                JournalSettings(),
                deliver_in(loop),
                lambda error: sys.exit(str(error)),
                on_commit=meters.committed,
                soon=loop.call_soon,
            ),
            directory=Directory(numbers),
            meters=meters,
        )
    )

    async def nothing_known(chargers: list[str]) -> bytes:
        del chargers
        return b"\x90"  # an empty list

    built.activation = Activation(
        loop,
        nothing_known,
        built.activated,
        settings.activation_batch_max,
        settings.activation_pause_ms / 1e3,
    )
    built.takeover = Takeover(settings, [], built.line, built.now_us)
    built.sites = Sites(
        SiteParts(
            name=built.name,
            base=built.base,
            loop=loop,
            now_us=built.now_us,
            peers={},
            find=built.line,
            command=lambda command: built.command(command, wait=True),
            new_id=lambda: "",
        )
    )
    built.refusing = ""
    return built


async def serve() -> None:
    """Serve on any port, say which, until the input ends."""
    raise_descriptor_limit(20_000)
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as folder:
        served = gateway(Path(folder), loop)
        listener = await loop.create_server(
            lambda: Connection(served), "127.0.0.1", 0, backlog=4_096
        )
        settle()
        print(listener.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        listener.close()
        served.close_all_now(1012, "the end")
        await asyncio.sleep(0.2)
        served.stop()
        served.journal.close()


def measure(chargers: int, seconds: float, windows: int) -> dict[str, float]:
    """CPU microseconds of the gateway's process: medians of windows."""
    command = [sys.executable, "-m", "benchmarks.micro.gateway", "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        meter = Meter({"gateway": process.pid})
        connects, per_s, messages, rates = [], [], [], []
        with Generator(port) as generator:
            for _ in range(windows):
                meter = Meter({"gateway": process.pid})
                grown = generator.do("grow", to=chargers)
                connects.append(meter.used_s()["gateway"] / chargers * 1e6)
                per_s.append(chargers / grown["wall_s"])
                generator.do("shrink", to=0)
                time.sleep(0.2)
            generator.do("grow", to=200)
            generator.do("closed", seconds=0.5)
            for _ in range(windows):
                meter = Meter({"gateway": process.pid})
                window = generator.do("closed", seconds=seconds)
                messages.append(meter.used_s()["gateway"] / window["answered"] * 1e6)
                rates.append(window["per_s"])
        assert process.stdin is not None
        process.stdin.close()
    return {
        "connect_cpu_us": round(statistics.median(connects[1:] or connects), 1),
        "connects_per_s": round(statistics.median(per_s[1:] or per_s)),
        "message_cpu_us": round(statistics.median(messages), 1),
        "messages_per_s": round(statistics.median(rates)),
    }


def stages() -> dict[str, float]:
    """Microseconds of each stage of one MeterValues, alone."""
    limits, clock, version = SessionLimits(), Clock(), VERSIONS[SUBPROTOCOL]
    reading = Reading(clock.now_us(), "", 0, ReadingLimits())
    payload = meter_values(4)
    text = b'[2,"4711","MeterValues",' + payload + b"]"
    row = version.inbound["MeterValues"]
    exact = row.exact
    assert exact is not None
    report = exact.read(exact.decode(payload), reading)
    assert report is not None
    call = Call("4711", "MeterValues", payload, clock.now_us(), ())
    state = State("BENCH000001", ChargerSettings(), Directory(lambda: 1))
    (reply,) = handle(state, Said(report, call), clock.now_us())
    assert isinstance(reply, Reply)
    exchange = MessageExchanged(
        incoming=True,
        uid="4711",
        action="MeterValues",
        request=payload.decode(),
        response="{}",
        outcome="result",
        started_us=call.received_us,
    )
    entry = Entry("BENCH000001", 1, call.received_us, (*reply.events, exchange))
    session = Session(
        role=Role.CSMS, dialect=version.dialect, limits=limits, decoders=version.decoders
    )
    texts = iter([b'[2,"%d","MeterValues",' % n + payload + b"]" for n in range(CALLS * ROUNDS)])

    def through_session() -> None:
        session.receive(next(texts), 0)
        for event in session.take_events():
            session.answer(event.uid, b"{}")
        session.take_frames()

    return {
        "decode the frame": _us(lambda: decode(text, limits, version.decoders)),
        "session, with decode and answer": _us(through_session),
        "read and check the payload": _us(lambda: exact.read(exact.decode(payload), reading)),
        "the actor's machine": _us(lambda: handle(state, Said(report, call), 0)),
        "encode the entry": _us(lambda: encode_entry(entry)),
        "read a clock": _us(clock.now_us),
    }


def _us(run: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for _ in range(CALLS):
            run()
        times.append((time.process_time_ns() - begun) / CALLS / 1e3)
    return round(statistics.median(times), 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chargers", type=int, default=1_500)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve())
    elif options.stages:
        print(json.dumps(stages(), indent=1))
    else:
        print(json.dumps(measure(options.chargers, options.seconds, options.windows)))


if __name__ == "__main__":
    main()
