"""`make simulate SEEDS=...`: tells the stories of seeds, a line each.

SEEDS: a count (200 is 1-200), a stretch (5-80), or a list (7,9,12). A seed that fails is told a
second time, which must be the same to the last step; then its trace is shown.
"""

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.simulation.mutations import MUTATIONS, tell_broken
from tests.simulation.story import Result, Story, make_template

TRACE_LINES = 40


def seeds_of(text: str) -> list[int]:
    """Return the seeds that a text names.

    Raises:
        ValueError: it names none.
    """
    seeds: list[int] = []
    for part in text.rstrip(",").split(","):
        first, dash, last = part.strip().partition("-")
        seeds += range(int(first), int(last) + 1) if dash else [int(first)]
    if len(seeds) == 1 and "," not in text and "-" not in text:
        seeds = list(range(1, seeds[0] + 1))
    if not seeds or min(seeds) < 1:
        raise ValueError("seeds are positive numbers")
    return seeds


def line_of(result: Result) -> str:
    """Return the line of a seed."""
    how = "ok" if not result.problem else "BROKEN " + result.problem.splitlines()[0]
    return (
        f"seed {result.seed:>5}  {result.steps:>6} steps  {result.texts:>5} texts  "
        f"{result.kept:>5} records  {result.transactions:>3} transactions  {result.digest}  {how}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Tell the stories; 1 when a law was broken, or when one was told differently."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("seeds", help="a count, a stretch, or a list")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--broken", choices=MUTATIONS, help="put this fault in; end when it is found"
    )
    parser.add_argument("--seconds", type=int, default=Story.BUSY_S, help="of trouble in a world")
    parser.add_argument("--trace", type=Path, help="write whole traces of failing seeds here")
    given = parser.parse_args(arguments)
    try:
        seeds = seeds_of(given.seeds)
    except ValueError as error:
        parser.error(f"SEEDS: {error}")
    tell_one = partial(tell_broken, given.broken or "", given.seconds)
    bad: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="csms-simulate-", dir=fast_folder()) as root:
        template = make_template(Path(root))
        with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
            many = len(seeds)
            for result in pool.map(tell_one, seeds, [template] * many, [Path(root)] * many):
                print(line_of(result), flush=True)
                if result.problem:
                    bad.append(result)
                    if given.broken:
                        pool.shutdown(cancel_futures=True)
                        break
        for result in bad:
            again = tell_one(result.seed, template, Path(root))
            same = "replays exactly" if again.digest == result.digest else "DOES NOT REPLAY"
            print(f"\nseed {result.seed}, step {result.steps}, {same}: {result.problem}")
            print("\n".join(line[:240] for line in result.trace.splitlines()[-TRACE_LINES:]))
            if given.trace is not None:
                given.trace.mkdir(parents=True, exist_ok=True)
                (given.trace / f"{result.seed}.txt").write_text(result.trace, encoding="utf-8")
                if again.digest != result.digest:
                    other = given.trace / f"{result.seed}-again.txt"
                    other.write_text(again.trace, encoding="utf-8")
    print(f"\n{len(seeds)} seeds, {len(bad)} broken")
    return bool(bad)


def fast_folder() -> str | None:
    """Return a folder in memory, where there is one: no disk of this machine is in the story."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of texts must have the same order in every process.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
