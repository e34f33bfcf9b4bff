"""Samples as columns: nine tenths of all rows go through here, so no tuple a row is made.

What is the same for all samples of one event (charger, connector, received_at, ...) is kept once,
with the number of its rows, and spread out by Arrow. What says of which series a sample is
(measurand, phase, unit, ...) is a number in a dictionary that a stretch of the journal shares.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from storage.analytical.tables import SAMPLES, Table

UNITS: Final[dict[str, tuple[str, float]]] = {
    "kWh": ("Wh", 1000.0),
    "kvarh": ("varh", 1000.0),
    "kVAh": ("VAh", 1000.0),
    "kW": ("W", 1000.0),
    "kvar": ("var", 1000.0),
    "kVA": ("VA", 1000.0),
}
"""Unit as sent -> unit as stored, factor. A measurand has one unit, so views need not convert."""


class Series(NamedTuple):
    """What a sample is of."""

    measurand: str
    phase: str
    location: str
    context: str
    unit: str
    text: str
    quality: str


class Group(NamedTuple):
    """What all samples of one event have in common. `end` is the row after its last one."""

    tenant: str
    site: str
    charger: str
    connector: int
    transaction: int
    received_s: int
    lsn: int
    end: int


class SeriesBook:
    """Numbers of series, in the order of their first appearance."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, ...], tuple[int, float]] = {}
        """As sent -> number, factor of the value."""
        self.series: list[Series] = []

    def add(self, key: tuple[str, ...]) -> tuple[int, float]:
        """Give a series that is not in `numbers` its number."""
        series = Series(*key)
        unit, factor = UNITS.get(series.unit, (series.unit, 1.0))
        number = self.numbers[key] = (len(self.series), factor)
        self.series.append(series._replace(unit=unit))
        return number


@dataclass
class SampleColumns:
    """The samples of one partition, in the order of the journal."""

    book: SeriesBook
    series: "array[int]" = field(default_factory=lambda: array("i"))
    ts_us: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    groups: list[Group] = field(default_factory=list)

    def row(self, number: int) -> tuple[Any, ...]:
        """Return one row in the order of the table's columns, and its lsn."""
        group = self.groups[bisect_right(self.groups, number, key=lambda group: group.end)]
        series = self.book.series[self.series[number]]
        return (
            group.tenant,
            group.site,
            series.measurand,
            group.charger,
            group.connector,
            series.phase,
            series.location,
            series.context,
            self.ts_us[number],
            self.values[number],
            series.unit,
            group.transaction,
            series.text,
            series.quality,
            group.received_s,
            group.lsn,
        )

    def arrow(self, start: int, stop: int) -> pa.Table:
        """Return the rows from `start` to before `stop` as the columns of the table.

        Raises:
            pa.ArrowException, OverflowError: a value does not fit its column.
        """
        first = bisect_right(self.groups, start, key=lambda group: group.end)
        last = bisect_right(self.groups, stop - 1, key=lambda group: group.end)
        groups = self.groups[first : last + 1]
        ends = [min(group.end, stop) - start for group in groups]
        spread = pc.run_end_decode(
            pa.RunEndEncodedArray.from_arrays(
                pa.array(ends, pa.int32()), pa.array(range(len(groups)), pa.int32())
            )
        )
        number = _wrap(self.series, pa.int32())[start:stop]

        def of_group(values: Sequence[object], kind: pa.DataType) -> pa.Array:
            return pa.array(values, kind).take(spread)

        def of_series(values: Sequence[str]) -> pa.Array:
            return pa.array(values, pa.string()).dictionary_encode().take(number)

        series = self.book.series
        columns = {
            "tenant": of_group([group.tenant for group in groups], pa.string()).dictionary_encode(),
            "site": of_group([group.site for group in groups], pa.string()).dictionary_encode(),
            "measurand": of_series([kind.measurand for kind in series]),
            "charger": of_group([group.charger for group in groups], pa.string()),
            "connector": of_group([group.connector for group in groups], pa.uint16()),
            "phase": of_series([kind.phase for kind in series]),
            "location": of_series([kind.location for kind in series]),
            "context": of_series([kind.context for kind in series]),
            "ts": _wrap(self.ts_us, pa.timestamp("us", tz="UTC"))[start:stop],
            "value": _wrap(self.values, pa.float64())[start:stop],
            "unit": of_series([kind.unit for kind in series]),
            "transaction": of_group([group.transaction for group in groups], pa.int32()),
            "text": pa.array([kind.text for kind in series], pa.string()).take(number),
            "quality": of_series([kind.quality for kind in series]),
            "received_at": of_group([group.received_s for group in groups], pa.uint32()),
        }
        return pa.Table.from_arrays(
            [columns[name] for name, _ in SAMPLES.columns], schema=SAMPLES.schema
        )


@dataclass(frozen=True)
class SampleBlock:
    """A block of samples: rows `start` to before `stop` of a partition's columns."""

    partition: int
    part: int
    columns: SampleColumns
    start: int
    stop: int

    @property
    def table(self) -> Table:
        """The table of samples."""
        return SAMPLES

    @property
    def name(self) -> str:
        """What distinguishes this block in its plan."""
        return f"{SAMPLES.name}:{self.partition}:{self.part}"

    @property
    def count(self) -> int:
        """How many rows it has."""
        return self.stop - self.start

    @property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        """The rows as tuples, made now: for the few blocks that have a bad one."""
        return [self.columns.row(number) for number in range(self.start, self.stop)]

    def arrow(self) -> pa.Table:
        """Return its columns; raises what Arrow raises when a value does not fit."""
        return self.columns.arrow(self.start, self.stop)


def _wrap(values: "array[Any]", kind: pa.DataType) -> pa.Array:
    """Return the array as an Arrow one, without a copy."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
