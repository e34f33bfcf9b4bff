"""The machine a figure was taken on, and how busy it was."""

import json
import os
import platform
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from supervisor.clock import Clock

FSYNCS = 31
WORK_ROUNDS = 9
WORK_STEPS = 20_000


def machine() -> dict[str, object]:
    """Return what is recorded beside every result. Call it before the load begins."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "filesystem": _filesystem(Path(tempfile.gettempdir())),
        "open_files_max": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "fsync_ms": _fsync_ms(),
        "work_ms": work_ms(),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
    }


def now() -> str:
    """The time of now, UTC, to the second."""
    return f"{datetime.fromtimestamp(Clock().now_us() / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def work_ms() -> float:
    """CPU of a fixed piece of work, median: how fast this interpreter is here and now.

    The work is of the kind that a message is: short strings taken apart, small dictionaries made
    and read. Two recorded runs are compared by it: a virtual machine is not as fast every day.
    """
    text = json.dumps([2, "id", "MeterValues", {"connectorId": 1, "values": [1.5, 2.5, 3.5]}])
    times = []
    for _ in range(WORK_ROUNDS):
        begun = time.process_time()
        seen: dict[str, float] = {}
        for step in range(WORK_STEPS):
            _, _, action, payload = json.loads(text)
            seen[f"{action}{step & 63}"] = sum(payload["values"])
        times.append(time.process_time() - begun)
    return round(statistics.median(times) * 1e3, 1)


def _fsync_ms() -> float:
    """Median of forcing 4 KiB to the disk: what an answer after the commit waits for at least."""
    times = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(b"x" * 4_096)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return round(statistics.median(times) * 1e3, 2)


def _filesystem(folder: Path) -> str:
    """The kind of file system: an fsync to tmpfs costs nothing and keeps nothing."""
    kinds = {}
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        kinds[Path(place)] = kind
    return next(kinds[place] for place in (folder, *folder.parents) if place in kinds)
