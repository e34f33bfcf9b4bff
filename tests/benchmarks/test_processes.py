import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from benchmarks.processes import Meter, cpu_s, memory, wait_for_death

BURN_S = 0.2
HELD_BYTES = 20_000_000
BURN = f"""
import sys, time, threading
held = bytearray(b"x" * {HELD_BYTES})
print("ready", flush=True)
def burn():
    while time.thread_time() < {BURN_S / 2}: pass
sys.stdin.readline()
thread = threading.Thread(target=burn); thread.start(); thread.join()
burn_until = time.thread_time() + {BURN_S / 2}
while time.thread_time() < burn_until: pass
print("burnt", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_cpu_time_counts_all_threads_of_another_process_also_those_that_ended(child):
    meter = Meter({"child": child.pid})
    child.stdin.write(b"go\n")
    child.stdin.flush()
    child.stdout.readline()
    assert meter.used_s()["child"] >= BURN_S


def test_a_sleeping_process_takes_no_cpu_time(child):
    before = cpu_s(os.getpid())
    time.sleep(0.05)
    assert cpu_s(os.getpid()) - before < 0.05


def test_memory_is_in_bytes(child):
    taken = memory(child.pid)
    assert HELD_BYTES < taken.pss <= taken.rss < 10 * HELD_BYTES


def test_death_is_noticed_and_dated(child):
    before = time.monotonic()
    os.kill(child.pid, signal.SIGKILL)
    assert before <= wait_for_death(child.pid, 5) <= time.monotonic()


def test_waiting_for_a_living_process_ends(child):
    with pytest.raises(TimeoutError):
        wait_for_death(child.pid, 0.05)
