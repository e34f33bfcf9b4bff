"""Faults, chosen by a seed: kills and pauses of a node's processes, and waiting until it is up."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from supervisor.boot import ExitCode
from tests.chaos.node import GATEWAYS, Node

WINDOW_S = 60.0
BOOTS_MAX = 3
"""Main gives up after five boots within a minute: the killer keeps below."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what it does to whom, and how often it is drawn."""

    name: str
    weight: int
    victims: tuple[str, ...] = ()
    pause_s: tuple[float, float] = (0.0, 0.0)
    """Stopped (SIGSTOP) for so long and then continued; (0, 0): killed."""


FAULTS: tuple[Fault, ...] = (
    Fault("kill gateway", 26, ("gw0",)),
    Fault("kill gateway", 26, ("gw1",)),
    Fault("kill both gateways", 8, GATEWAYS),
    Fault("kill ledger", 24, ("ledger",)),
    Fault("kill warehouse", 24, ("warehouse",)),
    Fault("kill api", 6, ("api",)),
    Fault("kill ledger and warehouse", 6, ("ledger", "warehouse")),
    Fault("kill everyone", 4, (*GATEWAYS, "ledger", "warehouse", "api")),
    Fault("kill supervisor", 4, ("supervisor",)),
    Fault("kill admin", 4, ("admin",)),
    Fault("kill main", 6, ("main",)),
    Fault("restart node", 3, ("node",)),
    Fault("pause gateway", 8, ("gw0",), (0.2, 2.8)),
    Fault("pause ledger", 8, ("ledger",), (0.2, 2.0)),
    Fault("pause warehouse", 6, ("warehouse",), (0.2, 2.0)),
    Fault("hang gateway", 3, ("gw1",), (30.0, 30.0)),
    Fault("pause supervisor", 3, ("supervisor",), (0.5, 1.5)),
    Fault("pause main", 3, ("main",), (0.5, 1.5)),
)
BOOTS = frozenset({"supervisor", "admin"})


@dataclass
class Killer:
    """Draws faults until so many processes were killed.

    A seed gives the same faults, pauses and dwells; when exactly they hit is the machine's.
    """

    node: Node
    seed: int
    dwell_s: tuple[float, float] = (0.1, 0.8)
    """Undisturbed time under load between two faults."""
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    """From a fault until all processes ran again, the longest."""
    _boots: list[float] = field(default_factory=list)

    async def run(self, kills: int, after_each: Callable[[], Awaitable[None]]) -> None:
        """Kill `kills` processes; `after_each` is awaited when the node is up again."""
        choose = random.Random(self.seed)
        while self.kills.total() < kills:
            fault = choose.choices(FAULTS, [fault.weight for fault in FAULTS])[0]
            dwell_s = choose.uniform(*self.dwell_s)
            pause_s = choose.uniform(*fault.pause_s)
            await asyncio.sleep(dwell_s)
            if BOOTS.isdisjoint(fault.victims) or self._may_boot():
                began = time.monotonic()
                await self._do(fault, pause_s)
                self.longest_s = max(self.longest_s, time.monotonic() - began - pause_s % 30)
                await after_each()

    def _may_boot(self) -> bool:
        now = time.monotonic()
        self._boots = [boot for boot in self._boots if boot > now - WINDOW_S]
        return len(self._boots) < BOOTS_MAX

    async def _do(self, fault: Fault, pause_s: float) -> None:
        self.faults[fault.name] += 1
        if pause_s:
            await self._pause(fault.victims[0], pause_s)
            return
        if fault.victims == ("node",):
            code = await self.node.terminate()
            assert code == ExitCode.DRAINED, f"exit code {code}"
            self.node.start()
            await self.node.up()
            return
        dead = []
        for victim in fault.victims:
            pid = self.node.kill(victim)
            if pid:
                self.kills[victim] += 1
                dead.append(pid)
        if not BOOTS.isdisjoint(fault.victims):
            self._boots.append(time.monotonic())
            dead += [self.node.pid("supervisor")]
        if "main" in fault.victims:
            self._boots.clear()
            self.node.start()
        await self.node.up(dead)

    async def _pause(self, victim: str, pause_s: float) -> None:
        pid = self.node.kill(victim, signal.SIGSTOP)
        if not pid:
            return
        end = time.monotonic() + pause_s
        while time.monotonic() < end and (victim == "main" or self.node.pid(victim) == pid):
            await asyncio.sleep(0.02)  # a hung gateway is killed by its supervisor
        replaced = victim != "main" and self.node.pid(victim) not in (pid, 0)
        if replaced:
            self.kills[victim] += 1
        else:
            self.node.kill(victim, signal.SIGCONT)
        await self.node.up([pid] if replaced else [])

    def table(self) -> str:
        """Return what was done, for people."""
        return _table("kills", self.kills) + "\n" + _table("faults", self.faults)


def _table(title: str, counts: Mapping[str, int]) -> str:
    rows = [f"  {name:<26}{count:>6}" for name, count in sorted(counts.items())]
    return "\n".join([f"{title:<28}{sum(counts.values()):>6}", *rows])
