"""For tests of your own server: `pytest_plugins = ["csms.simulator.fixtures"]`.

    async def test_my_server_accepts_a_boot(virtual_charger):
        virtual = await virtual_charger("ws://127.0.0.1:9000/ocpp", "CP1")
        await virtual.until(lambda charger: charger.registered)

Needs pytest and pytest-asyncio.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest_asyncio

from csms.simulator.driver import Member, VirtualCharger
from csms.simulator.identity import Identity
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings

MakeCharger = Callable[..., Awaitable[VirtualCharger]]


@pytest_asyncio.fixture
async def virtual_charger() -> AsyncIterator[MakeCharger]:
    """Make virtual chargers that live until the test ends.

    Call it with the URL before the identity, the identity, and what is to be different: password,
    tokens, model (a name of `csms.simulator.models`), seed, settings. Without tokens nobody comes
    by: let things happen with `VirtualCharger.act`.
    """
    async with AsyncExitStack() as stack:

        async def make(
            url: str,
            identity: str = "VIRTUAL1",
            *,
            password: str | None = None,
            tokens: tuple[str, ...] = (),
            model: str = "exemplary",
            seed: int = 1,
            settings: SimulatorSettings | None = None,
        ) -> VirtualCharger:
            member = Member(Identity.of(identity, MODELS[model]), password)
            virtual = VirtualCharger(url, member, tokens=tokens, settings=settings, seed=seed)
            return await stack.enter_async_context(virtual)

        yield make
