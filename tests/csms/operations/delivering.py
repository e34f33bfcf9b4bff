"""A process that delivers until it is killed: `delivering.py DATABASE_URL SETTINGS_AS_JSON`."""

import asyncio
import sys

from csms.operations.delivery import Deliverer
from csms.operations.settings import OperationsSettings
from storage.relational.engine import open_engine
from supervisor.clock import Clock

if __name__ == "__main__":
    settings = OperationsSettings.model_validate_json(sys.argv[2])
    asyncio.run(Deliverer(open_engine(sys.argv[1]), settings, Clock()).run())
