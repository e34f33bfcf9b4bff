"""The suite runs to its end. It takes minutes, and its figures are never asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_a_quick_run_of_the_suite_ends_well():
    done = run("--quick", timeout_s=580)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_name_is_refused_with_the_known_ones():
    done = run("nonsense", timeout_s=30)
    assert done.returncode == 2
    assert "recovery" in done.stderr
