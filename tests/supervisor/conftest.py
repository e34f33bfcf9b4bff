import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.supervisor.actor_kit import kit  # noqa: F401  # a fixture

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
ASYNCIO: Mapping[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
EVERY_LOOP: Mapping[str, LoopFactory] = {**ASYNCIO, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, LoopFactory]:
    """A module that says `ON_EVERY_LOOP = True` runs on asyncio and on uvloop, others on asyncio."""
    return EVERY_LOOP if getattr(item.module, "ON_EVERY_LOOP", False) else ASYNCIO
