"""The load generator as a process of its own, led line by line.

Its standard input takes commands, one JSON object a line: {"do": name, ...}; each is answered by
one line on its standard output: what was done and the CPU it took, {"cpu_s", "wall_s", ...}.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import uvloop

from benchmarks.habits import alive, flood, half_open, starts
from benchmarks.load import (
    RETURN_S_MAX,
    EventCharger,
    LoadCharger,
    Payloads,
    Returning,
    Tally,
    closed_loop,
    connect_all,
    paced,
    transaction_event,
)

ROOT = Path(__file__).parents[1]
SAMPLES = 4
COMMAND_S_MAX = 180.0
SOURCES = ("127.0.0.2", "127.0.0.3")


class GeneratorFailed(RuntimeError):
    """A command failed; the text says why."""


class Generator:
    """A generator process, from the side of who leads it.

    Args:
        host: of the server under load.
        port: of the server under load.
        prefix: of the chargers' identities.
        sources: loopback addresses that they come from, by turns; each has 28,000 ports. None:
            whichever the kernel takes.
    """

    module = "benchmarks.generator"

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        prefix: str = "BENCH",
        sources: Sequence[str] = SOURCES,
    ) -> None:
        command = [sys.executable, "-m", self.module, host, str(port), prefix, *sources]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, command: str, timeout_s: float = COMMAND_S_MAX, **details: object) -> Any:  # noqa: ANN401 - JSON
        """Run one command to its end; return what it says. GeneratorFailed, TimeoutError."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": command, **details}).encode() + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], timeout_s)[0]:
            raise TimeoutError(f"generator: {command} takes longer than {timeout_s} s")
        line = process.stdout.readline()
        if not line:
            raise GeneratorFailed(f"{command}: the generator ended: {process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise GeneratorFailed(f"{command}: {answer['failed']}")
        return answer

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def close(self) -> None:
        """End the process; its connections are reset."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def together(*work: Callable[[], Any]) -> list[Any]:
    """Run commands of several generators at the same time; return what each says, in order."""
    with ThreadPoolExecutor(len(work)) as threads:
        return [running.result() for running in [threads.submit(one) for one in work]]


def quantiles_ms(sorted_s: Sequence[float]) -> dict[str, float]:
    """p50, p99, p99.9 and the greatest of sorted seconds, in milliseconds. ValueError: none."""
    if not sorted_s:
        raise ValueError("no answer came at all")
    last = len(sorted_s) - 1
    return {
        name: round(sorted_s[min(last, int(len(sorted_s) * share))] * 1e3, 3)
        for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999), ("max_ms", 1))
    }


class Fleet:
    """The commands: one method each."""

    def __init__(self, host: str, port: int, prefix: str, sources: Sequence[str] = SOURCES) -> None:
        self._host, self._port, self._prefix = host, port, prefix
        self._sources = sources
        self._tally = Tally()
        self._chargers: list[LoadCharger] = []
        self._payloads = Payloads(SAMPLES)
        self._events = Payloads(SAMPLES, transaction_event)
        self._returning: Returning | None = None

    async def run(self, do: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "grow": self.grow,
            "shrink": self.shrink,
            "closed": self.closed,
            "paced": self.paced,
            "each": self.each,
            "returning": self.returning,
            "served": self.served,
            "storm": self.storm,
            "alive": self.alive,
            "flood": self.flood,
            "half_open": self.half_open,
        }
        before = (self._tally.answered, self._tally.errors, self._tally.lost)
        cpu_s, wall_s = time.process_time(), time.monotonic()
        answer = await commands[do](**details)
        return {
            "connected": sum(charger.transport is not None for charger in self._chargers),
            "answered": self._tally.answered - before[0],
            "errors": self._tally.errors - before[1],
            "lost": self._tally.lost - before[2],
            "cpu_s": time.process_time() - cpu_s,
            "wall_s": time.monotonic() - wall_s,
        } | answer

    async def grow(self, to: int, at_once: int = 128, *, events: bool = False) -> dict[str, Any]:
        """Connect and boot until there are so many; `events`: they send TransactionEvents."""
        have = len(self._chargers)
        fresh = await connect_all(
            self._host,
            self._port,
            to - have,
            self._tally,
            self._prefix,
            at_once,
            self._sources,
            have,
            EventCharger if events else LoadCharger,
        )
        self._chargers += fresh
        gc.collect()
        gc.freeze()
        return {}

    async def shrink(self, to: int) -> dict[str, Any]:
        """Reset the connections of the last ones."""
        leaving, self._chargers = self._chargers[to:], self._chargers[:to]
        for charger in leaving:
            if charger.transport is not None:
                charger.transport.abort()
        while any(charger.transport is not None for charger in leaving):
            await asyncio.sleep(0.01)
        return {}

    async def closed(self, seconds: float) -> dict[str, Any]:
        """All chargers send one message with meter values after the other."""
        self._tally.latencies_s.clear()
        is_event = isinstance(self._chargers[0], EventCharger)
        payloads = self._events if is_event else self._payloads
        rate = await closed_loop(self._chargers, payloads, seconds)
        return {"per_s": rate} | quantiles_ms(sorted(self._tally.latencies_s))

    async def paced(
        self, per_s: float, seconds: float, action: str = "MeterValues"
    ) -> dict[str, Any]:
        """So many messages a second, spread over all chargers."""
        payloads = self._payloads if action == "MeterValues" else starts()
        latencies = await paced(self._chargers, payloads, per_s, seconds, action.encode())
        late = quantiles_ms(sorted(self._tally.late_s))
        return quantiles_ms(latencies) | {"late_p99_ms": late["p99_ms"]}

    async def each(self, messages: int, per_s: float) -> dict[str, Any]:
        """Every charger sends so many MeterValues."""
        await paced(self._chargers, self._payloads, per_s, messages * len(self._chargers) / per_s)
        return {}

    async def storm(self, since_s: float, patience_s: float) -> dict[str, Any]:
        """Reset all connections at once and wait until all are served again, see `served`."""
        for charger in self._chargers:
            if charger.transport is not None:
                charger.transport.abort()
        return await self.served(since_s, patience_s)

    async def alive(
        self, seconds: float, heartbeat_s: float, sample_s: float, every: int
    ) -> dict[str, Any]:
        """All send heartbeats, every so-manieth charges and sends MeterValues."""
        latencies = await alive(
            self._chargers, self._payloads, seconds, heartbeat_s, sample_s, every
        )
        late = quantiles_ms(sorted(self._tally.late_s))
        return quantiles_ms(latencies) | {"late_p99_ms": late["p99_ms"]}

    async def flood(self, seconds: float) -> dict[str, Any]:
        """All send as fast as their sockets take it, and wait for nothing."""
        return {"sent": await flood(self._chargers, self._payloads, seconds)}

    async def half_open(self, count: int, seconds: float) -> dict[str, Any]:
        """Hold so many connections that never finish their handshake."""
        held = await half_open(self._host, self._port, count, seconds, self._sources)
        return {"held": held}

    async def returning(self, within_s: float = RETURN_S_MAX) -> dict[str, Any]:
        """From now on whoever loses its connection comes back; count who is served again."""
        if self._returning is None:
            place = (self._host, self._port)
            self._returning = Returning(self._chargers, *place, self._payloads, within_s)
        self._returning.expect()
        return {}

    async def served(self, since_s: float, patience_s: float) -> dict[str, Any]:
        """Wait until all are served again; seconds after `since_s` (monotonic, of this machine)."""
        assert self._returning is not None
        times = [when - since_s for when in await self._returning.all_served(patience_s)]
        return {
            "first_s": times[0],
            "median_s": statistics.median(times),
            "last_s": times[-1],
            "dials": self._returning.dials,
        }


async def obey(fleet: Fleet) -> None:
    """Read commands until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        try:
            answer = await fleet.run(**json.loads(line))
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        os.write(1, json.dumps(answer).encode() + b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("prefix")
    parser.add_argument("sources", nargs="*")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(obey(Fleet(options.host, options.port, options.prefix, options.sources or SOURCES)))


if __name__ == "__main__":
    main()
