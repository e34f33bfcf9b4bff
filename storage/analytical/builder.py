"""Collects the rows of a stretch of the journal by table and partition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from domain.events import Entry, Fact, Sample, TimeQuality
from storage.analytical.blocks import Reject, Window
from storage.analytical.samples import Group, SampleColumns, SeriesBook
from storage.analytical.tables import Table

DAY_US = 86_400_000_000
SECOND_US = 1_000_000


class Builder:
    """Collects rows by table and partition."""

    def __init__(self, places: Mapping[str, tuple[str, str]], window: Window) -> None:
        self.rows: dict[tuple[Table, int], list[tuple[Any, ...]]] = {}
        self.sample_columns: dict[int, SampleColumns] = {}
        self._book = SeriesBook()
        self.rejects: list[Reject] = []
        self.committed_us = 0
        """Of the row of the journal that is being added."""
        self.places = places
        self._window = window
        self._months: dict[int, int] = {}

    def put(self, table: Table, at_us: int, row: tuple[Any, ...]) -> None:
        """Append `row` to the partition of `at_us`."""
        key = (table, self.month(at_us))
        rows = self.rows.get(key)
        if rows is None:
            rows = self.rows[key] = []
        rows.append(row)

    def month(self, at_us: int) -> int:
        """Return YYYYMM of an instant, UTC."""
        day = at_us // DAY_US
        month = self._months.get(day)
        if month is None:
            month = self._months[day] = month_of_day(day)
        return month

    def clamp(self, at_us: int, received_us: int, quality: str) -> tuple[int, str]:
        """Return the instant that is stored, and how far it can be trusted."""
        if received_us - self._window.past_us <= at_us <= received_us + self._window.future_us:
            return at_us, quality
        return received_us, TimeQuality.ABSURD if quality == TimeQuality.OK else quality

    def samples(
        self,
        lsn: int,
        entry: Entry,
        place: tuple[str, str],
        connector: int,
        transaction: int,
        samples: Sequence[Sample],
    ) -> None:
        """Append samples. The hot path: everything that is the same for an event is a local."""
        received_us = entry.received_us
        earliest = received_us - self._window.past_us
        latest = received_us + self._window.future_us
        numbers = self._book.numbers
        common = (
            *place,
            entry.charger,
            connector,
            transaction,
            received_us // SECOND_US,
            lsn,
        )
        day = None
        columns: SampleColumns | None = None
        for sample in samples:
            at_us = sample.at_us
            quality = sample.quality
            if not earliest <= at_us <= latest:
                at_us, quality = self.clamp(at_us, received_us, quality)
            if at_us // DAY_US != day:
                day = at_us // DAY_US
                month = self.month(at_us)
                found = self.sample_columns.get(month)
                if found is None:
                    found = self.sample_columns[month] = SampleColumns(self._book)
                if columns is not None and columns is not found:
                    columns.groups.append(Group(*common, len(columns.ts_us)))
                columns = found
            assert columns is not None
            value = sample.value
            text = sample.text
            if value - value != 0.0:
                text = text or repr(value)
                value = 0.0
            key = (
                sample.measurand,
                sample.phase,
                sample.location,
                sample.context,
                sample.unit,
                text,
                quality,
            )
            number, factor = numbers.get(key) or self._book.add(key)
            columns.series.append(number)
            columns.ts_us.append(at_us)
            columns.values.append(value * factor)
        if columns is not None:
            columns.groups.append(Group(*common, len(columns.ts_us)))


def month_of_day(day: int) -> int:
    """Return YYYYMM of the day that is `day` days after 1970-01-01 (proleptic Gregorian)."""
    # Days are counted from March, so the leap day is the last of its year.
    shifted = day + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_based = (5 * of_year + 2) // 153
    month = march_based + 3 if march_based < 10 else march_based - 9  # noqa: PLR2004 October on
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)  # noqa: PLR2004 January, February
    return year * 100 + month


Handler: TypeAlias = Callable[[Builder, int, Entry, tuple[str, str], Any], None]
"""Puts the rows of one event: (builder, lsn, entry, (tenant, site), event)."""
Handlers: TypeAlias = Mapping[type[Fact], Handler]
