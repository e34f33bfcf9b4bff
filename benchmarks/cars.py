"""Simulated chargers with cars on many sites, as a process of its own, led line by line.

Commands and answers as in `benchmarks.generator`. The cars follow their limits as the product's
simulator has it: a ramp, one or three phases, less and less when nearly full. What flows in each
phase of each site is looked at four times a second, from the chargers' own books.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.generator import Generator
from csms.simulator.driver import Fleet, Member
from csms.simulator.identity import Identity
from csms.simulator.settings import SimulatorSettings
from supervisor.clock import Clock

VOLTS = 230.0
ROTATIONS = ("RST", "STR", "TRS")
TOKEN = "BENCHCARD"
LOOK_S = 0.25
FALLBACK_A = 0.0
"""What the installer has set, in the chargers and in the sites' models."""
SETTINGS = {
    "connectors": 1,
    "arrival_s_mean": 2.0,
    "session_s_mean": 3_600.0,
    "battery_wh": 80_000.0,
    "meter_interval_s": 10.0,
    # As the sites' models have it: who was never told a limit takes nothing.
    "fallback_a": FALLBACK_A,
}


def charger_id(site: int, number: int) -> str:
    """The identity of a charger of a site."""
    return f"S{site:03d}-{number:02d}"


def rotation(number: int) -> str:
    """How a charger is wired to its site."""
    return ROTATIONS[number % 3]


class Cars(Generator):
    """The process, from the side of who leads it."""

    module = "benchmarks.cars"

    def __init__(self, port: int, sites: int, each: int) -> None:
        super().__init__(port, "127.0.0.1", f"{sites}x{each}", sources=())


class Garage:
    """The commands: one method each."""

    def __init__(self, host: str, port: int, sites: int, each: int) -> None:
        self._wired = [
            (site, "RST".index(rotation(number)[0]))
            for site in range(sites)
            for number in range(each)
        ]
        self._sites = sites
        self._fleet = Fleet(
            f"ws://{host}:{port}/ocpp",
            [
                Member(Identity(charger_id(site, number)))
                for site in range(sites)
                for number in range(each)
            ],
            tokens=(TOKEN,),
            settings=SimulatorSettings(**SETTINGS),  # type: ignore[arg-type]
            seed=1,
            clock=Clock(),
        )
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def run(self, do: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        begun_s, cpu_s = time.monotonic(), time.process_time()
        before = self._fleet.counts()
        answer = await {"start": self.start, "watch": self.watch}[do](**details)
        after = self._fleet.counts()
        return {
            "wall_s": time.monotonic() - begun_s,
            "cpu_s": time.process_time() - cpu_s,
            "commands": after.commands - before.commands,
            "messages": after.calls - before.calls + after.commands - before.commands,
            "connected": self._fleet.connected,
            "charging": self._fleet.charging,
            **answer,
        }

    async def start(
        self, charging: int, limit_a: float, seconds: float, tolerance_a: float
    ) -> dict[str, Any]:
        """Connect all; look at all phases until so many charge.

        Raises:
            TimeoutError: fewer do, after so many seconds.
        """
        self._running = asyncio.create_task(self._fleet.run(self._stop))
        seen = await self._look(
            limit_a, seconds, tolerance_a, settling=False, until=lambda: self.charging >= charging
        )
        if self.charging < charging:
            raise TimeoutError(f"{self.charging} charge, not {charging}")
        return seen

    async def watch(
        self, limit_a: float, seconds: float, tolerance_a: float, *, settling: bool
    ) -> dict[str, Any]:
        """Look at all phases for a while; the limit holds in each phase of each site.

        `settling`: say when the last phase came below it (-1: never), and count only what was
        above it after its site had settled once.
        """
        return await self._look(limit_a, seconds, tolerance_a, settling=settling)

    @property
    def charging(self) -> int:
        """How many have a transaction now."""
        return self._fleet.charging

    async def _look(
        self,
        limit_a: float,
        seconds: float,
        tolerance_a: float,
        *,
        settling: bool,
        until: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        begun_s = time.monotonic()
        settled: dict[int, float] = {} if settling else dict.fromkeys(range(self._sites), 0.0)
        worst_a, over, looks, used = 0.0, 0, 0, 0.0
        while (past_s := time.monotonic() - begun_s) < seconds and not until():
            for site, amperes in enumerate(self._flows()):
                most_a = max(amperes)
                used += sum(amperes)
                if most_a <= limit_a + tolerance_a:
                    settled.setdefault(site, past_s)
                if site in settled:
                    worst_a = max(worst_a, most_a - limit_a)
                    over += most_a > limit_a + tolerance_a
            looks += 1
            await asyncio.sleep(LOOK_S)
        all_settled = len(settled) == self._sites
        return {
            "settled_s": max(settled.values()) if all_settled else -1.0,
            "unsettled": self._sites - len(settled),
            "worst_over_a": worst_a,
            "looks_over": over,
            "looks": looks,
            "mean_use_pct": 100 * used / max(1, looks) / (3 * limit_a * self._sites),
        }

    def _flows(self) -> list[list[float]]:
        """What flows now, by site and phase, A."""
        flows = [[0.0, 0.0, 0.0] for _ in range(self._sites)]
        for (site, first), charger in zip(self._wired, self._fleet.chargers, strict=True):
            for connector in charger.connectors.values():
                vehicle = connector.vehicle
                if connector.transaction is None or vehicle is None:
                    continue
                amperes = connector.power_w / VOLTS / vehicle.phases
                for phase in range(vehicle.phases):
                    flows[site][(first + phase) % 3] += amperes
        return flows


async def serve(host: str, port: int, sites: int, each: int) -> None:
    garage = Garage(host, port, sites, each)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            answer = await garage.run(**json.loads(line))
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("shape", help="SITESxCHARGERS")
    given = parser.parse_args()
    sites, each = map(int, given.shape.split("x"))
    gc.freeze()
    uvloop.run(serve(given.host, given.port, sites, each))


if __name__ == "__main__":
    main()
