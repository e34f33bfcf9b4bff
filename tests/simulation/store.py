"""A model of the analytical engine: what was inserted under which token."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from domain.errors import Unavailable
from storage.analytical.blocks import Block, Reject, to_arrow
from storage.analytical.tables import Table
from tests.simulation.world import SimulatedLoop, World


def identity(table: Table) -> Callable[[tuple[Any, ...]], str]:
    """Return what makes a row of a table the text that it is compared by.

    Where a charger is may be known later: it is left out.
    """
    names = [column[0] for column in table.columns]
    left_out = {names.index(name) for name in ("tenant", "site") if name in names}
    return lambda row: repr([v for n, v in enumerate(row) if n not in left_out])


class ModelSink:
    """Blocks by their tokens; a token that was seen is dropped (storage.analytical.sink).

    An insert may be executed and its answer lost: then the writer does not know.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_away = False
        self.answers_lost = 0.0
        self.tokens: dict[str, list[str]] = {}
        self.rows: dict[str, Counter] = {}
        """Table -> its rows."""

    def open(self) -> None:
        """Connect. Unavailable while it is away."""
        if self.is_away:
            raise Unavailable("the engine is away")

    def close(self) -> None:
        """Nothing is held."""

    def write(self, token: str, blocks: Sequence[Block], *, again: bool = False) -> list[Reject]:
        """Insert each block once."""
        del again
        rejects: list[Reject] = []
        for block in blocks:
            self.open()
            name = f"{token}:{block.name}"
            _, bad = to_arrow(block)
            rejects += bad
            left_out = {one.ordinal - 1 for one in bad}
            rows = [row for n, row in enumerate(block.rows) if n not in left_out]
            said = list(map(identity(block.table), rows))
            if name not in self.tokens:
                self.tokens[name] = said
                self.rows.setdefault(block.table.name, Counter()).update(said)
            elif self.tokens[name] != said:
                self.world.errors.append(f"block {name} was sent again with other rows")
            if self.world.dice.random() < self.answers_lost:
                raise Unavailable("the answer was lost")
        return rejects


class OneThread:
    """Stands for an executor of one thread."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def submit(self, work: Callable[[], object]) -> Future:
        future: Future = Future()
        future.set_result(None)
        self._loop.world.after(100, work, of=self._loop)
        return future

    def shutdown(self, **_how: object) -> None:
        """Nothing runs."""
