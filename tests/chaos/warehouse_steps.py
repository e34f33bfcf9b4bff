"""Steps of a warehouse on an embedded engine, each in a process of its own.

python -m tests.chaos.warehouse_steps DATA prepare|plan|one|all
"""

import sys
import threading
from pathlib import Path

from actors.warehouse.follower import Follower
from csms.config import Config, load_config
from domain.events import (
    ChargerConnected,
    ConnectorStatusReported,
    EnergyMeasured,
    Entry,
    MessageExchanged,
    Sample,
    encode_entry,
)
from storage.analytical.client import dsn_of, open_client
from storage.analytical.migrate import migrate
from storage.analytical.planner import PlanStore
from storage.analytical.sink import Sink
from storage.journal import JournalSettings, JournalWriter
from storage.journal_reader import JournalReader
from supervisor.clock import Clock
from tests.chaos.books import ENERGY

ENTRIES = 30
BLOCK_ENTRIES = 10
SECOND_US = 1_000_000


def prepare(config: Config) -> None:
    """Make the schema and a journal."""
    for folder in config.paths.folders:
        folder.mkdir(parents=True, exist_ok=True)
    _open_sink(config).close()
    done = threading.Event()
    journal = JournalWriter(
        config.paths.journal / "gw0.db",
        JournalSettings(),
        lambda dones: [each() for each in dones],
        lambda error: sys.exit(str(error)),
    )
    begin_us = Clock().now_us()
    for number in range(ENTRIES):
        at_us = begin_us + number * SECOND_US
        events = (
            ConnectorStatusReported(1, "Available", at_us),
            EnergyMeasured(1, 1, (Sample(at_us, ENERGY, float(number), "Wh"),)),
            ChargerConnected("127.0.0.1", "ocpp1.6", 0, "gw0"),
            MessageExchanged(
                True, f"u{number}", "Heartbeat", "{}", "{}", "result", "", "", at_us, 1, ()
            ),
        )
        blob = encode_entry(Entry(f"C{number % 3}", number, at_us, events))
        journal.append(blob, done.set if number == ENTRIES - 1 else None)
    assert done.wait(10)
    journal.close()


def plan(config: Config) -> None:
    """Write down what the first block is, and die before it is inserted."""
    plans = PlanStore(config.paths.warehouse / "plan.db", 100)
    reader = JournalReader(config.paths.journal / "gw0.db")
    plans.plan(reader.uuid, "gw0", BLOCK_ENTRIES)
    plans.close()


def one(config: Config) -> None:
    """Put one block into the engine."""
    follower = _follower(config)
    follower.step(hurry=True)
    follower.close()


def everything(config: Config) -> None:
    """Put all blocks into the engine."""
    follower = _follower(config)
    while follower.step(hurry=True).more:
        pass
    follower.close()


def _follower(config: Config) -> Follower:
    return Follower(
        config.paths.journal,
        PlanStore(config.paths.warehouse / "plan.db", 100),
        lambda: _open_sink(config),
        config.warehouse,
        Clock(),
    )


def _open_sink(config: Config) -> Sink:
    client = open_client(dsn_of(config.warehouse, config.paths.chdb), config.warehouse)
    migrate(client, config.warehouse)
    return Sink(client, config.warehouse)


STEPS = {"prepare": prepare, "plan": plan, "one": one, "all": everything}

if __name__ == "__main__":
    overrides = {"warehouse.block_entries_max": BLOCK_ENTRIES}
    settings = load_config(data=Path(sys.argv[1]), overrides=overrides)
    for name in sys.argv[2:]:
        STEPS[name](settings)
