"""Journal entries to rows.

A batch is one transaction that also advances the journal's position, so an entry counts once,
whatever dies when. A batch is folded in memory first: a thousand meter values become one row per
charger and one per transaction. Samples are not stored here; ClickHouse has them.

An entry that cannot be decoded or stored is put into `quarantine` with the reason, and the rest
goes on. When the database is away nothing happened: apply the same rows again.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, Table, bindparam, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain import security_upgrade
from domain.commands import Outcome
from domain.errors import Unavailable
from domain.events import (
    CertificateRequested,
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerEnrolled,
    CommandFinished,
    CommandFollowed,
    ConnectionRefused,
    ConnectorStatusReported,
    DataTransferred,
    DeviceNoticed,
    DiagnosticsStatusReported,
    EnergyMeasured,
    Entry,
    Event,
    FirmwareStatusReported,
    HeartbeatReceived,
    LimitDecided,
    LogStatusReported,
    MessageExchanged,
    NoticeReported,
    SecurityEventReported,
    SecurityRaised,
    TimeQuality,
    TokenChecked,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStopped,
    VariablesReported,
    decode_entry,
)
from domain.records import ChargerRecord
from domain.text import clean
from storage.journal_reader import Row
from storage.relational import revisions
from storage.relational.engine import chunks, insert, is_refused_data, reading, upsert, writing
from storage.relational.registry import charger_record, charger_row
from storage.relational.tables import (
    certificate_requests,
    charger_states,
    chargers,
    commands,
    connectors,
    data_transfers,
    evse_limits,
    journal_positions,
    progress_reports,
    quarantine,
    refusals,
    security_events,
    transaction_aliases,
    transaction_stops,
    transactions,
)
from storage.relational.transactions import (
    OPEN,
    PROVISIONAL,
    Book,
    Needs,
    Stop,
    Transaction,
    TransactionEvent,
)

ENERGY: Final = "Energy.Active.Import.Register"
WH_PER_UNIT: Final = {"Wh": 1.0, "kWh": 1_000.0, "": 1.0}
METER_WH_MAX: Final = 1 << 53
TRUSTED: Final = (TimeQuality.OK, TimeQuality.NO_ZONE, TimeQuality.SKEWED)
RESET: Final = "Reset"
RESET_BOOT_US_MAX: Final = 600_000_000
"""A boot this long after an accepted Reset is taken to be its consequence."""
FUTURE_US_MAX: Final = 86_400_000_000
"""A charger's time further ahead than this (a day) does not count as newer than what follows."""


class ProjectorSettings(BaseModel):
    """Limits of the projection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_entries_max: int = Field(
        default=1_000, gt=0, description="Entries in one transaction; more make several."
    )
    rows_kept_max: int = Field(
        default=100_000,
        gt=0,
        description="Rows of each of: refusals, security events, data transfers, certificate "
        "requests, quarantine. Above it the oldest are deleted.",
    )
    trim_rows_step: int = Field(
        default=1_000,
        gt=0,
        description="New rows of such a table between two trims; it may be above its limit by "
        "so many.",
    )
    text_characters_max: int = Field(
        default=65_536,
        gt=0,
        description="Characters of a payload, answer or DataTransfer; the rest is cut off. The "
        "message log in ClickHouse has it whole.",
    )
    match_days: int = Field(
        default=30,
        gt=0,
        description="How old a running transaction may be for a stop without a usable number to "
        "be matched to it; such stops of older ones become orphans.",
    )


class Applied(NamedTuple):
    """What `apply` did: the position now, how many entries counted and how many were poison.

    `fed`: how many changes gateways must hear of.
    """

    lsn: int
    entries: int
    quarantined: int
    fed: int = 0


def _sum(first: Applied, then: Applied) -> Applied:
    return Applied(
        then.lsn,
        first.entries + then.entries,
        first.quarantined + then.quarantined,
        first.fed + then.fed,
    )


class Poison(NamedTuple):
    """A record that was put aside."""

    row: Row
    reason: str


class _Batch:
    """What a batch of entries comes down to: rows by table, last one wins."""

    def __init__(self, journal: str, text_max: int) -> None:
        self.journal = journal
        self.text_max = text_max
        self.lsn = 0
        self.nth = 0
        self.seen: dict[str, int] = {}
        self.boots: dict[str, dict[str, Any]] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.disconnections: list[dict[str, Any]] = []
        self.statuses: dict[tuple[str, int], dict[str, Any]] = {}
        self.meters: dict[tuple[str, int], tuple[int, int]] = {}
        self.finished: dict[str, dict[str, Any]] = {}
        self.followed: dict[str, dict[str, Any]] = {}
        self.progress: dict[tuple[str, str], dict[str, Any]] = {}
        self.limits: dict[tuple[str, str], dict[str, Any]] = {}
        self.enrolled: dict[str, str] = {}
        self.raised: dict[str, list[SecurityRaised]] = {}
        self.appended: dict[Table, list[dict[str, Any]]] = {}
        self.transactions: list[tuple[Entry, TransactionEvent]] = []

    def fold(self, lsn: int, entry: Entry) -> None:
        self.lsn = lsn
        self.nth = 0
        seen = False
        for event in entry.events:
            kind = type(event)
            _FOLDS[kind](self, entry, event)
            self.nth += 1
            seen = seen or kind not in _SILENT
        if seen and self.seen.get(entry.charger, 0) < entry.received_us:
            self.seen[entry.charger] = entry.received_us

    def text(self, value: str) -> str:
        return clean(value, self.text_max)

    def append(self, table: Table, entry: Entry, **values: object) -> None:
        """Add a row to a table that only grows. Its id follows from its place in the journal."""
        row = {
            "id": f"{self.journal}:{self.lsn}:{self.nth}",
            "charger": clean(entry.charger, 255),
            "received_us": entry.received_us,
            **values,
        }
        self.appended.setdefault(table, []).append(row)


def _order_us(at_us: int, quality: str, received_us: int) -> int:
    """Return the instant that decides which of two reports is newer."""
    if quality in TRUSTED and at_us <= received_us + FUTURE_US_MAX:
        return at_us
    return received_us


# ---- one function per kind of event -----------------------------------------------------------


def _nothing(_batch: _Batch, _entry: Entry, _event: Any) -> None:  # noqa: ANN401
    """The event is of no interest to this store."""


def _booted(batch: _Batch, entry: Entry, event: ChargerBooted) -> None:
    batch.boots[entry.charger] = {
        "charger": entry.charger,
        "vendor": clean(event.vendor, 255),
        "model": clean(event.model, 255),
        "serial": clean(event.serial, 255),
        "firmware": clean(event.firmware, 255),
        "iccid": clean(event.iccid, 255),
        "imsi": clean(event.imsi, 255),
        "meter_type": clean(event.meter_type, 255),
        "meter_serial": clean(event.meter_serial, 255),
        "box_serial": clean(event.box_serial, 255),
        "boot_reason": clean(event.reason, 255),
        "boot_status": event.status,
        "booted_us": entry.received_us,
    }


def _status(batch: _Batch, entry: Entry, event: ConnectorStatusReported) -> None:
    key = (entry.charger, event.connector)
    order_us = _order_us(event.at_us, event.quality, entry.received_us)
    before = batch.statuses.get(key)
    if before is not None and before["order_us"] > order_us:
        return
    batch.statuses[key] = {
        "charger": entry.charger,
        "connector": event.connector,
        "status": clean(event.status, 255),
        "error_code": clean(event.error_code, 255),
        "info": clean(event.info, 1_000),
        "vendor": clean(event.vendor, 255),
        "vendor_error": clean(event.vendor_error, 255),
        "at_us": event.at_us,
        "quality": event.quality,
        "received_us": entry.received_us,
        "order_us": order_us,
    }


def _measured(batch: _Batch, entry: Entry, event: EnergyMeasured) -> None:
    if event.transaction <= 0:
        return
    newest: tuple[int, int] | None = None
    for sample in event.samples:
        if sample.measurand != ENERGY or sample.phase or sample.text:
            continue
        value_wh = sample.value * WH_PER_UNIT.get(sample.unit, math.nan)
        if not abs(value_wh) < METER_WH_MAX:  # also false for what is no number
            continue
        at_us = _order_us(sample.at_us, sample.quality, entry.received_us)
        if newest is None or at_us >= newest[0]:
            newest = (at_us, round(value_wh))
    if newest is not None:
        key = (entry.charger, event.transaction)
        before = batch.meters.get(key)
        if before is None or before[0] <= newest[0]:
            batch.meters[key] = newest


def _transaction(batch: _Batch, entry: Entry, event: TransactionEvent) -> None:
    batch.transactions.append((entry, event))


def _connected(batch: _Batch, entry: Entry, event: ChargerConnected) -> None:
    before = batch.connections.get(entry.charger)
    if before is not None and before["generation"] > entry.generation:
        return
    batch.connections[entry.charger] = {
        "charger": entry.charger,
        "connected": True,
        "generation": entry.generation,
        "gateway": clean(event.gateway, 255),
        "remote": clean(event.remote, 255),
        "subprotocol": clean(event.subprotocol, 255),
        "connected_us": entry.received_us,
    }


def _disconnected(batch: _Batch, entry: Entry, event: ChargerDisconnected) -> None:
    batch.disconnections.append(
        {
            "key": entry.charger,
            "of_generation": entry.generation,
            "connected": False,
            "disconnected_us": entry.received_us,
            "close_code": event.code,
            "close_reason": clean(event.reason, 255),
        }
    )


def _finished(batch: _Batch, entry: Entry, event: CommandFinished) -> None:
    batch.finished[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "action": clean(event.action, 255),
        "payload": batch.text(event.payload),
        "outcome": event.outcome,
        "response": batch.text(event.response),
        "error_code": clean(event.error_code, 255),
        "error_text": clean(event.error_text, 1_000),
        "issued_by": clean(event.issued_by, 255),
        "queued_us": event.queued_us,
        "sent_us": event.sent_us,
        "finished_us": event.finished_us,
        "received_us": entry.received_us,
    }


def _followed(batch: _Batch, entry: Entry, event: CommandFollowed) -> None:
    batch.followed[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "follow_end": clean(event.end, 255),
        "follow_transaction": event.transaction,
        "follow_detail": clean(event.detail, 1_000),
        "followed_us": entry.received_us,
    }


def _limit(batch: _Batch, entry: Entry, event: LimitDecided) -> None:
    key = (clean(event.site, 255), clean(event.place, 255))
    before = batch.limits.get(key)
    if before is not None and before["at_us"] > event.at_us:
        return
    batch.limits[key] = {
        "site": key[0],
        "place": key[1],
        "charger": clean(entry.charger, 255),
        "evse": event.evse,
        "session": clean(event.session, 255),
        "standing_a": event.standing_a,
        "session_a": event.session_a,
        "charger_a": event.charger_a,
        "at_us": event.at_us,
    }


def _progress(kind: str) -> Callable[[_Batch, Entry, Any], None]:
    def fold(batch: _Batch, entry: Entry, event: Any) -> None:  # noqa: ANN401 three kinds
        batch.progress[entry.charger, kind] = {
            "charger": entry.charger,
            "kind": kind,
            "status": clean(event.status, 255),
            "request": getattr(event, "request", 0),
            "signed": getattr(event, "signed", False),
            "received_us": entry.received_us,
        }

    return fold


def _security(batch: _Batch, entry: Entry, event: SecurityEventReported) -> None:
    batch.append(
        security_events,
        entry,
        kind=clean(event.kind, 255),
        at_us=event.at_us,
        quality=event.quality,
        info=clean(event.info, 1_000),
    )


def _data(batch: _Batch, entry: Entry, event: DataTransferred) -> None:
    batch.append(
        data_transfers,
        entry,
        vendor=clean(event.vendor, 255),
        message=clean(event.message, 255),
        data=batch.text(event.data),
        status=event.status,
    )


def _certificate(batch: _Batch, entry: Entry, event: CertificateRequested) -> None:
    batch.append(
        certificate_requests,
        entry,
        csr=batch.text(event.csr),
        status=event.status,
        kind=clean(event.kind, 255),
        request=event.request,
    )


def _raised(batch: _Batch, entry: Entry, event: SecurityRaised) -> None:
    batch.raised.setdefault(entry.charger, []).append(event)


def _enrolled(batch: _Batch, entry: Entry, event: ChargerEnrolled) -> None:
    batch.enrolled.setdefault(entry.charger, event.network)


def _refused(batch: _Batch, entry: Entry, event: ConnectionRefused) -> None:
    batch.append(
        refusals,
        entry,
        path=clean(event.path, 1_000),
        remote=clean(event.remote, 255),
        status=event.status,
        reason=clean(event.reason, 255),
        detail=clean(event.detail, 1_000),
        subprotocols=clean(event.subprotocols, 255),
        user_agent=clean(event.user_agent, 255),
        tls=clean(event.tls, 255),
        authorization=clean(event.authorization, 255),
    )


_FOLDS: Final[Mapping[type[Event], Callable[[_Batch, Entry, Any], None]]] = {
    ChargerBooted: _booted,
    HeartbeatReceived: _nothing,
    ConnectorStatusReported: _status,
    EnergyMeasured: _measured,
    TokenChecked: _nothing,
    TransactionStarted: _transaction,
    TransactionStopped: _transaction,
    TransactionEndedProvisionally: _transaction,
    FirmwareStatusReported: _progress("firmware"),
    DiagnosticsStatusReported: _progress("diagnostics"),
    LogStatusReported: _progress("log"),
    SecurityEventReported: _security,
    DataTransferred: _data,
    CertificateRequested: _certificate,
    ChargerEnrolled: _enrolled,
    SecurityRaised: _raised,
    LimitDecided: _limit,
    ChargerConnected: _connected,
    ChargerDisconnected: _disconnected,
    ConnectionRefused: _refused,
    MessageExchanged: _nothing,
    CommandFinished: _finished,
    CommandFollowed: _followed,
    TransactionProgressed: _nothing,
    VariablesReported: _nothing,
    DeviceNoticed: _nothing,
    NoticeReported: _nothing,
}

_SILENT: Final = frozenset(
    {
        ChargerDisconnected,
        ConnectionRefused,
        MessageExchanged,
        CommandFinished,
        CommandFollowed,
        TransactionEndedProvisionally,
        LimitDecided,
    }
)
"""Events that do not prove that the charger was heard."""


class Projector:
    """Applies journal entries to the relational store. One at a time."""

    def __init__(
        self,
        engine: AsyncEngine,
        now_us: Callable[[], int],
        settings: ProjectorSettings | None = None,
        on_poison: Callable[[Poison], None] = lambda _poison: None,
        on_stored: Callable[[Sequence[Entry]], None] = lambda _entries: None,
    ) -> None:
        self._engine = engine
        self._now_us = now_us
        self._settings = settings or ProjectorSettings()
        self._on_poison = on_poison
        self._on_stored = on_stored
        """Called with the entries of each batch after its commit. Must not raise."""
        self._untrimmed: dict[Table, int] = {}

    async def position(self, journal: str) -> int:
        """Return the last lsn of the journal with this uuid that is projected; 0 when none.

        Raises:
            Unavailable: the database is away.
        """
        query = select(journal_positions.c.lsn).where(journal_positions.c.uuid == journal)
        async with reading(self._engine) as connection:
            return (await connection.execute(query)).scalar() or 0

    async def rewind(self, journal: str) -> None:
        """Forget how far a journal is projected: all that it has is projected again.

        Raises:
            Unavailable: the database is away.
        """
        async with writing(self._engine) as connection:
            mine = journal_positions.c.uuid == journal
            await connection.execute(journal_positions.delete().where(mine))

    async def apply(self, journal: str, rows: Sequence[Row], name: str = "") -> Applied:
        """Project `rows` of the journal with uuid `journal`; those that are already in are skipped.

        Returns what was done when all rows are committed.

        Raises:
            Unavailable: the database is away; some batches may be in. Apply the same rows again.
        """
        applied = Applied(0, 0, 0)
        for batch in chunks(rows, self._settings.batch_entries_max):
            done = await self._apply_or_split(journal, batch, name)
            applied = _sum(applied, done)
        return applied

    async def _apply_or_split(self, journal: str, rows: Sequence[Row], name: str) -> Applied:
        """Find the entry that cannot be stored by halving, and put it aside."""
        try:
            return await self._apply_batch(journal, rows, name, None)
        except Exception as error:
            if isinstance(error, (Unavailable, DBAPIError)) and not is_refused_data(error):
                raise
            if len(rows) == 1:
                reason = str(getattr(error, "orig", None) or error)
                return await self._apply_batch(journal, rows, name, reason)
        half = len(rows) // 2
        first = await self._apply_or_split(journal, rows[:half], name)
        second = await self._apply_or_split(journal, rows[half:], name)
        return _sum(first, second)

    async def _apply_batch(
        self, journal: str, rows: Sequence[Row], name: str, refused: str | None
    ) -> Applied:
        """Project one batch in one transaction; `refused`: quarantine it all, for this reason."""
        async with writing(self._engine) as connection:
            query = select(journal_positions.c.lsn).where(journal_positions.c.uuid == journal)
            before = (await connection.execute(query.with_for_update())).scalar() or 0
            rows = [row for row in rows if row.lsn > before]
            if not rows:
                return Applied(before, 0, 0)
            batch = _Batch(journal, self._settings.text_characters_max)
            poison: list[Poison] = []
            entries: list[Entry] = []
            for row in rows:
                try:
                    entry = decode_entry(row.blob)
                except (msgspec.DecodeError, ValueError, RecursionError) as error:
                    poison.append(Poison(row, f"not readable: {error}"))
                    continue
                if refused is None:
                    batch.fold(row.lsn, entry)
                    entries.append(entry)
                else:
                    poison.append(Poison(row, f"not storable: {refused}"))
            fed = await self._store(connection, batch)
            if poison:
                await self._put_aside(connection, journal, poison)
            position = {
                "uuid": journal,
                "name": name,
                "lsn": rows[-1].lsn,
                "updated_us": self._now_us(),
            }
            columns = ("name", "lsn", "updated_us")
            await connection.execute(upsert(connection, journal_positions, columns), [position])
        for put_aside in poison:
            self._on_poison(put_aside)
        self._on_stored(entries)
        return Applied(rows[-1].lsn, len(rows) - len(poison), len(poison), fed)

    # ---- writing --------------------------------------------------------------------------

    async def _store(self, connection: AsyncConnection, batch: _Batch) -> int:
        """Store what the batch says; return how many changes gateways must hear of."""
        # Rows are sorted by key, so that two writers of one PostgreSQL never lock crosswise.
        if batch.boots:
            columns = [name for name in _any(batch.boots) if name != "charger"]
            statement = upsert(connection, charger_states, columns, newer="booted_us")
            await connection.execute(statement, _sorted(batch.boots))
        if batch.connections:
            columns = [name for name in _any(batch.connections) if name != "charger"]
            statement = upsert(connection, charger_states, columns, newer="generation")
            await connection.execute(statement, _sorted(batch.connections))
        if batch.disconnections:
            await connection.execute(_DISCONNECT, batch.disconnections)
        if batch.seen:
            statement = upsert(connection, charger_states, ["last_seen_us"], newer="last_seen_us")
            seen = sorted(batch.seen.items())
            await connection.execute(
                statement, [{"charger": name, "last_seen_us": at_us} for name, at_us in seen]
            )
        if batch.statuses:
            columns = [n for n in _any(batch.statuses) if n not in {"charger", "connector"}]
            statement = upsert(connection, connectors, columns, newer="order_us")
            await connection.execute(statement, _sorted(batch.statuses))
        if batch.progress:
            columns = [n for n in _any(batch.progress) if n not in {"charger", "kind"}]
            statement = upsert(connection, progress_reports, columns, newer="received_us")
            await connection.execute(statement, _sorted(batch.progress))
        if batch.limits:
            columns = [n for n in _any(batch.limits) if n not in {"site", "place"}]
            statement = upsert(connection, evse_limits, columns, newer="at_us")
            await connection.execute(statement, _sorted(batch.limits))
        for rows in (batch.finished, batch.followed):
            if rows:
                columns = [name for name in _any(rows) if name != "id"]
                await connection.execute(upsert(connection, commands, columns), _sorted(rows))
        # After both: a Reset and the boot that it led to may stand in two gateways' journals.
        restarted = set(batch.boots)
        restarted.update(r["charger"] for r in batch.finished.values() if r["action"] == RESET)
        for names in chunks(sorted(restarted)):
            await connection.execute(_RESET_BOOTED.where(commands.c.charger.in_(names)))
        for table, appended in batch.appended.items():
            statement = insert(connection, table).on_conflict_do_nothing()
            await connection.execute(statement, appended)
            await self._trim(connection, table, len(appended))
        book = await self._book(connection, batch) if batch.transactions else None
        if book is not None:
            await _store_book(connection, book)
        if batch.meters:
            await _store_meters(connection, batch.meters)
        # The counter's row is locked from here to the commit: last, and not for long.
        feed = book.feed() if book is not None else []
        fed = await self._raise(connection, batch.raised) if batch.raised else 0
        if not feed and not batch.enrolled:
            return fed
        return fed + await self._number(connection, feed, batch.enrolled)

    async def _raise(
        self, connection: AsyncConnection, raised: Mapping[str, list[SecurityRaised]]
    ) -> int:
        """Let records follow what chargers have proved; return how many changed."""
        changed = []
        for names in chunks(sorted(raised)):
            query = select(chargers).where(chargers.c.id.in_(names), ~chargers.c.deleted)
            for row in await connection.execute(query):
                before = after = charger_record(row)
                for event in raised[row.id]:
                    after = security_upgrade.raised(after, event.profile, event.key)
                if after != before:
                    changed.append(charger_row(after))
        if changed:
            numbers = await revisions.take(connection, revisions.REVISION, len(changed))
            rows = [row | {"revision": n} for row, n in zip(changed, numbers, strict=True)]
            wanted = set(rows[0]) - {"id", "created_us"}
            await connection.execute(upsert(connection, chargers, wanted), rows)
        return len(changed)

    async def _book(self, connection: AsyncConnection, batch: _Batch) -> Book:
        """Load what the transaction events need, and apply them."""
        needs = Needs()
        for entry, event in batch.transactions:
            needs.add(entry, event)
        book = Book()
        columns = transactions.c
        since_us = min(entry.received_us for entry, _ in batch.transactions)
        since_us -= self._settings.match_days * 86_400_000_000
        for ids in chunks(sorted(needs.ids)):
            book.load(await _load(connection, select(transactions).where(columns.id.in_(ids))))
        for numbers in chunks(sorted(needs.numbers)):
            query = select(transactions).where(columns.number.in_(numbers))
            book.load(await _load(connection, query))
        for names in chunks(sorted(needs.chargers)):
            query = select(transactions).where(
                columns.charger.in_(names),
                columns.state.in_((OPEN, PROVISIONAL)),
                columns.start_received_us >= since_us,
            )
            book.load(await _load(connection, query))
        linked: set[str] = set()
        aliases: list[tuple[str, int, str]] = []
        for numbers in chunks(sorted(needs.numbers)):
            found = await connection.execute(
                select(transaction_aliases).where(transaction_aliases.c.number.in_(numbers))
            )
            aliases += [(row.charger, row.number, row.transaction) for row in found]
            linked.update(alias[2] for alias in aliases)
        for ids in chunks(sorted(needs.stops)):
            query = select(transaction_stops).where(transaction_stops.c.id.in_(ids))
            book.load_stops(await _rows(connection, query, Stop))
        for numbers in chunks(sorted(needs.started_numbers)):
            query = select(transaction_stops).where(
                transaction_stops.c.said_transaction.in_(numbers)
            )
            stops = await _rows(connection, query, Stop)
            book.load_stops(stops)
            linked.update(stop.transaction for stop in stops)
        for ids in chunks(sorted(book.missing(linked))):
            book.load(await _load(connection, select(transactions).where(columns.id.in_(ids))))
        book.load_aliases(aliases)
        for ids in chunks(sorted(book.guesses())):
            query = select(transaction_stops).where(transaction_stops.c.id.in_(ids))
            book.load_stops(await _rows(connection, query, Stop))
        for entry, event in batch.transactions:
            book.apply(entry, event)
        return book

    async def _number(
        self, connection: AsyncConnection, feed: list[Transaction], enrolled: Mapping[str, str]
    ) -> int:
        """Give what gateways must hear of its numbers in the change feed; return how many."""
        new: dict[str, str] = {}
        if enrolled:
            known: set[str] = set()
            for names in chunks(sorted(enrolled)):
                query = select(chargers.c.id).where(chargers.c.id.in_(names), ~chargers.c.deleted)
                known.update((await connection.execute(query)).scalars())
            new = {name: enrolled[name] for name in sorted(enrolled) if name not in known}
        if not feed and not new:
            return 0
        numbers = iter(await revisions.take(connection, revisions.REVISION, len(feed) + len(new)))
        if feed:
            await connection.execute(
                _NUMBER_TRANSACTION, [{"key": t.id, "new": next(numbers)} for t in feed]
            )
        if new:
            now_us = self._now_us()
            rows = [
                charger_row(ChargerRecord(id=name, security_profile=0, networks=(network,)))
                | {"created_us": now_us, "revision": next(numbers)}
                for name, network in new.items()
            ]
            await connection.execute(_BURY, [{"key": name} for name in new])
            # A charger whose id differs by case only from another one keeps having no record.
            statement = insert(connection, chargers).on_conflict_do_nothing()
            await connection.execute(statement, rows)
        return len(feed) + len(new)

    async def _trim(self, connection: AsyncConnection, table: Table, added: int) -> None:
        """Keep a growing table at its limit."""
        self._untrimmed[table] = self._untrimmed.get(table, 0) + added
        if self._untrimmed[table] < self._settings.trim_rows_step:
            return
        self._untrimmed[table] = 0
        oldest = (
            select(table.c.received_us)
            .order_by(table.c.received_us.desc())
            .offset(self._settings.rows_kept_max)
            .limit(1)
            .scalar_subquery()
        )
        await connection.execute(delete(table).where(table.c.received_us <= oldest))

    async def _put_aside(
        self, connection: AsyncConnection, journal: str, poison: Iterable[Poison]
    ) -> None:
        rows = [
            {
                "id": f"{journal}:{put_aside.row.lsn}",
                "journal": journal,
                "lsn": put_aside.row.lsn,
                "reason": clean(put_aside.reason, 1_000),
                "blob": put_aside.row.blob,
                "received_us": put_aside.row.committed_us,
            }
            for put_aside in poison
        ]
        await connection.execute(insert(connection, quarantine).on_conflict_do_nothing(), rows)
        await self._trim(connection, quarantine, len(rows))


# ---- statements ------------------------------------------------------------------------------

_DISCONNECT: Final = (
    update(charger_states)
    .where(
        charger_states.c.charger == bindparam("key"),
        charger_states.c.generation == bindparam("of_generation"),
    )
    .values(
        connected=bindparam("connected"),
        disconnected_us=bindparam("disconnected_us"),
        close_code=bindparam("close_code"),
        close_reason=bindparam("close_reason"),
    )
)

_BOOT_AFTER_RESET: Final = (
    select(charger_states.c.booted_us)
    .where(
        charger_states.c.charger == commands.c.charger,
        charger_states.c.booted_us > commands.c.finished_us,
        charger_states.c.booted_us <= commands.c.finished_us + RESET_BOOT_US_MAX,
    )
    .correlate(commands)
    .scalar_subquery()
)

_RESET_BOOTED: Final = (
    update(commands)
    .where(
        commands.c.action == RESET,
        commands.c.outcome == Outcome.ACCEPTED.value,
        commands.c.follow_end == "",
        _BOOT_AFTER_RESET.is_not(None),
    )
    .values(follow_end="booted", followed_us=_BOOT_AFTER_RESET)
)
"""A Reset ends the connection, and with it the actor that waited for the boot."""

_BURY: Final = delete(chargers).where(chargers.c.id == bindparam("key"), chargers.c.deleted)
"""Makes room for a charger that was deleted and is enrolled again."""

_NUMBER_TRANSACTION: Final = (
    update(transactions)
    .where(transactions.c.id == bindparam("key"))
    .values(revision=bindparam("new"))
)

_METER: Final = (
    update(transactions)
    .where(
        transactions.c.number == bindparam("of_number"),
        transactions.c.charger == bindparam("of_charger"),
        transactions.c.last_meter_us <= bindparam("new_us"),
    )
    .values(last_meter_wh=bindparam("new_wh"), last_meter_us=bindparam("new_us"))
)

_UNCHANGED: Final = ("id", "last_meter_wh", "last_meter_us", "revision")
"""Columns that a new event of a transaction never overwrites: see _store_meters and _number."""

Loaded = TypeVar("Loaded", bound=msgspec.Struct)


async def _rows(
    connection: AsyncConnection, query: Select[Any], kind: type[Loaded]
) -> list[Loaded]:
    return [kind(**row._mapping) for row in await connection.execute(query)]  # noqa: SLF001 public


async def _load(connection: AsyncConnection, query: Select[Any]) -> list[Transaction]:
    return await _rows(connection, query, Transaction)


async def _store_book(connection: AsyncConnection, book: Book) -> None:
    for ids in chunks(sorted(book.removed)):
        await connection.execute(delete(transactions).where(transactions.c.id.in_(ids)))
    if book.changed:
        columns = [c.name for c in transactions.columns if c.name not in _UNCHANGED]
        rows = [msgspec.structs.asdict(book.changed[key]) for key in sorted(book.changed)]
        await connection.execute(upsert(connection, transactions, columns), rows)
    if book.changed_stops:
        rows = [
            msgspec.structs.asdict(book.changed_stops[key]) for key in sorted(book.changed_stops)
        ]
        statement = upsert(connection, transaction_stops, ("transaction", "guessed"))
        await connection.execute(statement, rows)
    if book.new_aliases:
        rows = [
            {"charger": charger, "number": number, "transaction": name}
            for (charger, number), name in sorted(book.new_aliases.items())
        ]
        statement = upsert(connection, transaction_aliases, ["transaction"])
        await connection.execute(statement, rows)


async def _store_meters(
    connection: AsyncConnection, meters: Mapping[tuple[str, int], tuple[int, int]]
) -> None:
    """Note the last reading of each transaction, under its own number or an alias."""
    own: dict[tuple[str, int], int] = {}
    for numbers in chunks(sorted({number for _, number in meters})):
        found = await connection.execute(
            select(
                transaction_aliases.c.charger, transaction_aliases.c.number, transactions.c.number
            )
            .join(transactions, transactions.c.id == transaction_aliases.c.transaction)
            .where(transaction_aliases.c.number.in_(numbers))
        )
        own.update({(charger, alias): number for charger, alias, number in found})
    await connection.execute(
        _METER,
        [
            {
                "of_charger": key[0],
                "of_number": own.get(key, key[1]),
                "new_us": at_us,
                "new_wh": reading_wh,
            }
            for key, (at_us, reading_wh) in sorted(meters.items())
        ],
    )


def _any(rows: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    """Return one of the rows: all have the same columns."""
    return next(iter(rows.values()))


def _sorted(rows: Mapping[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    return [rows[key] for key in sorted(rows)]
