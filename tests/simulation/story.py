"""What happens in the world of one seed: a small fleet lives, things break, then all comes to rest.

busy    drivers come, commands are sent, faults happen
calm    nothing breaks any more, drivers stop coming; what was kept back is said and projected
rest    the stores are compared with what the chargers were promised
"""

import asyncio
import shutil
import tempfile
import traceback
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from csms.gateway.orders import order
from csms.simulator.faults import FAULTS, FaultSettings
from csms.simulator.identity import Identity
from csms.simulator.machine import VirtualMachine
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from csms.simulator.versions import make_charger
from domain.commands import Command
from domain.records import ChargerRecord, TokenRecord
from domain.site import Circuit, EvsePlace, Site
from protocol.versions import VERSIONS
from storage.relational.credentials import keep_generated
from storage.relational.engine import open_engine
from storage.relational.migrations import upgrade
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow
from storage.relational.site_models import SiteModels
from tests.simulation.chargers import WorldCharger
from tests.simulation.determinism import determinism
from tests.simulation.faults import schedule
from tests.simulation.hasty import Hasty
from tests.simulation.laws import Laws
from tests.simulation.node import GATEWAYS, Node
from tests.simulation.world import T0_US, US_PER_S, BrokenLaw, World

CHARGERS = 4
CONNECTORS = 2
SITE_CHARGERS = 3
HASTY = 0.3
"""In so many worlds one charger sends without waiting for answers."""
FUSE_A = 40.0
TOKENS = ("CARD1", "CARD2", "CARD3")
PASSWORD = "00112233445566778899aabbccddeeff00112233"
SITE = Site(
    "S1",
    (Circuit("S1", limit_a=FUSE_A),),
    tuple(
        EvsePlace(f"C{charger}/{evse}", f"C{charger}", evse, "S1")
        for charger in range(SITE_CHARGERS)
        for evse in range(1, CONNECTORS + 1)
    ),
)
SECTIONS: dict[str, Any] = {
    "gateway": {"probe_s": 1.0, "registry_wait_s": 5.0, "journal_retry_s": 1.0},
    "charger": {"activation_wait_ms": 500, "call_timeout_s": 8, "boot_backstop_s": 5},
    "ledger": {"poll_busy_ms": 3_000, "poll_idle_ms": 3_000, "feed_poll_ms": 20_000,
               "lease_numbers": 50, "snapshot_s": 15.0, "scan_ms": 10_000},
    "warehouse": {"poll_ms": 3_000, "batch_age_ms_max": 500, "batch_entries_min": 50},
    "site_control": {"answer_s": 9.0},
}  # fmt: skip
COMMANDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("GetConfiguration", {}),
    ("GetReport", {"requestId": 1}),
    ("RequestStartTransaction", {"remoteStartId": 5, "evseId": 1,
                                 "idToken": {"idToken": "CARD1", "type": "ISO14443"}}),
    ("GetTransactionStatus", {}),
    ("Reset", {"type": "OnIdle"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("UnlockConnector", {"connectorId": 2}),
    ("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1}),
    ("Reset", {"type": "Soft"}),
    ("ClearCache", {}),
)  # fmt: skip
"""Of all versions: a gateway refuses what a charger's version has not."""


class Result(NamedTuple):
    """How a seed ended. `problem` is empty when every law held."""

    seed: int
    steps: int
    texts: int
    kept: int
    transactions: int
    digest: str
    problem: str
    trace: str
    at: int
    """At which step."""


async def _fill(path: Path) -> None:
    url = f"sqlite+aiosqlite:///{path}"
    await upgrade(url)
    engine = open_engine(url)
    try:
        registry = Registry(engine, lambda: T0_US)
        await registry.create_site(SiteRow(id="S1", tenant="default", name="S1"))
        for number in range(CHARGERS):
            await registry.create_charger(
                ChargerRecord(
                    id=f"C{number}",
                    site="S1" if number < SITE_CHARGERS else "",
                    credential=keep_generated(PASSWORD),
                )
            )
        for token in TOKENS:
            await registry.upsert_token(TokenRecord(id=token, max_active=0))
        await SiteModels(engine).put_model("S1", "default", msgspec.json.encode(SITE).decode())
    finally:
        await engine.dispose()


def make_template(folder: Path) -> Path:
    """Make the store that every node begins with."""
    path = folder / "template.db"
    asyncio.run(_fill(path))
    return path


def models() -> list[str]:
    """Return the models whose version the server speaks."""
    return [name for name, model in MODELS.items() if model.subprotocol in VERSIONS]


class Story:
    """One seed, from the first dial to the last comparison."""

    BUSY_S = 25
    CALM_S_MAX = 900

    def __init__(self, world: World, folder: Path, template: Path) -> None:
        self.world = world
        self.seed = world.seed
        self.node = Node(self.world, folder, template, **SECTIONS)
        self.laws = Laws(self.world, self.node)
        self.chargers = [self._charger(number) for number in range(CHARGERS)]
        self.laws.site, self.laws.fuse_a = self.chargers[:SITE_CHARGERS], FUSE_A
        for charger in self.laws.site:
            charger.on_raised = self.laws.raised
        dice = Random(f"{self.seed}/hasty")
        self.hasty = (
            Hasty(world, dice.choice(self.chargers), dice, lambda: self.is_calm)
            if dice.random() < HASTY
            else None
        )
        self.busy_s = self.BUSY_S
        self.is_calm = False
        self.faults: dict[str, int] = {}
        self._commanded = 0

    def _charger(self, number: int) -> WorldCharger:
        dice = Random(f"{self.seed}/charger/{number}")
        model = MODELS[dice.choice(models())]
        trouble = dice.choice((0.0, 0.0, 0.01, 0.03))
        rates = {name: trouble for name in FAULTS if name != "clock"} if trouble else {}
        charger = make_charger(
            Identity.of(f"C{number}", model),
            tokens=TOKENS,
            settings=SimulatorSettings(
                connectors=CONNECTORS,
                meter_interval_s=4.0,
                arrival_s_mean=6.0,
                session_s_mean=10.0,
                call_timeout_s=10.0,
                reconnect_s_max=8.0,
                faults=FaultSettings(rates=rates),
            ),
            chance=dice,
            now_us=self.world.now_us,
        )
        machine = VirtualMachine(charger, Random(f"{self.seed}/network/{number}"))
        mine = WorldCharger(self.world, self.node.network, machine, PASSWORD)
        self.laws.watch(mine)
        return mine

    def run(self) -> Result:
        """Tell the whole story."""
        world, problem = self.world, ""
        try:
            self.node.start_all()
            for charger in self.chargers:
                charger.begin(world.dice.uniform(0.5, 5.0))
            if self.hasty is not None:
                self.hasty.begin()
            schedule(self)
            self._command_later()
            world.run_until(T0_US + self.busy_s * US_PER_S)
            self.calm()
            end_us = world.now_us + self.CALM_S_MAX * US_PER_S
            if not world.run_until(end_us, self.at_rest):
                raise BrokenLaw(f"it does not come to rest: {self.unrest()}")
            self.laws.at_rest(self.chargers)
        except Exception as error:
            problem = str(error) if isinstance(error, BrokenLaw) else repr(error)
            world.tell("law", problem)
            if not isinstance(error, BrokenLaw):
                problem += "\n" + traceback.format_exc()
        kept = sum(map(len, self.laws.kept.values()))
        started = sum(len(c.machine.charger.books.bills) for c in self.chargers)
        return Result(
            self.seed, world.steps, self.laws.texts, kept, started, world.digest, problem,
            world.trace(1_000_000), world.steps,
        )  # fmt: skip

    # commands

    def _command_later(self) -> None:
        self.world.after(self.world.dice.randrange(1, 8) * US_PER_S, self._command)

    def _command(self) -> None:
        if self.is_calm:
            return
        world = self.world
        self._command_later()
        live = self.node.gateways()
        if not live:
            return
        charger = world.dice.choice(self.chargers)
        name, gateway = world.dice.choice(live)
        for other, one in live:
            if one.line(charger.name) is not None:
                name, gateway = other, one
        self._commanded += 1
        uid = f"cmd{self._commanded}"
        action, payload = world.dice.choice(COMMANDS)
        now_us = world.clock_us()
        command = Command(
            uid, charger.name, action, payload, now_us + 20 * US_PER_S, queued_us=now_us
        )
        world.tell("operator", f"{action} to {charger.name} ({uid})")
        self.laws.asked[uid] = "gone"
        loop = self.node.processes[name].loop

        async def ask() -> None:
            result = await order(gateway, command, wait=True)
            self.laws.asked[uid] = "lost" if result is None else str(result.outcome)
            if result is not None and result.error_text.startswith(tuple(VERSIONS)):
                self.laws.asked[uid] = "absent"  # its version has no such action
            elif gateway.refusing == "journal_failed":
                self.laws.asked[uid] = "absent"  # nothing could be written down
            world.tell("operator", f"{uid}: {self.laws.asked[uid]}")

        loop.call_soon(lambda: loop.create_task(ask()))

    # the end

    def calm(self) -> None:
        """Nothing breaks any more, nobody comes any more."""
        self.is_calm = True
        node = self.node
        self.world.tell("story", "calm")
        node.disk.is_full, node.disk.slowness = False, 1
        node.engine.is_away, node.engine.answers_lost = False, 0.0
        if node.is_down:
            node.start_all()
        for charger in self.chargers:
            charger.machine.faulty = False
            charger.machine.charger._arrive = lambda _connector, _now_us: None  # type: ignore[method-assign]

    def unrest(self) -> str:
        """Return what is not at rest; empty: nothing."""
        node = self.node
        if len(node.processes) < len(GATEWAYS) + 2:
            return f"only {', '.join(node.processes)} run"
        for charger in self.chargers:
            machine = charger.machine
            if machine.charger.busy():
                return f"{charger.name} charges"
            if not machine.charger.registered:
                return f"{charger.name} is not registered: {machine.phase}"
            if len(machine.charger.outbox) or machine.charger.open_action:
                return f"{charger.name} has something to say"
        positions = {
            "ledger": node.processes["ledger"].part._positions,
            "warehouse": node.processes["warehouse"].part._warehouse.follower.positions,
        }
        for journal in node.disk.journals:
            if journal._queue:
                return f"{journal.path.stem} has something to write"
            last = max(self.laws.kept[journal.path.stem], default=0)
            for reader, known in positions.items():
                position = known.get(journal.path.stem)
                if last and (position is None or position.lsn < last):
                    return f"{reader} is behind {journal.path.stem}"
        return ""

    def at_rest(self) -> bool:
        """Return whether nothing is left to be said or to be projected."""
        return not self.unrest()


def tell(
    seed: int,
    template: Path,
    root: Path | None = None,
    busy_s: int = 0,
) -> Result:
    """Tell the story of a seed, with `busy_s` seconds of trouble; 0: as many as usual."""
    folder = Path(tempfile.mkdtemp(prefix="csms-sim-", dir=root))
    world = World(seed)
    try:
        with determinism(world):
            return _tell(world, folder, template, busy_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(world: World, folder: Path, template: Path, busy_s: int) -> Result:
    story = Story(world, folder, template)
    try:
        story.busy_s = busy_s or story.BUSY_S
        return story.run()
    finally:
        story.node.close()
        world.forget()
