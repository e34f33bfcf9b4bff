import asyncio
import gc
from collections import Counter
from pathlib import Path

from tests.csms.gateway.harness import boot, gateway_running

OURS = ("csms.", "actors.", "protocol.", "supervisor.", "websockets.server", "websockets.streams")


async def test_a_connection_that_has_ended_leaves_nothing_for_the_collector(
    tmp_path: Path,
) -> None:
    async with gateway_running(tmp_path) as harness:
        async with harness.charger("CP1") as socket:
            await boot(socket)
        await harness.until(lambda: not harness.gateway.ending)
        gc.collect()
        gc.disable()
        try:
            for name in ("CP2", "CP3", "CP4"):
                async with harness.charger(name) as socket:
                    await boot(socket)
                    if name == "CP3":
                        socket.transport.abort()
                await harness.until(lambda: not harness.gateway.ending)
            await asyncio.sleep(0.05)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            # The client's parts are websockets' own client; only those of the server count.
            left = Counter(
                type(item).__name__ for item in gc.garbage if type(item).__module__.startswith(OURS)
            )
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left["Connection"] == left["ChargerLine"] == left["Address"] == 0
    assert left["ServerProtocol"] == left["Session"] == left["ChargerActor"] == 0
