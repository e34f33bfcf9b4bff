"""What the Linux kernel is asked for: names, parents' deaths, who is who in /proc."""

import ctypes
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PROC = Path("/proc")


def die_with_parent() -> None:
    """From now on the kernel kills this process (SIGKILL) when its parent dies.

    More precisely: when the thread that forked it ends. If the parent is gone already, this
    process ends here.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """Show `name` (its first 15 bytes) in ps and top."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, not to be mistaken for a later one with the same number.

    Attributes:
        started_ticks: when it started, in clock ticks since the machine booted.
    """

    pid: int
    started_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """The process that has this number now; ProcessLookupError when none has."""
        return cls(pid, int(_stat_fields(pid)[19]))

    def open(self) -> int:
        """A pidfd: readable once the process has ended. ProcessLookupError when it already has."""
        pidfd = os.pidfd_open(self.pid)
        # Only now is the number pinned: who has it is checked after opening, not before.
        if ProcessId.of(self.pid) != self:
            os.close(pidfd)
            raise ProcessLookupError(f"process {self.pid} is another one by now")
        return pidfd


def waited_us(pid: int) -> int | None:
    """How long the threads of a process, together, could have run and had no processor.

    None: the process is gone, or the kernel does not count that (CONFIG_SCHED_INFO).
    """
    waited_ns = 0
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            waited_ns += int((thread / "schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return waited_ns // 1_000


def session_of(pid: int) -> int:
    """The session id of a process; ProcessLookupError when there is none."""
    return int(_stat_fields(pid)[3])


def is_zombie(pid: int) -> bool:
    """Dead, but not yet waited for; ProcessLookupError when there is no such process."""
    return _stat_fields(pid)[0] in "ZX"


def pids() -> list[int]:
    """All processes that /proc shows."""
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from `state` (index 0) on."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError) as gone:
        raise ProcessLookupError(f"no process {pid}") from gone
    # The command's name may contain spaces and brackets; the last bracket ends it.
    return text.rpartition(")")[2].split()
