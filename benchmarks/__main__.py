"""Measure, compare with the goals and with the last recorded run.

    python -m benchmarks [NAME ...]        all of the suite, or these
        --quick                            small: shows that everything works, not how fast it is
        --record                           keep the results in benchmarks/results
    python -m benchmarks --table           the recorded results as a Markdown table
    python -m benchmarks --pages           write what the recorded results say: the table in
                                           README.md, docs/capacity.md and its plots; --record does

Everything runs on loopback in temporary folders and ends by itself. How each figure is measured is
in docs/performance.md.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.goals import Figures
from benchmarks.machine import machine, now
from benchmarks.macro import (
    capacity,
    crowd,
    gateway,
    neighbours,
    operators,
    outages,
    pages,
    parts,
    peer,
    recovery,
    scale,
    sites,
    soak,
    storm,
    tls,
    warehouse,
)
from benchmarks.report import Result, compared, markdown, put_between_marks, read, write

ROOT = Path(__file__).parents[1]
Benchmark: TypeAlias = Callable[[Effort], tuple[Figures, dict[str, Any]]]

SUITE: dict[str, Benchmark] = {
    "recovery": recovery.measure,
    "parts": parts.measure,
    "gateway": gateway.measure,
    "operators": operators.measure,
    "warehouse": warehouse.measure,
    "peer": peer.measure,
    "tls": tls.measure,
    "sites": sites.measure,
    "pages": pages.measure,
    "capacity": capacity.measure,
    "outages": outages.measure,
    "neighbours": neighbours.measure,
    "soak": soak.measure,
    "scale": scale.measure,
    "storm": storm.measure,
    "crowd": crowd.measure,
}
"""In the order in which they run.

The last three leave tens of thousands of closed connections to the kernel for a minute
(TIME_WAIT), among which it searches for free ports: whoever dials after them from the same address
pays for that, `recovery` with two seconds.
"""
PARTS = ("actors", "codec", "journal", "links", "projector")
"""Single parts of the product: programs of their own, with their own options and tables."""


def run(name: str, effort: Effort, *, record: bool) -> bool:
    """Measure one, print it, keep it if wished; return whether it ran to its end."""
    print(f"{name}: measuring", flush=True)
    here, date, begun = machine(), now(), time.monotonic()
    busy = here["load_at_start"]
    try:
        figures, details = SUITE[name](effort)
    except Exception as error:
        print(f"{name}: failed: {type(error).__name__}: {error}", flush=True)
        return False
    result = Result(name, date, here, figures, details)
    last = read(name) if effort is FULL else None
    since = f", compared with {last.date[:10]}" if last else ""
    print(f"{name}: {time.monotonic() - begun:.0f} s, load at start {busy}{since}")
    print(compared(result, last, judged=effort is FULL), flush=True)
    if record:
        print(f"  recorded in {write(result).relative_to(ROOT)}", flush=True)
    return True


def run_part(name: str) -> bool:
    command = [sys.executable, "-m", f"benchmarks.micro.{name}"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def table() -> str:
    """The recorded results as Markdown."""
    return markdown(result for name in SUITE if (result := read(name)))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = (*SUITE, *PARTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--pages", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))} (choose from {names})")
    if options.quick and options.record:
        parser.error("a quick run measures too little to be recorded")
    if options.table:
        print(table())
        return 0
    if options.pages:
        pages()
        return 0
    # So that whoever ends us with SIGTERM (timeout, make) also ends the node that we started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    effort = QUICK if options.quick else FULL
    ended = [
        run_part(name) if name in PARTS else run(name, effort, record=options.record)
        for name in options.names or SUITE
    ]
    if options.record:
        pages()
    return 0 if all(ended) else 1


def pages() -> None:
    """Write what the recorded results say. FileNotFoundError, ValueError: no marks in README.md."""
    from benchmarks.plots import draw  # nobody else needs matplotlib

    readme = ROOT / "README.md"
    readme.write_text(put_between_marks(readme.read_text(), table()))
    for path in draw(SUITE):
        print(path.relative_to(ROOT))
    subprocess.run([sys.executable, "-m", "docs.generate"], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
