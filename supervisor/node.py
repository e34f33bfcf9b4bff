"""NodeSupervisor: the Thespian actor that has the processes of a node as its children.

It only carries out what supervisor/strategy.py decides: forks, sends, kills, and writes the table
of children. It has one thread and never another, because it forks.

With main it is connected by a pipe (a byte every `ping_s` that says "I live", one byte at the end
that says how it ended) and by main's pidfd: when main dies, the tree is killed at once.
"""

import json
import logging
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from thespian.actors import ActorAddress, ActorTypeDispatcher, ThespianWatch

from supervisor import logs, sweep
from supervisor.child import Child, TreeStatus
from supervisor.clock import Clock
from supervisor.kernel import ProcessId, name_process, waited_us
from supervisor.process import (
    DrainProcess,
    LoopProcess,
    PingProcess,
    ProcessAnswer,
    StartProcess,
)
from supervisor.status import write_status
from supervisor.strategy import (
    Action,
    Drain,
    Finish,
    Kill,
    Outcome,
    Ping,
    Spawn,
    Supervision,
    SupervisorSettings,
)

LOG = logging.getLogger(__name__)

SUPERVISOR_FAILED = 70
"""Exit code of a supervisor that failed itself; main sweeps and boots again."""

BEAT = b"."
OUTCOME_BYTES: Mapping[Outcome, bytes] = {
    Outcome.DRAINED: b"D",
    Outcome.CUT: b"C",
    Outcome.GAVE_UP: b"G",
}


@dataclass(frozen=True, slots=True)
class BeginTree:
    """The first message, from main; answered by TreeBegun.

    Attributes:
        sockets: descriptors of the listening sockets, inherited by the fork.
        pipe_fd: where beats and the outcome are written, inherited too.
        main: whose death ends the tree.
    """

    children: Sequence[Child]
    settings: SupervisorSettings
    log: logs.LogSettings
    run_dir: Path
    sockets: Mapping[str, int]
    pipe_fd: int
    main: ProcessId


@dataclass(frozen=True, slots=True)
class TreeBegun:
    """The supervisor runs and has forked its children; they may still be starting."""

    supervisor: ProcessId
    admin: ProcessId
    session: int


@dataclass(frozen=True, slots=True)
class DrainTree:
    """Stop everything in order; answered by TreeDraining at once."""


@dataclass(frozen=True, slots=True)
class TreeDraining:
    """The answer to DrainTree."""


@dataclass(frozen=True, slots=True)
class _Tick:
    pass


class NodeSupervisor(ActorTypeDispatcher):  # type: ignore[misc]
    """One_for_one over `Child` rows. Does nothing until BeginTree."""

    def __init__(self) -> None:
        logs.install("supervisor", logs.LogSettings(level="WARNING"))
        self._begun: BeginTree | None = None

    def receiveMessage(self, message: object, sender: object) -> ThespianWatch | None:
        """Thespian would run a failing handler again: end instead, main boots a new tree."""
        try:
            super().receiveMessage(message, sender)
        except Exception:
            LOG.critical("the supervisor cannot go on", exc_info=True)
            os._exit(SUPERVISOR_FAILED)
        # A watch holds for one return only.
        return ThespianWatch([self._main_fd]) if self._begun else None

    def receiveMsg_BeginTree(self, begin: BeginTree, sender: ActorAddress) -> None:
        """Start the children."""
        name_process("csms supervisor")
        logs.install("supervisor", begin.log)
        try:
            self._main_fd = begin.main.open()
        except ProcessLookupError:
            self._end_without_main()
        self._clock = Clock()
        self._supervision = Supervision(begin.children, begin.settings)
        self._processes: dict[str, tuple[ActorAddress, Any]] = {}
        self._begun = begin
        self._do(self._supervision.start(*self._now()))
        self._tick_later()
        self.send(
            sender,
            TreeBegun(
                supervisor=ProcessId.of(os.getpid()),
                admin=ProcessId.of(os.getppid()),
                session=os.getsid(0),
            ),
        )

    def receiveMsg_DrainTree(self, _drain: DrainTree, sender: ActorAddress) -> None:
        """Begin the end."""
        self.send(sender, TreeDraining())
        LOG.info("draining")
        self._do(self._supervision.drain(*self._now()))

    def receiveMsg_ProcessAnswer(self, answer: ProcessAnswer, _sender: ActorAddress) -> None:
        """A child lives."""
        info = json.loads(answer.info)
        self._supervision.ponged(answer.name, answer.pid, answer.number, info, *self._now())

    def receiveMsg_ChildActorExited(self, exited: Any, _sender: ActorAddress) -> None:  # noqa: ANN401
        """Thespian saw a child's end: look which one's."""
        for name, (address, process) in list(self._processes.items()):
            if address == exited.childAddress:
                # Said by the child itself if its actor could not even be made: help it along.
                process.join(0.1)
                if process.exitcode is None:
                    process.kill()
                    process.join()
                self._gone(name)

    def receiveMsg_WakeupMessage(self, _wakeup: object, _sender: ActorAddress) -> None:
        """Every `ping_s`: look after everyone."""
        self._tell_main(BEAT)
        # Thespian reports a death only if the child had registered; this sees the others too.
        for name, (_, process) in list(self._processes.items()):
            if process.exitcode is not None:
                self._gone(name)
        self._do(self._supervision.tick(self._now()[0], waited_us))
        self._tick_later()

    def receiveMsg_WatchMessage(self, _ready: object, _sender: ActorAddress) -> None:
        """The only descriptor that is watched is main's pidfd: main is dead."""
        self._end_without_main()

    def _now(self) -> tuple[int, int]:
        return self._clock.monotonic_us(), self._clock.now_us()

    def _tick_later(self) -> None:
        assert self._begun is not None
        self.wakeupAfter(timedelta(seconds=self._begun.settings.ping_s), _Tick())

    def _gone(self, name: str) -> None:
        _, process = self._processes.pop(name)
        LOG.log(
            logging.INFO if self._supervision.draining else logging.WARNING,
            "child ended",
            extra={"fields": {"child": name, "pid": process.pid, "code": process.exitcode}},
        )
        self._do(self._supervision.exited(name, process.exitcode, *self._now()))

    def _do(self, actions: list[Action]) -> None:
        waiting = deque(actions)
        while waiting:
            match waiting.popleft():
                case Spawn(child, incarnation):
                    waiting.extend(self._spawn(child, incarnation))
                case Ping(name, number):
                    self.send(self._processes[name][0], PingProcess(number))
                case Drain(name):
                    self.send(self._processes[name][0], DrainProcess())
                case Kill(name, pid, reason):
                    LOG.error("killing", extra={"fields": {"child": name, "reason": reason}})
                    # Ours and not waited for yet: the number cannot be another's.
                    os.kill(pid, signal.SIGKILL)
                case Finish(outcome):
                    self._finish(outcome)
        self._write_status()

    def _spawn(self, child: Child, incarnation: int) -> list[Action]:
        assert self._begun is not None
        address = self.createActor(LoopProcess)
        process = self._process_of(address)
        if process is None:
            LOG.error("cannot fork", extra={"fields": {"child": child.name}})
            return self._supervision.exited(child.name, None, *self._now())
        self._processes[child.name] = (address, process)
        self._supervision.spawned(child.name, process.pid)
        start = StartProcess(
            child=child,
            incarnation=incarnation,
            run_dir=self._begun.run_dir,
            sockets=self._begun.sockets,
            log=self._begun.log,
            supervisor_pid=os.getpid(),
        )
        self.send(address, start)
        fields = {"child": child.name, "pid": process.pid, "incarnation": incarnation}
        LOG.info("child started", extra={"fields": fields})
        return []

    def _process_of(self, address: ActorAddress) -> Any:  # noqa: ANN401 - multiprocessing's own
        # Thespian has no public way from an address to a process; harden() pins the version.
        for known in reversed(self._myRef._child_procs if self._has_children() else []):  # noqa: SLF001
            if known.childAddr == address:
                return known.childProc
        return None

    def _has_children(self) -> bool:
        return hasattr(self._myRef, "_child_procs")

    def _write_status(self) -> None:
        assert self._begun is not None
        status = TreeStatus(
            at_us=self._clock.now_us(),
            supervisor_pid=os.getpid(),
            draining=self._supervision.draining,
            children=self._supervision.status(),
        )
        try:
            write_status(self._begun.run_dir, status)
        except OSError:
            LOG.warning("cannot write the table of children", exc_info=True)

    def _tell_main(self, byte: bytes) -> None:
        assert self._begun is not None
        try:
            os.write(self._begun.pipe_fd, byte)
        except OSError:  # main is stopped and the pipe full, or main is dying
            LOG.warning("main does not read")

    def _finish(self, outcome: Outcome) -> NoReturn:
        LOG.info("tree ended", extra={"fields": {"outcome": outcome.value}})
        self._write_status()
        self._tell_main(OUTCOME_BYTES[outcome])
        os._exit(0)

    def _end_without_main(self) -> NoReturn:
        LOG.critical("main is dead: ending the tree")
        # By session, not by mark: a new main may be starting, and its processes have the same mark.
        sweep.sweep(lambda: sweep.members(os.getsid(0)))
        os._exit(0)
