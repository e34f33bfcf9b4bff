"""What the system knows of a process: CPU time, memory, life. Linux only."""

import contextlib
import os
import select
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SCHEDULED = 2
"""The clock of clock_getcpuclockid(3) that counts user and system time of all threads."""
_KIB = 1024


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system, threads that have ended included.

    The kernel's own nanoseconds: /proc/PID/stat has the same sum in ticks of 10 ms.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _SCHEDULED) / 1e9
    except OSError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error


@dataclass(frozen=True)
class Memory:
    """Bytes. `pss` shares what is shared among those who share it: sums over processes are true."""

    rss: int
    pss: int


def memory(pid: int) -> Memory:
    """Return the memory of a process. OSError: there is no such process."""
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value, *_ = line.split()
        fields[key] = int(value) * _KIB
    return Memory(fields["Rss:"], fields["Pss:"])


class Meter:
    """CPU seconds of several processes since the meter was made, or since `restart()`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._begun: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        self._begun = {name: cpu_s(pid) for name, pid in self._pids.items()}

    def living(self) -> "Meter":
        """Return a meter of those that have not ended since; they go on counting."""
        meter = Meter({})
        for name, pid in self._pids.items():
            with contextlib.suppress(ProcessLookupError):
                cpu_s(pid)
                meter._pids[name], meter._begun[name] = pid, self._begun[name]
        return meter

    def used_s(self) -> dict[str, float]:
        return {name: cpu_s(pid) - self._begun[name] for name, pid in self._pids.items()}


def wait_for_death(pid: int, timeout_s: float) -> float:
    """Wait until a process has ended, anybody's child; return when (monotonic). TimeoutError."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return time.monotonic()
    try:
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        if not poller.poll(timeout_s * 1_000):
            raise TimeoutError(f"process {pid} lives on")
        return time.monotonic()
    finally:
        os.close(fd)


def total_pss(pids: Iterable[int]) -> int:
    """Bytes that these processes take together; those that have gone count nothing."""
    total = 0
    for pid in pids:
        try:
            total += memory(pid).pss
        except OSError:
            continue
    return total
