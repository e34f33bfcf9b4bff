"""Processes that tell the stories of seeds, several at once."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

from tests.simulation.mutations import tell_broken
from tests.simulation.story import Result, make_template

NICENESS = 10
"""Stories need no real time: whatever else runs on this machine goes first."""


class Worlds:
    """A pool of processes, and the store that every node begins with; made by `open_worlds`."""

    def __init__(self, pool: ProcessPoolExecutor, folder: Path) -> None:
        self._pool = pool
        self._folder = folder
        self._template = make_template(folder)

    def tell(self, seeds: Iterable[int], seconds: int, broken: str = "") -> Iterator[Result]:
        """Tell the stories of seeds with so many seconds of trouble; yield them in order.

        `broken`: a name of MUTATIONS, put into each. Whoever leaves early ends it.
        """
        futures = [
            self._pool.submit(tell_broken, broken, seconds, seed, self._template, self._folder)
            for seed in seeds
        ]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@contextlib.contextmanager
def open_worlds(processes: int = os.cpu_count() or 1) -> Iterator[Worlds]:
    """Start processes in which sets of texts have the same order, and end them."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, PYTHONHASHSEED="0"))
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="csms-simulate-", dir=fast_folder())
        )
        pool = ProcessPoolExecutor(
            processes, get_context("spawn"), initializer=os.nice, initargs=(NICENESS,)
        )
        yield Worlds(stack.enter_context(pool), Path(folder))


def fast_folder() -> str | None:
    """Return a folder in memory, where there is one: no disk of this machine is in the story."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
