"""The main process of a node: boots the tree, watches it, drains it, ends with its exit code.

| code | ExitCode | when |
|---|---|---|
| 0 | DRAINED | told to stop, every child finished in its time |
| 70 | GAVE_UP | children ended too often (SupervisorSettings.restarts_max), the tree was drained |
| 71 | TREE_LOST | admin or supervisor died too often (NodeSettings.boots_max) |
| 72 | NOT_STARTED | the tree could not be booted |
| 73 | CUT | told to stop, but a child was killed at its deadline, or a second signal came |
| 75 | ALREADY_RUNNING | a living node has this run_dir |

A service manager may restart after 70 to 72; 75 needs a look.

Files in `run_dir`: `node.lock` (held while main lives), `node.json` (who runs it), `tree.json` (the
table of children), `thespian.log` (Thespian's own), and a socket for each child that listens.
"""

import contextlib
import fcntl
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from thespian.actors import ActorAddress, ActorSystem, ActorSystemException

from supervisor import logs
from supervisor.child import Child, TreeStatus, check_tree
from supervisor.clock import Clock
from supervisor.kernel import ProcessId
from supervisor.loopback import LOOPBACK
from supervisor.node import (
    OUTCOME_BYTES,
    BeginTree,
    DrainTree,
    NodeSupervisor,
    TreeBegun,
    TreeDraining,
)
from supervisor.signing import harden
from supervisor.status import FILE_NAME as STATUS_FILE
from supervisor.status import read_status
from supervisor.strategy import Outcome, SupervisorSettings
from supervisor.sweep import Mark, SweepError, holders, sweep

LOG = logging.getLogger(__name__)

# Thespian may close descriptors below 255 in a new process.
_FIRST_INHERITED_FD = 300
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
# How often main looks at its tree. A death is seen at once, a signal within this.
_LOOK_S = 0.1
# How long main waits for the supervisor to say that it heard the order to drain.
_ACK_S = 5.0
_SECOND_US = 1_000_000


class ExitCode(IntEnum):
    """How main ends; see the table above."""

    DRAINED = 0
    GAVE_UP = 70
    TREE_LOST = 71
    NOT_STARTED = 72
    CUT = 73
    ALREADY_RUNNING = 75


_EXIT_CODES: Mapping[Outcome, ExitCode] = MappingProxyType(
    {
        Outcome.DRAINED: ExitCode.DRAINED,
        Outcome.CUT: ExitCode.CUT,
        Outcome.GAVE_UP: ExitCode.GAVE_UP,
    }
)


class NodeSettings(BaseModel):
    """Limits of the main process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supervisor: SupervisorSettings = SupervisorSettings()
    log: logs.LogSettings = logs.LogSettings()
    boot_s: float = Field(
        default=15.0, gt=0, description="For the supervisor to answer; then the boot has failed."
    )
    boots_max: int = Field(
        default=5,
        ge=1,
        description="Boots within the window; one more and main ends with TREE_LOST.",
    )
    boots_window_s: float = Field(default=60.0, gt=0, description="Length of that window.")
    supervisor_hang_s: float = Field(
        default=10.0,
        gt=0,
        description="Silence of the supervisor; then the tree is killed and booted.",
    )
    drain_grace_s: float = Field(
        default=5.0,
        gt=0,
        description="On top of all shutdown_s of the stages; then the tree is killed.",
    )


class NodeError(RuntimeError):
    """The node cannot run.

    Attributes:
        exit_code: what main ends with.
    """

    exit_code = ExitCode.NOT_STARTED


class AlreadyRunningError(NodeError):
    """A living process holds the lock of this run_dir."""

    exit_code = ExitCode.ALREADY_RUNNING


class BootError(NodeError):
    """Thespian or the supervisor did not start."""


@dataclass(slots=True)
class _Tree:
    """One boot of the tree."""

    system: Any
    address: ActorAddress
    begun: TreeBegun
    pidfds: Mapping[str, int]  # who: pidfd
    pipe_fd: int
    beat_us: int
    outcome: Outcome | None = None


class Node:
    """A node: one tree of processes under one directory.

    Use it in the main thread of a process without other threads: the tree is forked from here.

    Args:
        children: the rows.
        run_dir: made when missing, for this user only; one living node each.
        settings: limits.
        sockets: see `share`.
        clock: default: the machine's.

    Raises:
        ValueError: the rows make no tree.
    """

    def __init__(
        self,
        children: Sequence[Child],
        run_dir: Path,
        settings: NodeSettings | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_tree(children)
        self._children = tuple(children)
        self._run_dir = run_dir.absolute()
        self._settings = settings or NodeSettings()
        self._clock = clock or Clock()
        self._sockets: dict[str, int] = {}
        self.share(sockets or {})
        self._mark: Mark | None = None
        self._tree: _Tree | None = None
        self._boots: deque[int] = deque()
        self._drain_by_us: int | None = None
        self._looked_us = 0

    def share(self, sockets: Mapping[str, socket.socket]) -> None:
        """Add listening sockets by name, before `start()`: children find them in `ctx.sockets`.

        They survive every restart, of a child or of the tree; closing them is the caller's.
        """
        self._sockets |= {name: _inherited(each.fileno()) for name, each in sockets.items()}

    def take_over(self) -> None:
        """Take the directory and sweep what a dead node left there; again does nothing.

        `start()` does it too. Before it, addresses and files may still be held by the dead node's
        children: whoever opens the same ones calls this first.

        Raises:
            AlreadyRunningError: the directory is a living node's.
            BootError: what is left does not die.
        """
        if self._mark is None:
            self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            logs.install("main", self._settings.log)
            self._take_directory()
            self._sweep_earlier_node()

    def start(self) -> None:
        """Take the directory, sweep what a dead node left there, boot the tree.

        SIGTERM and SIGINT are blocked from here on, in this process (`wait` asks for them) and in
        the tree: a signal to the whole process group must not stop the children out of order.

        Raises:
            AlreadyRunningError: the directory is a living node's.
            BootError: nothing runs then.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        self.take_over()
        os.environ["THESPLOG_FILE"] = str(self._run_dir / "thespian.log")
        harden()
        self._boot()

    def wait(self, look: Callable[[], None] = lambda: None) -> ExitCode:
        """Watch the tree until it has ended. SIGTERM or SIGINT: drain; once more: stop at once.

        `look` is called several times a second; what it raises ends the waiting.
        """
        while True:
            look()
            if signal.sigtimedwait(_STOP_SIGNALS, 0):
                if self._drain_by_us is not None:
                    return self.stop()
                self.drain()
            code = self._look()
            if code is not None:
                return code

    def drain(self) -> None:
        """Tell the tree to stop in order; `wait()` returns when it has. Again does nothing."""
        if self._drain_by_us is not None:
            return
        tree = self._running()
        stages = {child.stage for child in self._children}
        longest_s = sum(
            max(child.shutdown_s for child in self._children if child.stage == stage)
            for stage in stages
        )
        limit_s = longest_s + self._settings.drain_grace_s
        self._drain_by_us = self._clock.monotonic_us() + int(limit_s * _SECOND_US)
        LOG.info("draining", extra={"fields": {"limit_s": limit_s}})
        try:
            answer = tree.system.ask(tree.address, DrainTree(), timedelta(seconds=_ACK_S))
        except ActorSystemException as error:
            answer = error
        if not isinstance(answer, TreeDraining):
            LOG.error("the supervisor does not answer; the tree will be killed")
            self._drain_by_us = self._clock.monotonic_us()

    def stop(self) -> ExitCode:
        """Kill the tree at once. What was acknowledged is in the journals."""
        LOG.warning("stopping at once")
        self._end_tree()
        return ExitCode.CUT

    def status(self) -> TreeStatus | None:
        """The table of children, at most `ping_s` old while the tree lives; None before."""
        return read_status(self._run_dir)

    def _take_directory(self) -> None:
        path = self._run_dir / "node.lock"
        fd = _inherited(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), close=True)
        try:
            # Not flock(): that lock would be inherited, and orphans of a dead main would hold it.
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            os.close(fd)
            owner = (_read_json(self._run_dir / "node.json") or {}).get("main", {}).get("pid", "?")
            raise AlreadyRunningError(
                f"{self._run_dir} belongs to a running node (pid {owner})"
            ) from taken
        found = os.fstat(fd)
        self._mark = Mark(fd, found.st_dev, found.st_ino)

    def _sweep_earlier_node(self) -> None:
        mark = self._mark_of_this_node()
        earlier = _read_json(self._run_dir / "node.json")
        killed = _swept(Mark((earlier or {}).get("mark_fd"), mark.device, mark.inode))
        if killed:
            LOG.warning("swept an earlier node", extra={"fields": {"processes": killed}})
        (self._run_dir / STATUS_FILE).unlink(missing_ok=True)  # it tells of the dead
        # Before the fork: if main dies in between, the next one finds what it left.
        self._write_node_json(None)

    def _boot(self) -> None:
        if threading.active_count() > 1:
            raise BootError("this process has threads: the tree cannot be forked from it")
        self._boots.append(self._clock.monotonic_us())
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        write_fd = _inherited(write_fd, close=True)
        system = None
        try:
            system = ActorSystem(
                "multiprocTCPBase",
                {"Admin Port": _free_port(), "Process Startup Method": "fork"},
                logDefs=logs.thespian_log_defs(self._settings.log),
                transientUnique=True,
            )
            address = system.createActor(NodeSupervisor)
            begin = BeginTree(
                children=self._children,
                settings=self._settings.supervisor,
                log=self._settings.log,
                run_dir=self._run_dir,
                sockets=self._sockets,
                pipe_fd=write_fd,
                main=ProcessId.of(os.getpid()),
            )
            begun = system.ask(address, begin, timedelta(seconds=self._settings.boot_s))
            if not isinstance(begun, TreeBegun):
                raise BootError(f"the supervisor did not start: {begun!r}")  # noqa: TRY301
            pidfds = {"supervisor": begun.supervisor.open(), "admin": begun.admin.open()}
        except Exception as error:
            os.close(read_fd)
            if system is not None:
                _forget(system)
            _swept(self._mark_of_this_node())
            raise BootError(f"the tree could not be booted: {error}") from error
        finally:
            os.close(write_fd)
        # The admin forks twice to be nobody's child; the process in between is ours to wait for.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(begun.session, 0)
        self._looked_us = self._clock.monotonic_us()
        self._tree = _Tree(system, address, begun, pidfds, read_fd, beat_us=self._looked_us)
        self._write_node_json(begun)
        LOG.info("booted", extra={"fields": {"session": begun.session}})

    def _look(self) -> ExitCode | None:
        """Wait `_LOOK_S` or until someone dies, then do what is to be done."""
        tree = self._running()
        dead = self._dead(tree)
        # After looking for the dead, so that a last word is not missed.
        self._listen(tree)
        now_us = self._clock.monotonic_us()
        if tree.outcome is not None and "supervisor" in dead:
            self._end_tree()
            return _EXIT_CODES[tree.outcome]
        if self._drain_by_us is not None:
            if "supervisor" in dead or now_us > self._drain_by_us:
                return self.stop()
            return None  # a dead admin does not hinder the supervisor
        silent_us = now_us - tree.beat_us
        if not dead and silent_us > self._settings.supervisor_hang_s * _SECOND_US:
            dead = ["supervisor (hung)"]
        return self._boot_again(dead) if dead else None

    def _dead(self, tree: _Tree) -> list[str]:
        poller = select.poll()
        for fd in tree.pidfds.values():
            poller.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poller.poll(_LOOK_S * 1_000)}
        return [who for who, fd in tree.pidfds.items() if fd in ready]

    def _listen(self, tree: _Tree) -> None:
        now_us = self._clock.monotonic_us()
        slept_us = now_us - self._looked_us
        if slept_us > _SECOND_US:
            tree.beat_us += slept_us  # main was stopped or starved: not the supervisor's fault
        self._looked_us = now_us
        try:
            heard = os.read(tree.pipe_fd, 65_536)
        except BlockingIOError:
            return
        if heard:
            tree.beat_us = now_us
        for outcome, byte in OUTCOME_BYTES.items():
            if byte in heard:
                tree.outcome = outcome

    def _boot_again(self, dead: list[str]) -> ExitCode | None:
        LOG.error("the tree is broken: booting again", extra={"fields": {"dead": dead}})
        self._end_tree()
        horizon_us = self._clock.monotonic_us() - int(self._settings.boots_window_s * _SECOND_US)
        while self._boots and self._boots[0] < horizon_us:
            self._boots.popleft()
        if len(self._boots) >= self._settings.boots_max:
            LOG.critical("the tree was lost too often")
            return ExitCode.TREE_LOST
        self._boot()
        return None

    def _end_tree(self) -> None:
        """Kill what is left of the tree and let go of it."""
        tree, self._tree = self._running(), None
        _swept(self._mark_of_this_node())
        for fd in (*tree.pidfds.values(), tree.pipe_fd):
            os.close(fd)
        _forget(tree.system)
        (self._run_dir / "node.json").unlink(missing_ok=True)

    def _write_node_json(self, begun: TreeBegun | None) -> None:
        fields = {
            "main": asdict(ProcessId.of(os.getpid())),
            "mark_fd": self._mark_of_this_node().fd,
            "tree": asdict(begun) if begun else None,
        }
        path = self._run_dir / "node.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(fields))
        fresh.replace(path)

    def _running(self) -> _Tree:
        if self._tree is None:
            raise NodeError("the node is not running")
        return self._tree

    def _mark_of_this_node(self) -> Mark:
        if self._mark is None:
            raise NodeError("the node was not started")
        return self._mark


def serve(node: Node) -> ExitCode:
    """Run a node until it ends; what goes wrong is said in one line on stderr.

    Returns:
        the exit code of the process.
    """
    try:
        node.start()
        return node.wait()
    except NodeError as error:
        LOG.critical("%s", error)
        sys.stderr.write(f"csms: {error}\n")
        return error.exit_code


def _inherited(fd: int, *, close: bool = False) -> int:
    """A copy with a number that Thespian leaves alone; gone after an exec.

    Args:
        fd: the original.
        close: close it.
    """
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_INHERITED_FD)
    if close:
        os.close(fd)
    return copy


def _swept(mark: Mark) -> int:
    try:
        return sweep(lambda: holders(mark))
    except SweepError as error:
        raise BootError(str(error)) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _forget(system: Any) -> None:  # noqa: ANN401 - Thespian has no types
    """Close our end. `system.shutdown()` would wait 10 s for an admin that is dead."""
    system._systemBase.transport.close()  # noqa: SLF001


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None
