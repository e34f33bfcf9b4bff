"""Actors in one process: rates per CPU second and bytes per actor.

    python -m benchmarks.micro.actors [--runs 5] [--actors 10000 50000]

Engines: AsyncioBase (with a plain Actor, and with an ActorTypeDispatcher), one asyncio task with a
queue per actor, Thespian's simpleSystemBase. Each run is a fresh process, so that memory is what
the resident set grew by; shown are medians. The loop is uvloop.

    create          actors made, per CPU second
    bytes idle      of an actor that never got a message
    bytes mailed    of an actor that got one, and is idle again
    tell            messages to many actors in turn, 1,000 of them ready at once, told and handled
    tell all        the same with all actors ready at once
    tell one        messages to one actor, in portions of 200
    ask             one after the other
    ask 1000        with 1,000 in flight
"""

# ruff: noqa: ANN401  # Thespian has no types

import argparse
import asyncio
import gc
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import uvloop
from thespian.actors import Actor, ActorSystem, ActorTypeDispatcher

from supervisor.asyncio_base import AsyncioBase

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "actors.json"
TELLS = 200_000
PORTION = 200
ASKS = 10_000
IN_FLIGHT = 1_000
COLUMNS = (
    "create",
    "bytes idle",
    "bytes mailed",
    "tell",
    "tell all",
    "tell one",
    "ask",
    "ask 1000",
)


class Note:
    """A message without an answer."""


class Question:
    """A message with an answer."""


class Plain(Actor):
    count = 0

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if type(message) is Note:
            self.count += 1
        elif type(message) is Question:
            self.send(sender, message)


class Dispatching(ActorTypeDispatcher):
    count = 0

    def receiveMsg_Note(self, _message: Note, _sender: Any) -> None:
        self.count += 1

    def receiveMsg_Question(self, message: Question, sender: Any) -> None:
        self.send(sender, message)


class Engine(Protocol):
    """One way to run actors. `tell` returns when everything is handled."""

    async def create(self, count: int) -> list[Any]: ...
    async def tell(self, actors: list[Any], rounds: int) -> None: ...
    async def ask(self, actor: Any) -> None: ...


class OnAsyncioBase:
    def __init__(self, cls: type[Actor]) -> None:
        self.cls = cls
        self.base = AsyncioBase()

    async def create(self, count: int) -> list[Any]:
        return [self.base.create(self.cls) for _ in range(count)]

    async def tell(self, actors: list[Any], rounds: int) -> None:
        tell, note = self.base.tell, Note()
        expected = self.base.stats.handled + rounds * len(actors)
        for _ in range(rounds):
            for actor in actors:
                tell(actor, note)
        while self.base.stats.handled < expected:
            await asyncio.sleep(0)

    async def ask(self, actor: Any) -> None:
        await self.base.ask(actor, Question(), 30.0)


class QueueActor:
    """The obvious way: a queue and a task for each actor."""

    def __init__(self) -> None:
        self.count = 0
        self.queue: asyncio.Queue[tuple[Any, asyncio.Future[Any] | None]] = asyncio.Queue(256)
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        while True:
            message, answer = await self.queue.get()
            if answer is None:
                self.count += 1
            else:
                answer.set_result(message)


class OnTasks:
    async def create(self, count: int) -> list[Any]:
        actors = [QueueActor() for _ in range(count)]
        await asyncio.sleep(0)
        return actors

    async def tell(self, actors: list[Any], rounds: int) -> None:
        note = Note()
        for _ in range(rounds):
            for actor in actors:
                actor.queue.put_nowait((note, None))
        while not all(actor.queue.empty() for actor in actors):
            await asyncio.sleep(0)

    async def ask(self, actor: Any) -> None:
        answer = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(30.0):
            await actor.queue.put((Question(), answer))
            await answer


class OnSimpleSystemBase:
    def __init__(self) -> None:
        self.system = ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True)

    async def create(self, count: int) -> list[Any]:
        return [self.system.createActor(Plain) for _ in range(count)]

    async def tell(self, actors: list[Any], rounds: int) -> None:
        note = Note()
        for _ in range(rounds):
            for actor in actors:
                self.system.tell(actor, note)

    async def ask(self, actor: Any) -> None:
        self.system.ask(actor, Question(), 30.0)


ENGINES: dict[str, Callable[[], Engine]] = {
    "AsyncioBase": lambda: OnAsyncioBase(Plain),
    "AsyncioBase, dispatcher": lambda: OnAsyncioBase(Dispatching),
    "task and queue": OnTasks,
    "simpleSystemBase": OnSimpleSystemBase,
}
BLOCKING = {"simpleSystemBase"}
"""Engines that handle inside tell: nothing can be in flight."""


def resident_bytes() -> int:
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def portions(actors: list[Any]) -> Iterator[list[Any]]:
    """Rounds of at most 1,000 actors: as many as are ready at once under a high load."""
    for start in range(0, len(actors), 1_000):
        yield actors[start : start + 1_000]


async def tell_all(engine: Engine, actors: list[Any]) -> None:
    for _ in range(TELLS // len(actors)):
        await engine.tell(actors, 1)


async def measure(name: str, count: int) -> dict[str, float | None]:
    """Measure one engine once, in this process."""
    engine = ENGINES[name]()
    clock = time.process_time
    await engine.create(100)  # imports and caches are not what is measured
    figures: dict[str, float | None] = dict.fromkeys(COLUMNS)

    before = resident_bytes()
    began = clock()
    actors = await engine.create(count)
    figures["create"] = count / (clock() - began)
    figures["bytes idle"] = (resident_bytes() - before) / count
    for part in portions(actors):
        await engine.tell(part, 1)
    figures["bytes mailed"] = (resident_bytes() - before) / count

    began = clock()
    for _ in range(TELLS // count):
        for part in portions(actors):
            await engine.tell(part, 1)
    figures["tell"] = TELLS // count * count / (clock() - began)

    began = clock()
    await tell_all(engine, actors)
    figures["tell all"] = TELLS // count * count / (clock() - began)

    began = clock()
    for _ in range(TELLS // PORTION):
        await engine.tell(actors[:1], PORTION)
    figures["tell one"] = TELLS / (clock() - began)

    began = clock()
    for number in range(ASKS):
        await engine.ask(actors[number % count])
    figures["ask"] = ASKS / (clock() - began)

    if name not in BLOCKING:
        began = clock()
        for _ in range(ASKS // IN_FLIGHT):
            await asyncio.gather(*(engine.ask(actor) for actor in actors[:IN_FLIGHT]))
        figures["ask 1000"] = ASKS / (clock() - began)
    return figures


def run_once(name: str, count: int) -> dict[str, float | None]:
    command = [sys.executable, "-m", "benchmarks.micro.actors", "--child", name]
    child = subprocess.run(
        [*command, "--actors", str(count)], check=True, capture_output=True, timeout=120
    )
    figures: dict[str, float | None] = json.loads(child.stdout)
    return figures


def median(values: list[float | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known)) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--actors", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()

    if options.child:
        print(json.dumps(uvloop.run(measure(options.child, options.actors[0]))))
        os._exit(0)  # tens of thousands of pending tasks need no farewell

    rows = []
    load = os.getloadavg()[0]
    print(f"{'engine':24}{'actors':>8}" + "".join(f"{column:>14}" for column in COLUMNS))
    for count in options.actors:
        for name in ENGINES:
            runs = [run_once(name, count) for _ in range(options.runs)]
            row = {column: median([run[column] for run in runs]) for column in COLUMNS}
            rows.append({"engine": name, "actors": count, **row})
            cells = ("-" if row[column] is None else f"{row[column]:,}" for column in COLUMNS)
            print(f"{name:24}{count:>8}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {
                "what": "medians: rates per CPU second, bytes of resident memory per actor",
                "runs": options.runs,
                "machine": {
                    "cpus": os.cpu_count(),
                    "python": platform.python_version(),
                    "system": platform.system(),
                    "architecture": platform.machine(),
                    "load_at_start": round(load, 1),
                },
                "rows": rows,
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
