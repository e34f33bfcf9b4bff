"""Takes from the product's processes what the world does not govern: clocks, dice, threads.

All of it is put back afterwards.
"""

import asyncio
import contextlib
import gc
import logging
import random
import secrets
import sqlite3
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import aiosqlite.core
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache

import csms.gateway.process
import csms.ledger
import storage.relational.engine
from supervisor.links import Link, LinkClient
from tests.simulation.world import SimulatedLoop, World

STATEMENTS: LRUCache = LRUCache(1_000)
"""Statements that were compiled, by any process of any world: each would compile them anew."""


def _engine(*args: Any, **named: Any) -> AsyncEngine:
    engine = create_async_engine(*args, **named)
    engine.sync_engine._compiled_cache = STATEMENTS
    return engine


class InlineThread:
    """Stands for the thread of an aiosqlite connection: work is done where it is put."""

    daemon = True

    def __init__(self, *_args: object, **_named: object) -> None:
        """Nothing to run."""

    def start(self) -> None:
        """Nothing to start."""


class InlineQueue:
    """Runs what is put into it, and answers in the loop of whoever put it."""

    def put_nowait(self, item) -> None:
        future, work = item
        try:
            result = work()
        except Exception as error:
            if future is not None and not future.done():
                future.set_exception(error)
            return
        if future is not None and not future.done():
            future.set_result(result)


@contextlib.contextmanager
def determinism(world: World) -> Iterator[None]:
    """Let everything be the world's."""
    dice = random.Random(f"{world.seed}/library")
    connect = sqlite3.connect

    def wall_ns() -> int:
        return world.clock_us() * 1_000

    def opening(*args: Any, **named: Any) -> sqlite3.Connection:
        database = connect(*args, **named)
        loop = asyncio._get_running_loop()
        if isinstance(loop, SimulatedLoop):
            loop.databases.append(database)
        return database

    replaced: list[tuple[object, str, Callable[..., object]]] = [
        (time, "time", lambda: wall_ns() / 1e9),
        (time, "time_ns", wall_ns),
        (time, "monotonic", lambda: world.now_us / 1e6),
        (time, "monotonic_ns", lambda: world.now_us * 1_000),
        (time, "perf_counter", lambda: world.now_us / 1e6),
        (random, "random", dice.random),
        (uuid, "uuid4", lambda: uuid.UUID(int=dice.getrandbits(128), version=4)),
        (secrets, "randbelow", dice.randrange),
        (secrets, "token_hex", lambda size=8: dice.randbytes(size).hex()),
        (aiosqlite.core, "Thread", InlineThread),
        (aiosqlite.core, "SimpleQueue", InlineQueue),
        (sqlite3, "connect", opening),
        # What was compiled for one engine of SQLite is right for all of them.
        (storage.relational.engine, "create_async_engine", _engine),
        (SQLiteDialect_aiosqlite, "__eq__", lambda mine, other: type(mine) is type(other)),
        (SQLiteDialect_aiosqlite, "__hash__", lambda _mine: 1),
        # Links are kept in sets: their order must not depend on where they are in memory.
        (Link, "__hash__", lambda link: hash(link.name)),
        # Parts of a process that are the machine's, not the node's.
        (csms.gateway.process, "settle", lambda: None),
        (csms.gateway.process, "raise_descriptor_limit", lambda _wanted: None),
        (csms.ledger, "upgrade", _upgraded),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, value in replaced:
            stack.enter_context(mock.patch.object(owner, name, value))
        defaults = LinkClient.__init__.__kwdefaults__
        stack.enter_context(mock.patch.dict(defaults, chance=dice.random))
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        # What is left of killed processes is collected at the end, not in the middle of a step.
        stack.callback(_tidy, sys.unraisablehook, gc.isenabled())
        gc.freeze()  # so that what was there before need not be looked at
        gc.disable()
        sys.unraisablehook = lambda _unraisable: None
        yield


async def _upgraded(_url: str) -> str:
    return "as the template"


def _tidy(hook: Callable[..., object], was_enabled: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
        gc.unfreeze()
    if was_enabled:
        gc.enable()
    sys.unraisablehook = hook
