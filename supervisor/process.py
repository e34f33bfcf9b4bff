"""A process of the tree: Thespian on the main thread, uvloop on another.

The work is an `async def run(ctx: ProcessContext)`, named by its row's `entry`. It returns once
`ctx.draining` is set and its work is finished. Whatever else ends it (an exception, an early
return) ends the process with LOOP_ENDED, and the supervisor starts a new one: a process without its
loop is of no use, and half a process is harder to reason about than none.

A ping comes in on the Thespian thread, is answered in the loop and leaves by the Thespian thread,
so that an answer proves both alive. The bridge is `call_soon_threadsafe` one way, a queue and an
eventfd that Thespian watches the other way; only the Thespian thread ever sends.
"""

import asyncio
import importlib
import json
import logging
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import uvloop
from thespian.actors import ActorTypeDispatcher, ThespianWatch

from supervisor import logs
from supervisor.child import Child
from supervisor.clock import Clock
from supervisor.kernel import die_with_parent, name_process

LOG = logging.getLogger(__name__)

LOOP_ENDED = 70
"""Exit code of a process whose `run()` raised or returned without being told to drain."""


class EntryError(ImportError):
    """A row's `entry` names no function."""


@dataclass(slots=True)
class ProcessContext:
    """What a process is given by its supervisor.

    Attributes:
        name: of its row; it listens at `run_dir/<name>.sock`, if at all.
        settings: of its row.
        run_dir: of the node; writable, emptied by nobody.
        clock: the only source of time.
        draining: set when the process is to finish its work and return from `run()`.
        sockets: listening sockets that main opened and all processes share, by name.
        incarnation: 0 for the first process of that name since the tree was booted, then 1, 2...
    """

    name: str
    settings: Any
    run_dir: Path
    clock: Clock
    draining: asyncio.Event
    sockets: Mapping[str, socket.socket]
    incarnation: int = 0
    _info: dict[str, Any] = field(default_factory=dict)

    def report(self, info: Mapping[str, Any]) -> None:
        """Merge into what the table of children shows of this process.

        Call it in the loop thread, as often as wanted; it leaves with the next ping.

        Args:
            info: JSON values; others are shown as their `str()`.
        """
        self._info.update(info)

    def reported(self) -> str:
        """All of it, as JSON."""
        return json.dumps(self._info, default=str)


Run = Callable[[ProcessContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StartProcess:
    """The first message to a LoopProcess.

    Attributes:
        sockets: descriptors of the listening sockets, inherited by the fork.
        supervisor_pid: who sends this; another parent means that it died meanwhile.
    """

    child: Child
    incarnation: int
    run_dir: Path
    sockets: Mapping[str, int]
    log: logs.LogSettings
    supervisor_pid: int


@dataclass(frozen=True, slots=True)
class PingProcess:
    """Answered by a ProcessAnswer with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class ProcessAnswer:
    """Both threads of the process live.

    Attributes:
        info: what the process reports of itself, as JSON.
    """

    name: str
    pid: int
    number: int
    info: str


@dataclass(frozen=True, slots=True)
class DrainProcess:
    """Finish and end. There is no answer but the end of the process."""


class LoopProcess(ActorTypeDispatcher):  # type: ignore[misc]
    """The Thespian face of a process. Its supervisor is the only one who talks to it."""

    def __init__(self) -> None:
        # The earliest code of ours in a new process. Thespian puts a forwarder in place of the
        # root logger, which would block; until StartProcess says how, warnings go to stderr.
        die_with_parent()
        logs.install("starting", logs.LogSettings(level="WARNING"))
        self._loop: _LoopThread | None = None

    def receiveMessage(self, message: object, sender: object) -> ThespianWatch | None:
        """Thespian would run a failing handler again and keep the state: end the process."""
        try:
            super().receiveMessage(message, sender)
        except Exception:
            LOG.critical("the process cannot go on", exc_info=True)
            os._exit(LOOP_ENDED)
        # A watch holds for one return only.
        return ThespianWatch([self._loop.wake_fd]) if self._loop else None

    def receiveMsg_StartProcess(self, start: StartProcess, sender: object) -> None:
        """Become what the row says."""
        if os.getppid() != start.supervisor_pid:
            os._exit(1)
        name_process(f"csms {start.child.name}")
        logs.install(start.child.name, start.log)
        self._supervisor = sender
        self._loop = _LoopThread(start)
        self._loop.begin()

    def receiveMsg_PingProcess(self, ping: PingProcess, _sender: object) -> None:
        """Pass it to the loop."""
        if self._loop:
            self._loop.ask(ping.number)

    def receiveMsg_DrainProcess(self, _drain: DrainProcess, _sender: object) -> None:
        """Pass it to the loop; a process that was never started just ends."""
        if self._loop is None:
            os._exit(0)
        self._loop.drain()

    def receiveMsg_WatchMessage(self, _ready: object, _sender: object) -> None:
        """The loop has answers."""
        if self._loop:
            for answer in self._loop.take_answers():
                self.send(self._supervisor, answer)

    def receiveMsg_ActorExitRequest(self, _request: object, _sender: object) -> NoReturn:
        """Thespian is shut down from outside: not our way to stop, but then do stop at once."""
        os._exit(LOOP_ENDED)


class _LoopThread:
    """The other thread. `ask`, `drain`, `take_answers` are called on the Thespian thread."""

    def __init__(self, start: StartProcess) -> None:
        self._entry = start.child.entry
        # Made here, so that pings may come before it runs: they wait, and prove it when it does.
        self._loop = uvloop.new_event_loop()
        self._context = ProcessContext(
            name=start.child.name,
            settings=start.child.settings,
            run_dir=start.run_dir,
            clock=Clock(),
            draining=asyncio.Event(),
            sockets={name: socket.socket(fileno=fd) for name, fd in start.sockets.items()},
            incarnation=start.incarnation,
        )
        self._answers: deque[ProcessAnswer] = deque()
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def begin(self) -> None:
        threading.Thread(target=self._run, name="loop", daemon=True).start()

    def ask(self, number: int) -> None:
        self._loop.call_soon_threadsafe(self._answer, number)

    def drain(self) -> None:
        self._loop.call_soon_threadsafe(self._context.draining.set)

    def take_answers(self) -> list[ProcessAnswer]:
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            return []
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def _answer(self, number: int) -> None:
        answer = ProcessAnswer(self._context.name, os.getpid(), number, self._context.reported())
        self._answers.append(answer)
        os.eventfd_write(self.wake_fd, 1)

    def _run(self) -> None:
        code = LOOP_ENDED
        try:
            # Imports may take seconds; they count as starting, not as silence.
            run = resolve(self._entry)
            runner = asyncio.Runner(loop_factory=lambda: self._loop)
            runner.run(_awaited(run, self._context))
            if self._context.draining.is_set():
                # Its work is finished. To close the loop would be to wait for whatever task or
                # thread was left behind, perhaps for ever.
                code = 0
            else:
                LOG.error("%s returned without being told to drain", self._entry)
        except BaseException:
            LOG.critical("%s failed", self._entry, exc_info=True)
        finally:
            # Not sys.exit: the interpreter's end would wait for the Thespian thread.
            sys.stdout.flush()
            os._exit(code)


def resolve(entry: str) -> Run:
    """The function that `"module:function"` names. EntryError, or what importing it raises."""
    module_name, _, function_name = entry.partition(":")
    function = getattr(importlib.import_module(module_name), function_name, None)
    if not callable(function):
        raise EntryError(f"{module_name} has no function {function_name}")
    return cast("Run", function)


async def _awaited(run: Run, context: ProcessContext) -> None:
    await run(context)
