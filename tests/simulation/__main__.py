"""`make simulate SEEDS=...`: tells the stories of seeds, a line each.

SEEDS: a count (200 is 1-200), a stretch (5-80), or a list (7,9,12). A seed that fails is told a
second time, which must be the same to the last step; then its trace is shown.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from tests.simulation.mutations import MUTATIONS
from tests.simulation.story import Result, Story
from tests.simulation.worlds import open_worlds

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
        "--broken", choices=MUTATIONS, default="", help="put this fault in; end when it is found"
    )
    parser.add_argument("--seconds", type=int, default=Story.BUSY_S, help="of trouble in a world")
    parser.add_argument("--trace", type=Path, help="write whole traces of failing seeds here")
    given = parser.parse_args(arguments)
    try:
        seeds = seeds_of(given.seeds)
    except ValueError as error:
        parser.error(f"SEEDS: {error}")
    bad: list[Result] = []
    with open_worlds(given.processes) as worlds:
        with contextlib.closing(worlds.tell(seeds, given.seconds, given.broken)) as results:
            for result in results:
                print(line_of(result), flush=True)
                if result.problem:
                    bad.append(result)
                    if given.broken:
                        break
        for result in bad:
            [again] = worlds.tell([result.seed], given.seconds, given.broken)
            _show(result, again, given.trace)
    print(f"\n{len(seeds)} seeds, {len(bad)} broken")
    return bool(bad)


def _show(result: Result, again: Result, folder: Path | None) -> None:
    same = "replays exactly" if again.digest == result.digest else "DOES NOT REPLAY"
    print(f"\nseed {result.seed}, step {result.steps}, {same}: {result.problem}")
    print("\n".join(line[:240] for line in result.trace.splitlines()[-TRACE_LINES:]))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{result.seed}.txt").write_text(result.trace, encoding="utf-8")
        if again.digest != result.digest:
            other = folder / f"{result.seed}-again.txt"
            other.write_text(again.trace, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
