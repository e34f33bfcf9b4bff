"""One world of one seed: its time, its dice, its processes, and what happened in it.

Nothing runs by itself. A step is one of: a pass of one process's loop, or one event of the world
(bytes arrive, a disk has written, somebody pulls a plug). Which of those that could come next comes
next, the dice say. Time passes only when nothing can happen now.
"""

import asyncio
import hashlib
import heapq
import math
import sqlite3
from asyncio import events
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

T0_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
US_PER_S = 1_000_000


class BrokenLaw(AssertionError):
    """A law does not hold. The world stops at this step."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """The loop of one simulated process: asyncio's own, but the world says when it goes on.

    After `die` nothing that was planned happens, and nothing new is planned.
    """

    def __init__(self, world: "World", process: str) -> None:
        super().__init__()
        self.world = world
        self.process = process
        self.is_dead = False
        self.databases: list[sqlite3.Connection] = []
        """What it has opened: closed when it dies."""
        self.set_exception_handler(self._failed)

    # what the world asks

    @property
    def ready(self) -> bool:
        """Whether something can be done now."""
        return bool(self._ready)

    def due_us(self) -> int | None:
        """Return when the next timer is due, by the world's time."""
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        return _due_us(scheduled[0]) if scheduled else None

    def collect(self) -> None:
        """Make ready what is due."""
        scheduled, now_us = self._scheduled, self.world.now_us
        while scheduled and (scheduled[0]._cancelled or _due_us(scheduled[0]) <= now_us):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if not handle._cancelled:
                self._ready.append(handle)

    def pass_once(self) -> None:
        """Do what is ready now; what that makes ready has to wait for the next pass."""
        events._set_running_loop(self)
        try:
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle._cancelled:
                    handle._run()
                if self.is_dead:
                    return
        finally:
            events._set_running_loop(None)

    def die(self) -> None:
        """End as by kill -9."""
        self.is_dead = True
        self._ready = deque()
        self._scheduled = []
        for database in self.databases:
            sqlite3.Connection.close(database)
        self.databases.clear()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self.is_dead:
            self.world.failed(self.process, context)

    # what asyncio asks

    def time(self) -> float:
        return (self.world.now_us - T0_US) / US_PER_S

    def is_closed(self) -> bool:
        return False

    def _check_closed(self) -> None:
        pass

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def __del__(self) -> None:  # the base's warns of loops that were not closed
        pass

    def call_soon(self, callback, *args, context=None):
        if self.is_dead:
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        if self.is_dead:
            return asyncio.TimerHandle(when, callback, args, self, context)
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(self, executor, func, *args):
        """Threads: the work is done at one moment, a little later."""
        del executor
        future = self.create_future()
        world = self.world
        world.after(world.dice.randrange(50, 3_000), self._work, future, func, args, of=self)
        return future

    def _work(self, future: asyncio.Future, func: Callable[..., Any], args: tuple) -> None:
        try:
            result = func(*args)
        except Exception as error:
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(result)


def _due_us(handle: asyncio.TimerHandle) -> int:
    # Rounded: sums of seconds are not exact.
    return T0_US + math.ceil(handle.when() * US_PER_S - 0.01)


class World:
    """What there is, and what has happened."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = Random(f"{seed}")
        self.now_us = T0_US
        self.wall_us = 0
        """What the wall clock of the node adds to the time of the world."""
        self.steps = 0
        self.loops: list[SimulatedLoop] = []
        self.laws: list[Callable[[str], None]] = []
        """Called after every step with the process that it was in, if any; raise BrokenLaw."""
        self.errors: list[str] = []
        self._events: list[tuple[int, int, SimulatedLoop | None, Callable[..., None], tuple]] = []
        self._planned = 0
        self._digest = hashlib.blake2b(digest_size=12)
        self.lines: list[tuple[int, int, str, str]] = []

    # time

    def after(
        self, us: int, do: Callable[..., None], *args: object, of: SimulatedLoop | None = None
    ) -> None:
        """Let `do(*args)` happen in `us`, unless the process `of` is dead by then."""
        self._planned += 1
        heapq.heappush(self._events, (self.now_us + us, self._planned, of, do, args))

    def clock_us(self) -> int:
        """Return what the wall clock of the node shows."""
        return self.now_us + self.wall_us

    def run_until(self, end_us: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Let the world go on until `end_us`, or until `done`, asked now and then."""
        while self.now_us < end_us:
            if not self.step(end_us):
                self.now_us = end_us
            if self.steps & 63 == 0 and done():
                return True
        return done()

    def step(self, end_us: int) -> bool:
        """Let one thing happen; False: nothing will until `end_us`."""
        while True:
            can = [loop for loop in self.loops if loop._ready]
            due = self._events[0][0] if self._events else end_us
            if due <= self.now_us:
                can.append(None)
            if can:
                break
            times = [due_us for loop in self.loops if (due_us := loop.due_us()) is not None]
            next_us = min(due, *times, end_us)
            if next_us >= end_us:
                return False
            self.now_us = max(self.now_us, next_us)
            for loop in self.loops:
                loop.collect()
        self.steps += 1
        loop = can[0] if len(can) == 1 else self.dice.choice(can)
        if loop is None:
            _, _, of, do, args = heapq.heappop(self._events)
            if of is None or not of.is_dead:
                if of is not None:
                    events._set_running_loop(of)
                try:
                    do(*args)
                finally:
                    events._set_running_loop(None)
        else:
            loop.collect()
            loop.pass_once()
        for law in self.laws:
            law("" if loop is None else loop.process)
        return True

    # what happened

    def tell(self, who: str, what: str) -> None:
        """Write a line of the trace."""
        self.lines.append((self.steps, self.now_us, who, what))
        self._digest.update(f"{self.steps} {self.now_us} {who} {what}\n".encode())

    def forget(self) -> None:
        """Let go of what is left: circles of dead loops and tasks, broken while nobody minds."""
        for left in (self.loops, self.laws, self._events):
            left.clear()

    def failed(self, process: str, context: dict[str, Any]) -> None:
        """A callback or task of a process raised and nobody took it."""
        error = context.get("exception")
        text = f"{context.get('message')}: {error!r}"
        self.tell(process, f"FAILED {text}")
        self.errors.append(f"{process}: {text}")

    @property
    def digest(self) -> str:
        """A name for all that has happened: the same seed has the same."""
        return self._digest.hexdigest()

    def trace(self, last: int = 60, length: int = 1_000) -> str:
        """Return the end of what happened, one line each."""
        return "\n".join(
            f"{step:>7} {(at - T0_US) / US_PER_S:>11.6f}  {who:<10} {what[:length]}"
            for step, at, who, what in self.lines[-last:]
        )
