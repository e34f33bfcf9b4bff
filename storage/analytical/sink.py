"""Blocks into the engine, each exactly once.

Every insert carries a token made of the plan's token and the block's name. An insert whose
connection dropped may have been executed (the client replays some by itself), and one that timed
out may still land later: the engine drops whatever comes under a token that it has seen. A block is
at most one partition and few enough rows to be one block of the engine, which is what is atomic
there.

A token alone is not enough. Without replication the engine writes down the token first and puts the
part into its place after, so a kill in between burns the token: the block is not there, and the
same block under the same token is dropped for ever. So a block that is sent again is looked for
(it is there whole or not at all, a few of its rows are asked for); when it is still not there after
it was sent under its token, it is sent under a fresh one. On a cluster the token and the part are
one commit of Keeper, and a replica that lags would look like a loss: there the token is trusted.

The roll-up is another insert with a token of its own. After a block was sent again it is fed once
more: min, max and argMax do not change by that.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from domain.errors import Unavailable
from storage.analytical.blocks import Block, Reject, RowBlock, reject, to_arrow
from storage.analytical.client import INSERT_SETTINGS, is_embedded, plain_text
from storage.analytical.settings import WarehouseSettings
from storage.analytical.tables import INSTANT, SAMPLES, SECONDS

Arrow: TypeAlias = Any
"""A pyarrow.Table; pyarrow has no types."""

_PROBES = 8
"""Rows that are looked for. One would do, if no charger ever sent a sample twice in a second."""

DATA_IS_WRONG = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        469,  # VIOLATED_CONSTRAINT
    }
)
"""Codes that will be the same at the next attempt: the block has a row that cannot be stored. All
other errors mean that the engine is away, full or busy: wait and send the same again."""

_STREAM_SETTINGS: dict[str, Any] = {
    # One Arrow stream is one block of the engine, however many rows or bytes.
    "max_insert_block_size": 1 << 21,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
}


class Sink:
    """Inserts blocks through one client. For the client's thread.

    Args:
        client: has no default database.
        settings: database, and how far the engine can be trusted (see the module).
    """

    def __init__(self, client: Client, settings: WarehouseSettings) -> None:
        self._client = client
        self._database = settings.database
        self._looks = not settings.cluster
        self._settle_s = 0.0 if is_embedded(settings.dsn or "chdb:") else settings.settle_s

    def close(self) -> None:
        """Close the client. After an error: its state is not known."""
        self._client.close()

    def write(self, token: str, blocks: Sequence[Block], *, again: bool = False) -> list[Reject]:
        """Insert all blocks; return the rows that the engine will never take.

        Args:
            token: of the plan.
            blocks: of the plan, the same at every attempt.
            again: they may have been sent before, by anybody, and nobody knows what became of them.

        Raises:
            Unavailable: the engine is away, full or busy; nothing is known about the block that
                was under way, the ones before it are in.
        """
        try:
            return [
                bad
                for block in blocks
                for bad in self._write(f"{token}:{block.name}", block, again=again)
            ]
        except DatabaseError as error:
            raise Unavailable(
                f"the analytical store did not take it: {plain_text(error)}"
            ) from error
        except (ClickHouseError, OSError) as error:
            raise Unavailable(f"the analytical store is away: {plain_text(error)}") from error

    def _write(self, token: str, block: Block, *, again: bool) -> list[Reject]:
        arrow, rejects = to_arrow(block)
        left_out = {bad.ordinal - 1 for bad in rejects}
        if not left_out:
            return self._store(token, block, arrow, None, again=again)
        numbers = [number for number in range(block.count) if number not in left_out]
        if numbers:
            rows = block.rows
            good = RowBlock(
                block.table, block.partition, block.part, [rows[number] for number in numbers]
            )
            rejects += self._store(token, good, arrow, numbers, again=again)
        return rejects

    def _store(
        self, token: str, block: Block, arrow: Arrow, numbers: Sequence[int] | None, *, again: bool
    ) -> list[Reject]:
        """Store a block; one that the engine refuses is stored in halves, down to the bad rows.

        `numbers` are those of its rows in the block of the plan; None: it is that block. A refused
        block was not stored (it is atomic), and its token is never used for a part of it.
        """
        try:
            self._insert_once(token, block, arrow, again=again)
        except _Refused as refusal:
            rows = block.rows
            numbers = range(len(rows)) if numbers is None else numbers
            if len(rows) == 1:
                return [reject(block, numbers[0], rows[0], str(refusal))]
            rejects = []
            middle = (len(rows) + 1) // 2
            for part in (slice(None, middle), slice(middle, None)):
                half = RowBlock(block.table, block.partition, block.part, rows[part])
                name = f"{token}:{numbers[part][0]}-{numbers[part][-1]}"
                rejects += self._store(name, half, half.arrow(), numbers[part], again=again)
            return rejects
        return []

    def _insert_once(self, token: str, block: Block, arrow: Arrow, *, again: bool) -> None:
        if not (again and self._looks):
            self._insert(block.table.name, arrow, token)
            return
        if not self._is_in(block):
            self._insert(block.table.name, arrow, token)
            if not self._appears(block):
                self._insert(block.table.name, arrow, f"{token}:{secrets.token_hex(8)}")
        if block.table is SAMPLES:
            self._insert("samples_again", arrow, f"{token}:again:{secrets.token_hex(8)}")

    def _appears(self, block: Block) -> bool:
        """Whether the block is there, or comes soon: an earlier attempt may be about to end."""
        end = time.monotonic() + self._settle_s
        while not self._is_in(block):
            if time.monotonic() >= end:
                return False
            time.sleep(min(0.2, self._settle_s))
        return True

    def _is_in(self, block: Block) -> bool:
        """Whether some rows from all over the block are in the table."""
        rows = block.rows
        step = max(1, len(rows) // _PROBES)
        conditions, values = [], {}
        for probe, row in enumerate(rows[::step][:_PROBES]):
            equal = []
            for (name, kind), value in zip(block.table.columns, row, strict=False):
                if name in block.table.identity:
                    parameter = f"p{probe}_{name}"
                    equal.append(_equal(name, kind, parameter))
                    values[parameter] = value // 1_000 if kind == INSTANT else value
            conditions.append(f"({' AND '.join(equal)})")
        time_column = "ts" if "ts" in block.table.identity else "received_at"
        found = ", ".join(f"countIf({condition}) > 0" for condition in conditions)
        (answer,) = self._client.query(
            f"SELECT {found} FROM {self._database}.{block.table.name} "  # noqa: S608 names of ours
            f"WHERE toYYYYMM({time_column}) = {block.partition:d} AND ({' OR '.join(conditions)})",
            parameters=values,
        ).result_rows
        return all(answer)

    def _insert(self, table: str, arrow: Arrow, token: str) -> None:
        try:
            self._client.insert_arrow(
                f"{self._database}.{table}",
                arrow,
                settings={
                    **INSERT_SETTINGS,
                    **_STREAM_SETTINGS,
                    "insert_deduplication_token": token,
                },
            )
        except DatabaseError as error:
            if error.code in DATA_IS_WRONG:
                raise _Refused(plain_text(error)) from error
            raise


def _equal(name: str, kind: pa.DataType, parameter: str) -> str:
    """Return the condition that a column has the value of a parameter."""
    if kind == INSTANT:
        return f"toUnixTimestamp64Milli({name}) = {{{parameter}:Int64}}"
    if kind == SECONDS:
        return f"toUnixTimestamp({name}) = {{{parameter}:Int64}}"
    if pa.types.is_integer(kind):
        return f"{name} = {{{parameter}:Int64}}"
    return f"{name} = {{{parameter}:String}}"


class _Refused(Exception):
    """The engine says that the data is wrong."""
