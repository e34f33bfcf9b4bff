"""Find what a tree left behind, and kill it.

Two ways to know that a process is ours:

- its session: Thespian's admin makes a session, and all that it starts stays in it. Good for the
  supervisor, whose own presence proves that the number still means the same session.
- its mark: main keeps a lock file open, and every fork inherits the descriptor. Good for a new
  main that looks for the remains of a dead one: numbers are reused, an open file is not.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supervisor import kernel

_ROUND_S = 0.02


class SweepError(RuntimeError):
    """Processes survived SIGKILL for the whole deadline (usually: stuck in the kernel on a disk).

    Attributes:
        pids: the survivors.
    """

    def __init__(self, pids: list[int]) -> None:
        super().__init__(f"processes {pids} of an earlier tree do not die")
        self.pids = pids


@dataclass(frozen=True, slots=True)
class Mark:
    """An open file that all processes of a node have inherited.

    Attributes:
        fd: its number there; None when not known: all descriptors are looked at.
        device: of the file, as `os.stat` says.
        inode: of the file.
    """

    fd: int | None
    device: int
    inode: int


def members(session: int) -> list[int]:
    """The living processes of a session, this one excepted."""

    def belongs(pid: int) -> bool:
        return kernel.session_of(pid) == session

    return _others(belongs)


def holders(mark: Mark) -> list[int]:
    """The living processes that carry the mark, this one excepted."""

    def belongs(pid: int) -> bool:
        names = [str(mark.fd)] if mark.fd is not None else _fds_of(pid)
        return any(_is_marked(pid, name, mark) for name in names)

    return _others(belongs)


def sweep(find: Callable[[], list[int]], deadline_s: float = 5.0) -> int:
    """SIGKILL until `find` finds nobody.

    Args:
        find: e.g. `lambda: holders(mark)`; called again and again, as a dying process may have
            forked just before.
        deadline_s: at the limit SweepError.

    Returns:
        how many processes were killed.
    """
    killed: set[int] = set()
    end_s = time.monotonic() + deadline_s
    while found := find():
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.add(pid)
        if time.monotonic() > end_s:
            raise SweepError(found)
        time.sleep(_ROUND_S)
    return len(killed)


def _others(belongs: Callable[[int], bool]) -> list[int]:
    found = []
    for pid in kernel.pids():
        try:
            if pid != os.getpid() and belongs(pid) and not kernel.is_zombie(pid):
                found.append(pid)
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue  # gone meanwhile, or another user's: then it is not ours
    return found


def _fds_of(pid: int) -> list[str]:
    return [entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()]


def _is_marked(pid: int, fd: str, mark: Mark) -> bool:
    try:
        found = os.stat(f"/proc/{pid}/fd/{fd}")  # noqa: PTH116 - a Path costs more than the call
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (mark.device, mark.inode)
