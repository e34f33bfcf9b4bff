"""The supervisor's rules, pure: what happens to the tree when this or that is seen.

Laws:

- one_for_one: a child that ends is started again alone; the others do not notice.
- More than `restarts_max` restarts of all children together within `restarts_window_s`: the
  supervisor gives up. It drains what still lives and finishes with the outcome `GAVE_UP`.
- At most one unanswered ping a child: sends to a hung process pile up in the sender.
- A child that is silent for its `hang_s` (before its first answer: `start_s`) is killed. Silence
  counts only while the supervisor itself was awake and the child did not wait for a processor: on
  a machine with too much to do, kills and restarts would be still more to do. Of that waiting
  `STARVED_TIMES` its limit is forgiven, then it is killed all the same.
- A child that was killed for its slow start has twice as long for the next one, `LONGER_STARTS`
  times in a row.
- Draining: stage by stage, lowest first; a stage begins when the one before is gone; who is not
  gone after its `shutdown_s` is killed. Nothing is started while draining.

`Supervision` decides, supervisor/node.py carries out. Times are monotonic microseconds.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from supervisor.child import Child, ChildStatus, State, check_tree, start_order

_SECOND_US = 1_000_000
STARVED_TIMES = 4
LONGER_STARTS = 3


class SupervisorSettings(BaseModel):
    """Limits of the supervisor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    restarts_max: int = Field(
        default=5,
        ge=0,
        description="Restarts within the window; one more and the whole tree stops.",
    )
    restarts_window_s: float = Field(default=30.0, gt=0, description="Length of that window.")
    ping_s: float = Field(
        default=0.5, gt=0, description="Between two pings of a child; at most one is unanswered."
    )


Waited: TypeAlias = Callable[[int], int | None]
"""Process id -> microseconds that it has waited for a processor; None: nobody knows."""


class Outcome(StrEnum):
    """How the tree ended."""

    DRAINED = "drained"  # everyone finished in time
    CUT = "cut"  # at least one child was killed at its deadline or died while draining
    GAVE_UP = "gave up"  # too many restarts


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process; answer with `spawned(name, pid)`."""

    child: Child
    incarnation: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the child for a `ponged(name, number, info)`."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Tell the child to finish its work and to end."""

    name: str


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL; the death is then seen as `exited`."""

    name: str
    pid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """No child is left: end the supervisor."""

    outcome: Outcome


Action = Spawn | Ping | Drain | Kill | Finish


@dataclass(slots=True)
class _Life:
    """One child as the supervisor sees it."""

    child: Child
    state: State = State.STOPPED
    pid: int | None = None
    incarnation: int = -1
    seen_us: int = 0  # last proof of life; the fork counts as one
    drain_by_us: int = 0
    unanswered: int = 0  # number of the ping that is out, 0 for none
    pings: int = 0
    killed: str = ""  # why we killed it, empty when we did not
    slow_starts: int = 0  # in a row, until its first answer
    waited_us: int | None = None  # for a processor, as last seen in this silence
    forgiven_us: int = 0  # of this silence
    last_exit: int | None = None
    last_reason: str = ""
    since_us: int = 0  # wall clock
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        return self.state is not State.STOPPED


class Supervision:
    """The state of the tree. Every method that sees something returns what is to be done.

    Args:
        children: the rows; ValueError when they make no tree (see `check_tree`).
        settings: the limits.
    """

    def __init__(self, children: Sequence[Child], settings: SupervisorSettings) -> None:
        check_tree(children)
        self._settings = settings
        self._lives = {child.name: _Life(child) for child in start_order(children)}
        self._restarts: deque[int] = deque()
        self._outcome: Outcome | None = None  # set as soon as the tree is to end
        self._finished = False
        self._ticked_us = 0

    @property
    def draining(self) -> bool:
        """True from the first `drain()` or from giving up until the end."""
        return self._outcome is not None

    def start(self, now_us: int, wall_us: int) -> list[Action]:
        """Start everything. Call once."""
        self._ticked_us = now_us
        return [self._spawn(life, now_us, wall_us) for life in self._lives.values()]

    def spawned(self, name: str, pid: int | None) -> None:
        """The process was forked; None when it could not be (then follows `exited`)."""
        self._lives[name].pid = pid

    def ponged(
        self, name: str, pid: int, number: int, info: Mapping[str, Any], now_us: int, wall_us: int
    ) -> None:
        """An answer came. One of an earlier process of that name is ignored."""
        life = self._lives.get(name)
        if life is None or life.pid != pid or not life.alive:
            return
        life.seen_us = now_us
        life.waited_us, life.forgiven_us, life.slow_starts = None, 0, 0
        life.info = info
        if number == life.unanswered:
            life.unanswered = 0
        if life.state is State.STARTING:
            self._enter(life, State.RUNNING, wall_us)

    def exited(self, name: str, code: int | None, now_us: int, wall_us: int) -> list[Action]:
        """The process is gone.

        Args:
            name: the child.
            code: exit code, minus the signal's number, None when unknown.
            now_us: monotonic.
            wall_us: wall clock, for the table only.
        """
        life = self._lives[name]
        if not life.alive:
            return []
        life.last_exit, life.last_reason = code, life.killed or _in_words(code)
        if life.killed and life.state is State.STARTING:
            life.slow_starts = min(life.slow_starts + 1, LONGER_STARTS)
        life.pid, life.unanswered = None, 0
        if self.draining:
            if (life.killed or code != 0) and self._outcome is Outcome.DRAINED:
                self._outcome = Outcome.CUT
            self._enter(life, State.STOPPED, wall_us)
            return self._next_stage(now_us, wall_us)
        if life.child.restart == "temporary":
            self._enter(life, State.STOPPED, wall_us)
            return []
        if self._too_many_restarts(now_us):
            self._enter(life, State.STOPPED, wall_us)
            self._outcome = Outcome.GAVE_UP
            return self._next_stage(now_us, wall_us)
        return [self._spawn(life, now_us, wall_us)]

    def drain(self, now_us: int, wall_us: int) -> list[Action]:
        """Begin to stop the tree in order; again does nothing."""
        if self.draining:
            return []
        self._outcome = Outcome.DRAINED
        return self._next_stage(now_us, wall_us)

    def tick(self, now_us: int, waited_us: Waited = lambda _pid: None) -> list[Action]:
        """Call every `ping_s`: pings, kills the hung and those past their deadline.

        Args:
            now_us: monotonic.
            waited_us: how long the process of this id has waited for a processor since it began;
                None when nobody knows. Asked of the silent only.
        """
        since_us = now_us - self._ticked_us
        self._forgive_own_sleep(now_us)
        actions: list[Action] = []
        for life in self._lives.values():
            if not life.alive or life.pid is None or life.killed:
                continue
            if life.unanswered and life.state is not State.DRAINING:
                self._forgive_waiting(life, waited_us(life.pid), since_us)
            reason = self._overdue(life, now_us)
            if reason:
                life.killed = reason
                actions.append(Kill(life.child.name, life.pid, reason))
            elif not life.unanswered:
                life.pings += 1
                life.unanswered = life.pings
                actions.append(Ping(life.child.name, life.pings))
        return actions

    def status(self) -> tuple[ChildStatus, ...]:
        """The table, in the order of starting."""
        return tuple(
            ChildStatus(
                name=life.child.name,
                entry=life.child.entry,
                stage=life.child.stage,
                state=life.state,
                pid=life.pid,
                restarts=max(life.incarnation, 0),
                last_exit=life.last_exit,
                last_reason=life.last_reason,
                since_us=life.since_us,
                info=life.info,
            )
            for life in self._lives.values()
        )

    def _spawn(self, life: _Life, now_us: int, wall_us: int) -> Spawn:
        life.incarnation += 1
        life.pid, life.killed, life.unanswered, life.info = None, "", 0, {}
        life.seen_us = now_us
        life.waited_us, life.forgiven_us = None, 0
        self._enter(life, State.STARTING, wall_us)
        return Spawn(life.child, life.incarnation)

    def _next_stage(self, now_us: int, wall_us: int) -> list[Action]:
        alive = [life for life in self._lives.values() if life.alive]
        if not alive:
            if self._finished or self._outcome is None:
                return []
            self._finished = True
            return [Finish(self._outcome)]
        stage = min(life.child.stage for life in alive)
        actions: list[Action] = []
        for life in alive:
            if life.child.stage == stage and life.state is not State.DRAINING:
                life.drain_by_us = now_us + int(life.child.shutdown_s * _SECOND_US)
                self._enter(life, State.DRAINING, wall_us)
                actions.append(Drain(life.child.name))
        return actions

    def _overdue(self, life: _Life, now_us: int) -> str:
        if life.state is State.DRAINING:
            return (
                f"not drained after {life.child.shutdown_s:g} s"
                if now_us >= life.drain_by_us
                else ""
            )
        starting = life.state is State.STARTING
        limit_s = self._limit_s(life)
        if now_us - life.seen_us <= limit_s * _SECOND_US:
            return ""
        return f"not started after {limit_s:g} s" if starting else f"silent for {limit_s:g} s"

    def _limit_s(self, life: _Life) -> float:
        if life.state is State.STARTING:
            return life.child.start_s * 2.0**life.slow_starts
        return life.child.hang_s

    def _forgive_waiting(self, life: _Life, waited_us: int | None, since_us: int) -> None:
        """A child that had no processor must not be killed for it."""
        if waited_us is None:
            return
        before_us = waited_us if life.waited_us is None else life.waited_us
        life.waited_us = waited_us
        left_us = int(STARVED_TIMES * self._limit_s(life) * _SECOND_US) - life.forgiven_us
        forgiven_us = max(0, min(waited_us - before_us, since_us, left_us))
        life.forgiven_us += forgiven_us
        life.seen_us += forgiven_us

    def _forgive_own_sleep(self, now_us: int) -> None:
        """A supervisor that was stopped or starved must not take it for its children's silence."""
        period_us = int(self._settings.ping_s * _SECOND_US)
        asleep_us = now_us - self._ticked_us - period_us
        if asleep_us > period_us:
            for life in self._lives.values():
                life.seen_us += asleep_us
        self._ticked_us = now_us

    def _too_many_restarts(self, now_us: int) -> bool:
        horizon_us = now_us - int(self._settings.restarts_window_s * _SECOND_US)
        self._restarts.append(now_us)
        while self._restarts[0] < horizon_us:
            self._restarts.popleft()
        return len(self._restarts) > self._settings.restarts_max

    @staticmethod
    def _enter(life: _Life, state: State, wall_us: int) -> None:
        life.state, life.since_us = state, wall_us


def _in_words(code: int | None) -> str:
    if code is None:
        return "could not be started"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
