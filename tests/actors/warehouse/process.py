"""A warehouse process as the tree would run it, for tests: SIGTERM drains, SIGKILL kills.

python -m tests.actors.warehouse.process DATA GATEWAY...
"""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from csms.config import Config
from csms.settings import ProcessSettings
from csms.warehouse import run
from supervisor.clock import Clock
from supervisor.process import ProcessContext
from tests.storage.analytical.helper import KEEP


async def main(data: Path, gateways: tuple[str, ...]) -> None:
    config = Config.model_validate(
        {
            "data": data,
            "warehouse": {
                **KEEP,
                "sites_wait_s": 0,
                "poll_ms": 20,
                "batch_age_ms_max": 50,
                "block_entries_max": 1_000,
                "past_days_max": 3_000,
                # A statement never runs with less than was asked for because the machine is busy.
                "sql_fresh_s_max": 20,
            },
        }
    )
    for folder in config.paths.folders:
        folder.mkdir(parents=True, exist_ok=True)
    draining = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, draining.set)
    settings = ProcessSettings(config, b"0" * 32, gateways)
    await run(ProcessContext("warehouse", settings, config.paths.run, Clock(), draining, {}))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(Path(sys.argv[1]), tuple(sys.argv[2:])))
