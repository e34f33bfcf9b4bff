"""Events of transactions of OCPP 2.x: pure, for one batch of entries.

Laws:
    1. A transaction is known by (charger, said); the first number that an event of it had is its
       number, others are aliases. A start after the end of the transaction that had the same id
       is another transaction: some chargers count anew after a reset.
    2. An event is known by (charger, said, seq): what comes twice changes nothing.
    3. Events come in any order. Begin and end are those of Started and Ended, whenever they come;
       until Started has come its first event stands for it (`no_start`).
    4. The first Ended ends it; later ones that differ are kept as evidence, and flagged.
    5. What is missing between the first and the last event is counted (`missing`, `gap`); when the
       charger says that it has nothing more to send, it stays missing (`messages_lost`).
"""

from typing import Final

from domain import sequences
from domain.events import Entry, TransactionProgressed, TransactionStatusTold
from domain.text import clean
from storage.relational.transaction_rows import (
    ENDED,
    OPEN,
    ORPHAN,
    PROVISIONAL,
    Stop,
    Transaction,
    end_id,
    said_id,
)
from storage.relational.transactions import Book

NO_START: Final = "no_start"
GAP: Final = "gap"
MESSAGES_LOST: Final = "messages_lost"
SECOND_START: Final = "second_start"
SAID_AGAIN: Final = "said_again"
METER_GUESSED: Final = "meter_start_guessed"
MOMENTARY: Final = frozenset({"sent_again", "after_ended"})
"""Flags of an event that say nothing about its transaction."""


def progressed(book: Book, entry: Entry, event: TransactionProgressed) -> None:
    """Apply one TransactionEvent."""
    transaction = _transaction(book, entry, event)
    ranges = transaction.ranges
    is_newest = not ranges or event.seq >= ranges[-1][1]
    transaction.ranges = sequences.insert(ranges, event.seq)
    if transaction.missing:
        transaction.flag(GAP)
    else:
        transaction.unflag(GAP, MESSAGES_LOST)
    transaction.flag(*(name for name in event.flags if name not in MOMENTARY))
    transaction.offline = transaction.offline or event.offline
    transaction.connector = event.connector or transaction.connector
    transaction.plug = event.plug or transaction.plug
    transaction.remote_start = event.remote_start or transaction.remote_start
    transaction.reservation = event.reservation or transaction.reservation
    transaction.seconds_charging = max(transaction.seconds_charging, event.seconds_charging)
    if is_newest:
        transaction.charging_state = clean(event.state, 255) or transaction.charging_state
        if event.cost >= 0:
            transaction.cost = event.cost
    if event.kind == "Started":
        _start(transaction, event)
    _token(transaction, event)
    _meter(transaction, event)
    if event.kind == "Ended":
        _end(book, entry, transaction, event)
    elif transaction.state == PROVISIONAL and event.at_us > transaction.ended_us:
        _reopen(transaction)
    if transaction.state == OPEN:
        _settle_connector(book, transaction)
    book.note(transaction)


def status_told(book: Book, entry: Entry, event: TransactionStatusTold) -> None:
    """Note that what is missing will never come."""
    transaction = book.said(entry.charger, event.said)
    if transaction is not None and transaction.missing and not event.queued:
        transaction.flag(MESSAGES_LOST)
        book.note(transaction)


def _transaction(book: Book, entry: Entry, event: TransactionProgressed) -> Transaction:
    charger = entry.charger
    found = book.named(charger, event.transaction)
    if found is not None and found.said == clean(event.said):
        return found
    newest = book.said(charger, event.said)
    if newest is not None and not _is_another(newest, event):
        book.alias(charger, event.transaction, newest)
        return newest
    name = said_id(charger, event.said, event.at_us if newest is not None else 0)
    transaction = Transaction(
        id=name,
        charger=charger,
        number=event.transaction,
        said=clean(event.said),
        started_us=event.at_us,
        start_quality="missing",
        start_received_us=entry.received_us,
    )
    transaction.flag(NO_START)
    if newest is not None:
        transaction.flag(SAID_AGAIN)
    book.begin(transaction)
    return transaction


def _is_another(known: Transaction, event: TransactionProgressed) -> bool:
    return (
        event.kind == "Started"
        and known.state == ENDED
        and event.at_us > known.ended_us
        and not sequences.holds(known.ranges, event.seq)
    )


def _start(transaction: Transaction, event: TransactionProgressed) -> None:
    if NO_START not in transaction.flags:
        if transaction.started_us != event.at_us:
            transaction.flag(SECOND_START)
        return
    transaction.unflag(NO_START)
    transaction.started_us = event.at_us
    transaction.started_raw = str(event.seq)
    transaction.start_quality = event.quality
    transaction.start_trigger = clean(event.trigger, 255)
    if transaction.state == ORPHAN:
        transaction.state = ENDED


def _token(transaction: Transaction, event: TransactionProgressed) -> None:
    """Take the first token that is shown to charge, not the one that is shown to stop."""
    if event.kind == "Ended" or event.trigger in {"StopAuthorized", "Deauthorized"}:
        return
    if (event.token or event.token_kind) and not transaction.token_kind:
        transaction.token = clean(event.token)
        transaction.token_kind = clean(event.token_kind, 255)
        transaction.token_status = event.token_status


def _meter(transaction: Transaction, event: TransactionProgressed) -> None:
    """The register at Started; as long as there is none, the earliest that was told."""
    if event.meter_wh < 0:
        return
    at_us = event.at_us
    if event.kind == "Started":
        if transaction.meter_start_us != 1:
            transaction.meter_start_us = 1
            transaction.meter_start_wh = event.meter_wh
            transaction.unflag(METER_GUESSED)
    elif transaction.meter_start_us == 0 or (1 < at_us < transaction.meter_start_us):
        transaction.meter_start_us = at_us
        transaction.meter_start_wh = event.meter_wh
        transaction.flag(METER_GUESSED)
    if at_us >= transaction.last_meter_us:
        transaction.last_meter_us = at_us
        transaction.last_meter_wh = event.meter_wh


def _end(book: Book, entry: Entry, transaction: Transaction, event: TransactionProgressed) -> None:
    name = end_id(entry.charger, event)
    if book.has_stop(name):
        return
    stop = Stop(
        id=name,
        charger=entry.charger,
        said_transaction=0,
        at_us=event.at_us,
        stopped_raw=str(event.seq),
        quality=event.quality,
        received_us=entry.received_us,
        meter_stop_wh=event.meter_wh if event.meter_wh >= 0 else transaction.last_meter_wh,
        token=clean(event.token),
        reason=clean(event.stop_reason or event.trigger, 100),
    )
    is_first = transaction.state in {OPEN, PROVISIONAL}
    book.end(transaction, stop, ())
    if is_first:
        transaction.stop_trigger = clean(event.trigger, 255)
        if NO_START in transaction.flags:
            transaction.state = ORPHAN


def _reopen(transaction: Transaction) -> None:
    transaction.state = OPEN
    transaction.ended_us = 0
    transaction.ended_because = ""


def _settle_connector(book: Book, transaction: Transaction) -> None:
    """An EVSE has one transaction: the older one of two has lost its end."""
    for other in book.running_on(transaction):
        if other.started_us <= transaction.started_us:
            book.lose_stop(other, transaction)
        else:
            book.lose_stop(transaction, other)
            return
