"""Starts, stops and what is known of them: pure, for one batch of entries.

Laws:
    1. A start is known by its content key (charger, connector, started_raw, token,
       meter_start_wh). The same start under another number makes that number an alias.
    2. The first stop ends a transaction; later ones that differ are kept as evidence, and flagged.
    3. A provisional end is replaced by a real stop, never the other way round.
    4. A stop whose number says nothing (0, -1, unknown) goes to the only running transaction that
       it fits; else it becomes an `orphan`. A start that comes later under the number that the
       stop said takes the stop over: journals of two gateways are not read in step.
       A stop that names a transaction outweighs one that was guessed to be its.
    5. Every look-up is scoped by the charger.

`Book` holds what `projector` loaded for a batch and says afterwards what has changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from domain.events import (
    Entry,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
)
from domain.text import clean
from storage.relational.transaction_rows import (
    ENDED,
    OPEN,
    ORPHAN,
    PROVISIONAL,
    Stop,
    Transaction,
    TransactionEvent,
    start_id,
    stop_id,
)

SECOND_STOP: Final = "second_stop"
GUESSED_STOP: Final = "guessed_stop"

CLOCK_SLACK_US: Final = 300_000_000
"""How far a stop's time may lie before a start's and still fit: two clocks, or a time sync."""


def _follows(later: Transaction, earlier: Transaction) -> bool:
    """Tell whether `later` occupies the connector that `earlier` had."""
    return (
        later.connector == earlier.connector > 0
        and later.start_received_us >= earlier.start_received_us
        and later is not earlier
    )


def _is_same(one: Stop, other: Stop) -> bool:
    """Tell whether two stops are one, said with and without its number."""
    return (one.stopped_raw, one.meter_stop_wh) == (other.stopped_raw, other.meter_stop_wh)


class Book:
    """The transactions of one batch. Load, apply the events in order, take what changed."""

    def __init__(self) -> None:
        self.removed: set[str] = set()
        self.changed: dict[str, Transaction] = {}
        self.changed_stops: dict[str, Stop] = {}
        self.new_aliases: dict[tuple[str, int], str] = {}
        self._by_id: dict[str, Transaction] = {}
        self._by_number: dict[tuple[str, int], Transaction] = {}
        self._running: dict[str, dict[str, Transaction]] = defaultdict(dict)
        self._stops: dict[str, Stop] = {}
        self._stops_by_number: dict[tuple[str, int], dict[str, Stop]] = defaultdict(dict)
        self._was_active: dict[str, bool] = {}
        self._by_said: dict[tuple[str, str], Transaction] = {}

    # ---- loading --------------------------------------------------------------------------

    def load(self, transactions: Iterable[Transaction]) -> None:
        """Take stored transactions; those already here stay."""
        for transaction in transactions:
            if transaction.id not in self._by_id:
                self._was_active[transaction.id] = transaction.state == OPEN
                self.keep(transaction)

    def load_stops(self, stops: Iterable[Stop]) -> None:
        """Take stored stops."""
        for stop in stops:
            self.keep_stop(stop)

    def load_aliases(self, aliases: Iterable[tuple[str, int, str]]) -> None:
        """Take stored aliases: charger, number, id of the transaction (loaded before)."""
        for charger, number, transaction in aliases:
            found = self._by_id.get(transaction)
            if found is not None:
                self._by_number.setdefault((charger, number), found)

    def missing(self, ids: Iterable[str]) -> set[str]:
        """Return those ids that are not loaded."""
        return {name for name in ids if name and name not in self._by_id}

    def guesses(self) -> set[str]:
        """Return the stops by which loaded transactions ended, as far as they were guessed."""
        return {t.stop for t in self._by_id.values() if GUESSED_STOP in t.flags}

    # ---- events ---------------------------------------------------------------------------

    def apply(self, entry: Entry, event: TransactionEvent) -> None:
        """Apply one event of 1.6; those of 2.x: `storage.relational.progress`."""
        if isinstance(event, TransactionStarted):
            self._start(entry, event)
        elif isinstance(event, TransactionStopped):
            self._stop(entry, event)
        elif isinstance(event, TransactionEndedProvisionally):
            self._end_provisionally(entry, event)

    def _start(self, entry: Entry, event: TransactionStarted) -> None:
        charger = entry.charger
        name = start_id(charger, event)
        transaction = self._by_id.get(name)
        if transaction is None:
            transaction = Transaction(
                id=name,
                charger=charger,
                number=event.transaction,
                connector=event.connector,
                token=clean(event.token),
                token_status=event.token_status,
                reservation=event.reservation,
                started_us=event.at_us,
                started_raw=clean(event.started_raw),
                start_quality=event.quality,
                start_received_us=entry.received_us,
                meter_start_wh=event.meter_start_wh,
                last_meter_wh=event.meter_start_wh,
            )
            transaction.flag(*event.flags)
            self._was_active[name] = False
            self._end_predecessors(transaction)
            self.keep(transaction)
            self.changed[name] = transaction
        elif transaction.number != event.transaction:
            key = (charger, event.transaction)
            if self._by_number.get(key) is not transaction:
                self._by_number[key] = transaction
                self.new_aliases[key] = name
        self._take_over(transaction, event.transaction)

    def _end_predecessors(self, started: Transaction) -> None:
        """A connector has one transaction: an older one that is still open has lost its stop."""
        for other in list(self._running[started.charger].values()):
            if other.state == OPEN and _follows(started, other):
                self.lose_stop(other, started)

    def lose_stop(self, transaction: Transaction, following: Transaction) -> None:
        """End a transaction provisionally, where the next one of its connector begins."""
        transaction.state = PROVISIONAL
        transaction.ended_us = following.started_us
        transaction.ended_because = "next_start"
        self.note(transaction)

    def _take_over(self, transaction: Transaction, number: int) -> None:
        """Give a start the stops that named its number before it was known (law 4)."""
        for stop in list(self._stops_by_number[transaction.charger, number].values()):
            if not stop.guessed or stop.transaction == transaction.id:
                continue
            holder = self._by_id.get(stop.transaction)
            if holder is not None and holder.state == ORPHAN:
                self._forget(holder)
            elif holder is not None and holder.stop == stop.id:
                self._reopen(holder)
            stop.guessed = False
            self.end(transaction, stop, ())

    def _stop(self, entry: Entry, event: TransactionStopped) -> None:
        charger = entry.charger
        name = stop_id(charger, event)
        if name in self._stops:
            return
        stop = Stop(
            id=name,
            charger=charger,
            said_transaction=event.said_transaction,
            at_us=event.at_us,
            stopped_raw=clean(event.stopped_raw),
            quality=event.quality,
            received_us=entry.received_us,
            meter_stop_wh=event.meter_stop_wh,
            token=clean(event.token),
            reason=clean(event.reason, 100),
        )
        transaction = self.named(charger, event.transaction, event.said_transaction)
        if transaction is None:
            self._guess(stop, event.flags)
            return
        guess = self._stops.get(transaction.stop)
        self.end(transaction, stop, event.flags)
        if guess is not None and guess.guessed and not _is_same(guess, stop):
            self._outweigh(transaction, stop, guess)

    def _guess(self, stop: Stop, flags: Sequence[str]) -> None:
        """Give a stop to the only running transaction that it fits, else make it an orphan."""
        stop.guessed = True
        transaction = self._fitting(stop)
        if transaction is not None:
            self.end(transaction, stop, flags)
            return
        orphan = Transaction(
            id=stop.id,
            charger=stop.charger,
            token=stop.token,
            start_quality="missing",
            start_received_us=stop.received_us,
            last_meter_wh=stop.meter_stop_wh,
        )
        self._was_active[stop.id] = False
        self.end(orphan, stop, flags)
        orphan.state = ORPHAN
        self.keep(orphan)

    def _outweigh(self, transaction: Transaction, stop: Stop, guess: Stop) -> None:
        """End a transaction by the stop that names it; what ended it was another's."""
        transaction.unflag(GUESSED_STOP)
        transaction.unflag(SECOND_STOP)
        transaction.state = PROVISIONAL
        self.end(transaction, stop, ())
        self._guess(guess, ())

    def named(self, charger: str, *numbers: int) -> Transaction | None:
        """Return the transaction of the first number that is known."""
        for number in numbers:
            found = self._by_number.get((charger, number)) if number > 0 else None
            if found is not None:
                return found
        return None

    def _fitting(self, stop: Stop) -> Transaction | None:
        """Return the only running transaction of the charger that `stop` can belong to."""
        fitting = [
            transaction
            for transaction in self._running[stop.charger].values()
            if transaction.meter_start_wh <= stop.meter_stop_wh
            and transaction.started_us <= stop.at_us + CLOCK_SLACK_US
            and transaction.start_received_us <= stop.received_us + CLOCK_SLACK_US
        ]
        if stop.token:
            same = [t for t in fitting if t.token.casefold() == stop.token.casefold()]
            # Somebody else may stop a transaction (1.6 section 4.10), if there is only one.
            fitting = same or (fitting if len(fitting) == 1 else [])
        if len(fitting) > 1:
            fitting = [t for t in fitting if t.state == OPEN]
        return fitting[0] if len(fitting) == 1 else None

    def end(self, transaction: Transaction, stop: Stop, flags: Sequence[str]) -> None:
        """End a transaction, or keep one more stop of it as evidence."""
        stop.transaction = transaction.id
        self.keep_stop(stop)
        self.changed_stops[stop.id] = stop
        transaction.flag(*flags)
        if transaction.state in {OPEN, PROVISIONAL}:
            transaction.state = ENDED
            transaction.ended_because = "stop"
            transaction.ended_us = stop.at_us
            transaction.stopped_raw = stop.stopped_raw
            transaction.stop_quality = stop.quality
            transaction.stop_received_us = stop.received_us
            transaction.meter_stop_wh = stop.meter_stop_wh
            transaction.stop_token = stop.token
            transaction.stop_reason = stop.reason
            transaction.stop = stop.id
            if stop.guessed:
                transaction.flag(GUESSED_STOP)
        else:
            transaction.flag(SECOND_STOP)
        self.note(transaction)

    def _reopen(self, transaction: Transaction) -> None:
        transaction.state = OPEN
        transaction.ended_us = transaction.stop_received_us = transaction.meter_stop_wh = 0
        transaction.ended_because = transaction.stopped_raw = transaction.stop_quality = ""
        transaction.stop_token = transaction.stop_reason = transaction.stop = ""
        transaction.unflag(GUESSED_STOP)
        for later in self._running[transaction.charger].values():
            if later.state == OPEN and _follows(later, transaction):
                self.lose_stop(transaction, later)
                return
        self._end_predecessors(transaction)
        self.note(transaction)

    def _end_provisionally(self, entry: Entry, event: TransactionEndedProvisionally) -> None:
        transaction = self.named(entry.charger, event.transaction)
        if transaction is not None and transaction.state == OPEN:
            transaction.state = PROVISIONAL
            transaction.ended_us = event.at_us
            transaction.ended_because = event.because
            self.note(transaction)

    # ---- for events of 2.x ----------------------------------------------------------------

    def said(self, charger: str, said: str) -> Transaction | None:
        """Return the newest transaction that the charger calls so."""
        return self._by_said.get((charger, clean(said)))

    def begin(self, transaction: Transaction) -> None:
        """Take a new transaction."""
        self._was_active[transaction.id] = False
        self.keep(transaction)

    def alias(self, charger: str, number: int, transaction: Transaction) -> None:
        """Note a further number of a transaction."""
        key = (charger, number)
        if number > 0 and self._by_number.get(key) is not transaction:
            self._by_number[key] = transaction
            self.new_aliases[key] = transaction.id

    def has_stop(self, name: str) -> bool:
        """Return whether a stop is known."""
        return name in self._stops

    def running_on(self, transaction: Transaction) -> list[Transaction]:
        """Return the open transactions of a transaction's connector, besides itself."""
        return [
            other
            for other in self._running[transaction.charger].values()
            if other.state == OPEN
            and other.connector == transaction.connector > 0
            and other is not transaction
        ]

    # ---- what changed ---------------------------------------------------------------------

    def feed(self) -> list[Transaction]:
        """Return the changed transactions that began or ceased to run: the feed tells gateways."""
        return [
            transaction
            for transaction in self.changed.values()
            if transaction.number is not None
            and (transaction.state == OPEN) != self._was_active[transaction.id]
        ]

    def note(self, transaction: Transaction) -> None:
        """Mark a transaction as changed."""
        self.changed[transaction.id] = transaction
        if transaction.state in {OPEN, PROVISIONAL}:
            self._running[transaction.charger][transaction.id] = transaction
        else:
            self._running[transaction.charger].pop(transaction.id, None)

    def keep(self, transaction: Transaction) -> None:
        """Let a transaction be found."""
        self._by_id[transaction.id] = transaction
        if transaction.said:
            key = (transaction.charger, transaction.said)
            newest = self._by_said.get(key)
            if newest is None or newest.started_us <= transaction.started_us:
                self._by_said[key] = transaction
        if transaction.number is not None:
            self._by_number[transaction.charger, transaction.number] = transaction
        if transaction.state in {OPEN, PROVISIONAL}:
            self._running[transaction.charger][transaction.id] = transaction

    def keep_stop(self, stop: Stop) -> None:
        """Let a stop be found."""
        self._stops[stop.id] = stop
        if stop.said_transaction > 0:
            self._stops_by_number[stop.charger, stop.said_transaction][stop.id] = stop

    def _forget(self, transaction: Transaction) -> None:
        self._by_id.pop(transaction.id, None)
        self.changed.pop(transaction.id, None)
        self.removed.add(transaction.id)
