"""The processes of a node, the real ones, in a simulated world."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from csms.config import Config
from csms.gateway.process import GatewayProcess
from csms.ledger import LedgerProcess
from csms.settings import ProcessSettings
from csms.warehouse import WarehouseProcess
from storage.journal import JournalWriter, deliver_in
from supervisor.clock import Clock
from supervisor.process import ProcessContext
from tests.simulation.disk import Disk, SteppedJournal
from tests.simulation.network import ListeningSocket, Network, NetworkedLoop
from tests.simulation.store import ModelSink, OneThread
from tests.simulation.world import World

GATEWAYS = ("gw0", "gw1")


class WorldClock(Clock):
    """The node's clocks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_us(self) -> int:
        return self._world.clock_us()

    def monotonic_us(self) -> int:
        return self._world.now_us


class SimulatedGateway(GatewayProcess):
    """A gateway whose disk is the world's."""

    disk: Disk

    def _open_journal(self) -> JournalWriter:
        return SteppedJournal(
            self._journal_path,
            self._config.journal,
            deliver_in(self._loop),
            self._journal_failed,
            passed=self._told,
            now_us=self._ctx.clock.now_us,
            soon=self._loop.call_soon,
            disk=self.disk,
            loop=self._loop,
        )

    @property
    def gateway(self):
        return self._gateway


class SimulatedWarehouse(WarehouseProcess):
    """A warehouse whose engine is a model: blocks by their tokens."""

    engine: ModelSink

    def _open_sink(self):
        self.engine.open()
        return self.engine

    async def _keep_opening(self) -> None:
        await asyncio.Event().wait()


class Process:
    """One process: what runs in it, and how it dies."""

    def __init__(self, node: "Node", name: str, incarnation: int) -> None:
        self.node = node
        self.name = name
        world = node.world
        self.loop = NetworkedLoop(world, name)
        self.loop.network = node.network
        self.part: Any = None
        self.draining = asyncio.Event()
        self.context = ProcessContext(
            name,
            node.settings,
            node.settings.config.paths.run,
            node.clock,
            self.draining,
            {"chargers": ListeningSocket(node.network, name, self.loop)},
            incarnation,
        )
        self.ended = ""
        world.loops.append(self.loop)
        self.loop.call_soon(self._begin)

    def _begin(self) -> None:
        make, prepare = KINDS[self.name.rstrip("0123456789")]
        self.part = make(self.context)
        prepare(self)
        self.task = self.loop.create_task(self.part.serve())
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task) -> None:
        error = None if task.cancelled() else task.exception()
        self.node.world.tell(self.name, f"ended: {error!r}")
        self.ended = repr(error)
        self.node.died(self)

    def kill(self) -> None:
        """kill -9: nothing more is done; what the kernel holds is closed."""
        self.loop.die()
        world = self.node.world
        if self.loop in world.loops:
            world.loops.remove(self.loop)
        self.node.network.dead(self.loop)
        for journal in self.node.disk.journals_of(self.loop):
            journal.crash()


def _prepare_gateway(process: Process) -> None:
    process.part.disk = process.node.disk


def _prepare_ledger(process: Process) -> None:
    """Nothing."""


def _prepare_warehouse(process: Process) -> None:
    part = process.part
    part.engine = process.node.engine
    thread = OneThread(process.loop)
    part._thread = part._warehouse._thread = thread


KINDS: dict[str, tuple[Callable, Callable]] = {
    "gw": (SimulatedGateway, _prepare_gateway),
    "ledger": (LedgerProcess, _prepare_ledger),
    "warehouse": (SimulatedWarehouse, _prepare_warehouse),
}


class Node:
    """A node: its folder, its processes, and who starts them again."""

    def __init__(self, world: World, folder: Path, template: Path, **sections: Any) -> None:
        self.world = world
        self.network = Network(world)
        self.clock = WorldClock(world)
        self.disk = Disk(world)
        self.engine = ModelSink(world)
        config = Config.model_validate({"data": folder, "run": folder / "r", **sections})
        for path in config.paths.folders:
            path.mkdir(parents=True, exist_ok=True)
        shutil.copy(template, config.paths.database)
        self.settings = ProcessSettings(config, b"s" * 32, GATEWAYS)
        self.processes: dict[str, Process] = {}
        self.graves: list[Process] = []
        self.starts: dict[str, int] = {}
        self.is_down = False

    def start(self, name: str) -> None:
        """Start a process, unless it runs."""
        if name in self.processes or self.is_down:
            return
        number = self.starts.get(name, 0)
        self.starts[name] = number + 1
        self.world.tell(name, f"starts ({number})")
        self.processes[name] = Process(self, name, number)

    def start_all(self) -> None:
        """Start all, as the supervisor does."""
        self.is_down = False
        for name in (*GATEWAYS, "ledger", "warehouse"):
            self.start(name)

    def kill(self, name: str, *, again_us: int | None = None) -> None:
        """kill -9; the supervisor starts it again soon."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        self.world.tell(name, "KILLED")
        self.graves.append(process)
        process.kill()
        wait_us = self.world.dice.randrange(50_000, 400_000) if again_us is None else again_us
        self.world.after(wait_us, self.start, name)

    def died(self, process: Process) -> None:
        """A process has ended by itself."""
        if self.processes.get(process.name) is process:
            self.kill(process.name)

    def power_cut(self, away_us: int) -> None:
        """Everything stops at once, and what was not yet on the platter may be torn."""
        self.world.tell("node", "POWER CUT")
        self.is_down = True
        for name in ("ledger", "warehouse"):
            self.kill(name)
        self.disk.tear()
        for name in GATEWAYS:
            self.kill(name)
        self.world.after(away_us, self.start_all)

    def gateways(self) -> list[tuple[str, Any]]:
        """Return the live gateways."""
        return [
            (name, process.part.gateway)
            for name in GATEWAYS
            if (process := self.processes.get(name)) is not None and process.part is not None
        ]

    def close(self) -> None:
        """End it all."""
        for process in (*self.processes.values(), *self.graves):
            process.loop.die()
        self.disk.close()
