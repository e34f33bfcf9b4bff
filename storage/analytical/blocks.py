"""Blocks: rows of one table and one partition, and what became of rows that no column takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from storage.analytical.tables import Table


@dataclass(frozen=True)
class Window:
    """How far a charger's clock may be from ours, microseconds."""

    past_us: int
    future_us: int


class Block(Protocol):
    """Rows of one table and one partition (YYYYMM), to be inserted at once."""

    @property
    def table(self) -> Table:
        """Where they go."""
        ...

    @property
    def partition(self) -> int:
        """YYYYMM of all of them."""
        ...

    @property
    def part(self) -> int:
        """Number among the blocks of the same table and partition."""
        ...

    @property
    def name(self) -> str:
        """What distinguishes this block in its plan."""
        ...

    @property
    def count(self) -> int:
        """How many rows it has."""
        ...

    @property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        """The rows in the order of the table's columns; the last value of each is its lsn."""
        ...

    def arrow(self) -> pa.Table:
        """Return the columns; raises what Arrow raises when a value does not fit."""
        ...


@dataclass(frozen=True)
class RowBlock:
    """A block that is kept as rows."""

    table: Table
    partition: int
    part: int
    rows: Sequence[tuple[Any, ...]]

    @property
    def name(self) -> str:
        """What distinguishes this block in its plan."""
        return f"{self.table.name}:{self.partition}:{self.part}"

    @property
    def count(self) -> int:
        """How many rows it has."""
        return len(self.rows)

    def arrow(self) -> pa.Table:
        """Return the columns; raises what Arrow raises when a value does not fit."""
        return columns(self.table, self.rows)


@dataclass(frozen=True)
class Reject:
    """Something that cannot be stored. `ordinal` tells apart rejects of the same lsn."""

    lsn: int
    ordinal: int
    table: str
    reason: str
    body: bytes


@dataclass(frozen=True)
class Built:
    """What a stretch of the journal became."""

    blocks: list[Block]
    rejects: list[Reject]
    entries: int


def to_arrow(block: Block) -> tuple[pa.Table, list[Reject]]:
    """Return the block's columns, and the rows that do not fit them."""
    try:
        return block.arrow(), []
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        good, bad = [], []
        for ordinal, row in enumerate(block.rows):
            try:
                columns(block.table, [row])
                good.append(row)
            except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
                bad.append(reject(block, ordinal, row, str(error)))
        return columns(block.table, good), bad


def reject(block: Block, ordinal: int, row: tuple[Any, ...], reason: str) -> Reject:
    """Return the Reject of one row of a block; its body is the row as MessagePack."""
    return Reject(
        lsn=row[-1],
        ordinal=ordinal + 1,
        table=block.name,
        reason=reason[:500],
        body=msgspec.msgpack.encode(row[:-1], enc_hook=repr),
    )


def columns(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Return `rows` as columns; raises what Arrow raises when a value does not fit."""
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    arrays = []
    for (_, kind), values in zip(table.columns, columns, strict=False):
        if pa.types.is_dictionary(kind):
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, schema=table.schema)
