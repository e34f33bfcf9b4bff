import subprocess
import sys

from supervisor.garbage import MIDDLE_MAX, OLD_MAX, YOUNG_MAX


def test_a_settled_process_looks_seldom_and_not_at_what_was_there() -> None:
    script = (
        "import gc; from supervisor.garbage import settle; settle();"
        "print(*gc.get_threshold(), gc.get_freeze_count() > 1_000)"
    )
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout.split() == [str(YOUNG_MAX), str(MIDDLE_MAX), str(OLD_MAX), "True"]
