"""Simulated chargers as a process of the node, for the demo."""

import asyncio
from dataclasses import dataclass

from csms.simulator.driver import Fleet, Member
from csms.simulator.settings import SimulatorSettings
from supervisor.process import ProcessContext

REPORT_S = 5.0


@dataclass(frozen=True)
class SimulatorProcess:
    """What the process is given."""

    members: tuple[Member, ...]
    tokens: tuple[str, ...]
    settings: SimulatorSettings
    seed: int


async def run(ctx: ProcessContext) -> None:
    """Run the chargers until the node drains."""
    given: SimulatorProcess = ctx.settings
    host, port = ctx.sockets["chargers"].getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    fleet = Fleet(
        f"ws://{f'[{host}]' if ':' in host else host}:{port}/ocpp",
        given.members,
        tokens=given.tokens,
        settings=given.settings,
        seed=given.seed,
        clock=ctx.clock,
    )
    reporting = asyncio.create_task(_report(ctx, fleet))
    try:
        await fleet.run(ctx.draining)
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)


async def _report(ctx: ProcessContext, fleet: Fleet) -> None:
    while True:
        ctx.report({"connected": fleet.connected, "charging": fleet.charging})
        await asyncio.sleep(REPORT_S)
