"""What talking between two processes costs: a client here, a server in a process of its own.

    python -m benchmarks.micro.links [--seconds 1.5] [--rounds 3]

Writes benchmarks/results/links.json: of each case every round, and the median. `us_client` is the
CPU time of this process for each operation, `us_server` that of the other.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias, cast

import msgpack  # type: ignore[import-untyped]
import msgspec
import uvloop
from thespian.actors import Actor, ActorAddress

from supervisor.asyncio_base import AsyncioBase
from supervisor.link_frames import Body
from supervisor.links import Link, LinkBusy, LinkClient, LinkServer
from supervisor.refs import ActorPort, Ref, Vocabulary
from supervisor.telemetry import Telemetry

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "links.json"
BODY = {"charger": "CP00017", "generation": 7, "blob": bytes(90)}  # 130 bytes as MessagePack
ACTORS = 100
Row: TypeAlias = dict[str, float]


class LoadSeen(msgspec.Struct, frozen=True, array_like=True):
    charger: str
    power_w: float


class Echo(Actor):  # type: ignore[misc]
    def receiveMessage(self, message: object, sender: ActorAddress) -> None:
        self.send(sender, message)


def cpu_us(_link: Link | None = None, _body: Body = None) -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


class RawEcho(asyncio.Protocol):
    """What uvloop and the kernel alone cost: the same bytes there and back."""

    transport: asyncio.Transport
    came: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.came is None:
            self.transport.write(data)
        else:
            self.came.set_result(None)

    def ask(self) -> asyncio.Future[None]:
        self.came = asyncio.get_running_loop().create_future()
        self.transport.write(bytes(140))
        return self.came


def raw_path(path: Path) -> Path:
    return path.with_suffix(".raw")


async def serve(path: Path) -> None:
    base = AsyncioBase()
    port = ActorPort(base, Vocabulary([LoadSeen]))
    base.route = port.route
    for number in range(ACTORS):
        base.create(Echo, name=f"echo-{number}")
    told = 0

    def echo(_link: Link, body: Body) -> Body:
        return body

    async def echo_in_a_task(_link: Link, body: Body) -> Body:
        return body

    def take(_link: Link, _body: Body) -> None:
        nonlocal told
        told += 1

    def count(_link: Link, _body: Body) -> int:
        return told

    handlers = {"echo": echo, "task": echo_in_a_task, "take": take, "count": count, "cpu": cpu_us}
    raw = await asyncio.get_running_loop().create_unix_server(RawEcho, os.fspath(raw_path(path)))
    async with raw, LinkServer(path, {**handlers, **port.handlers}):
        await asyncio.sleep(120)  # the parent ends this process long before


Case: TypeAlias = Callable[[float], Awaitable[int]]
"""Works for so many seconds, returns the number of operations."""


def sequential(ask: Callable[[], Awaitable[object]]) -> Case:
    async def run(seconds: float) -> int:
        loop = asyncio.get_running_loop()
        end, done = loop.time() + seconds, 0
        while loop.time() < end:
            for _ in range(50):
                await ask()
            done += 50
        return done

    return run


def in_flight(number: int, ask: Callable[[], Awaitable[object]]) -> Case:
    async def run(seconds: float) -> int:
        return sum(await asyncio.gather(*(sequential(ask)(seconds) for _ in range(number))))

    return run


def one_way(client: LinkClient, tell: Callable[[], None]) -> Case:
    async def run(seconds: float) -> int:
        link = client.link
        loop = asyncio.get_running_loop()
        before: int = await link.ask("count")
        end = loop.time() + seconds
        while loop.time() < end:
            for _ in range(100):
                try:
                    tell()
                except LinkBusy:
                    await link.drained()
            await asyncio.sleep(0)
        await link.drained()
        arrived: int = await link.ask("count", None, 30)
        return arrived - before

    return run


def cases(client: LinkClient, raw: RawEcho, far: list[Ref]) -> dict[str, Case]:
    link = client.link
    message = LoadSeen("CP00017", 11_000.0)
    turn = 0

    def ask_actor() -> Awaitable[object]:
        nonlocal turn
        turn = (turn + 1) % ACTORS
        return far[turn].ask(message, 5)

    return {
        "raw bytes there and back: the floor": sequential(raw.ask),
        "ask, one after the other": sequential(lambda: client.ask("echo", BODY)),
        "ask, 100 in flight": in_flight(100, lambda: link.ask("echo", BODY)),
        "ask with an async handler, 100 in flight": in_flight(100, lambda: link.ask("task", BODY)),
        "ask of 64 KiB, one after the other": sequential(lambda: link.ask("echo", bytes(65_536))),
        "tell": one_way(client, lambda: link.tell("take", BODY)),
        "ask of a far actor, one after the other": sequential(ask_actor),
        "ask of a far actor, 100 in flight": in_flight(100, ask_actor),
    }


async def measure(client: LinkClient, case: Case, seconds: float) -> Row:
    loop = asyncio.get_running_loop()
    await case(seconds / 5)  # warm
    server = await client.ask("cpu")
    here, began = cpu_us(), loop.time()
    done = await case(seconds)
    spent_s, here_us = loop.time() - began, cpu_us() - here
    server_us = await client.ask("cpu") - server
    return {
        "per_s": round(done / spent_s),
        "us": round(spent_s / done * 1e6, 1),
        "us_client": round(here_us / done, 1),
        "us_server": round(server_us / done, 1),
    }


async def near_ask(seconds: float) -> Row:
    base = AsyncioBase()
    port = ActorPort(base, Vocabulary([LoadSeen]))
    ref = port.near(base.create(Echo))
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = await sequential(lambda: ref.ask(LoadSeen("CP00017", 1.0), 5))(seconds)
    spent_s = loop.time() - began
    return {"per_s": round(done / spent_s), "us": round(spent_s / done * 1e6, 1)}


async def run(path: Path, seconds: float, rounds: int) -> dict[str, list[Row]]:
    results: dict[str, list[Row]] = {}
    base = AsyncioBase()
    port = ActorPort(base, Vocabulary([LoadSeen]))
    async with LinkClient(path, port.handlers) as client:
        await client.connected(20)
        far: list[Ref] = [port.far(client, f"echo-{number}") for number in range(ACTORS)]
        loop = asyncio.get_running_loop()
        _, raw = await loop.create_unix_connection(RawEcho, os.fspath(raw_path(path)))
        for _ in range(rounds):
            for name, case in cases(client, raw, far).items():
                row = await measure(client, case, seconds)
                results.setdefault(name, []).append(row)
                print(f"{name:45} {row}")
            results.setdefault("ask of a near actor, one after the other", []).append(
                await near_ask(seconds)
            )
    return results


def telemetry_us() -> Row:
    telemetry = Telemetry()
    scope = {
        "histogram": telemetry.histogram("csms_ack_seconds", "MeterValues"),
        "counter": telemetry.counter("csms_frames_total", "in"),
    }
    number = 200_000
    return {
        statement: round(
            min(timeit.repeat(statement, globals=scope, number=number, repeat=7)) / number * 1e6, 3
        )
        for statement in ("histogram.observe(0.004)", "counter.add()")
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(options.serve))
        return
    with tempfile.TemporaryDirectory(prefix="csms-") as folder:
        path = Path(folder) / "bench.sock"
        command = [sys.executable, "-m", "benchmarks.micro.links", "--serve", os.fspath(path)]
        load = os.getloadavg()[0]
        server = subprocess.Popen(command, cwd=ROOT)
        try:
            results = uvloop.run(run(path, options.seconds, options.rounds))
        finally:
            server.kill()
            server.wait()
    report = {
        "what": "links between two processes on one machine; a body of 130 bytes unless said",
        "python": platform.python_version(),
        "uvloop": version("uvloop"),
        "msgpack": version("msgpack"),
        "cpus": os.cpu_count(),
        "load_before": round(load, 2),
        "body_bytes": len(msgpack.packb(BODY)),
        "median": {
            name: {key: round(statistics.median(r[key] for r in rows), 1) for key in rows[0]}
            for name, rows in results.items()
        },
        "rounds": results,
        "telemetry_us_best_of_7": telemetry_us(),
    }
    RESULT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["median"], indent=2))
    print(report["telemetry_us_best_of_7"])


if __name__ == "__main__":
    main()
