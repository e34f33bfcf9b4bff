"""Entries of a journal -> rows of the tables. Pure: the same entries give the same rows.

Laws:
    1. Order: rows of a table and partition are in the order of the journal, so a block that is
       built again is cut at the same places.
    2. Nothing blocks: an entry that cannot be read, and a row that no column takes, becomes a
       Reject with its reason; everything else goes on.
    3. A charger's timestamp outside of the window around the time of receipt is replaced by the
       time of receipt (quality `absurd`), so a broken clock cannot make a thousand partitions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from domain.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConnectionRefused,
    ConnectorStatusReported,
    EnergyMeasured,
    Entry,
    Fact,
    LimitDecided,
    MessageExchanged,
    Sample,
    SecurityEventReported,
    TimeQuality,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
    decode_entry,
)
from storage.analytical.samples import Group, SampleBlock, SampleColumns, SeriesBook
from storage.analytical.tables import (
    CONNECTIONS,
    LIMITS,
    MESSAGES,
    SECURITY,
    STATUSES,
    TRANSACTIONS,
    Table,
)

DAY_US = 86_400_000_000
SECOND_US = 1_000_000

NO_TRANSACTION = -1
"""Stands for "the charger said 0" in facts that do belong to a transaction."""


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
        return _columns(self.table, self.rows)


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
    builder = _Builder(places, window)
    count = 0
    for row in journal:
        count += 1
        builder.committed_us = row.committed_us
        builder.add(row.lsn, row.blob)
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


def to_arrow(block: Block) -> tuple[pa.Table, list[Reject]]:
    """Return the block's columns, and the rows that do not fit them."""
    try:
        return block.arrow(), []
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        good, bad = [], []
        for ordinal, row in enumerate(block.rows):
            try:
                _columns(block.table, [row])
                good.append(row)
            except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
                bad.append(reject(block, ordinal, row, str(error)))
        return _columns(block.table, good), bad


def reject(block: Block, ordinal: int, row: tuple[Any, ...], reason: str) -> Reject:
    """Return the Reject of one row of a block; its body is the row as MessagePack."""
    return Reject(
        lsn=row[-1],
        ordinal=ordinal + 1,
        table=block.name,
        reason=reason[:500],
        body=msgspec.msgpack.encode(row[:-1], enc_hook=repr),
    )


def _columns(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    arrays = []
    for (_, kind), values in zip(table.columns, columns, strict=False):
        if pa.types.is_dictionary(kind):
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, schema=table.schema)


class _Builder:
    """Collects rows by table and partition."""

    def __init__(self, places: Mapping[str, tuple[str, str]], window: Window) -> None:
        self.rows: dict[tuple[Table, int], list[tuple[Any, ...]]] = {}
        self.sample_columns: dict[int, SampleColumns] = {}
        self._book = SeriesBook()
        self.rejects: list[Reject] = []
        self.committed_us = 0
        """Of the row of the journal that is being added."""
        self._places = places
        self._window = window
        self._months: dict[int, int] = {}

    def add(self, lsn: int, blob: bytes) -> None:
        """Turn one entry into rows."""
        try:
            entry = decode_entry(blob)
        except (msgspec.DecodeError, ValueError) as error:
            self.rejects.append(Reject(lsn, 0, "", f"unreadable entry: {error}"[:500], blob))
            return
        place = self._places.get(entry.charger, ("", ""))
        for event in entry.events:
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, lsn, entry, place, event)

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
            month = self._months[day] = _month_of_day(day)
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


def _month_of_day(day: int) -> int:
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


def _energy(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: EnergyMeasured
) -> None:
    to.samples(lsn, entry, place, event.connector, event.transaction, event.samples)


def _message(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: MessageExchanged
) -> None:
    latency_us = event.latency_us
    if event.incoming and event.outcome == "result" and event.started_us:
        # The event was written before its commit, so it cannot say how long it waited for that.
        # A clock that went back meanwhile must not make it shorter.
        latency_us = max(latency_us, to.committed_us - event.started_us)
    to.put(
        MESSAGES,
        entry.received_us,
        (
            entry.received_us,
            *place,
            entry.charger,
            "in" if event.incoming else "out",
            event.action,
            event.uid,
            event.request,
            event.response,
            event.outcome,
            event.error_code,
            event.error_text,
            max(0, latency_us),
            event.flags,
            lsn,
        ),
    )


def _status(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ConnectorStatusReported
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        STATUSES,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.status,
            event.error_code,
            event.info,
            event.vendor,
            event.vendor_error,
            quality,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


def _connection(
    to: _Builder,
    lsn: int,
    entry: Entry,
    place: tuple[str, str],
    *,
    kind: str,
    remote: str = "",
    subprotocol: str = "",
    security_profile: int = 0,
    gateway: str = "",
    code: int = 0,
    reason: str = "",
    detail: str = "",
    path: str = "",
    user_agent: str = "",
    frames_in: int = 0,
    frames_out: int = 0,
) -> None:
    to.put(
        CONNECTIONS,
        entry.received_us,
        (
            entry.received_us,
            *place,
            entry.charger,
            entry.generation,
            kind,
            remote,
            subprotocol,
            security_profile,
            gateway,
            code,
            reason,
            detail,
            path,
            user_agent,
            frames_in,
            frames_out,
            lsn,
        ),
    )


def _connected(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ChargerConnected
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="connected",
        remote=event.remote,
        subprotocol=event.subprotocol,
        security_profile=event.security_profile,
        gateway=event.gateway,
    )


def _disconnected(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ChargerDisconnected
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="disconnected",
        code=event.code,
        reason=event.reason,
        frames_in=event.frames_in,
        frames_out=event.frames_out,
    )


def _refused(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ConnectionRefused
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="refused",
        remote=event.remote,
        subprotocol=event.subprotocols,
        code=event.status,
        reason=event.reason,
        detail=event.detail,
        path=event.path,
        user_agent=event.user_agent,
    )


def _started(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: TransactionStarted
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.transaction,
            event.transaction,
            "started",
            event.token,
            event.token_status,
            event.meter_start_wh,
            "",
            quality,
            event.flags,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


def _stopped(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: TransactionStopped
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    transaction = event.transaction or event.said_transaction or NO_TRANSACTION
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            0,
            transaction,
            event.said_transaction,
            "stopped",
            event.token,
            "",
            event.meter_stop_wh,
            event.reason,
            quality,
            event.flags,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )
    to.samples(lsn, entry, place, 0, transaction, event.samples)


def _ended(
    to: _Builder,
    lsn: int,
    entry: Entry,
    place: tuple[str, str],
    event: TransactionEndedProvisionally,
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, TimeQuality.OK)
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.transaction,
            event.transaction,
            "ended_provisionally",
            "",
            "",
            0,
            event.because,
            quality,
            (),
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


def _security(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: SecurityEventReported
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        SECURITY,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.kind,
            event.info,
            quality,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


_Handler = Callable[[_Builder, int, Entry, tuple[str, str], Any], None]


def _limit(
    to: _Builder, lsn: int, entry: Entry, place: tuple[str, str], event: LimitDecided
) -> None:
    to.put(
        LIMITS,
        event.at_us,
        (
            event.at_us,
            place[0],
            event.site,
            entry.charger,
            event.evse,
            event.place,
            event.session,
            event.limit_a,
            event.limit_w,
            event.binding,
            event.circuit,
            event.phase,
            event.source,
            event.told_a,
            event.ceiling_a,
            event.because,
            event.way,
            event.set_by,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


_HANDLERS: Mapping[type[Fact], _Handler] = {
    EnergyMeasured: _energy,
    MessageExchanged: _message,
    ConnectorStatusReported: _status,
    ChargerConnected: _connected,
    ChargerDisconnected: _disconnected,
    ConnectionRefused: _refused,
    TransactionStarted: _started,
    TransactionStopped: _stopped,
    TransactionEndedProvisionally: _ended,
    SecurityEventReported: _security,
    LimitDecided: _limit,
}
"""Facts that are not here are of no interest to analysts; the ledger has them."""
