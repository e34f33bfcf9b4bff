"""The tree is data: one `Child` row a process, and what is known of it while it runs.

Children are started from the highest `stage` to the lowest and drained from the lowest to the
highest: what talks to the outside (stage 0) stops first, what it leans on stops last.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

# The name becomes a file name (`<run_dir>/<name>.sock`, `<name>.log`) and a process title.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the tree.

    Attributes:
        name: unique in the tree; lower case letters, digits and dashes, 32 at most.
        entry: `"module:function"` of an `async def run(ctx: ProcessContext) -> None`.
        restart: `permanent`: started again whenever it ends; `temporary`: never.
        shutdown_s: from the moment it is told to drain; at the limit SIGKILL.
        hang_s: silence (no answer to a ping) that counts as hung; at the limit SIGKILL.
        start_s: from the fork to the first answer, imports included; at the limit SIGKILL, and the
            next start has twice as long.
        stage: the lowest is drained first, each stage after the one before is gone.
        settings: handed to the process as `ctx.settings`; must pickle.

    Raises:
        ValueError: for a name, an entry or a limit that cannot work.
    """

    name: str
    entry: str
    restart: Literal["permanent", "temporary"] = "permanent"
    shutdown_s: float = 10.0
    hang_s: float = 3.0
    start_s: float = 20.0
    stage: int = 0
    settings: Any = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a child cannot be named {self.name!r}")
        if not _ENTRY.fullmatch(self.entry):
            raise ValueError(f"{self.name}: entry must be 'module:function', not {self.entry!r}")
        for limit in ("shutdown_s", "hang_s", "start_s"):
            if getattr(self, limit) <= 0:
                raise ValueError(f"{self.name}: {limit} must be more than 0")


class State(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"  # forked, no answer to a ping yet
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"  # for good: drained, killed at the end, or temporary and done


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """A line of the table of children.

    Attributes:
        pid: of the running process, None when there is none.
        restarts: how often it was started again since the tree was booted.
        last_exit: of the process before: an exit code, or minus the number of the signal.
        last_reason: why the process before ended, in words; empty when there was none.
        since_us: wall clock of the last change of state.
        info: what the process last said of itself (`ctx.report`), JSON values.
    """

    name: str
    entry: str
    stage: int
    state: State
    pid: int | None
    restarts: int
    last_exit: int | None
    last_reason: str
    since_us: int
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TreeStatus:
    """The table of children, as the supervisor last wrote it to `<run_dir>/tree.json`.

    Attributes:
        at_us: wall clock of the writing; older than a few `ping_s` means nobody supervises.
    """

    at_us: int
    supervisor_pid: int
    draining: bool
    children: tuple[ChildStatus, ...]

    def child(self, name: str) -> ChildStatus:
        """The row of this child; KeyError when the tree has none of that name."""
        for row in self.children:
            if row.name == name:
                return row
        raise KeyError(name)


def check_tree(children: Sequence[Child]) -> None:
    """ValueError when two rows have one name, or when a supervisor would have too many children.

    Thespian visits every peer's socket on each pass: beyond 30 children each message gets dear.
    """
    names = [child.name for child in children]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"more than one child is named {', '.join(twice)}")
    if not 1 <= len(names) <= CHILDREN_MAX:
        raise ValueError(f"a tree has 1 to {CHILDREN_MAX} children, not {len(names)}")


CHILDREN_MAX = 30


def start_order(children: Sequence[Child]) -> list[Child]:
    """Highest stage first; within a stage as written."""
    return sorted(children, key=lambda child: -child.stage)


def render_tree(children: Sequence[Child]) -> str:
    """The tree as the text diagram of the docs, in the order of starting."""
    rows = start_order(children)
    width = max((len(child.name) for child in rows), default=0)
    entries = max((len(child.entry) for child in rows), default=0)
    lines = ["main", "└ ActorSystem (admin)", "  └ NodeSupervisor"]
    for child in rows:
        branch = "└" if child is rows[-1] else "├"
        lines.append(
            f"    {branch} {child.name:<{width}}  {child.entry:<{entries}}  {child.restart},"
            f" stage {child.stage}, drains in {child.shutdown_s:g} s,"
            f" silent {child.hang_s:g} s = SIGKILL"
        )
    return "\n".join(lines)
