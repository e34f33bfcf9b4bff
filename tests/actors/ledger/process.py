"""A ledger process of its own: python -m tests.actors.ledger.process DATA RUN. SIGTERM drains."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from csms.config import Config
from csms.ledger import run
from csms.settings import ProcessSettings
from supervisor.clock import Clock
from supervisor.process import ProcessContext
from tests.actors.ledger.kit import LEDGER


async def main(data: Path, run_dir: Path) -> None:
    config = Config.model_validate({"data": data, "run": run_dir, "ledger": LEDGER})
    settings = ProcessSettings(config, b"s" * 32, ("gw0", "gw1"))
    draining = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, draining.set)
    await run(ProcessContext("ledger", settings, run_dir, Clock(), draining, {}))


uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
