"""What breaks in the node and in the network, as a table; which and when, the world's dice say."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tests.simulation.node import GATEWAYS
from tests.simulation.world import US_PER_S

if TYPE_CHECKING:
    from tests.simulation.story import Story

HUNG_S = 3.0
"""After so long without an answer the supervisor kills (supervisor.strategy)."""


def _kill(*names: str) -> Callable[["Story"], None]:
    def happen(story: "Story") -> None:
        story.node.kill(story.world.dice.choice(names))

    return happen


def _hang(story: "Story") -> None:
    """A process does nothing for a while; a longer while gets it killed."""
    node, world = story.node, story.world
    name = world.dice.choice((*GATEWAYS, "ledger", "warehouse"))
    process = node.processes.get(name)
    if process is None or process.loop not in world.loops:
        return
    hung_s = world.dice.choice((0.3, 1.5, HUNG_S))
    world.tell(name, f"HANGS {hung_s} s")
    world.loops.remove(process.loop)

    def go_on() -> None:
        if node.processes.get(name) is not process:
            return
        if hung_s >= HUNG_S:
            node.kill(name)
        else:
            world.tell(name, "goes on")
            world.loops.append(process.loop)

    world.after(int(hung_s * US_PER_S), go_on)


def _drain(story: "Story") -> None:
    name = story.world.dice.choice(GATEWAYS)
    process = story.node.processes.get(name)
    if process is not None and process.part is not None:
        story.world.tell(name, "drains")
        process.loop.call_soon(process.draining.set)


def _power(story: "Story") -> None:
    story.node.power_cut(story.world.dice.randrange(1, 8) * US_PER_S)


def _full(story: "Story") -> None:
    story.world.tell("disk", "FULL")
    story.node.disk.is_full = True
    _later(story, 2, 10, lambda: setattr(story.node.disk, "is_full", False), "disk has room")


def _slow(story: "Story") -> None:
    slowness = story.world.dice.choice((10, 100))
    story.world.tell("disk", f"{slowness} times slower")
    story.node.disk.slowness = slowness
    _later(story, 2, 10, lambda: setattr(story.node.disk, "slowness", 1), "disk is fast again")


def _engine(story: "Story") -> None:
    engine = story.node.engine
    if story.world.dice.random() < 0.5:
        story.world.tell("engine", "AWAY")
        engine.is_away = True
    else:
        story.world.tell("engine", "loses answers")
        engine.answers_lost = 0.5

    def back() -> None:
        engine.is_away, engine.answers_lost = False, 0.0

    _later(story, 3, 20, back, "engine is back")


def _links(story: "Story") -> None:
    """Links between processes break; whoever lost one connects again."""
    wires = [wire for wire in story.node.network.wires if not wire.public and not wire.over]
    if wires:
        wire = story.world.dice.choice(wires)
        story.world.tell("network", f"link {wire.name} breaks")
        wire.cut()


def _cut(story: "Story") -> None:
    charger = story.world.dice.choice(story.chargers)
    story.world.tell(charger.name, "connection breaks")
    charger.cut()


def _half_open(story: "Story") -> None:
    charger = story.world.dice.choice(story.chargers)
    story.world.tell(charger.name, "connection is half open")
    charger.half_open()


def _blackout(story: "Story") -> None:
    story.world.tell("network", "all chargers lose their connection")
    for charger in story.chargers:
        charger.cut()


def _clock(story: "Story") -> None:
    step_s = story.world.dice.choice((-3_600, -2, 2, 90, 3_600))
    story.world.tell("clock", f"steps by {step_s} s")
    story.world.wall_us += step_s * US_PER_S


def _later(story: "Story", least_s: int, most_s: int, do: Callable[[], object], told: str) -> None:
    def happen() -> None:
        story.world.tell("world", told)
        do()

    story.world.after(story.world.dice.randint(least_s, most_s) * US_PER_S, happen)


FAULTS: Mapping[str, tuple[int, Callable[["Story"], None]]] = {
    "kill a gateway": (4, _kill(*GATEWAYS)),
    "kill the ledger": (2, _kill("ledger")),
    "kill the warehouse": (2, _kill("warehouse")),
    "hang": (2, _hang),
    "drain a gateway": (1, _drain),
    "power cut": (1, _power),
    "full disk": (1, _full),
    "slow disk": (2, _slow),
    "engine": (2, _engine),
    "link": (2, _links),
    "cut": (4, _cut),
    "half open": (3, _half_open),
    "blackout": (1, _blackout),
    "clock": (1, _clock),
}
"""Name -> weight, and what happens."""


def schedule(story: "Story") -> None:
    """Choose what breaks when: some seeds have little trouble, some have a lot."""
    dice, world = story.world.dice, story.world
    names = list(FAULTS)
    weights = [weight for weight, _ in FAULTS.values()]
    for _ in range(dice.choice((1, 3, 6, 12))):
        name = dice.choices(names, weights)[0]
        world.after(dice.randrange(2 * US_PER_S, story.busy_s * US_PER_S), _happen, story, name)


def _happen(story: "Story", name: str) -> None:
    if not story.is_calm:
        story.faults[name] = story.faults.get(name, 0) + 1
        FAULTS[name][1](story)
