import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import kernel
from supervisor.kernel import ProcessId
from tests.supervisor.tree.harness import ROOT, until


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_process_knows_its_session(sleeper: subprocess.Popen[bytes]) -> None:
    until(lambda: kernel.session_of(sleeper.pid) == sleeper.pid)
    assert kernel.session_of(os.getpid()) == os.getsid(0)


def test_no_process_has_no_session() -> None:
    with pytest.raises(ProcessLookupError, match="no process"):
        kernel.session_of(2**22 + 1)


def test_a_dead_process_nobody_waited_for_is_a_zombie(sleeper: subprocess.Popen[bytes]) -> None:
    assert not kernel.is_zombie(sleeper.pid)
    sleeper.kill()
    until(lambda: kernel.is_zombie(sleeper.pid))


def test_a_later_process_of_the_same_number_is_another_one() -> None:
    this = ProcessId.of(os.getpid())
    os.close(this.open())
    earlier = ProcessId(this.pid, this.started_ticks - 1)
    with pytest.raises(ProcessLookupError, match="another one by now"):
        earlier.open()


def test_a_pidfd_tells_the_end(sleeper: subprocess.Popen[bytes]) -> None:
    pidfd = ProcessId.of(sleeper.pid).open()
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL
    os.close(pidfd)


def test_a_child_dies_with_its_parent() -> None:
    script = """
import os, time
from supervisor.kernel import die_with_parent, name_process
if os.fork() == 0:
    die_with_parent()
    name_process("csms a-very-long-name")
    print(os.getpid(), flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}/comm").read_text() == "csms a-very-lon\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def gone() -> bool:
        try:
            return kernel.is_zombie(child)
        except ProcessLookupError:
            return True

    until(gone)


def test_who_shares_a_processor_waits_for_it_and_who_sleeps_does_not() -> None:
    processor = min(os.sched_getaffinity(0))
    spin = f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"
    asleep = "import time; time.sleep(60)"
    spinning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]
    everybody = [*spinning, subprocess.Popen([sys.executable, "-c", asleep])]
    try:
        time.sleep(1.0)
        before = [kernel.waited_us(process.pid) or 0 for process in everybody]
        time.sleep(1.0)
        after = [kernel.waited_us(process.pid) or 0 for process in everybody]
    finally:
        for process in everybody:
            process.kill()
            process.wait()
    first, second, third = (late - early for early, late in zip(before, after, strict=True))
    assert first + second > 500_000
    assert third < 100_000


def test_nobody_knows_what_a_process_that_is_gone_has_waited() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert kernel.waited_us(process.pid) is None
