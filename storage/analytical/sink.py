"""Blocks into the engine, each exactly once.

Every insert carries a token made of the plan's token and the block's name. An insert whose
connection dropped may have been executed (the client replays some by itself), and one that timed
out may still land later: the engine drops whatever comes under a token that it has seen. A block is
at most one partition and few enough rows to be one block of the engine, which is what is atomic
there.
"""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from domain.errors import Unavailable
from storage.analytical.client import INSERT_SETTINGS, plain_text
from storage.analytical.rows import Block, Reject, RowBlock, reject, to_arrow

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
    """Inserts blocks through one client. For the client's thread."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database

    def close(self) -> None:
        """Close the client. After an error: its state is not known."""
        self._client.close()

    def write(self, token: str, blocks: Sequence[Block]) -> list[Reject]:
        """Insert all blocks; return the rows that the engine will never take.

        May be called again with the same arguments whatever happened before.

        Raises:
            Unavailable: the engine is away, full or busy; nothing is known about the block that
                was under way, the ones before it are in.
        """
        rejects: list[Reject] = []
        for block in blocks:
            arrow, bad = to_arrow(block)
            rejects += bad
            if arrow.num_rows:
                try:
                    self._insert(block, arrow, f"{token}:{block.name}")
                except _Refused:
                    left_out = {r.ordinal - 1 for r in bad}
                    rows = [
                        (ordinal, row)
                        for ordinal, row in enumerate(block.rows)
                        if ordinal not in left_out
                    ]
                    rejects += self._halve(token, block, rows)
        return rejects

    def _halve(
        self, token: str, block: Block, rows: list[tuple[int, tuple[Any, ...]]]
    ) -> list[Reject]:
        """Insert a refused block in halves, each under a token of its own, down to the bad rows.

        The whole was not stored (a block is atomic), and its token is never used for a part.
        """
        rejects: list[Reject] = []
        middle = (len(rows) + 1) // 2
        for half in (rows[:middle], rows[middle:]):
            if not half:
                continue
            part = RowBlock(block.table, block.partition, block.part, [row for _, row in half])
            name = f"{token}:{block.name}:{half[0][0]}-{half[-1][0]}"
            try:
                self._insert(part, to_arrow(part)[0], name)
            except _Refused as error:
                if len(half) == 1:
                    rejects.append(reject(block, half[0][0], half[0][1], str(error)))
                else:
                    rejects += self._halve(token, block, half)
        return rejects

    def _insert(self, block: Block, arrow: Any, token: str) -> None:  # noqa: ANN401 pyarrow is untyped
        try:
            self._client.insert_arrow(
                f"{self._database}.{block.table.name}",
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
            raise Unavailable(
                f"the analytical store did not take it: {plain_text(error)}"
            ) from error
        except (ClickHouseError, OSError) as error:
            raise Unavailable(f"the analytical store is away: {plain_text(error)}") from error


class _Refused(Exception):
    """The engine says that the data is wrong."""
