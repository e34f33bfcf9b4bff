"""Entries of a journal -> rows of the tables. Pure: the same entries give the same rows.

Laws:
    1. Order: rows of a table and partition are in the order of the journal, so a block that is
       built again is cut at the same places.
    2. Nothing blocks: an entry that cannot be read, and a row that no column takes, becomes a
       Reject with its reason; everything else goes on.
    3. A charger's timestamp outside of the window around the time of receipt is replaced by the
       time of receipt (quality `absurd`), so a broken clock cannot make a thousand partitions.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from domain.events import decode_entry
from storage.analytical.blocks import Block, Built, Reject, RowBlock, Window
from storage.analytical.builder import Builder
from storage.analytical.facts import HANDLERS
from storage.analytical.samples import SampleBlock


class JournalRow(Protocol):
    """What is needed of a row of the journal."""

    @property
    def lsn(self) -> int:
        """Its number."""
        ...

    @property
    def committed_us(self) -> int:
        """When the commit that holds it began."""
        ...

    @property
    def blob(self) -> bytes:
        """An encoded domain.events.Entry."""
        ...


def build(
    journal: Iterable[JournalRow],
    places: Mapping[str, tuple[str, str]],
    window: Window,
    rows_max: int,
) -> Built:
    """Return the blocks of `journal`.

    Args:
        journal: rows in the order of their lsn.
        places: charger -> (tenant, site); a charger that is missing gets ('', '').
        window: the trusted window around the time of receipt.
        rows_max: rows of one block; a table and partition with more becomes several.
    """
    builder = Builder(places, window)
    count = 0
    for row in journal:
        count += 1
        builder.committed_us = row.committed_us
        _add(builder, row.lsn, row.blob)
    blocks: list[Block] = [
        SampleBlock(partition, part, columns, start, min(start + rows_max, len(columns.ts_us)))
        for partition, columns in builder.sample_columns.items()
        for part, start in enumerate(range(0, len(columns.ts_us), rows_max))
    ]
    blocks += [
        RowBlock(table, partition, part, rows[start : start + rows_max])
        for (table, partition), rows in builder.rows.items()
        for part, start in enumerate(range(0, len(rows), rows_max))
    ]
    return Built(blocks, builder.rejects, count)


def _add(builder: Builder, lsn: int, blob: bytes) -> None:
    """Turn one entry into rows."""
    try:
        entry = decode_entry(blob)
    except (msgspec.DecodeError, ValueError) as error:
        builder.rejects.append(Reject(lsn, 0, "", f"unreadable entry: {error}"[:500], blob))
        return
    place = builder.places.get(entry.charger, ("", ""))
    for event in entry.events:
        handler = HANDLERS.get(type(event))
        if handler is not None:
            handler(builder, lsn, entry, place, event)
