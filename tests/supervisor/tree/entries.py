"""Processes for the tests of the tree: each misbehaves in one way."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time

from supervisor.process import LoopProcess, ProcessContext


async def good(ctx: ProcessContext) -> None:
    ctx.report({"incarnation": ctx.incarnation, "sid": os.getsid(0)})
    await ctx.draining.wait()
    note(ctx, "drained")


async def slow_to_drain(ctx: ProcessContext) -> None:
    await ctx.draining.wait()
    await asyncio.sleep(0.3)
    note(ctx, "drained")


async def never_drains(ctx: ProcessContext) -> None:
    await ctx.draining.wait()
    await asyncio.sleep(600)


async def leaves_a_deaf_task(ctx: ProcessContext) -> None:
    deaf = asyncio.create_task(_never_ends())
    await asyncio.sleep(0)
    await ctx.draining.wait()
    note(ctx, f"left {deaf.get_coro().__name__}")


async def _never_ends() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def raises(_ctx: ProcessContext) -> None:
    raise ValueError("this process cannot work")


async def raises_once(ctx: ProcessContext) -> None:
    if ctx.incarnation == 0:
        raise ValueError("only the first time")
    await good(ctx)


async def returns_early(ctx: ProcessContext) -> None:
    if ctx.incarnation > 0:
        await good(ctx)


async def blocks_loop_once(ctx: ProcessContext) -> None:
    if ctx.incarnation == 0:
        await asyncio.sleep(0.3)
        time.sleep(600)
    await good(ctx)


async def blocks_thespian_once(ctx: ProcessContext) -> None:
    if ctx.incarnation == 0:
        await asyncio.sleep(0.3)
        for actor in [found for found in gc.get_objects() if isinstance(found, LoopProcess)]:
            actor.receiveMessage = lambda *_: time.sleep(600)
    await good(ctx)


async def accepts(ctx: ProcessContext) -> None:
    """Answers each connection with its pid."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(str(os.getpid()).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, sock=ctx.sockets["public"])
    await ctx.draining.wait()
    server.close()


async def storms(ctx: ProcessContext) -> None:
    """50,000 lines without ever letting the loop rest."""
    for number in range(ctx.settings["lines"]):
        logging.getLogger("storm").warning("line %d %s", number, "x" * 100)
        if number % 100 == 0:
            await asyncio.sleep(0)
    ctx.report({"lines": ctx.settings["lines"]})
    await ctx.draining.wait()


async def kills_supervisor(_ctx: ProcessContext) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    await asyncio.sleep(600)


def note(ctx: ProcessContext, what: str) -> None:
    with (ctx.run_dir / "notes").open("a") as notes:
        notes.write(f"{ctx.name} {what}\n")
